// The runtime of the local models for systems without a native one: onnxruntime's WebAssembly in one package, and a package without files
// for each group of such systems, which npm installs there only and which depends on it.
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { copyNotices, RUNTIME_VERSION } from './runtimes.ts';

/** As npm compares them with the system; `!` excludes one. */
interface Systems {
  os: readonly string[];
  cpu?: readonly string[];
  libc?: readonly string[];
}

const SOURCE = dirname(createRequire(import.meta.url).resolve('onnxruntime-web'));
/** The entry, and what it loads with one thread on a CPU. */
const FILES = ['ort.node.min.mjs', 'ort-wasm-simd-threaded.mjs', 'ort-wasm-simd-threaded.wasm'] as const;
export const WASM_RUNTIME = '@tilesight/onnxruntime-wasm';

/** By the name of the package. Together with the native runtimes they are all systems, none twice. */
export const FALLBACKS: Readonly<Record<string, Systems>> = {
  '@tilesight/onnxruntime-linux-musl': { os: ['linux'], cpu: ['x64', 'arm64'], libc: ['musl'] },
  '@tilesight/onnxruntime-linux-other': { os: ['linux'], cpu: ['!x64', '!arm64'] },
  '@tilesight/onnxruntime-darwin-x64': { os: ['darwin'], cpu: ['x64'] },
  '@tilesight/onnxruntime-other': { os: ['!linux', '!darwin', '!win32'] },
};

/** Returns the folders of the packages, that of the WebAssembly first: npm must know it when the rest appear. */
export async function writeWasmRuntime(outFolder: string): Promise<string[]> {
  const folder = join(outFolder, basename(WASM_RUNTIME));
  const { license } = z
    .object({ version: z.literal(RUNTIME_VERSION), license: z.string() })
    .parse(JSON.parse(await readFile(join(SOURCE, '../package.json'), 'utf8')));
  await mkdir(folder, { recursive: true });
  for (const file of FILES) await cp(join(SOURCE, file), join(folder, file));
  await copyNotices(folder);
  await writeFile(join(folder, 'index.d.ts'), "export * from 'onnxruntime-common';\n");
  await writePackage(folder, {
    name: WASM_RUNTIME,
    version: RUNTIME_VERSION,
    description: `ONNX Runtime ${RUNTIME_VERSION} as WebAssembly, the runtime of tilesight's local models where no native one fits.`,
    license,
    type: 'module',
    exports: { '.': { types: './index.d.ts', default: `./${FILES[0]}` } },
    files: [...FILES, 'index.d.ts', 'ThirdPartyNotices.txt'],
    dependencies: { 'onnxruntime-common': RUNTIME_VERSION },
  });
  const folders = [folder];
  for (const [name, systems] of Object.entries(FALLBACKS)) {
    folders.push(join(outFolder, basename(name)));
    await writePackage(join(outFolder, basename(name)), {
      name,
      version: RUNTIME_VERSION,
      description: `Installs ${WASM_RUNTIME} on systems for which tilesight has no native runtime.`,
      license: 'MIT-0',
      type: 'commonjs',
      ...systems,
      files: [],
      dependencies: { [WASM_RUNTIME]: RUNTIME_VERSION },
    });
  }
  return folders;
}

async function writePackage(folder: string, manifest: Record<string, unknown> & { name: string; description: string }) {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  await writeFile(join(folder, 'README.md'), `# ${manifest.name}\n\n${manifest.description} npm installs it with tilesight.\n`);
}
