// The agent's own eyes: an analysis waits for the agent that called, which takes tiles as images and reports what is in them.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ExecutionView } from '../../mcp-server/executions/status.ts';
import { cancelExecution } from '../../mcp-server/tools/cancel-execution.ts';
import { reportTiles } from '../../mcp-server/tools/report-tiles.ts';
import { retryFailedTiles } from '../../mcp-server/tools/retry-failed-tiles.ts';
import { type AgentDeployment, agentDeployment } from '../support/agent-deployment.ts';
import { textOf } from '../support/mcp-clients.ts';
import { openaiServer } from '../support/openai-server.ts';
import { drawSquares, look, lookAsServer, type Square, tilesIn, workAsAgent } from '../support/own-eyes.ts';
import { Page, Started } from '../support/tool-calls.ts';

const SQUARES: Square[] = [
  { label: 'red', left: 60, top: 70 },
  { label: 'blue', left: 495, top: 300 }, // over the edge of two tiles
  { label: 'red', left: 700, top: 650 },
  { label: 'blue', left: 900, top: 100 },
];
const OWN = { models: { detection: ['agent:'] }, moderation: 'off', tile_size: 512, overlap: 64, max_tiles: 100 };

async function withSquares(options: Parameters<typeof agentDeployment>[0] = {}) {
  const deployment = await agentDeployment(options);
  await drawSquares(join(deployment.folder, 'squares.png'), 1_800, 900, SQUARES, 1_250);
  return { deployment, image: deployment.imageIn('squares.png') };
}

async function analysis(deployment: AgentDeployment, request: Record<string, unknown>) {
  return await deployment.client.call('analyze_image', { ...OWN, wait_seconds: 20, ...request }, Started);
}

async function endOf({ client }: AgentDeployment, execution_id: string): Promise<ExecutionView> {
  for (;;) {
    const view = await client.call('get_execution', { execution_id, wait_seconds: 20 }, ExecutionView);
    if (view.status !== 'RUNNING') return view;
  }
}

test('finds what the same eyes find behind a server of models', async () => {
  const { deployment, image } = await withSquares({ openaiUrl: (await openaiServer(lookAsServer)).baseUrl });
  const { client } = deployment;
  const started = await analysis(deployment, { image });
  expect(started).toMatchObject({ status: 'RUNNING', phase: 'detect', eta_seconds: null });
  const { execution_id, tiles } = started;
  const pending = tiles.total - tiles.blank;
  expect(tiles.blank).toBeGreaterThan(0); // and never handed out
  expect(started.notes[0]).toMatch(`Waiting for the agent: ${pending} tiles.`);
  expect(started.next_step).toMatch(/^Call next_tiles with execution_id /);
  expect(await workAsAgent(client, execution_id)).toBe(pending);
  expect(await endOf(deployment, execution_id)).toMatchObject({
    status: 'SUCCEEDED',
    notes: expect.not.arrayContaining(started.notes),
  });
  const own = await client.call('list_findings', { execution_id }, Page);

  const served = await analysis(deployment, { image, models: { detection: ['openai:claude-sonnet-5'] } });
  expect(await endOf(deployment, served.execution_id)).toMatchObject({ status: 'SUCCEEDED' });
  const theirs = await client.call('list_findings', { execution_id: served.execution_id }, Page);
  const places = ({ findings }: Page) => findings.map(({ label, box, score }) => ({ label, box, score }));
  expect(places(own)).toEqual(places(theirs));
  expect(own.findings.map(({ label }) => label).toSorted()).toEqual(['blue', 'blue', 'red', 'red']);
});

test('two agents share the tiles, and those of one that dies are handed out again', async () => {
  const { deployment, image } = await withSquares();
  const { execution_id, tiles } = await analysis(deployment, { image });
  const second = await deployment.as({ id: 'AIDASECOND', name: 'second' });
  const dying = tilesIn(await second.callTool('next_tiles', { execution_id, count: 3 }));
  expect(dying).toHaveLength(3);
  const third = await deployment.as({ id: 'AIDATHIRD', name: 'third' });
  const shares = await Promise.all([workAsAgent(deployment.client, execution_id, 2), workAsAgent(third, execution_id, 2)]);
  const pending = tiles.total - tiles.blank;
  expect(shares[0] + shares[1]).toBe(pending - 3);
  const none = textOf(await deployment.client.callTool('next_tiles', { execution_id }));
  expect(none).toMatch(/^Other agents have all 3 pending tiles of execution .*handed out again in \d+ seconds;/);
  deployment.pass(601);
  expect(await workAsAgent(deployment.client, execution_id)).toBe(3);
  expect(await endOf(deployment, execution_id)).toMatchObject({ status: 'SUCCEEDED', tiles: { done: pending } });
  // It was only slow: the first report counts.
  const [late] = dying;
  const reports = [{ tile: late?.id, detections: [] }];
  const answer = await second.call('report_tiles', { execution_id, reports }, reportTiles.output);
  expect(answer.refused).toEqual([
    { tile: late?.id, reason: `The tile ${late?.id} was already reported; the first report counts.` },
  ]);
});

test('a report that does not fit gets a sentence, and the tile stays with the agent', async () => {
  const { deployment, image } = await withSquares();
  const { client } = deployment;
  const { execution_id } = await analysis(deployment, { image });
  const [tile, other] = tilesIn(await client.callTool('next_tiles', { execution_id, count: 2 }));
  if (!tile || !other) throw new Error('Expected two tiles.');
  const box = { label: 'red', left: 10, top: 10, right: 50, bottom: 50, score: 0.9 };
  const refusal = async (report: object) => {
    const answer = await client.call('report_tiles', { execution_id, reports: [report] }, reportTiles.output);
    const { accepted, refused, next_step } = answer;
    expect(accepted).toBe(0);
    expect(next_step).toMatch(/^Read refused: correct what its reasons name and call report_tiles again\. Then call next_tiles /);
    return refused[0]?.reason;
  };
  expect(await refusal({ tile: 'tile 7', detections: [] })).toBe(
    '"tile 7" is not the id of a tile. Use the ids that next_tiles returned.',
  );
  const foreign = tile.id.replace(/-[0-9a-f]+$/, '-000000');
  expect(await refusal({ tile: foreign, detections: [] })).toBe(
    `The tile ${foreign} was not handed out under this id. Use the ids that next_tiles returned to you.`,
  );
  expect(await refusal({ tile: '../../progress-0-0-0', detections: [] })).toMatch(/is not the id of a tile/);
  expect(await refusal({ tile: tile.id })).toBe(
    `The report on ${tile.id} has no detections. Send an empty list if nothing fits the request.`,
  );
  expect(await refusal({ tile: tile.id, detections: Array(1_000).fill(box) })).toMatch(/has 1000 detections, but at most 200/);
  expect(await refusal({ tile: tile.id, detections: [{ label: 'red' }, { left: 1 }] })).toMatch(
    /^None of the 2 detections in .* has both a label and a box: send left, top, right and bottom in pixels\.$/,
  );
  expect(await refusal({ tile: tile.id, detections: [{ ...box, right: 5_000, bottom: 4_000 }] })).toMatch(
    /^Most boxes in .* lie outside of its image of 480 x 480 pixels\./,
  );
  const twice = {
    execution_id,
    reports: [
      { tile: tile.id, detections: [box] },
      { tile: tile.id, detections: [] },
    ],
  };
  expect(await client.call('report_tiles', twice, reportTiles.output)).toMatchObject({
    accepted: 1,
    refused: [{ tile: tile.id, reason: expect.stringMatching(/already reported; the first report counts\.$/) }],
  });
  // Lists of corners, percentages and missing fields are read as those of any model.
  const lenient = [{ name: 'Blue', bbox: [20, 20, 60, 60], confidence: '87%' }];
  const { accepted } = await client.call(
    'report_tiles',
    { execution_id, reports: [{ tile: other.id, detections: lenient }] },
    reportTiles.output,
  );
  expect(accepted).toBe(1);
  await workAsAgent(client, execution_id);
  await endOf(deployment, execution_id);
  const { findings } = await client.call('list_findings', { execution_id }, Page);
  expect(findings.map(({ label, score }) => ({ label: label.toLowerCase(), score }))).toContainEqual({
    label: 'blue',
    score: 0.87,
  });
});

test('an execution that waits is cancelled at once, and keeps what was reported', async () => {
  const { deployment, image } = await withSquares();
  const { client } = deployment;
  const { execution_id } = await analysis(deployment, { image });
  const tiles = tilesIn(await client.callTool('next_tiles', { execution_id, count: 8 }));
  const [held] = tilesIn(await client.callTool('next_tiles', { execution_id, count: 1 }));
  const reports = await Promise.all(tiles.map(async ({ id, image: bytes }) => ({ tile: id, detections: await look(bytes) })));
  await client.call('report_tiles', { execution_id, reports }, reportTiles.output);
  const cancelled = await client.call('cancel_execution', { execution_id }, cancelExecution.output);
  expect(cancelled).toMatchObject({ status: 'CANCELLED', tiles: { done: 8 } });
  const { findings } = await client.call('list_findings', { execution_id }, Page);
  expect(findings.length).toBeGreaterThan(0);
  expect(textOf(await client.callTool('next_tiles', { execution_id }))).toMatch(/has ended as CANCELLED: no tile is pending\./);
  const late = { execution_id, reports: [{ tile: held?.id, detections: [] }] };
  expect(await client.call('report_tiles', late, reportTiles.output)).toMatchObject({
    accepted: 0,
    refused: [{ reason: `The report on ${held?.id} came too late: the analysis no longer waits for it.` }],
  });
});

test('the rounds together wait for seven days, also if reports come in the last of them', { timeout: 60_000 }, async () => {
  const { deployment, image } = await withSquares();
  const { client } = deployment;
  const { execution_id, tiles } = await analysis(deployment, { image });
  deployment.pass(6 * 86_400);
  const handed = tilesIn(await client.callTool('next_tiles', { execution_id, count: 8 }));
  const reports = handed.map(({ id }) => ({ tile: id, detections: [] }));
  expect(await client.call('report_tiles', { execution_id, reports }, reportTiles.output)).toMatchObject({ accepted: 8 });
  await expect.poll(async () => await collected(deployment, execution_id)).toBe(8);
  deployment.pass(86_400 + 1);
  const failed = tiles.total - tiles.blank - 8;
  expect(await endOf(deployment, execution_id)).toMatchObject({ status: 'PARTIAL', tiles: { done: 8, failed } });
});

test('detection and verification by the agent share the seven days', { timeout: 60_000 }, async () => {
  const { deployment, image } = await withSquares();
  const models = { detection: ['agent:'], verification: 'agent:' };
  const { execution_id } = await analysis(deployment, { image, verify: true, models });
  deployment.pass(3.5 * 86_400 + 1);
  const view = await endOf(deployment, execution_id);
  expect(view.failed_tiles[0]?.reason).toBe('No agent reported on this tile within 3 days.');
});

async function collected({ client }: AgentDeployment, execution_id: string): Promise<number> {
  return (await client.call('get_execution', { execution_id }, ExecutionView)).tiles.done;
}

test('tiles that no agent reported within seven days fail, and a retry hands them out again', { timeout: 60_000 }, async () => {
  const { deployment, image } = await withSquares();
  const { client } = deployment;
  const { execution_id, tiles } = await analysis(deployment, { image });
  const [first] = tilesIn(await client.callTool('next_tiles', { execution_id, count: 1 }));
  const reports = [{ tile: first?.id, detections: [] }];
  await client.call('report_tiles', { execution_id, reports }, reportTiles.output);
  deployment.restart();
  deployment.pass(7 * 86_400 + 1);
  const view = await endOf(deployment, execution_id);
  const pending = tiles.total - tiles.blank;
  expect(view).toMatchObject({ status: 'PARTIAL', tiles: { done: 1, failed: pending - 1, blank: tiles.blank } });
  expect(view.failed_tiles[0]?.reason).toBe('No agent reported on this tile within 7 days.');
  const retried = await client.call('retry_failed_tiles', { execution_id, wait_seconds: 20 }, retryFailedTiles.output);
  expect(await workAsAgent(client, retried.execution_id)).toBe(pending - 1);
  expect(await endOf(deployment, retried.execution_id)).toMatchObject({ status: 'SUCCEEDED' });
});
