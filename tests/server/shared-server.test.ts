// The server of a data folder that several clients share: one of them takes its place when it ends, even while its client is idle.
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { sharedServer } from '../../cli/stdio/shared-server.ts';
import { serve } from '../../local/serve.ts';
import { readConfig } from '../../pipeline/config.ts';
import { silent } from '../fixtures/engine-harness.ts';
import { temporaryFolder } from '../support/folder.ts';

/** The time between two checks whether the server still runs. */
const CHECK_MS = 2_000;

test('a place that could not be taken is tried again while the client is idle, and the log has one line about it', async () => {
  const dataFolder = join(await temporaryFolder(), 'data');
  const config = readConfig({ DETECTION_MODELS: 'onnx:nanodet' });
  const first = await serve({ config, dataFolder, allowedFolders: [], port: 0, log: silent });
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }); // checks come when the test wants them
  onTestFinished(() => void vi.useRealTimers());
  const [errors, sentences]: [string[], string[]] = [[], []];
  const log = { ...silent, error: (_: unknown, message: string) => void errors.push(message) };
  const onFound = (sentence: string) => void sentences.push(sentence);
  const second = sharedServer({ config, dataFolder, allowedFolders: [], log, onFound });
  onTestFinished(() => second.close());
  await second.found();
  expect(sentences).toEqual([expect.stringContaining(`uses the tilesight at ${first.url}`)]);

  await first.close();
  await rename(dataFolder, `${dataFolder}-away`);
  await writeFile(dataFolder, 'a file instead of the folder');
  vi.advanceTimersByTime(CHECK_MS);
  await expect.poll(() => errors).toEqual(['The server has ended, and its place could not be taken. It is tried again.']);
  await expect(second.found()).rejects.toThrow();
  vi.advanceTimersByTime(CHECK_MS);
  await expect(second.found()).rejects.toThrow();
  expect(errors).toHaveLength(1);

  await rm(dataFolder);
  await rename(`${dataFolder}-away`, dataFolder);
  vi.advanceTimersByTime(CHECK_MS);
  await expect.poll(() => sentences.at(-1)).toContain(`runs with the data folder ${dataFolder}`);
});
