// The pools of model workers in this process, by the folder of the built-in models.
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { UserError } from '../../contract/errors.ts';
import { lru } from '../../contract/lru.ts';
import { type ModelPool, modelPool } from './model-pool.ts';

/** Pools by models folder: a process loads each model once, however many adapters it has. */
const POOLS_MAX = 4; // a deployment has one folder
const pools = lru<string, ModelPool>(POOLS_MAX, (pool) => pool.close());

/** `modelsFolder` holds the .onnx files and checksums.json: the repository's own by default. */
export function sharedPool(modelsFolder = ownModels()): ModelPool {
  const pool = pools.get(modelsFolder) ?? modelPool(modelsFolder);
  pools.set(modelsFolder, pool);
  return pool;
}

/** By a name of package.json: a bundle has them elsewhere, or not at all. */
function ownModels(): string {
  try {
    return dirname(createRequire(import.meta.url).resolve('#models/checksums.json'));
  } catch (cause) {
    const sentence = 'This deployment was built without the local models. Build it with `npm run build -- --models onnx`.';
    throw new UserError(sentence, { cause });
  }
}
