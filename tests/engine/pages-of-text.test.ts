// The built-in detectors on drawn screenshots, through the real pipeline and engine: text, and nothing else.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { AnalysisRequest } from '../../pipeline/contract/schemas.ts';
import { onnxVision } from '../../pipeline/vision/onnx/onnx-vision.ts';
import { rulesVision } from '../../pipeline/vision/rules-vision.ts';
import { drawnPage } from '../support/drawn-pages.ts';
import { temporaryFolder } from '../support/folder.ts';
import { pipelineStage, requestFor } from '../support/pipeline-run.ts';

const MODELS: AnalysisRequest['models'] = {
  moderation: 'onnx:nsfw',
  detection: ['onnx:nanodet', 'onnx:ppocr'],
  verification: null,
  synthesis: 'rules:summary',
};
const vision = { ...onnxVision(), summarize: rulesVision().summarize };

test.each([
  ['article', 1, 40],
  ['table', 1, 200],
  ['dashboard', 1, 20],
  ['dashboard', 3, 20],
  ['dashboard', 7, 20],
] as const)('a page of the kind %s with the words of seed %d shows text and no things', async (kind, seed, linesMin) => {
  const path = join(await temporaryFolder(), `${kind}.png`);
  await writeFile(path, await drawnPage(kind, seed));
  const stage = await pipelineStage();
  const { document } = await stage.run({ ...requestFor(path, { tile_size: 640, overlap: 160 }), models: MODELS }, vision);
  const findings = document?.findings ?? [];
  expect(findings.filter(({ text }) => text === null)).toEqual([]);
  expect(findings.length).toBeGreaterThan(linesMin);
  expect(document?.notes.slice(0, 2)).toEqual([
    'onnx:nanodet knows 80 everyday things, seen from the side as in photographs. Other things, and things seen from above, are missing.',
    'onnx:ppocr reads printed text in Latin and Chinese characters. Handwriting and other scripts, such as Cyrillic or Arabic, are missing or come out as look-alikes.',
  ]);
  expect(document?.summary).toMatch(
    / Only built-in detectors analyzed the image: they know everyday things seen from the side, /,
  );
});
