// The packages with the runtime of the local models: one for each system, from the files of onnxruntime-node. Its own package has the
// binaries of all systems and, as a dependency, downloads another build for GPUs from elsewhere when it is installed.
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import manifest from '../../package.json' with { type: 'json' };

export interface Runtime {
  os: NodeJS.Platform;
  cpu: NodeJS.Architecture;
  libc?: 'glibc';
  /** In the folder of onnxruntime-node for the system. */
  files: readonly string[];
}

const BINDING = 'onnxruntime_binding.node';
const SOURCE = join(dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json')), 'bin/napi-v6');
const NOTICES = join(import.meta.dirname, 'notices/onnxruntime');

/** On Windows without DirectML and its compiler: 38 MB that only a GPU would use. */
export const RUNTIMES: readonly Runtime[] = [
  { os: 'linux', cpu: 'x64', libc: 'glibc', files: [BINDING, 'libonnxruntime.so.1'] },
  { os: 'linux', cpu: 'arm64', libc: 'glibc', files: [BINDING, 'libonnxruntime.so.1'] },
  { os: 'darwin', cpu: 'arm64', files: [BINDING, 'libonnxruntime.1.dylib'] },
  { os: 'win32', cpu: 'x64', files: [BINDING, 'onnxruntime.dll'] },
  { os: 'win32', cpu: 'arm64', files: [BINDING, 'onnxruntime.dll'] },
];

export const runtimeName = ({ os, cpu }: Pick<Runtime, 'os' | 'cpu'>) => `@tilesight/onnxruntime-${os}-${cpu}`;

/** The version of the runtime itself: its packages change only with it. */
export const RUNTIME_VERSION = manifest.dependencies['onnxruntime-node'];

/** The expression in onnxruntime-node/dist/binding.js that names its binary. */
// biome-ignore lint/suspicious/noTemplateCurlyInString: it is a template there.
const OWN_BINARY = 'require(`../bin/napi-v6/${process.platform}/${process.arch}/onnxruntime_binding.node`)';

/** That file with the binary of the package for the system. Throws if it has another form than expected. */
export async function bindingOf(path: string): Promise<string> {
  const source = await readFile(path, 'utf8');
  if (!source.includes(OWN_BINARY))
    throw new Error(`${path} does not load its binary as expected. Update build/npm-package/runtimes.ts.`);
  return source.replace(OWN_BINARY, `require(\`@tilesight/onnxruntime-\${process.platform}-\${process.arch}/${BINDING}\`)`);
}

/** What the license of ONNX Runtime asks for. */
export async function copyNotices(folder: string): Promise<void> {
  for (const notice of ['LICENSE', 'ThirdPartyNotices.txt']) await cp(join(NOTICES, notice), join(folder, notice));
}

export async function writeRuntime(folder: string, runtime: Runtime): Promise<void> {
  const { os, cpu, libc, files } = runtime;
  await mkdir(folder, { recursive: true });
  for (const file of files) await cp(join(SOURCE, os, cpu, file), join(folder, file));
  await copyNotices(folder);
  const { version, license } = z
    .object({ version: z.literal(RUNTIME_VERSION), license: z.string() })
    .parse(JSON.parse(await readFile(join(SOURCE, '../../package.json'), 'utf8')));
  const description = `ONNX Runtime ${version} for ${os}-${cpu}, the runtime of tilesight's local models.`;
  const packed = {
    name: runtimeName(runtime),
    version,
    description,
    license,
    type: 'commonjs',
    os: [os],
    cpu: [cpu],
    ...(libc && { libc: [libc] }),
    files: [...files, 'ThirdPartyNotices.txt'],
    main: BINDING,
  };
  await writeFile(join(folder, 'package.json'), `${JSON.stringify(packed, null, 2)}\n`);
  await writeFile(join(folder, 'README.md'), `# ${packed.name}\n\n${description} npm installs it with tilesight.\n`);
}
