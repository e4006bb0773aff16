// Larger runs by the agent's own eyes: what a caller gets that asks for no detail, hundreds of tiles in shards, and findings of another
// model that the agent verifies.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ExecutionView } from '../../mcp-server/executions/status.ts';
import { reportTiles } from '../../mcp-server/tools/report-tiles.ts';
import { keys } from '../../pipeline/contract/keys.ts';
import { agentDeployment } from '../support/agent-deployment.ts';
import { type TestClient, textOf } from '../support/mcp-clients.ts';
import { completion, openaiServer } from '../support/openai-server.ts';
import { drawSquares, look, lookAsServer, type Square, tilesIn, workAsAgent } from '../support/own-eyes.ts';
import { Page, Started } from '../support/tool-calls.ts';

async function endOf(client: TestClient, execution_id: string): Promise<ExecutionView> {
  for (;;) {
    const view = await client.call('get_execution', { execution_id, wait_seconds: 20 }, ExecutionView);
    if (view.status !== 'RUNNING' || view.next_step.includes('next_tiles')) return view;
  }
}

test('a request without detail gets 24 tiles at most, and a dry run states what they cost the agent', async () => {
  const deployment = await agentDeployment();
  await drawSquares(join(deployment.folder, 'large.png'), 5_000, 5_000, []);
  const ask = { image: deployment.imageIn('large.png'), models: { detection: ['agent:'] }, moderation: 'off', dry_run: true };
  const { plan } = await deployment.client.call('analyze_image', ask, Started);
  expect(plan?.tiles).toBeLessThanOrEqual(24);
  expect(plan?.tiles).toBeGreaterThan(4);
  const tokens = (plan?.input_tokens ?? 0) + (plan?.output_tokens ?? 0);
  expect(plan?.cost_usd).toBe(0);
  expect(plan?.notes).toContainEqual(
    `The agent analyzes ${plan?.tiles} tiles itself: about ${Math.ceil(tokens / (plan?.tiles ?? 0))} tokens of its own model for each tile, ${tokens} in all. detail, max_tiles or a region change their number.`,
  );
  expect(tokens / (plan?.tiles ?? 0)).toBeGreaterThan(500);
  const fine = await deployment.client.call('analyze_image', { ...ask, detail: 'standard' }, Started);
  expect(fine.plan?.tiles).toBeGreaterThan(24);
});

test('the agent neither moderates nor summarizes', async () => {
  const deployment = await agentDeployment();
  await drawSquares(join(deployment.folder, 'small.png'), 600, 400, []);
  const image = deployment.imageIn('small.png');
  for (const step of ['moderation', 'synthesis']) {
    expect(await deployment.client.refusal('analyze_image', { image, models: { [step]: 'agent:' } })).toBe(
      `The agent itself (agent:) only detects and verifies. Name another model in models.${step}, or leave it out.`,
    );
  }
});

test('three agents analyze 400 tiles, in one execution and in shards', { timeout: 180_000 }, async () => {
  const squares = Array.from({ length: 40 }, (_, index): Square => {
    const [column, row] = [index % 8, Math.floor(index / 8)];
    return { label: index % 3 === 0 ? 'red' : 'blue', left: 90 + column * 280, top: 100 + row * 470 };
  });
  const labels: string[][] = [];
  for (const shardTilesMax of [850, 150]) {
    const deployment = await agentDeployment({ limits: { shardTilesMax, shardConcurrency: 3 } });
    await drawSquares(join(deployment.folder, 'many.png'), 2_432, 2_432, squares);
    const request = {
      ...{ image: deployment.imageIn('many.png'), models: { detection: ['agent:'] }, moderation: 'off', wait_seconds: 20 },
      ...{ tile_size: 176, overlap: 48, detail: 'fine' },
    };
    const { execution_id, tiles } = await deployment.client.call('analyze_image', request, Started);
    expect(tiles.total).toBeGreaterThan(400);
    expect(tiles.total).toBe(496); // ADR 017 states this, and the shards
    const agents = [
      deployment.client,
      ...(await Promise.all([1, 2].map((id) => deployment.as({ id: `AIDA${id}`, name: `${id}` })))),
    ];
    const shares = await Promise.all(agents.map((client) => workAsAgent(client, execution_id)));
    expect(shares.reduce((sum, share) => sum + share, 0)).toBe(tiles.total);
    expect(Math.min(...shares)).toBeGreaterThan(0);
    expect(await endOf(deployment.client, execution_id)).toMatchObject({ status: 'SUCCEEDED', tiles: { done: tiles.total } });
    const boards = await readdir(join(deployment.folder, 'blobs', keys.agentBoardsFolder(execution_id)));
    expect(boards).toHaveLength(shardTilesMax === 850 ? 1 : 4);
    if (shardTilesMax === 850) expect(deployment.operations(execution_id)).toBeLessThan(tiles.total + 170);
    const { findings } = await deployment.client.call('list_findings', { execution_id, limit: 100 }, Page);
    labels.push(findings.map(({ label, box }) => `${label} ${box.join(' ')}`).toSorted());
  }
  expect(labels[0]).toHaveLength(40);
  expect(labels[1]).toEqual(labels[0]);
});

test('a model detects in all tiles, and the agent verifies what it is not sure about', async () => {
  const ghost = { label: 'red', left: 300, top: 300, right: 340, bottom: 340, severity: 'info', description: '', text: '' };
  const server = await openaiServer(async (request) => {
    const reply = await lookAsServer(request);
    const [choice] = (reply as { body: { choices: { message: { content: string } }[] } }).body.choices;
    const { detections } = JSON.parse(choice?.message.content ?? '');
    return completion({ content: JSON.stringify({ detections: [...detections, ghost].map((one) => ({ ...one, score: 0.5 })) }) });
  });
  const deployment = await agentDeployment({ openaiUrl: server.baseUrl });
  const squares: Square[] = [
    { label: 'red', left: 60, top: 70 },
    { label: 'blue', left: 420, top: 100 },
  ];
  await drawSquares(join(deployment.folder, 'two.png'), 512, 512, squares);
  const { client } = deployment;
  const request = {
    ...{ image: deployment.imageIn('two.png'), moderation: 'off', verify: true, wait_seconds: 20 },
    models: { detection: ['openai:claude-sonnet-5'], verification: 'agent:' },
  };
  const { execution_id, notes, next_step } = await client.call('analyze_image', request, Started);
  expect(notes[0]).toMatch(/^Waiting for the agent: 3 findings\./);
  expect(next_step).toMatch(/^Call next_tiles .*: 3 wait for you\./);
  const answer = await client.callTool('next_tiles', { execution_id, count: 8 });
  const claims = [...textOf(answer).matchAll(/<finding>\n(.*)\n<\/finding>/g)].map(([, json = '']) => JSON.parse(json));
  const tiles = tilesIn(answer);
  expect(tiles).toHaveLength(3);
  const without = { execution_id, reports: [{ tile: tiles[0]?.id, detections: [] }] };
  expect((await client.call('report_tiles', without, reportTiles.output)).refused[0]?.reason).toMatch(
    /has no verdict\. Send confirmed/,
  );
  const reports = await Promise.all(
    tiles.map(async ({ id, image }, index) => {
      const claim = claims[index];
      const seen = (await look(image)).find(({ left, top }) => Math.abs(left - claim.left) < 4 && Math.abs(top - claim.top) < 4);
      if (!seen) return { tile: id, verdict: 'rejected' };
      return claim.label === 'red'
        ? { tile: id, verdict: 'confirmed' }
        : { tile: id, verdict: 'corrected', detections: [{ ...seen, label: 'dark blue' }] };
    }),
  );
  expect(await client.call('report_tiles', { execution_id, reports }, reportTiles.output)).toMatchObject({
    refused: [],
    accepted: 3,
    pending: 0,
  });
  expect(await endOf(client, execution_id)).toMatchObject({ status: 'SUCCEEDED' });
  const { findings } = await client.call('list_findings', { execution_id, response_format: 'detailed' }, Page);
  const byVerdict = findings.map(({ label, verified, box }) => ({ label, verified, at: [box[0], box[1]].map(Math.round) }));
  expect(byVerdict).toContainEqual({ label: 'red', verified: 'confirmed', at: [60, 70] });
  const corrected = byVerdict.find(({ verified }) => verified === 'corrected');
  expect(corrected?.label).toBe('dark blue');
  expect(Math.abs((corrected?.at[0] ?? 0) - 420)).toBeLessThan(4);
  expect(byVerdict.filter(({ verified }) => verified === 'rejected').length).toBeLessThanOrEqual(1);
});
