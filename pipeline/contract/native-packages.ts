// Explains why a package with native code, or the one that replaces it, cannot be loaded: it is missing, or built for another system.
// Pure: loads no package.
import { UserError } from './errors.ts';

const PACKAGES = {
  sharp: {
    name: 'sharp',
    isNamedIn: /\bsharp\b|libvips/,
    need: 'Reading images needs it.',
    advice: 'Run `npm ci` on this system; node_modules from another system do not work.',
  },
  onnxruntime: {
    name: 'onnxruntime-node',
    isNamedIn: /onnxruntime/,
    need: 'The local models need it; it exists for Linux with glibc, macOS on Apple silicon, and Windows.',
    advice: 'Run `npm ci` on this system, or choose models of another provider, for example in DETECTION_MODELS.',
  },
} as const;
/** The npm package of tilesight has the runtime in a package for each system. */
const RUNTIME_PACKAGE = /@tilesight[\\/](onnxruntime-\w+-\w+)/;

const WASM_PACKAGE = /onnxruntime-(wasm|web)\b/;

const LOADER_CODES = new Set(['ERR_DLOPEN_FAILED', 'ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND']);

interface System {
  platform: string;
  arch: string;
}

/** A UserError if a native package could not be loaded; any other error unchanged. */
export function withPackageAdvice(error: unknown, system: System = process): unknown {
  for (let link = error; link instanceof Error; link = link.cause) {
    const code = 'code' in link ? String(link.code) : null;
    const { message } = link;
    const isLoadError = (code !== null && LOADER_CODES.has(code)) || message.startsWith('Could not load the "sharp" module');
    const found = isLoadError && Object.values(PACKAGES).find(({ isNamedIn }) => isNamedIn.test(message));
    if (!found) continue;
    if (WASM_PACKAGE.test(message)) return wasmMissing(error);
    const [, runtime] = RUNTIME_PACKAGE.exec(message) ?? [];
    return runtime === undefined ? cannotLoad(found, system, error) : runtimeMissing(`@tilesight/${runtime}`, system, error);
  }
  return error;
}

/** The sentence for a processor that lacks the instructions that the runtime of the local models is compiled to. */
export function unfitProcessor(cause: unknown, system: System = process): UserError {
  const { name, need } = PACKAGES.onnxruntime;
  const advice = 'Set ONNX_EXECUTION_PROVIDER=wasm, which needs no native code and is about 3 times slower.';
  return cannotLoad({ name, need, advice }, system, cause);
}

function wasmMissing(cause: unknown): UserError {
  const sentence =
    'The WebAssembly of the local models is not installed. Add it with `npm install @tilesight/onnxruntime-wasm` (in a clone `npm ci`), or unset ONNX_EXECUTION_PROVIDER.';
  return new UserError(sentence, { cause });
}

function runtimeMissing(name: string, { platform, arch }: System, cause: unknown): UserError {
  const { need } = PACKAGES.onnxruntime;
  return new UserError(
    `The package ${name} is missing or cannot run on this system (${platform}-${arch}). ${need} Install tilesight again on this system, without --omit=optional, add @tilesight/onnxruntime-wasm, or choose models of another provider, for example in DETECTION_MODELS.`,
    { cause },
  );
}

function cannotLoad(
  { name, need, advice }: { name: string; need: string; advice: string },
  { platform, arch }: System,
  cause: unknown,
) {
  return new UserError(`The package ${name} cannot run on this system (${platform}-${arch}). ${need} ${advice}`, { cause });
}
