// Recognizes and runs a model in a process of its own, with a limit of time and memory: a file from anywhere may crash it, never end, or
// take all memory. Knows nothing of where models are registered.
import { fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { z } from 'zod';
import { UserError } from '../../pipeline/contract/errors.ts';
import { unfitProcessor } from '../../pipeline/contract/native-packages.ts';
import { Detection } from '../../pipeline/contract/schemas.ts';
import { LayoutName } from '../../pipeline/vision/detectors/layouts.ts';
import { Sidecar } from '../../pipeline/vision/detectors/sidecar.ts';
import { TextSidecar } from '../../pipeline/vision/detectors/text-sidecar.ts';
import { memoryBytesMax, TOO_MUCH_MEMORY } from '../../pipeline/vision/onnx/guard-thread.ts';

const GIB = 1_024 ** 3;

/** A model of 500 MB is read, loaded and optimized: about 2 GB. A large transformer takes 3 s on one core, and 10 to load. */
const LIMITS: TrialLimits = { ms: 60_000, bytes: Math.min(4 * GIB, memoryBytesMax()) };

export interface TrialLimits {
  ms: number;
  /** The most memory. */
  bytes: number;
}

const DetectorRequest = z.object({
  modelPath: z.string(),
  layout: LayoutName.nullable(),
  labels: z.array(z.string().nullable()).nullable(),
  /** `null` for a drawn image. */
  imagePath: z.string().nullable(),
  memoryBytesMax: z.number(),
});
const TextRequest = z.object({
  paths: z.object({ detector: z.string(), reader: z.string(), dictionary: z.string() }),
  imagePath: z.string().nullable(),
  memoryBytesMax: z.number(),
});
export type DetectorRequest = z.infer<typeof DetectorRequest>;
export type TextRequest = z.infer<typeof TextRequest>;

export const TrialRequest = z.union([DetectorRequest, TextRequest]);
type TrialRequest = z.infer<typeof TrialRequest>;

const Trial = z.object({
  sidecar: Sidecar,
  notes: z.array(z.string()),
  /** In pixels of the upright image. */
  detections: z.array(Detection),
  image: z.object({ width: z.number(), height: z.number() }),
  /** The size in which the model got the image. */
  shownAs: z.object({ width: z.number(), height: z.number() }),
  /** The image as the model got it, as a JPEG. */
  jpeg: z.custom<Uint8Array>((bytes) => bytes instanceof Uint8Array),
  runMs: z.number(),
});
export type Trial = z.infer<typeof Trial>;

const TextTrial = Trial.extend({ sidecar: TextSidecar });
export type TextTrial = z.infer<typeof TextTrial>;

export const TrialAnswer = z.discriminatedUnion('state', [
  z.object({ state: z.literal('done'), trial: z.union([Trial, TextTrial]) }),
  /** `isOurs`: the sentence is for the user. */
  z.object({ state: z.literal('failed'), isOurs: z.boolean(), message: z.string() }),
]);
export type TrialAnswer = z.infer<typeof TrialAnswer>;

/** Throws a UserError if the model cannot be recognized or run within the limits, and the reason of `signal` once it is aborted. */
export async function tried(
  request: Omit<DetectorRequest, 'memoryBytesMax'>,
  signal: AbortSignal,
  limits: TrialLimits = LIMITS,
): Promise<Trial> {
  return Trial.parse(await triedIn({ ...request, memoryBytesMax: limits.bytes }, signal, limits));
}

/** Throws as `tried`. */
export async function triedText(request: Omit<TextRequest, 'memoryBytesMax'>, signal: AbortSignal): Promise<TextTrial> {
  return TextTrial.parse(await triedIn({ ...request, memoryBytesMax: LIMITS.bytes }, signal, LIMITS));
}

async function triedIn(request: TrialRequest, signal: AbortSignal, limits: TrialLimits): Promise<Trial | TextTrial> {
  signal.throwIfAborted();
  const child = fork(createRequire(import.meta.url).resolve('#trial-process'), [], {
    serialization: 'advanced',
    execArgv: [],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'], // what a model makes onnxruntime print is not for the terminal
  });
  const { promise, resolve, reject } = Promise.withResolvers<Trial | TextTrial>();
  const timer = setTimeout(() => reject(new UserError(tooSlow(limits.ms))), limits.ms);
  const abort = () => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  child.once('error', (cause) => reject(new UserError('The process that tries the model could not be started.', { cause })));
  child.once('exit', (code, name) => reject(endOf(code, name, limits.bytes)));
  child.once('message', (message) => {
    const { data, error } = TrialAnswer.safeParse(message);
    if (data?.state === 'done') resolve(data.trial);
    else reject(data ? failureOf(data) : error);
  });
  child.send(request, (error) => error && reject(error));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
    child.kill('SIGKILL');
  }
}

function failureOf({ isOurs, message }: TrialAnswer & { state: 'failed' }): Error {
  if (isOurs) return new UserError(message);
  return new UserError('The model could not be run. Export it again, or set its layout with --layout.', {
    cause: new Error(message),
  });
}

function endOf(code: number | null, signal: string | null, bytesMax: number): Error {
  if (signal === 'SIGILL') return unfitProcessor(new Error('The process that tried the model ended with SIGILL.'));
  if (signal === TOO_MUCH_MEMORY) {
    return new UserError(
      `The model needs more than ${(bytesMax / GIB).toFixed(1)} GiB of memory for one image, so it is not registered. Export it with a smaller input.`,
    );
  }
  return new UserError(
    `The process that tried the model crashed (${signal ?? code}), so the model is not registered. Export it again.`,
  );
}

function tooSlow(ms: number): string {
  return `The model did not finish one image within ${ms / 1_000} s, so it is not registered. Export a smaller model.`;
}
