// The detectors and text models that users registered: models/NAME/ with detector.json and the files that it describes, in a folder or in a
// bucket. Reads sidecars and finds the files; runs none.
import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { at } from '../contract/at.ts';
import { codeOf, UserError } from '../contract/errors.ts';
import { lru } from '../contract/lru.ts';
import type { ModelId } from '../contract/schemas.ts';
import type { Blobs, Detectors, RegisteredDetector } from '../ports.ts';
import { detectorName, isDetectorName, isZeroShot } from '../providers/detector-names.ts';
import { bucketCopies, type StatedFile } from './bucket-copies.ts';
import type { Sidecar } from './detectors/sidecar.ts';
import type { TextFileName, TextSidecar } from './detectors/text-sidecar.ts';
import type { ZeroShotModel } from './zero-shot/model-folder.ts';

export const MODELS_FOLDER = 'models';
export const MODEL_FILE = 'model.onnx';
export const SIDECAR_FILE = 'detector.json';

/** In pixels, as for onnx:ppocr. Lines are searched in tiles of this size without shrinking them. */
const TEXT_TILE = { width: 1_024, height: 1_024 } as const;

/** A sidecar that was corrected counts after this time, in processes that run already. */
const KEPT_MS = 5_000;
/** 10,000 labels of 100 characters of up to 6 bytes, as JSON writes them. */
const SIDECAR_BYTES_MAX = 8_000_000;
const MISSING = ['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'];
const SIDECARS_KEPT_MAX = 20; // of at most 10,000 labels of 100 characters: 20 MB

export interface DetectorFiles extends RegisteredDetector {
  labels: Sidecar['labels'];
  sidecar: Sidecar;
  /** A local file, which nothing has checked yet. */
  modelPath: string;
}

export interface TextModelParts extends RegisteredDetector {
  labels: string[];
  sidecar: TextSidecar;
  /** Local files, which nothing has checked yet. */
  paths: Record<TextFileName, string>;
}

export interface DetectorRegistry extends Detectors {
  /** For the process that runs it. `afresh`: what an earlier answer stated does not fit its files (any more). Throws as `find`. */
  files(model: ModelId, afresh?: boolean): Promise<DetectorFiles | TextModelParts>;
  /** The folder of an hf: model. Throws as `find`. */
  zeroShot(model: ModelId): Promise<ZeroShotModel>;
}

/** Where the folders of the detectors are. */
interface Place {
  /** `null` if there is no such file. */
  read(name: string, file: string): Promise<Uint8Array | null>;
  /**
   * The paths of local copies of the files, in their order. `version` changes with the sidecar; `afresh` also replaces copies of files
   * that have changed since. Throws a UserError if one is not there, or cannot be the one that the sidecar describes.
   */
  local(name: string, files: readonly StatedFile[], version: string, afresh: boolean): Promise<string[]>;
  /** What to do about a detector that is not there. */
  advice(): Promise<string>;
  zeroShot(model: ModelId): Promise<ZeroShotModel>;
}

/** Below the `models` folder of this user. `hubCache` is that of Hugging Face's hub, if it is not where its tools have it. */
export function detectorsInFolder(
  home: string,
  { hubCache, now = () => performance.now() }: { hubCache?: string | undefined; now?: () => number } = {},
): DetectorRegistry {
  const pathOf = (name: string, file: string) => join(home, MODELS_FOLDER, name, file);
  return registry(
    {
      read: async (name, file) => await readSmallFile(pathOf(name, file)),
      local: async (name, files) => files.map(({ file }) => pathOf(name, file)),
      advice: async () => {
        const names = await namesIn(home);
        const add = 'Add it with `tilesight models add FILE --name NAME`.';
        return names.length === 0
          ? `No detector is registered. ${add}`
          : `Registered: ${names.map((name) => `onnx:${name}`).join(', ')}. ${add}`;
      },
      zeroShot: async (model) => {
        const { zeroShotModel } = await import('./zero-shot/model-folder.ts'); // not at the start of a server
        return await zeroShotModel({ home, hubCache }, model);
      },
    },
    now,
  );
}

/** The names of the registered detectors of this user, sorted. */
export async function namesIn(home: string): Promise<string[]> {
  const entries = (await readdir(join(home, MODELS_FOLDER), { withFileTypes: true }).catch(missing)) ?? [];
  return entries
    .filter((entry) => entry.isDirectory() && isDetectorName(entry.name))
    .map(({ name }) => name)
    .sort();
}

/** Below `models/` of the bucket. Models are copied to the temporary disk, and the least recently used ones are deleted again. */
export function detectorsInBucket(
  blobs: Pick<Blobs, 'get' | 'materialize' | 'head'>,
  now: () => number = () => performance.now(),
): DetectorRegistry {
  const keyOf = (name: string, file: string) => `${MODELS_FOLDER}/${name}/${file}`;
  return registry(
    {
      read: async (name, file) => await blobs.get(keyOf(name, file)),
      local: bucketCopies(blobs, keyOf),
      zeroShot: async (model) => {
        throw new UserError(
          `The model ${model} cannot run on AWS: hf: models run on a machine of your own. Choose another model.`,
        );
      },
      advice: async () => `Upload ${MODEL_FILE} and ${SIDECAR_FILE} of the detector to ${MODELS_FOLDER}/NAME/ of the bucket.`,
    },
    now,
  );
}

function registry(place: Place, now: () => number): DetectorRegistry {
  const kept = lru<string, { known: Known; until: number }>(SIDECARS_KEPT_MAX);
  const knownOf = async (model: ModelId, afresh = false): Promise<Known> => {
    const name = detectorName(model);
    const earlier = name === null || afresh ? undefined : kept.get(name);
    if (earlier && now() < earlier.until) return earlier.known;
    const bytes = name === null ? null : await place.read(name, SIDECAR_FILE);
    if (name === null || bytes === null)
      throw new UserError(`The model ${model} is neither built in nor registered. ${await place.advice()}`);
    const known = await readSidecar(model, name, bytes);
    kept.set(name, { known, until: now() + KEPT_MS });
    return known;
  };
  return {
    find: async (model) => {
      if (!isZeroShot(model)) return detectorOf(await knownOf(model));
      const { labels, input, version } = await place.zeroShot(model);
      return { labels, input, version };
    },
    zeroShot: place.zeroShot,
    async files(model, afresh = false) {
      const known = await knownOf(model, afresh);
      const { name, version, sidecar } = known;
      const { TEXT_FILES } = await import('./detectors/text-sidecar.ts'); // not at the start of a server
      const files = isText(sidecar)
        ? (['detector', 'reader', 'dictionary'] as const).map((part) => ({ file: TEXT_FILES[part], bytes: sidecar[part].bytes }))
        : [{ file: MODEL_FILE, bytes: sidecar.bytes }];
      const paths = await place.local(name, files, version, afresh);
      if (!isText(sidecar)) return { labels: sidecar.labels, input: sidecar.input, version, sidecar, modelPath: at(paths, 0) };
      return {
        ...textModelOf(sidecar, version),
        sidecar,
        paths: { detector: at(paths, 0), reader: at(paths, 1), dictionary: at(paths, 2) },
      };
    },
  };
}

interface Known {
  name: string;
  sidecar: Sidecar | TextSidecar;
  version: string;
}

function isText(sidecar: Known['sidecar']): sidecar is TextSidecar {
  return 'kind' in sidecar;
}

function detectorOf({ sidecar, version }: Known): RegisteredDetector {
  return isText(sidecar) ? textModelOf(sidecar, version) : { labels: sidecar.labels, input: sidecar.input, version };
}

function textModelOf({ scripts }: TextSidecar, version: string) {
  return { labels: ['text'], input: TEXT_TILE, version, scripts };
}

async function readSidecar(model: ModelId, name: string, bytes: Uint8Array): Promise<Known> {
  const { parseAnySidecar } = await import('./detectors/text-sidecar.ts'); // not at the start of a server
  const version = createHash('sha256').update(bytes).digest('hex').slice(0, 16);
  try {
    return { name, version, sidecar: parseAnySidecar(new TextDecoder().decode(bytes)) };
  } catch (cause) {
    if (cause instanceof UserError) throw new UserError(`The detector ${model}: ${cause.message}`, { cause });
    throw cause;
  }
}

/** `null` if there is none. A pipe would never end, and a file of any size would fill the memory of a server. */
async function readSmallFile(path: string): Promise<Uint8Array | null> {
  const unreadable = (error: unknown): null => {
    if (MISSING.includes(codeOf(error))) return null;
    throw new UserError(`${path} cannot be read (${codeOf(error)}). Check its permissions, or add the detector again.`, {
      cause: error,
    });
  };
  const found = await stat(path).catch(unreadable);
  if (found === null) return null;
  if (!found.isFile() || found.size > SIDECAR_BYTES_MAX)
    throw new UserError(
      `${path} is not a file of at most ${SIDECAR_BYTES_MAX.toLocaleString('en')} bytes. Add the detector again.`,
    );
  return await readFile(path).catch(unreadable);
}

function missing(error: unknown): null {
  if (MISSING.includes(codeOf(error))) return null;
  throw error;
}
