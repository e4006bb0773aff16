// Kills the client of `tilesight mcp` at random moments: no process may be left after two seconds, and every analysis that the server
// acknowledged must succeed at a later start.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { z } from 'zod';
import { processesWith, stdioCommand } from './stdio-command.ts';

const AGENT = fileURLToPath(new URL('../fixtures/stdio-agent.ts', import.meta.url));
const WAITED_MS = 10_000;
/** Kills for each analysis: one that continues again and again is the harder case. */
const KILLS_EACH = 3;
const View = z.object({ structuredContent: z.object({ status: z.string() }) });

export interface StdioKills {
  kills: number;
  /** Analyses that the server acknowledged before a kill. */
  acknowledged: number;
  /** Those that did not succeed at a later start. */
  lost: string[];
  /** The longest time until every process of a killed client had ended. */
  endedAfterMs: number;
}

/** `image` is in `folder`; `random` gives numbers from 0 to 1. */
export async function stdioKills(kills: number, folder: string, image: string, random: () => number): Promise<StdioKills> {
  const place = { dataFolder: join(folder, 'data'), allow: folder };
  const acknowledged = new Set<string>();
  let endedAfterMs = 0;
  let acknowledgedMs = 0;
  for (let kill = 0; kill < kills; kill++) {
    const marker = join(folder, `start-${kill}-`);
    const key = `analysis ${Math.floor(kill / KILLS_EACH)}`;
    const agent = spawn(process.execPath, [AGENT, JSON.stringify(stdioCommand(place, marker)), image, key], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let text = '';
    const begunMs = performance.now();
    agent.stdout.on('data', (chunk) => {
      text += chunk;
      acknowledgedMs ||= performance.now() - begunMs;
    });
    // The first one shows how fast this machine is; the rest end from before the server listens until well into the analysis.
    if (kill === 0) while (acknowledgedMs === 0) await delay(20);
    else await delay(random() * 2 * acknowledgedMs);
    agent.kill('SIGKILL');
    const killedMs = performance.now();
    while ((await processesWith(marker)).length > 0 && performance.now() - killedMs < WAITED_MS) await delay(20);
    endedAfterMs = Math.max(endedAfterMs, performance.now() - killedMs);
    for (const id of text.split('\n').slice(0, -1)) acknowledged.add(id);
  }
  const lost = await lostOf([...acknowledged], place, join(folder, 'last-'));
  return { kills, acknowledged: acknowledged.size, lost, endedAfterMs: Math.round(endedAfterMs) };
}

async function lostOf(executionIds: readonly string[], place: { dataFolder: string; allow: string }, marker: string) {
  const client = new Client({ name: 'agent', version: '1' }, { versionNegotiation: { mode: 'auto' } });
  await client.connect(new StdioClientTransport({ ...stdioCommand(place, marker), stderr: 'ignore' }));
  const lost: string[] = [];
  for (const execution_id of executionIds) {
    let status = 'RUNNING';
    while (status === 'RUNNING') {
      const answer = await client.callTool({ name: 'get_execution', arguments: { execution_id, wait_seconds: 20 } });
      status = View.safeParse(answer).data?.structuredContent.status ?? 'unknown';
    }
    if (status !== 'SUCCEEDED') lost.push(`${execution_id} ${status}`);
  }
  await client.close();
  return lost;
}
