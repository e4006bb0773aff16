// Findings as one Label Studio task with a prediction that people can correct: https://labelstud.io/guide/predictions. Pure.
import type { Finding, FindingsDocument } from '../../contract/schemas.ts';
import type { ExportDefinition } from './export-definition.ts';
import { type ExportedFinding, type ExportSource, exportedFindings, imageUriOf, labelsOf } from './export-source.ts';
import { jsonPieces } from './pieces.ts';

export const labelStudio = {
  sentence: 'A Label Studio task with a prediction, for people to correct.',
  files: [{ path: 'label-studio.json', link: 'label_studio_json', contentType: 'application/json', pieces }],
  namesImage: true,
} as const satisfies ExportDefinition;

/**
 * For a project with this labeling interface, whose labels come with the task, so that none has to be typed:
 * `<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image" value="$labels"/></View>`
 *
 * The image's link is the address that the caller named; a signed link would expire in an hour. Label Studio fetches `https://`
 * itself, and `s3://` through a cloud storage of the project. For `file://` and `upload://`, which it cannot reach, name an
 * `imageUrl`.
 */
function pieces(source: ExportSource): Iterable<string> {
  const { document } = source;
  const findings = exportedFindings(document);
  const labels = labelsOf(findings);
  const data = {
    image: imageUriOf(source),
    labels: labels.map((value) => ({ value })),
    execution_id: document.execution_id,
  };
  const model_version = `tilesight ${document.models.detection.join(' ')}`;
  const prediction = { model_version, ...(findings.length > 0 && { score: meanScore(findings) }) };
  const before = `[{"data":${JSON.stringify(data)},"predictions":[${JSON.stringify(prediction).slice(0, -1)},"result":[`;
  return jsonPieces(before, findings, ({ finding }) => regionOf(finding, document.image), ']}]}]');
}

function regionOf(finding: Finding, { width, height }: FindingsDocument['image']) {
  const { id, label, score, severity, verified, level, box, said_by, judged } = finding;
  return {
    id,
    type: 'rectanglelabels',
    from_name: 'label',
    to_name: 'image',
    original_width: width,
    original_height: height,
    image_rotation: 0,
    value: {
      x: percent(box[0], width),
      y: percent(box[1], height),
      width: percent(box[2], width),
      height: percent(box[3], height),
      rotation: 0,
      rectanglelabels: [label],
    },
    score,
    meta: { text: [wordsOf(finding)], severity, verified, level, said_by, judged },
  };
}

/** Shown in the region's details. */
function wordsOf({ severity, description, text }: Finding): string {
  return [`Severity: ${severity}`, description, text && `Text: ${text}`].filter(Boolean).join('\n');
}

/** Label Studio refuses a whole task if one number exceeds 100. */
function percent(length: number, of: number): number {
  return Math.min(100, (100 * length) / of);
}

/** From 0 to 1; Label Studio sorts tasks by it. */
function meanScore(findings: readonly ExportedFinding[]): number {
  const mean = findings.reduce((sum, { finding }) => sum + finding.score, 0) / findings.length;
  return Math.min(1, Math.max(0, Math.round(mean * 10_000) / 10_000));
}
