// An execution that waits for the quota of its model is cancelled: it ends soon, and calls no model again.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { localLauncher } from '../../local/engine/local-launcher.ts';
import { documents, readDocument, readExisting, writeDocument } from '../../pipeline/documents.ts';
import { fsBlobs } from '../../pipeline/storage/folder-blobs.ts';
import { temporaryFolder } from '../support/folder.ts';
import { greyImage } from '../support/grey-image.ts';
import { requestFor } from '../support/pipeline-run.ts';
import { pipelineWorkers } from '../support/pipeline-workers.ts';

test('an execution that is cancelled while it waits ends at its next attempt, without a call', { timeout: 60_000 }, async () => {
  const folder = await temporaryFolder();
  const engine = pipelineWorkers(folder, { workersMax: 1 });
  const launcher = localLauncher(engine);
  const blobs = fsBlobs(join(folder, 'blobs'));
  await launcher.start({ ...requestFor(await greyImage()), execution_id: 'one', ask: { look_for: 'throttled-one', labels: [] } });
  const waits = async () =>
    (await readDocument(documents.progress('one'), blobs))?.notes.some((note) => note.startsWith('Waiting'));
  while (!(await waits())) await sleep(20);
  await writeDocument(documents.cancellation('one'), { cancelled_at: new Date().toISOString() }, blobs);
  await engine.ended('one');
  const progress = await readExisting(documents.progress('one'), blobs);
  expect(progress).toMatchObject({ status: 'CANCELLED', tiles: { done: 0, failed: 0, not_analyzed: progress.tiles.total } });
  expect(progress.notes.filter((note) => note.startsWith('Waiting'))).toEqual([]);
  const events = (await launcher.history('one', {}))?.events ?? [];
  expect(events.filter(({ type }) => type === 'WaitStarted')).toHaveLength(1);
});
