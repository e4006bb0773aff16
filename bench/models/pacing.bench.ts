// Measures how much of a model's quota is used, and how many calls a tile takes, compared with the adaptive mode of the AWS SDK.
// Quotas are scripted, and time is virtual: four hours take a minute.
import { Readable } from 'node:stream';
import { BedrockRuntimeClient, ConverseCommand } from '@aws-sdk/client-bedrock-runtime';
import { HttpResponse } from '@smithy/protocol-http';
import { TransientError } from '../../pipeline/contract/errors.ts';
import { SHARD_TILES_MAX } from '../../pipeline/contract/protocol.ts';
import { quotaWaits } from '../../pipeline/durable/quota-waits.ts';
import { throttleGate } from '../../pipeline/vision/throttle-gate.ts';
import { BUDGET_MS } from '../../pipeline/vision/throttled-vision.ts';
import { seededRandom } from '../../tests/support/seeded-random.ts';
import { type VirtualTime, virtualTime } from '../../tests/support/virtual-time.ts';
import { type BenchResult, resultOf, rounded } from '../result.ts';

const TILES = SHARD_TILES_MAX;
const USED_MIN = 0.9;
const CALLS_PER_TILE_MAX = 1.3;
const THROTTLED_ANSWER_MS = 30;
const SDK_ATTEMPTS_MAX = 10;

/** `calls` in `windowMs`: refilled all the time as a bucket, or at once at the end of each window. */
interface Quota {
  calls: number;
  windowMs: number;
  refill: 'bucket' | 'window';
}

const QUOTAS: Record<string, Quota> = {
  '10_per_s_bucket': { calls: 10, windowMs: 1_000, refill: 'bucket' },
  '10_per_s_window': { calls: 10, windowMs: 1_000, refill: 'window' },
  '100_per_min_bucket': { calls: 100, windowMs: 60_000, refill: 'bucket' },
  '100_per_min_window': { calls: 100, windowMs: 60_000, refill: 'window' },
};
const ANSWERS_MS = [300, 3_000];
const AT_ONCE = [4, 16, 64];

interface Service {
  /** Resolves to `true` if the call was accepted, once its answer is there. */
  call(): Promise<boolean>;
  calls(): number;
  /** The share of the quota that was used so far, of what this number of concurrent calls can use. */
  used(atOnce: number): number;
}

export async function run(): Promise<BenchResult> {
  const worst = { used: 1, calls_per_tile: 1, operations_per_tile: 1, sdk_used: 1, sdk_calls_per_tile: 1 };
  let scenarios = 0;
  for (const [name, quota] of Object.entries(QUOTAS)) {
    for (const answerMs of ANSWERS_MS) {
      for (const atOnce of AT_ONCE) {
        const ours = await measured(quota, answerMs, atOnce, throughGate);
        const sdk = await measured(quota, answerMs, atOnce, throughSdk);
        const line = {
          used: ours.used,
          calls_per_tile: ours.callsPerTile,
          operations_per_tile: ours.operationsPerTile,
          sdk_used: sdk.used,
          sdk_calls_per_tile: sdk.callsPerTile,
        };
        console.log(JSON.stringify({ quota: name, answer_ms: answerMs, at_once: atOnce, ...line }));
        scenarios++;
        worst.used = Math.min(worst.used, line.used);
        worst.sdk_used = Math.min(worst.sdk_used, line.sdk_used);
        worst.calls_per_tile = Math.max(worst.calls_per_tile, line.calls_per_tile);
        worst.sdk_calls_per_tile = Math.max(worst.sdk_calls_per_tile, line.sdk_calls_per_tile);
        worst.operations_per_tile = Math.max(worst.operations_per_tile, line.operations_per_tile);
      }
    }
  }
  return resultOf(
    { scenarios, ...worst },
    { scenarios: ['=', 24], used: ['>=', USED_MIN], calls_per_tile: ['<', CALLS_PER_TILE_MAX], operations_per_tile: ['<', 3] },
  );
}

type Way = (service: Service, atOnce: number) => Promise<{ operations: number }>;

async function measured(quota: Quota, answerMs: number, atOnce: number, way: Way) {
  const time = virtualTime();
  try {
    const service = scriptedService(quota, answerMs);
    const { operations } = await ended(way(service, atOnce), time);
    return {
      used: rounded(service.used(atOnce), 3),
      callsPerTile: rounded(service.calls() / TILES, 3),
      operationsPerTile: rounded(operations / TILES, 3),
    };
  } finally {
    time.restore();
  }
}

async function ended<T>(work: Promise<T>, time: VirtualTime): Promise<T> {
  let isDone = false;
  const done = () => {
    isDone = true;
  };
  work.then(done, done);
  while (!isDone) await time.advance();
  return await work;
}

function scriptedService({ calls: quota, windowMs, refill }: Quota, answerMs: number): Service {
  const beganAt = Date.now();
  let calls = 0;
  let accepted = 0;
  let free = quota;
  let filledAt = beganAt;
  let lastAcceptedAt = beganAt;
  const isAccepted = (): boolean => {
    const now = Date.now();
    if (refill === 'bucket') {
      free = Math.min(quota, free + ((now - filledAt) * quota) / windowMs);
      filledAt = now;
    } else if (now - filledAt >= windowMs) {
      free = quota;
      filledAt = now - ((now - beganAt) % windowMs);
    }
    if (free < 1) return false;
    free--;
    accepted++;
    lastAcceptedAt = now;
    return true;
  };
  return {
    async call() {
      calls++;
      const accepts = isAccepted();
      await sleep(accepts ? answerMs : THROTTLED_ANSWER_MS);
      return accepts;
    },
    calls: () => calls,
    used(atOnce) {
      const ms = lastAcceptedAt - beganAt;
      const allowed = refill === 'bucket' ? quota + (ms * quota) / windowMs : quota * (Math.floor(ms / windowMs) + 1);
      const possible = ((ms + answerMs) * atOnce) / answerMs;
      return accepted / Math.min(allowed, possible);
    },
  };
}

/** The gate, and the waits of a shard, with the engine's waiting scripted. */
async function throughGate(service: Service, atOnce: number): Promise<{ operations: number }> {
  const gate = throttleGate(atOnce, BUDGET_MS, { now: Date.now, sleep, random: seededRandom(atOnce).next });
  const waits = quotaWaits(TILES, () => {});
  let operations = 0;
  const context = {
    wait: async (_name: unknown, duration: unknown) => {
      operations++;
      await sleep((duration as { seconds: number }).seconds * 1_000);
    },
  } as Parameters<typeof waits.wait>[0];
  const call = async () => {
    if (!(await service.call())) throw new TransientError('The model is throttled. Try again later.', { throttled: true });
  };
  await onTiles(atOnce, (tile) =>
    waits.run(tile, async () => {
      for (let round = 0, waited = 0; ; round++) {
        operations++;
        const throttled =
          waits.beforeCall(tile, waited) ??
          (await gate.through(call).then(
            () => null,
            (error: TransientError) => waits.afterCall(tile, waited, error.message),
          ));
        if (throttled === null) return;
        if (throttled.behind === null && throttled.wait_s === null) throw new Error('The waits were used up.');
        await waits.wait(context, tile, round, throttled);
        if (throttled.wait_s !== null) waited++;
      }
    }),
  );
  return { operations };
}

/** The SDK repeats throttled calls itself; a call that used up its attempts is called again. */
async function throughSdk(service: Service, atOnce: number): Promise<{ operations: number }> {
  const client = new BedrockRuntimeClient({
    region: 'us-east-1',
    credentials: { accessKeyId: 'AKIAFAKEFORBENCH', secretAccessKey: 'none' },
    retryMode: 'adaptive',
    maxAttempts: SDK_ATTEMPTS_MAX,
    requestHandler: { handle: async () => ({ response: (await service.call()) ? ANSWERED() : THROTTLED() }) },
  });
  const command = {
    modelId: 'us.amazon.nova-lite-v1:0',
    messages: [{ role: 'user' as const, content: [{ text: 'Find cats.' }] }],
  };
  await onTiles(atOnce, async () => {
    while (!(await client.send(new ConverseCommand(command)).catch(() => null)));
  });
  client.destroy();
  return { operations: 0 };
}

async function onTiles(atOnce: number, work: (tile: string) => Promise<void>): Promise<void> {
  let next = 0;
  const oneByOne = async () => {
    while (next < TILES) await work(`tile-${next++}`);
  };
  await Promise.all(Array.from({ length: atOnce }, oneByOne));
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, Math.max(0, ms)));
}

const responseOf = (statusCode: number, headers: Record<string, string>, body: object) =>
  new HttpResponse({ statusCode, headers, body: Readable.from([Buffer.from(JSON.stringify(body))]) });
const ANSWERED = () =>
  responseOf(200, {}, { stopReason: 'end_turn', output: { message: { role: 'assistant', content: [{ text: 'None.' }] } } });
const THROTTLED = () => responseOf(429, { 'x-amzn-errortype': 'ThrottlingException' }, { message: 'Too many requests' });
