// The pools of model workers in this process, by execution provider and by the folder of the built-in models.
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { UserError } from '../../contract/errors.ts';
import { lru } from '../../contract/lru.ts';
import type { ExecutionProvider } from '../../providers/execution-providers.ts';
import { type ModelPool, modelPool } from './model-pool.ts';

/** Pools by models folder: a process loads each model once, however many adapters it has. */
const POOLS_MAX = 4; // a deployment has one folder
const pools = lru<string, ModelPool>(POOLS_MAX, (pool) => pool.close());

/** `modelsFolder` holds the .onnx files and checksums.json: the repository's own by default. */
export function sharedPool(executionProvider: ExecutionProvider = 'cpu', modelsFolder = ownModels()): ModelPool {
  const name = `${executionProvider} ${modelsFolder}`;
  const pool = pools.get(name) ?? modelPool(modelsFolder, { executionProvider });
  pools.set(name, pool);
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
