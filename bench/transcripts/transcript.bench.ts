// Tasks as an agent does them through a real MCP client, with all calls and what they cost in tokens.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serve } from '../../local/serve.ts';
import { readConfig } from '../../pipeline/config.ts';
import { onnxVision } from '../../pipeline/vision/onnx/onnx-vision.ts';
import { type Bar, type BenchResult, resultOf, SILENT_LOG } from '../result.ts';
import { askedQuestion } from './asked-question.ts';
import { countedTiles } from './counted-tiles.ts';
import { recordedClient, transcriptOf } from './recorded-client.ts';
import { serialNumber } from './serial-number.ts';
import type { Task } from './task.ts';

const TASKS: Record<string, Task> = {
  'serial-number': serialNumber,
  'counted-tiles': countedTiles,
  'asked-question': askedQuestion,
};

export async function run(): Promise<BenchResult> {
  const figures: Record<string, number> = {};
  const bars: Record<string, Bar> = {};
  const vision = onnxVision();
  for (const [name, task] of Object.entries(TASKS)) {
    const folder = await mkdtemp(join(tmpdir(), 'tilesight-transcript-'));
    const { expected, environment, solve, close } = await task.prepare(folder);
    // biome-ignore lint/style/noProcessEnv: worker processes read the address of a scripted model from their environment.
    Object.assign(process.env, environment);
    const config = readConfig({ LOG_LEVEL: 'silent', ...environment });
    const server = await serve({ config, dataFolder: join(folder, 'data'), allowedFolders: [folder], port: 0, log: SILENT_LOG });
    const client = await recordedClient(server.url);
    try {
      const answer = await solve(client, vision);
      console.log(`## ${task.title}\n\n${transcriptOf(client.calls, folder)}\n\nAnswer: ${answer}. Right: ${expected}.\n`);
      const sum = (of: 'textTokens' | 'imageTokens') => client.calls.reduce((total, call) => total + call[of], 0);
      Object.assign(figures, {
        'tool-list-tokens': client.listTokens,
        [`${name}-right`]: Number(answer === expected),
        [`${name}-calls`]: client.calls.length,
        [`${name}-text-tokens`]: sum('textTokens'),
        [`${name}-image-tokens`]: sum('imageTokens'),
      });
      bars[`${name}-right`] = ['=', 1];
    } finally {
      await client.close();
      await server.close();
      close?.();
      await rm(folder, { recursive: true, force: true });
    }
  }
  return resultOf(figures, bars);
}
