// Findings as GeoJSON (RFC 7946), one polygon for each: its outline, or its box. The coordinates are pixels, as a foreign member states. Pure.
import { at } from '../../contract/at.ts';
import type { Polygon } from '../../contract/schemas.ts';
import { cornersOf, isClockwise } from '../../outlines/polygons.ts';
import { simpleOutline } from '../../outlines/simple-outline.ts';
import type { ExportDefinition } from './export-definition.ts';
import { type ExportedFinding, type ExportSource, exportedFindings, imageUriOf } from './export-source.ts';
import { jsonPieces, opened } from './pieces.ts';

const SPACE = 'pixels of the upright full image, y down';
const DIGITS = 1e6; // 0.1 + 0.2 becomes 0.3

export const geojson = {
  sentence: 'GeoJSON in pixel coordinates, for map viewers and GIS programs.',
  files: [{ path: 'findings.geojson', link: 'findings_geojson', contentType: 'application/geo+json', pieces }],
  namesImage: false,
} as const satisfies ExportDefinition;

function pieces(source: ExportSource): Iterable<string> {
  const { execution_id, image } = source.document;
  const head = {
    type: 'FeatureCollection',
    space: SPACE,
    execution_id,
    picture: { uri: imageUriOf(source), width: image.width, height: image.height }, // keeps the name that readers know
  };
  return jsonPieces(`${opened(head)},"features":[`, exportedFindings(source.document), featureOf, ']}');
}

function featureOf({ finding }: ExportedFinding) {
  const { id, label, score, severity, level, verified, text, description, box, polygon, angle, alternatives, said_by, judged } =
    finding;
  return {
    type: 'Feature',
    id,
    geometry: { type: 'Polygon', coordinates: [ringOf((polygon && simpleOutline(polygon)) ?? cornersOf(box))] },
    properties: { id, label, score, severity, level, verified, text, description, angle, alternatives, said_by, judged },
  };
}

/**
 * Closed, and counter-clockwise for a reader that takes y to point up (RFC 7946, 3.1.6). In the image, where y points down, the
 * same ring runs clockwise.
 */
function ringOf(polygon: Polygon): Polygon {
  const clockwise = isClockwise(polygon) ? polygon : polygon.toReversed();
  const corners = clockwise.map(([x, y]): Polygon[number] => [Math.round(x * DIGITS) / DIGITS, Math.round(y * DIGITS) / DIGITS]);
  return [...corners, at(corners, 0)];
}
