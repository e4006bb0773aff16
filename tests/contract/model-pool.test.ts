// Worker processes of the local models: which of them gets an image, and how often.
import { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { JobRequest, NANODET, PPOCR } from '../../pipeline/vision/onnx/model-jobs.ts';
import { modelPool } from '../../pipeline/vision/onnx/model-pool.ts';
import { redAndBlue } from '../support/registered-detector.ts';

test('the models of a tile run in the process that has its image, which is sent once', async () => {
  const requests = sentRequests();
  const pool = modelPool(join(import.meta.dirname, '../../models'));
  onTestFinished(() => pool.close());
  const tiles = await Promise.all([320, 384, 448, 512].map((width) => redAndBlue(width, 256)));
  await Promise.all(
    tiles.map(async (tile) => {
      await pool.run(NANODET, tile);
      await pool.run(PPOCR, tile);
    }),
  );
  for (const { width } of tiles) {
    const [first, second] = requests.filter((request) => request.width === width);
    expect(first).toMatchObject({ model: 'nanodet', bytes: expect.any(Uint8Array) });
    expect(second).toMatchObject({ model: 'ppocr', bytes: null });
    expect(second?.worker).toBe(first?.worker);
  }
});

test('the models of an image that changed places have the same answers', async () => {
  const pool = modelPool(join(import.meta.dirname, '../../models'));
  onTestFinished(() => pool.close());
  const [one, other] = await Promise.all([redAndBlue(320, 256), redAndBlue(256, 320)]);
  const alone = await pool.run(NANODET, one, 0.05);
  await pool.run(PPOCR, other);
  await pool.run(PPOCR, one);
  expect(await pool.run(NANODET, one, 0.05)).toEqual(alone);
});

interface Sent {
  worker: ChildProcess;
  model: unknown;
  bytes: Uint8Array | null;
  width: number;
}

/** Everything that processes are sent from now on, until the test ends. Node gives each of them a method of its own. */
function sentRequests(): Sent[] {
  const sent: Sent[] = [];
  Object.defineProperty(ChildProcess.prototype, 'send', {
    configurable: true,
    set(this: ChildProcess, send: ChildProcess['send']) {
      const recorded = (...args: Parameters<ChildProcess['send']>) => {
        const { model, image } = JobRequest.parse(args[0]);
        sent.push({ worker: this, model, bytes: image.bytes, width: image.width });
        return Reflect.apply(send, this, args);
      };
      Object.defineProperty(this, 'send', { value: recorded });
    },
  });
  onTestFinished(() => void Reflect.deleteProperty(ChildProcess.prototype, 'send'));
  return sent;
}
