import { expect, test } from 'vitest';
import { keys } from '../../pipeline/contract/keys.ts';
import { EXPORT_FILES, pathFor } from '../../pipeline/findings/exports/index.ts';
import { greyImage } from '../support/grey-image.ts';
import { pipelineStage, requestFor } from '../support/pipeline-run.ts';
import { detectionOf, scriptedVision } from '../support/scripted-vision.ts';

test('every execution stores its exports, which are the same when they are made again', async () => {
  const image = await greyImage(300, 200);
  const stage = await pipelineStage();
  const vision = scriptedVision({ detect: () => [detectionOf('cat', [10, 10, 50, 50], { text: '=A1' })] });
  const { document, progress, files } = await stage.run(requestFor(image), vision);
  if (!document) expect.fail('Expected findings.');
  expect(document.findings.length).toBeGreaterThan(0);
  expect(EXPORT_FILES.length).toBeGreaterThanOrEqual(8);
  for (const { storedAs, pieces } of EXPORT_FILES) {
    const stored = await stage.deps.blobs.get(keys.export(document.execution_id, pathFor(storedAs, document)));
    const again = [...pieces({ document, startedAt: progress.started_at, imageUrl: null })].join('');
    expect(Buffer.from(stored ?? []).toString()).toBe(again);
  }
  expect(files.filter((file) => file.startsWith('scratch'))).toEqual([]);
});
