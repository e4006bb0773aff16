// Findings as GeoJSON (RFC 7946), one polygon a box. Not of the earth: a foreign member says in what space. Pure.
import type { Box } from '../../contract/schemas.ts';
import { type ExportSource, imageUriOf, type Taken, taken } from './export-source.ts';
import { jsonPieces, opened } from './pieces.ts';

const SPACE = 'pixels of the upright full image, y down';
const DIGITS = 1e6; // sums such as 0.1 + 0.2 end here

export function geojson(source: ExportSource): Iterable<string> {
  const { execution_id, image } = source.document;
  const picture = { uri: imageUriOf(source), width: image.width, height: image.height };
  const head = { type: 'FeatureCollection', space: SPACE, execution_id, picture };
  return jsonPieces(`${opened(head)},"features":[`, taken(source.document), featureOf, ']}');
}

function featureOf({ finding }: Taken) {
  const { id, label, score, severity, level, verified, text, description, box } = finding;
  return {
    type: 'Feature',
    id,
    geometry: { type: 'Polygon', coordinates: [ringOf(box)] },
    properties: { id, label, score, severity, level, verified, text, description },
  };
}

/**
 * Closed, and counter-clockwise by its numbers (RFC 7946, 3.1.6), as a reader finds who knows nothing of this space and takes y
 * to go up. In the image, where y goes down, the same ring is seen to go clockwise.
 */
function ringOf([left, top, width, height]: Box): [number, number][] {
  const right = Math.round((left + width) * DIGITS) / DIGITS;
  const bottom = Math.round((top + height) * DIGITS) / DIGITS;
  return [
    [left, top],
    [right, top],
    [right, bottom],
    [left, bottom],
    [left, top],
  ];
}
