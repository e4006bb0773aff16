// Tasks as an agent does them through a real MCP client, with all calls and what they cost in tokens.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serve } from '../../local/serve.ts';
import { readConfig } from '../../pipeline/config.ts';
import type { Vision } from '../../pipeline/ports.ts';
import { onnxVision } from '../../pipeline/vision/onnx/onnx-vision.ts';
import { type Bar, type BenchResult, resultOf, SILENT_LOG } from '../result.ts';
import { type RecordedClient, recordedClient, transcriptOf } from './recorded-client.ts';
import { serialNumber } from './serial-number.ts';

interface Task {
  title: string;
  expected: string;
  /** Draws the image. Returns its address. */
  prepare(folder: string): Promise<string>;
  /** The agent's answer; `null` if it has none. */
  solve(client: RecordedClient, image: string, vision: Vision): Promise<string | null>;
}

const TASKS = { 'serial-number': serialNumber } satisfies Record<string, Task>;

export async function run(): Promise<BenchResult> {
  const figures: Record<string, number> = {};
  const bars: Record<string, Bar> = {};
  const vision = onnxVision();
  for (const [name, task] of Object.entries(TASKS)) {
    const folder = await mkdtemp(join(tmpdir(), 'tilesight-transcript-'));
    const config = readConfig({ LOG_LEVEL: 'silent' });
    const server = await serve({ config, dataFolder: join(folder, 'data'), allowedFolders: [folder], port: 0, log: SILENT_LOG });
    const client = await recordedClient(server.url);
    try {
      const image = await task.prepare(folder);
      const answer = await task.solve(client, image, vision);
      console.log(`## ${task.title}\n\n${transcriptOf(client.calls, folder)}\n\nAnswer: ${answer}. Right: ${task.expected}.\n`);
      const sum = (of: 'textTokens' | 'imageTokens') => client.calls.reduce((total, call) => total + call[of], 0);
      Object.assign(figures, {
        'tool-list-tokens': client.listTokens,
        [`${name}-right`]: Number(answer === task.expected),
        [`${name}-calls`]: client.calls.length,
        [`${name}-text-tokens`]: sum('textTokens'),
        [`${name}-image-tokens`]: sum('imageTokens'),
      });
      bars[`${name}-right`] = ['=', 1];
    } finally {
      await client.close();
      await server.close();
      await rm(folder, { recursive: true, force: true });
    }
  }
  return resultOf(figures, bars);
}
