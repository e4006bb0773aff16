// What a server with registered detectors answers: their labels, their tiles, and executions that follow their version.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import type { ModelOffer } from '../../mcp-server/access/model-policy.ts';
import { detectorsInFolder } from '../../pipeline/vision/registered-detectors.ts';
import { temporaryFolder } from '../support/folder.ts';
import { CLIENTS, connected } from '../support/mcp-clients.ts';
import { registerDetector } from '../support/registered-detector.ts';
import { testServer } from '../support/server.ts';
import { Started, serverAndClient, started } from '../support/tool-calls.ts';
import { writeZeroShot } from '../support/zero-shot-files.ts';

const OFFER: ModelOffer = {
  defaults: { moderation: 'onnx:nsfw', detection: ['onnx:nanodet'], verification: null, synthesis: 'rules:summary' },
  allowed: ['onnx:colors'],
  moderationMayBeOff: false,
};
const COLORS = { models: { detection: ['onnx:colors'] } };

async function serverWithColors() {
  const home = await temporaryFolder();
  await registerDetector(home, 'colors');
  let now = 0;
  const later = () => {
    now += 60_000;
  };
  return { home, later, ...(await serverAndClient({ models: OFFER, detectors: detectorsInFolder(home, { now: () => now }) })) };
}

test('a request that names a registered detector keeps its tile, its version and how it understands the request', async () => {
  const { server, client } = await serverWithColors();
  const answer = await started(server, client, { ...COLORS, labels: ['reds', 'valve'] });
  const note = 'onnx:colors knows 3 labels, listed at tilesight://labels; "valve" is not one of them.';
  expect(answer.notes).toContain(note);
  expect(server.launcher.runs[0]?.request.detectors).toEqual([
    { model: 'onnx:colors', version: expect.stringMatching(/^[0-9a-f]{16}$/), tile_edge: 256, notes: [note] },
  ]);
});

test('a corrected or replaced detector is another execution, the same one is not', async () => {
  const { server, client, home, later } = await serverWithColors();
  const first = await started(server, client, COLORS);
  const image = server.launcher.runs[0]?.request.image.uri;
  const again = () => client.call('analyze_image', { image, ...COLORS }, Started);
  later();
  expect((await again()).execution_id).toBe(first.execution_id);
  await registerDetector(home, 'colors', { changed: { score_min: 0.5 } });
  later();
  expect((await again()).execution_id).not.toBe(first.execution_id);
});

test('a request without one is stored as before', async () => {
  const { server, client } = await serverWithColors();
  await started(server, client);
  expect(JSON.parse(JSON.stringify(server.launcher.runs[0]?.request))).not.toHaveProperty('detectors');
});

test('one that the server does not offer, or that was removed, is refused before anything starts', async () => {
  const { server, client, home, later } = await serverWithColors();
  await registerDetector(home, 'boats');
  await expect(started(server, client, { models: { detection: ['onnx:boats'] } })).rejects.toThrow(
    'This server does not allow the model onnx:boats. Allowed models: agent:, onnx:colors, onnx:nanodet,',
  );
  await rm(join(home, 'models/colors'), { recursive: true });
  later();
  await expect(started(server, client, COLORS)).rejects.toThrow(
    'The model onnx:colors is neither built in nor registered. Registered: onnx:boats.',
  );
  expect(server.launcher.runs).toEqual([]);
});

test.each(CLIENTS)('for a client %s, the labels resource lists those of registered detectors that are offered', async (kind) => {
  const home = await temporaryFolder();
  await registerDetector(home, 'colors');
  const allowed = ['onnx:colors', 'onnx:removed'];
  const client = await connected(kind, await testServer({ models: { ...OFFER, allowed }, detectors: detectorsInFolder(home) }));
  const { text = '' } = await client.readResource('tilesight://labels');
  const { labels } = z.object({ labels: z.record(z.string(), z.array(z.string())) }).parse(JSON.parse(text));
  expect(Object.keys(labels)).toEqual(['onnx:nanodet', 'onnx:colors']);
  expect(labels['onnx:colors']).toEqual(['red', 'blue', 'green']);
});

test('the labels resource lists 1,500 labels of a detector, and how many more there are', async () => {
  const labels = Array.from({ length: 1_502 }, (_, index) => `part ${index}`);
  const find = async () => ({ labels, input: { width: 640, height: 640 }, version: 'a' });
  const { client } = await serverAndClient({ models: OFFER, detectors: { find } });
  const { text = '' } = await client.readResource('tilesight://labels');
  const read = z
    .object({ labels: z.record(z.string(), z.array(z.string())), labels_left_out: z.unknown() })
    .parse(JSON.parse(text));
  expect(read.labels['onnx:colors']).toHaveLength(1_500);
  expect(read.labels_left_out).toEqual({ 'onnx:colors': 2 });
});

test('a zero-shot model gets the words of the request and tiles of its input, and is refused without words', async () => {
  const home = await temporaryFolder();
  await writeZeroShot(home, 'tiny', 'owlv2');
  const models = { ...OFFER, allowed: ['hf:tiny', 'hf:blind'] };
  const { server, client } = await serverAndClient({ models, detectors: detectorsInFolder(home) });
  const use = { models: { detection: ['hf:tiny'] } };
  await expect(started(server, client, use)).rejects.toThrow(
    'hf:tiny detects only what labels or look_for name, so it reports nothing. Name things in words, for example labels ["crane", "red helmet"].',
  );
  await expect(started(server, client, { models: { detection: ['hf:blind'] }, labels: ['crane'] })).rejects.toThrow(
    'The model hf:blind is not there as a whole. Put these files into hf/blind below TILESIGHT_HOME: config.json,',
  );
  expect(server.launcher.runs).toEqual([]);
  const answer = await started(server, client, { ...use, look_for: 'Every crane and a forklift' });
  const note = 'hf:tiny searches for words, not sentences: from look_for it used "crane", "forklift".';
  expect(answer.notes).toContain(note);
  expect(server.launcher.runs[0]?.request.detectors).toEqual([
    { model: 'hf:tiny', version: expect.stringMatching(/^[0-9a-f]{16}$/), tile_edge: 256, notes: [note] },
  ]);
});
