// Loads ONNX sessions: once for each file, on first use, and only from files with the recorded checksum.
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { InferenceSession } from 'onnxruntime-node';
import { z } from 'zod';
import { at } from '../../contract/at.ts';
import { UserError } from '../../contract/errors.ts';
import { lru } from '../../contract/lru.ts';
import type { ExecutionProvider } from '../../providers/execution-providers.ts';
import { loadDetector } from '../detectors/run-detector.ts';
import { MODEL_BYTES_MAX } from '../detectors/sidecar.ts';
import { dictionaryOf } from '../detectors/text-model-files.ts';
import type { DetectorFile, TextModelFiles } from './model-jobs.ts';
import { loadRuntime, type Session, type Tensor } from './runtime.ts';
import { type Alphabet, alphabetOf } from './text/text-of-scores.ts';

// Measured on 2 cores, 640 px tiles per second (onnx:nanodet, onnx:ppocr), 4 tiles in flight: 2 workers x 1 thread 20.7, 8.4; 1 worker
// x 2 threads 18.7, 5.3. So one thread for each session, and one worker for each core.
// Without the arena, each run gives its memory back and faults it in again: with inputs of changing size, 60 % more CPU time in the
// workers (lawn.jpg: 68 against 28 s). The arena keeps 170 MB more in each worker.
export function sessionOptions(executionProvider: ExecutionProvider): InferenceSession.SessionOptions {
  return {
    executionProviders: [executionProvider], // what it cannot run, the CPU runs
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    enableCpuMemArena: true,
    logSeverityLevel: isOfGpu(executionProvider) ? 4 : 3,
  };
}

const DETECTORS_KEPT_MAX = 4; // as many as a request may name
const TEXT_SESSIONS_KEPT_MAX = 2 * DETECTORS_KEPT_MAX; // each text model has two

/** Loaded files are kept; a failed load is repeated by the next caller. Throws a UserError if a file has another checksum. */
export interface Sessions {
  /** `file` is a path; its base name is looked up in checksums.json. */
  get(file: string): Promise<Session>;
  /** What a text file says a reader reads, checked the same way. */
  alphabet(file: string): Promise<Alphabet>;
  /** Throws a UserError if the model is missing, is not the one of its sidecar, or cannot be loaded. */
  detector(detector: DetectorFile): Promise<Session>;
  /** Its parts throw as `detector`. */
  text(model: TextModelFiles): TextModel;
  /** The path of a file of the models folder. */
  path(name: string): string;
}

/** A PP-OCR model. Its parts are loaded when they are needed: a tile without text needs no reader. */
export interface TextModel {
  /** Finds lines. */
  detector(): Promise<Session>;
  /** Reads a line. */
  reader(): Promise<Session>;
  alphabet(): Promise<Alphabet>;
}

export function sessions(modelsFolder: string, executionProvider: ExecutionProvider = 'cpu'): Sessions {
  const options = sessionOptions(executionProvider);
  return {
    get: once(async (file) => {
      const bytes = await checked(file, modelsFolder);
      const runtime = await loadRuntime(options);
      return await runtime.createSession(bytes, options).catch(unusable(executionProvider));
    }),
    alphabet: once(async (file) => alphabetOf(dictionaryOf(new TextDecoder().decode(await checked(file, modelsFolder))))),
    detector: detectorSessions(executionProvider),
    text: textModels(executionProvider),
    path: (name) => join(modelsFolder, name),
  };
}

function isOfGpu(executionProvider: ExecutionProvider): boolean {
  return executionProvider !== 'cpu' && executionProvider !== 'wasm';
}

/** A session of the CPU fails because of the model, one of a GPU mostly because this machine lacks something. */
function unusable(executionProvider: ExecutionProvider) {
  return (cause: unknown): never => {
    if (!isOfGpu(executionProvider)) throw cause;
    throw new UserError(
      `The execution provider ${executionProvider} cannot be used on this machine. Install what it needs, or unset ONNX_EXECUTION_PROVIDER.`,
      { cause },
    );
  };
}

function detectorSessions(executionProvider: ExecutionProvider): Sessions['detector'] {
  const kept = keptSessions(DETECTORS_KEPT_MAX, executionProvider);
  return ({ modelPath, sidecar, version }) => kept(version, modelPath, sidecar.sha256);
}

function textModels(executionProvider: ExecutionProvider): Sessions['text'] {
  const kept = keptSessions(TEXT_SESSIONS_KEPT_MAX, executionProvider);
  const alphabets = lru<string, Alphabet>(DETECTORS_KEPT_MAX); // of at most 2 MB each
  return ({ paths, sidecar, version }) => ({
    detector: () => kept(`${version} detector`, paths.detector, sidecar.detector.sha256),
    reader: () => kept(`${version} reader`, paths.reader, sidecar.reader.sha256),
    async alphabet() {
      const known = alphabets.get(version);
      if (known) return known;
      const bytes = await checkedFile(paths.dictionary, sidecar.dictionary.sha256);
      const alphabet = alphabetOf(dictionaryOf(new TextDecoder().decode(bytes)));
      alphabets.set(version, alphabet);
      return alphabet;
    },
  });
}

/** A worker runs one image at a time, so the session that has to go is not running. */
function keptSessions(
  most: number,
  executionProvider: ExecutionProvider,
): (id: string, path: string, sha256: string) => Promise<Session> {
  const kept = lru<string, Promise<Session>>(most, (session) => {
    session.then((ended) => ended.release()).catch(() => {}); // it never loaded
  });
  return (id, path, sha256) => {
    const known = kept.get(id);
    if (known) return known;
    const options = sessionOptions(executionProvider);
    const loading = checkedFile(path, sha256).then((bytes) => loadDetector(bytes, options).catch(unusable(executionProvider)));
    kept.set(id, loading);
    loading.catch(() => kept.delete(id));
    return loading;
  };
}

/** Nothing is read of a device, a pipe or a file of any size. */
async function checkedFile(path: string, sha256: string): Promise<Uint8Array> {
  const unreadable = (cause: unknown) =>
    new UserError(`The model file ${path} is missing or may not be read. Add the detector again.`, { cause });
  const found = await stat(path).catch((cause: unknown) => {
    throw unreadable(cause);
  });
  if (!found.isFile()) throw unreadable(new Error('It is not a file.'));
  if (found.size > MODEL_BYTES_MAX)
    throw new UserError(`The model file ${path} was replaced by one of ${found.size} bytes. Add the detector again.`);
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw unreadable(cause);
  });
  const actual = createHash('sha256').update(bytes).digest('hex');
  if (actual === sha256) return bytes;
  throw new UserError(
    `The model file ${path} is not the one that its detector.json describes: its sha256 is ${actual}, not ${sha256}. Add the detector again.`,
  );
}

function once<T>(load: (file: string) => Promise<T>): (file: string) => Promise<T> {
  const loads = new Map<string, Promise<T>>();
  return (file) => {
    const known = loads.get(file);
    if (known !== undefined) return known;
    const loading = load(file);
    loads.set(file, loading);
    loading.catch(() => loads.delete(file));
    return loading;
  };
}

/** Runs a session that has one input. Returns the outputs by name. */
export async function run(session: Session, values: Float32Array, shape: readonly number[]): Promise<Record<string, Tensor>> {
  return await session.run({ [at(session.inputNames, 0)]: { type: 'float32', data: values, dims: shape } });
}

/** The float32 output of that name, or the first output. */
export function output(
  outputs: Readonly<Record<string, Tensor>>,
  name?: string,
): { values: Float32Array; shape: readonly number[] } {
  const value = name === undefined ? Object.values(outputs)[0] : outputs[name];
  if (!(value?.data instanceof Float32Array)) {
    throw new Error(`The model's output ${name ?? 0} must be float32, not ${value?.type}.`);
  }
  return { values: value.data, shape: value.dims };
}

async function checked(file: string, modelsFolder: string): Promise<Uint8Array> {
  const name = basename(file);
  const expected = (await checksums(modelsFolder))[name] ?? 'none recorded';
  const bytes = await readFile(file);
  const actual = createHash('sha256').update(bytes).digest('hex');
  if (actual === expected) return bytes;
  throw new UserError(
    `The model file ${name} is damaged: its sha256 is ${actual}, not ${expected}. Restore it with \`git checkout models\` or \`npm ci\`.`,
  );
}

async function checksums(modelsFolder: string): Promise<Record<string, string>> {
  return z.record(z.string(), z.string()).parse(JSON.parse(await readFile(join(modelsFolder, 'checksums.json'), 'utf8')));
}
