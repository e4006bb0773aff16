// Tools, the resources, the local page and the index read the state of an execution from several objects. They agree at every moment.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { executionReader } from '../../local/web/execution-reader.ts';
import { ExecutionView } from '../../mcp-server/executions/status.ts';
import { keys } from '../../pipeline/contract/keys.ts';
import { Phase, type Progress } from '../../pipeline/contract/schemas.ts';
import { documents, readExisting, writeDocument } from '../../pipeline/documents.ts';
import { indexed } from '../../pipeline/findings/index-entry.ts';
import type { ExecutionState } from '../../pipeline/ports.ts';
import { progressReader } from '../../pipeline/progress/progress-reader.ts';
import { ends, finding, Page, serverAndClient, started } from '../support/tool-calls.ts';

const error = { type: 'UserError', message: 'The analysis was cancelled.' };
const startedAt = new Date();
const STATES: ExecutionState[] = [
  { state: 'running', startedAt },
  { state: 'succeeded', startedAt, endedAt: startedAt },
  { state: 'stopped', startedAt, endedAt: startedAt, error },
  { state: 'timed-out', startedAt, endedAt: startedAt, error: { type: 'Timeout', message: '' } },
  { state: 'failed', startedAt, endedAt: startedAt, error: { type: 'Error', message: '' } },
];
const AGES_MS = [0, 60_000]; // of the stored progress: fresh, and stale
const STORED: { stored: string; failed: number[] | null }[] = [
  { stored: 'no findings', failed: null },
  { stored: 'all findings', failed: [] },
  { stored: 'some findings', failed: [1] },
];
const LATER: ReadonlySet<Phase> = new Set(Phase.options.slice(Phase.options.indexOf('detect')));

test.each(STORED)(
  'every reader has the same status, whatever else is stored with $stored when a process dies',
  {
    timeout: 60_000,
  },
  async ({ failed }) => {
    const { server, client } = await serverAndClient({ script: ends([finding(1)], failed ?? []) });
    const { blobs, launcher, blobsFolder } = server;
    const progress = progressReader({ blobs, launcher, clock: { now: () => new Date() } });
    const phases = Phase.options.filter((phase) => failed === null || LATER.has(phase));
    const scenes = STATES.flatMap((state) => phases.flatMap((phase) => AGES_MS.map((ageMs) => ({ state, phase, ageMs }))));
    for (const { state, phase, ageMs } of scenes) {
      const scene = `${state.state}, ${phase}, ${ageMs} ms old`;
      const { execution_id } = await started(server, client, { idempotency_key: scene });
      const end = await readExisting(documents.progress(execution_id), blobs);
      const document = await readExisting(documents.findings(execution_id), blobs);
      if (failed === null) await rm(join(blobsFolder, keys.findings(execution_id)));
      const updated_at = new Date(Date.now() - ageMs).toISOString();
      const running: Progress = { ...end, status: 'RUNNING', phase, updated_at, summary: null, reason: null };
      await writeDocument(documents.progress(execution_id), running, blobs);
      launcher.states.set(execution_id, state);

      const { status, tiles } = await client.call('get_execution', { execution_id }, ExecutionView);
      const page = await executionReader(execution_id, { blobs, progress })();
      expect(page.progress.status, scene).toBe(status);
      if (failed === null || status === 'RUNNING') {
        const sentence = await client.refusal('list_findings', { execution_id });
        expect(sentence, scene).toMatch(status === 'RUNNING' ? / is still running/ : new RegExp(` ended as ${status} `));
      } else {
        expect((await client.call('list_findings', { execution_id }, Page)).status, scene).toBe(status);
        expect(indexed(document, end.started_at, null).entry.status, scene).toBe(status);
      }
      if (status !== 'RUNNING') expect(tiles.done + tiles.failed + tiles.blank + tiles.not_analyzed, scene).toBe(tiles.total);
    }
  },
);
