// What a dry run counts, and what it says about calls that its estimate leaves out.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import type { ModelOffer } from '../../mcp-server/access/model-policy.ts';
import { Started, serverAndClient } from '../support/tool-calls.ts';

const NOVA = 'bedrock:us.amazon.nova-lite-v1:0';
const LOCAL = { moderation: 'onnx:nsfw', detection: ['onnx:nanodet'], verification: null, synthesis: 'rules:summary' };

/** The notes about the estimate, of a request that names no model. */
async function notesOf(defaults: Partial<ModelOffer['defaults']>, wishes: object = {}): Promise<string[]> {
  const models = { defaults: { ...LOCAL, ...defaults }, allowed: [], moderationMayBeOff: false };
  const { server, client } = await serverAndClient({ models });
  const path = join(server.folder, 'plan.png');
  await sharp({ create: { width: 900, height: 700, channels: 3, background: '#777' } }).toFile(path);
  const request = { image: pathToFileURL(path).href, dry_run: true, ...wishes };
  const { notes } = await client.call('analyze_image', request, Started);
  return notes.filter((note) => note.startsWith('The estimate'));
}

test('a dry run names the calls of judge and verification, and their budget if the price is known', async () => {
  const detection = ['openai:a', 'openai:b'];
  expect(await notesOf({ detection, judge: NOVA })).toEqual([
    'The estimate covers detection only. It leaves out the judge (at most 100 calls and 1 USD).',
  ]);
  expect(await notesOf({ detection, judge: 'openai:judge', verification: NOVA }, { verify: true })).toEqual([
    'The estimate covers detection only. It leaves out the judge (at most 50 calls) and verification (at most 100 calls and 1 USD).',
  ]);
});

test('a dry run names moderation and the summary if a language model does them', async () => {
  expect(await notesOf({ moderation: NOVA, synthesis: NOVA })).toEqual([
    'The estimate covers detection only. It leaves out moderation (1 call) and the summary (1 call).',
  ]);
});

test('a dry run with local models, or with a verification that is not asked for, has no such note', async () => {
  expect(await notesOf({})).toEqual([]);
  expect(await notesOf({ verification: NOVA })).toEqual([]);
});

test('only models that can report what is asked decide the tiles and the estimate', async () => {
  const models = {
    defaults: { ...LOCAL, detection: ['onnx:nanodet', 'onnx:ppocr'] },
    allowed: [],
    moderationMayBeOff: false,
  };
  const { server, client } = await serverAndClient({ models });
  const path = join(server.folder, 'plan.png');
  await sharp({ create: { width: 2_000, height: 1_500, channels: 3, background: '#777' } }).toFile(path);
  const planned = async (wishes: object) =>
    (await client.call('analyze_image', { image: pathToFileURL(path).href, dry_run: true, ...wishes }, Started)).plan;
  const [both, text, alone] = [
    await planned({}),
    await planned({ labels: ['text'] }),
    await planned({ models: { detection: ['onnx:ppocr'] } }),
  ];
  expect(both?.calls).toBe(2 * (both?.tiles ?? Number.NaN));
  expect([text?.tiles, text?.calls, text?.seconds]).toEqual([alone?.tiles, alone?.tiles, alone?.seconds]);
  expect(text?.tiles).toBeLessThan(both?.tiles ?? Number.NaN);
  const none = await planned({ labels: ['astronaut'] });
  expect([none?.tiles, none?.calls]).toEqual([both?.tiles, both?.calls]);
});
