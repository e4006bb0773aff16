import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { chosenModels, type ModelOffer } from '../../mcp-server/access/model-policy.ts';
import { documents, writeDocument } from '../../pipeline/documents.ts';
import type { TestServer } from '../support/server.ts';
import { finding, Started, serverAndClient, started, uploadedImage } from '../support/tool-calls.ts';

describe('analyze_image', () => {
  test('starts the same request once; created is false the second time', async () => {
    const { server, client } = await serverAndClient();
    const first = await started(server, client);
    const second = await client.call('analyze_image', { image: first && server.launcher.runs[0]?.request.image.uri }, Started);
    expect([first.created, second.created]).toEqual([true, false]);
    expect(second.execution_id).toBe(first.execution_id);
    expect(server.launcher.runs).toHaveLength(1);
  });

  test('names an execution after its image, and another request otherwise', async () => {
    const { server, client } = await serverAndClient();
    const plain = await started(server, client);
    const other = await started(server, client, { look_for: 'cars' });
    expect(plain.execution_id).toMatch(/^site-plan-[0-9a-f]{16}$/);
    expect(other.execution_id).not.toBe(plain.execution_id);
    expect(other.created).toBe(true);
  });

  test('a new image under the same name is another execution', async () => {
    const { server, client } = await serverAndClient();
    const before = await started(server, client);
    await writeFile(join(server.folder, 'site-plan.jpg'), 'other pixels');
    const image = server.launcher.runs[0]?.request.image.uri;
    const after = await client.call('analyze_image', { image }, Started);
    expect(after.execution_id).not.toBe(before.execution_id);
  });

  test('the same idempotency_key starts one execution; a new key runs the same request again', async () => {
    const { server, client } = await serverAndClient();
    const image = await uploadedImage(server);
    const start = (idempotency_key: string) => client.call('analyze_image', { image, idempotency_key }, Started);
    const [first, again, anew] = [await start('a/b c'), await start('a/b c'), await start('second')];
    expect([first.created, again.created, anew.created]).toEqual([true, false, true]);
    expect(again.execution_id).toBe(first.execution_id);
    expect(anew.execution_id).not.toBe(first.execution_id);
  });

  test('deployments that share a launcher name the same key differently', async () => {
    const ids = await Promise.all(
      ['dev', 'prod'].map(async (deployment) => {
        const { server, client } = await serverAndClient({ deployment });
        const image = await uploadedImage(server);
        return (await client.call('analyze_image', { image, idempotency_key: 'monday' }, Started)).execution_id;
      }),
    );
    expect(new Set(ids).size).toBe(2);
  });

  test('another request under the same idempotency_key is refused', async () => {
    const { server, client } = await serverAndClient();
    const image = await uploadedImage(server);
    await client.call('analyze_image', { image, idempotency_key: 'k' }, Started);
    const sentence = await client.refusal('analyze_image', { image, idempotency_key: 'k', look_for: 'cars' });
    expect(sentence).toMatch(/Choose another idempotency_key\.$/);
    expect(server.launcher.runs).toHaveLength(1);
  });

  test('starts an execution with the arguments of the call and the default models', async () => {
    const { server, client } = await serverAndClient();
    const { execution_id } = await started(server, client, { look_for: 'cars', labels: ['car'], detail: 'fine', tile_size: 512 });
    expect(server.launcher.runs[0]?.request).toMatchObject({
      execution_id,
      ask: { look_for: 'cars', labels: ['car'] },
      plan: { detail: 'fine', tile_size: 512, overlap: null, grid: null, region: null, max_tiles: null, skip_blank: true },
      models: { detection: ['onnx:nanodet'] },
    });
  });

  test('starts an execution with the chosen bands; without them, with the request of earlier versions', async () => {
    const { server, client } = await serverAndClient();
    await started(server, client);
    await started(server, client, { bands: [4, 3, 2] });
    const [plain, chosen] = server.launcher.runs.map(({ request }) => request);
    expect(JSON.stringify(plain)).not.toContain('bands');
    expect(chosen?.bands).toEqual([4, 3, 2]);
    const sentence = await client.refusal('analyze_image', { image: plain?.image.uri, bands: [1, 2] });
    expect(sentence).toContain('expected one band or three');
  });

  test('answers at once while the analysis is queued', async () => {
    const { server, client } = await serverAndClient();
    const answer = await started(server, client);
    expect(answer).toMatchObject({ status: 'RUNNING', phase: 'queued', poll_after_seconds: 2 });
    expect(answer.next_step).toContain(answer.execution_id);
  });

  test('with wait_seconds, answers with the end if the analysis ends in time', async () => {
    const { server, client } = await serverAndClient({
      script: async (run) => {
        run.progress.phase('detect');
        setTimeout(() => void run.end([finding(1)]), 100);
      },
    });
    const answer = await started(server, client, { wait_seconds: 25 });
    expect(answer).toMatchObject({ status: 'SUCCEEDED', findings_so_far: 1, created: true });
  });
});

describe('models and moderation', () => {
  const models: ModelOffer = {
    defaults: { moderation: 'onnx:nsfw', detection: ['onnx:nanodet'], verification: null, synthesis: 'rules:summary' },
    allowed: ['openai:qwen3-vl', 'openai:judge'],
    moderationMayBeOff: false,
  };

  test('that the server allows replace the default ones', async () => {
    const { server, client } = await serverAndClient({ models });
    await started(server, client, { verify: true, models: { detection: ['openai:qwen3-vl'], verification: 'openai:judge' } });
    expect(server.launcher.runs[0]?.request).toMatchObject({
      verify: true,
      models: {
        moderation: 'onnx:nsfw',
        detection: ['openai:qwen3-vl'],
        verification: 'openai:judge',
        synthesis: 'rules:summary',
      },
    });
  });

  const judging: ModelOffer = { ...models, defaults: { ...models.defaults, judge: 'openai:judge' } };
  const SEVERAL = ['openai:qwen3-vl', 'onnx:nanodet'];

  test('name a judge by default if several detect, or in the request', async () => {
    const byDefault = await serverAndClient({ models: judging });
    await started(byDefault.server, byDefault.client, { models: { detection: SEVERAL } });
    const byRequest = await serverAndClient({ models });
    await started(byRequest.server, byRequest.client, { models: { detection: SEVERAL, judge: 'openai:judge' } });
    for (const { server } of [byDefault, byRequest]) {
      expect(server.launcher.runs[0]?.request.models).toMatchObject({ detection: SEVERAL, judge: 'openai:judge' });
    }
  });

  test('of a request without a judge have the JSON, and so the execution the name, that they had before there were judges', () => {
    const before = '{"moderation":"onnx:nsfw","detection":["onnx:nanodet"],"verification":null,"synthesis":"rules:summary"}';
    const asked = { moderation: 'on', verify: false } as const;
    expect(JSON.stringify(chosenModels(undefined, asked, models))).toBe(before);
    expect(JSON.stringify(chosenModels({ detection: ['onnx:nanodet'] }, asked, judging))).toBe(before);
    const several = JSON.stringify(chosenModels({ detection: SEVERAL }, asked, models));
    expect(several).toBe(before.replace('["onnx:nanodet"]', JSON.stringify(SEVERAL)));
  });

  test.each([
    [
      'a judge of one model',
      { models: { judge: 'openai:judge' } },
      /^A judge decides where detection models differ\. Name at least two models in models\.detection, or leave models\.judge out\.$/,
    ],
    [
      'a judge that only detects',
      { models: { judge: 'onnx:nanodet', detection: ['onnx:nanodet', 'openai:qwen3-vl'] } },
      /^onnx:nanodet cannot judge\. Name a language model in models\.judge\.$/,
    ],
    [
      'a detector that only moderates',
      { models: { detection: ['onnx:nsfw'] } },
      /^onnx:nsfw cannot detect\. Name a detector or a language model in models\.detection\.$/,
    ],
    [
      'a model outside the list',
      { models: { detection: ['openai:gpt'] } },
      /^This server does not allow the model openai:gpt\. Allowed models: agent:, onnx:nanodet, onnx:nsfw, openai:judge, openai:qwen3-vl, rules:summary\.$/,
    ],
    ['moderation off', { moderation: 'off' }, /^This server does not allow moderation off\. Leave moderation out\.$/],
    [
      'verify without a model for it',
      { verify: true },
      /^This server has no verification model, so verify is not available\. Leave verify out/,
    ],
  ])('%s is refused, and nothing starts', async (_, wishes, sentence) => {
    const { server, client } = await serverAndClient({ models });
    const image = await uploadedImage(server);
    expect(await client.refusal('analyze_image', { image, ...wishes })).toMatch(sentence);
    expect(server.launcher.runs).toEqual([]);
  });

  test('moderation is switched off if the server allows it', async () => {
    const { server, client } = await serverAndClient({ models: { ...models, moderationMayBeOff: true } });
    await started(server, client, { moderation: 'off' });
    expect(server.launcher.runs[0]?.request.models.moderation).toBeNull();
  });
});

describe('the budget of a deployment', () => {
  test('applies to a request without a budget, and limits the budget of a request', async () => {
    const { server, client } = await serverAndClient({ costUsdMax: 5 });
    await started(server, client);
    await started(server, client, { max_cost_usd: 2 });
    expect(server.launcher.runs.map(({ request }) => request.max_cost_usd)).toEqual([5, 2]);
    const image = await uploadedImage(server);
    expect(await client.refusal('analyze_image', { image, max_cost_usd: 6 })).toMatch(
      /^max_cost_usd is 6, but this server allows at most 5\. Send a smaller budget/,
    );
  });
});

test('the answer to a start and to a dry run notes at once what labels match nothing', async () => {
  const { server, client } = await serverAndClient();
  const path = join(server.folder, 'small.png');
  await sharp({ create: { width: 300, height: 200, channels: 3, background: '#777' } }).toFile(path);
  const request = { image: pathToFileURL(path).href, labels: ['astronaut', 'person', 'rover'] };
  const note = 'onnx:nanodet knows 80 labels, listed at tilesight://labels; "astronaut" and "rover" are not among them.';
  const planned = await client.call('analyze_image', { ...request, dry_run: true }, Started);
  expect(planned.notes).toContain(note);
  expect(planned.plan?.notes).toEqual(planned.notes);
  expect((await client.call('analyze_image', request, Started)).notes).toEqual(planned.notes);
});

describe('dry_run', () => {
  const noise = { type: 'gaussian', mean: 128, sigma: 30 } as const;
  const drawn = async (server: TestServer) => {
    const path = join(server.folder, 'large.jpg');
    await sharp({ create: { width: 6_000, height: 4_000, channels: 3, background: '#777', noise } })
      .jpeg()
      .toFile(path);
    return pathToFileURL(path).href;
  };

  test('returns tiles, calls, tokens, cost and time, and starts nothing', async () => {
    const models: ModelOffer = {
      defaults: {
        moderation: null,
        detection: ['bedrock:us.amazon.nova-lite-v1:0'],
        verification: null,
        synthesis: 'rules:summary',
      },
      allowed: ['openai:qwen3-vl'],
      moderationMayBeOff: false,
    };
    const { server, client } = await serverAndClient({ models });
    const image = await drawn(server);
    const { status, created, plan } = await client.call('analyze_image', { image, dry_run: true }, Started);
    expect({ status, created }).toEqual({ status: 'PLANNED', created: false });
    expect(plan).toMatchObject({ width: 6_000, height: 4_000, notes: ['The image is not moderated.'] });
    expect(plan?.levels.reduce((sum, { tiles }) => sum + tiles, 0)).toBe(plan?.tiles);
    expect(plan?.calls).toBe(plan?.tiles);
    expect(plan?.input_tokens).toBeGreaterThan(1_000 * (plan?.tiles ?? 0));
    expect(plan?.cost_usd).toBeGreaterThan(0);
    const unpriced = await client.call(
      'analyze_image',
      { image, dry_run: true, models: { detection: ['openai:qwen3-vl'] } },
      Started,
    );
    const summarized = { image, dry_run: true, models: { synthesis: 'openai:qwen3-vl' } };
    expect((await client.call('analyze_image', summarized, Started)).plan?.cost_usd).toBeNull();
    expect(unpriced.plan).toMatchObject({ cost_usd: null, tiles: plan?.tiles });
    expect(unpriced.notes).toContain('The price of openai:qwen3-vl is unknown: its tokens are counted, but not their cost.');
    expect(server.launcher.runs).toEqual([]);
  });

  test('takes the time for a tile that an earlier analysis has measured, if it can be read', async () => {
    const model = 'bedrock:us.amazon.nova-lite-v1:0';
    const defaults = { moderation: null, detection: [model], verification: null, synthesis: 'rules:summary' };
    const { server, client } = await serverAndClient({ models: { defaults, allowed: [], moderationMayBeOff: false } });
    const request = { image: await drawn(server), dry_run: true };
    const seconds = async () => (await client.call('analyze_image', request, Started)).plan?.seconds ?? Number.NaN;
    const expected = await seconds();
    const pace = { seconds_per_tile: 60, calls: 40, measured_at: '2026-11-28T00:00:00.000Z' };
    await writeDocument(documents.pace(model), pace, server.blobs);
    expect((await seconds()) / expected).toBeCloseTo(60 / 3, 0);
    await server.blobs.put(documents.pace(model).key, Buffer.from('{'));
    expect(await seconds()).toBe(expected);
  });

  test('refuses an upload that is too large to copy for its header, and names the arguments that limit the analysis', async () => {
    const { server, client } = await serverAndClient({ copiedBytesMax: 5 });
    await server.blobs.put('uploads/plan.png-0123', Buffer.from('pixels'));
    const sentence = await client.refusal('analyze_image', { image: 'plan.png-0123', dry_run: true });
    expect(sentence).toMatch(/^The image has 6 bytes, but dry_run takes at most 5\. Leave dry_run out; max_tiles/);
  });

  test('refuses a request that the analysis would refuse', async () => {
    const { server, client } = await serverAndClient();
    const image = await drawn(server);
    expect(await client.refusal('analyze_image', { image, dry_run: true, region: [9_000, 0, 10, 10] })).toMatch(
      /^The region \[[\d, ]+\] lies outside the image \(6000 x 4000 pixels\)/,
    );
    expect(await client.refusal('analyze_image', { image: await uploadedImage(server), dry_run: true })).toMatch(
      /^The file is not an image of an accepted format/,
    );
  });
});
