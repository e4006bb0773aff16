// An execution that was deleted frees its id, and with an idempotency_key the next one of that id may have another image. Processes that
// served the earlier one live on.
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { openEngine } from '../../local/engine/engine.ts';
import { keys } from '../../pipeline/contract/keys.ts';
import type { AnalysisRequest } from '../../pipeline/contract/schemas.ts';
import type { Vision } from '../../pipeline/ports.ts';
import { fsRemoval } from '../../pipeline/storage/folder-removal.ts';
import { temporaryFolder } from '../support/folder.ts';
import { pipelineStage, requestFor } from '../support/pipeline-run.ts';
import { scriptedVision } from '../support/scripted-vision.ts';

const SIDE_PX = 300;
const SILENT = { debug() {}, info() {}, warn() {}, error() {} };

async function requestOf(folder: string, background: string): Promise<AnalysisRequest> {
  const path = join(folder, `${background}.png`);
  await sharp({ create: { width: SIDE_PX, height: SIDE_PX, channels: 3, background } })
    .png()
    .toFile(path);
  const request = requestFor(path, { skip_blank: false });
  return { ...request, verify: true };
}

test('the second execution of an id analyzes its own image, also in a process that served the first one', async () => {
  const stage = await pipelineStage();
  const folder = await temporaryFolder();
  const analyzed: string[] = [];
  const script = scriptedVision();
  const vision: Vision = {
    ...script,
    async detect(model, tile, ask) {
      const [red, green] = (await sharp(tile.bytes).stats()).channels;
      analyzed.push((green?.mean ?? 0) > (red?.mean ?? 0) ? 'green' : 'red');
      return await script.detect(model, tile, ask);
    },
  };
  const first = await requestOf(folder, 'lime');
  expect((await stage.run(first, vision)).progress.status).toBe('SUCCEEDED');
  expect(new Set(analyzed)).toEqual(new Set(['green']));

  const engine = openEngine({ file: stage.file, invoke: () => Promise.reject(), clock: stage.deps.clock, log: SILENT });
  expect(engine.forget(first.execution_id)).toBe(true);
  engine.close();
  await fsRemoval(join(stage.deps.scratchFolder, '..', 'blobs')).folder(keys.executionFolder(first.execution_id));

  analyzed.length = 0;
  expect((await stage.run(await requestOf(folder, 'red'), vision)).progress.status).toBe('SUCCEEDED');
  expect(new Set(analyzed)).toEqual(new Set(['red']));
});
