import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test, vi } from 'vitest';
import { NSFW } from '../../pipeline/vision/onnx/model-jobs.ts';
import { modelPool } from '../../pipeline/vision/onnx/model-pool.ts';
import { temporaryFolder } from '../support/folder.ts';
import { redAndBlue } from '../support/registered-detector.ts';

test('the command line keeps compiled code in a folder of its user', async () => {
  const home = await temporaryFolder();
  await promisify(execFile)(process.execPath, ['cli/tilesight.ts', 'analyze', '--help'], { env: { HOME: home } });
  expect(await filesIn(join(home, '.cache/tilesight/compiled'))).not.toEqual([]);
});

test('NODE_COMPILE_CACHE names another folder', async () => {
  const [home, NODE_COMPILE_CACHE] = [await temporaryFolder(), await temporaryFolder()];
  const env = { HOME: home, NODE_COMPILE_CACHE };
  await promisify(execFile)(process.execPath, ['cli/tilesight.ts', '--version'], { env });
  expect(await filesIn(NODE_COMPILE_CACHE)).not.toEqual([]);
  expect(await filesIn(home)).toEqual([]);
});

test('a process of the models, which is killed at its end, keeps what it compiled', async () => {
  const folder = await temporaryFolder();
  vi.stubEnv('NODE_COMPILE_CACHE', folder);
  onTestFinished(() => void vi.unstubAllEnvs());
  const pool = modelPool('models');
  onTestFinished(() => pool.close());
  await pool.run(NSFW, await redAndBlue(320, 256));
  await expect.poll(() => filesIn(folder)).not.toEqual([]);
});

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}
