// The runtime of local models: onnxruntime's native package, or its WebAssembly where that one cannot be loaded. The only file that loads
// either; its callers know sessions and tensors.
import './no-telemetry.ts';

import type * as Native from 'onnxruntime-node';
import { codeOf } from '../../contract/errors.ts';

type Options = Native.InferenceSession.SessionOptions;
type Library = Pick<typeof Native, 'InferenceSession' | 'Tensor'>;
export type RuntimeName = 'native' | 'wasm';

/** Plain values: the runtimes have a class of their own each. */
export type Tensor = Pick<Native.Tensor, 'type' | 'data' | 'dims'>;

/** A loaded model. */
export interface Session {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  readonly inputMetadata: readonly Native.InferenceSession.ValueMetadata[];
  /** Inputs and outputs by name. */
  run(inputs: Readonly<Record<string, Tensor>>): Promise<Record<string, Tensor>>;
  release(): Promise<void>;
}

export interface Runtime {
  name: RuntimeName;
  /** Throws if the model cannot be loaded. */
  createSession(model: Uint8Array, options: Options): Promise<Session>;
}

/** Not a literal in `import()`: most systems lack the package, so bundles must do without it. */
const WASM_PACKAGE: string = '#onnxruntime-wasm';
const WASM = 'wasm';

/**
 * Loads it on first use. Throws what the native package throws if neither can be loaded: that names the package for this system. An
 * execution provider other than the CPU is in the native package only.
 */
export async function loadRuntime({ executionProviders = ['cpu'] }: Pick<Options, 'executionProviders'>): Promise<Runtime> {
  if (executionProviders.includes(WASM)) return wasmRuntime(await loadWasm());
  try {
    const { default: library } = await import('onnxruntime-node'); // a bundle has no other export of a CommonJS package
    return { name: 'native', createSession: async (model, options) => await sessionIn(library, model, options) };
  } catch (error) {
    if (!executionProviders.includes('cpu')) throw error;
    return wasmRuntime(
      await loadWasm().catch((cause: unknown) => {
        throw isMissing(cause) ? error : cause;
      }),
    );
  }
}

async function loadWasm(): Promise<Library> {
  const library: typeof Native = await import(WASM_PACKAGE);
  library.env.wasm.numThreads = 1; // there is a worker process for each core
  return library;
}

/** A function on AWS has no such name in its package.json. */
function isMissing(cause: unknown): boolean {
  return ['ERR_MODULE_NOT_FOUND', 'ERR_PACKAGE_IMPORT_NOT_DEFINED'].includes(codeOf(cause));
}

function wasmRuntime(library: Library): Runtime {
  return {
    name: 'wasm',
    createSession: async (model, options) => await sessionIn(library, model, { ...options, executionProviders: [WASM] }),
  };
}

async function sessionIn({ InferenceSession, Tensor }: Library, model: Uint8Array, options: Options): Promise<Session> {
  const session = await InferenceSession.create(model, options);
  return {
    inputNames: session.inputNames,
    outputNames: session.outputNames,
    inputMetadata: session.inputMetadata,
    async run(inputs) {
      const feeds = Object.entries(inputs).map(([name, { type, data, dims }]) => [name, new Tensor(type, data, dims)] as const);
      return await session.run(Object.fromEntries(feeds));
    },
    release: () => session.release(),
  };
}
