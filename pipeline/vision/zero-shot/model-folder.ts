// The folder of a zero-shot model: what its files state. Runs no model.
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { codeOf, UserError } from '../../contract/errors.ts';
import type { ModelId } from '../../contract/schemas.ts';
import type { RegisteredDetector } from '../../ports.ts';
import { zeroShotName } from '../../providers/detector-names.ts';

const FOLDER = 'hf';
const FILES = ['config.json', 'preprocessor_config.json', 'tokenizer.json', 'tokenizer_config.json', 'onnx/model.onnx'] as const;

/** The architectures that find boxes for words. Grounding DINO is not among them: it answers with phrases of its own. */
export const ZERO_SHOT_KINDS = ['owlvit', 'owlv2'] as const;
export type ZeroShotKind = (typeof ZERO_SHOT_KINDS)[number];

const Edge = z.int().min(32).max(4_096);
const ModelConfig = z.object({ model_type: z.enum(ZERO_SHOT_KINDS) });
const PreprocessorConfig = z.object({ size: z.object({ width: Edge, height: Edge }) });

export interface ZeroShotModel extends RegisteredDetector {
  folder: string;
  kind: ZeroShotKind;
}

/** Throws a UserError if a file is missing or describes a model of another kind. */
export async function zeroShotModel(home: string, model: ModelId): Promise<ZeroShotModel> {
  const name = zeroShotName(model);
  const place = `${FOLDER}/${name ?? 'NAME'} below TILESIGHT_HOME`;
  if (name === null) throw new UserError(`The model ${model} cannot exist. Name a folder of ${place} in lower-case letters.`);
  const folder = join(home, FOLDER, name);
  const facts = await Promise.all(FILES.map(async (file) => await stat(join(folder, file)).catch(missing)));
  const absent = FILES.filter((_, index) => facts[index] === null);
  if (absent.length > 0) {
    throw new UserError(`The model ${model} is not there as a whole. Put these files into ${place}: ${absent.join(', ')}.`);
  }
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
  const { model_type: kind } = await read('config.json', ModelConfig, `model_type ${ZERO_SHOT_KINDS.join(' or ')}`);
  const { size } = await read('preprocessor_config.json', PreprocessorConfig, 'size with a width and a height from 32 to 4,096');
  return { labels: null, input: size, version: version.digest('hex').slice(0, 16), folder, kind };
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
