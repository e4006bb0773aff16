// The folder of a zero-shot model, below the data folder or in the cache of Hugging Face's hub: what its files state. Runs no model, and
// opens no connection.
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { codeOf, UserError } from '../../contract/errors.ts';
import type { ModelId } from '../../contract/schemas.ts';
import type { RegisteredDetector } from '../../ports.ts';
import { hubModel, zeroShotName } from '../../providers/detector-names.ts';
import { ZERO_SHOT_KINDS, type ZeroShotKind } from '../../providers/zero-shot-words.ts';

const FOLDER = 'hf';
const FILES = ['config.json', 'preprocessor_config.json', 'tokenizer.json', 'tokenizer_config.json', 'onnx/model.onnx'] as const;

const Edge = z.int().min(32).max(4_096);
const ModelConfig = z.object({ model_type: z.enum(ZERO_SHOT_KINDS) });
const PreprocessorConfig = z.object({
  size: z.union([
    z.object({ width: Edge, height: Edge }),
    z.object({ shortest_edge: Edge }).transform(({ shortest_edge: edge }) => ({ width: edge, height: edge })),
  ]),
});

export interface ZeroShotModel extends RegisteredDetector {
  folder: string;
  kind: ZeroShotKind;
}

/** Where the folders are. */
export interface ZeroShotPlaces {
  home: string;
  /** `undefined`: where the tools of Hugging Face have it. */
  hubCache: string | undefined;
}

/** Throws a UserError if a file is missing or describes a model of another kind. */
export async function zeroShotModel(places: ZeroShotPlaces, model: ModelId): Promise<ZeroShotModel> {
  const { folder, advice } = placeOf(places, model);
  const facts = await Promise.all(FILES.map(async (file) => await stat(join(folder, file)).catch(missing)));
  const absent = FILES.filter((_, index) => facts[index] === null);
  if (absent.length > 0) throw new UserError(`The model ${model} is not there as a whole. ${advice(absent)}`);
  const version = createHash('sha256').update(JSON.stringify(facts.map((file) => [file?.size, file?.mtimeMs])));
  const read = async <T>(file: (typeof FILES)[number], schema: z.ZodType<T>, expected: string): Promise<T> => {
    const text = await readFile(join(folder, file), 'utf8');
    version.update(text);
    const { data, error } = schema.safeParse(contentOf(text));
    if (data !== undefined) return data;
    throw new UserError(`The model ${model} cannot be used: its ${file} lacks what is needed. Expected ${expected}.`, {
      cause: error,
    });
  };
  const { model_type: kind } = await read(
    'config.json',
    ModelConfig,
    `model_type ${new Intl.ListFormat('en', { type: 'disjunction' }).format(ZERO_SHOT_KINDS)}`,
  );
  const { size } = await read(
    'preprocessor_config.json',
    PreprocessorConfig,
    'size with a width and a height, or with a shortest_edge, from 32 to 4,096',
  );
  return { labels: null, input: size, version: version.digest('hex').slice(0, 16), folder, kind };
}

interface Place {
  folder: string;
  /** What to do about files that are not there. */
  advice: (files: readonly string[]) => string;
}

function placeOf({ home, hubCache }: ZeroShotPlaces, model: ModelId): Place {
  const name = zeroShotName(model);
  if (name !== null) {
    return {
      folder: join(home, FOLDER, name),
      advice: (files) => `Put these files into ${FOLDER}/${name} below TILESIGHT_HOME: ${files.join(', ')}.`,
    };
  }
  const hub = hubModel(model);
  if (hub === null) {
    const names = `${FOLDER}/NAME below TILESIGHT_HOME in lower-case letters`;
    throw new UserError(
      `The model ${model} cannot exist. Name a folder of ${names}, or a model in the cache of the hub as hf:OWNER/MODEL@COMMIT, with all 40 digits of the commit.`,
    );
  }
  const { owner, repository, commit } = hub;
  const cache = hubCache ?? join(homedir(), '.cache', 'huggingface', 'hub');
  return {
    folder: join(cache, `models--${owner}--${repository}`, 'snapshots', commit),
    advice: (files) =>
      `Fetch what is missing into the cache ${cache} (HF_HUB_CACHE): \`hf download ${owner}/${repository} ${files.join(' ')} --revision ${commit}\`.`,
  };
}

function contentOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // fits no schema
  }
}

function missing(error: unknown): null {
  if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return null;
  throw error;
}
