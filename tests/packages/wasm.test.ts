// Systems without a native runtime for the local models: npm installs its WebAssembly there, and it finds the same.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type Archive, pack } from '../../build/npm-package/pack.ts';
import { RUNTIME_VERSION, RUNTIMES, runtimeName } from '../../build/npm-package/runtimes.ts';
import { FALLBACKS, WASM_RUNTIME } from '../../build/npm-package/wasm-runtime.ts';
import { writePackages } from '../../build/npm-package/write-packages.ts';
import { FONT_FILE } from '../../pipeline/imaging/drawing/name-tag.ts';
import { type LocalRegistry, localRegistry } from '../support/local-registry.ts';

const BYTES_MAX = 105_000_000;
const PACKAGES_MAX = 12;
/** With a cat and a cup. */
const PART = { left: 1_600, top: 1_500, width: 640, height: 640 };
const SIGN = { text: 'WORKSHOP 4711', font: 'DejaVu Sans Bold 24', fontfile: FONT_FILE, rgba: true, dpi: 96 };
const Findings = z.object({ findings: z.array(z.looseObject({ label: z.string(), text: z.string().nullable() })) });

let folder: string;
let archives: Archive[];
const registries: LocalRegistry[] = [];

async function run(file: string, args: readonly string[], cwd: string): Promise<string> {
  // biome-ignore lint/style/noProcessEnv: a child starts from this process's environment.
  const env = { ...process.env, TILESIGHT_HOME: join(folder, 'home'), LOG_LEVEL: 'silent' };
  const { stdout } = await promisify(execFile)(file, args, { cwd, env });
  return stdout;
}

/** An empty folder, in which npm finds the packages of the scope in a registry that has these only. */
async function app(manifest: object, isServed: (name: string) => boolean): Promise<string> {
  const registry = await localRegistry(archives.filter(({ name }) => isServed(name)));
  registries.push(registry);
  const created = await mkdtemp(join(folder, 'app-'));
  await writeFile(join(created, '.npmrc'), `@tilesight:registry=${registry.url}\n`);
  await writeFile(join(created, 'package.json'), JSON.stringify({ private: true, ...manifest }));
  return created;
}

async function npmInstall(cwd: string, ...args: string[]): Promise<void> {
  await run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', ...args], cwd);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tilesight-test-'));
  const own = RUNTIMES.filter(({ os, cpu }) => os === process.platform && cpu === process.arch);
  const { folders } = await writePackages(join(folder, 'packages'), { owner: 'someone' }, own);
  archives = await Promise.all(folders.map((one) => pack(one, folder)));
}, 120_000);

afterAll(async () => {
  for (const registry of registries) registry.close();
  await rm(folder, { recursive: true, force: true });
});

describe('npm installs', () => {
  const OPTIONAL = Object.fromEntries(
    [...RUNTIMES.map(runtimeName), ...Object.keys(FALLBACKS)].map((name) => [name, RUNTIME_VERSION]),
  );

  test.each([
    { os: 'linux', cpu: 'x64', libc: 'musl', group: 'onnxruntime-linux-musl' },
    { os: 'linux', cpu: 'riscv64', libc: 'glibc', group: 'onnxruntime-linux-other' },
    { os: 'darwin', cpu: 'x64', libc: '', group: 'onnxruntime-darwin-x64' },
    { os: 'freebsd', cpu: 'x64', libc: '', group: 'onnxruntime-other' },
  ])('the WebAssembly on $os-$cpu $libc', async ({ os, cpu, libc, group }) => {
    const place = await app({ optionalDependencies: OPTIONAL }, () => true);
    await npmInstall(place, '--os', os, '--cpu', cpu, ...(libc ? ['--libc', libc] : []));
    expect((await readdir(join(place, 'node_modules/@tilesight'))).sort()).toEqual([group, basename(WASM_RUNTIME)]);
  });

  test.runIf(process.platform === 'linux')('no WebAssembly where a native runtime fits', async () => {
    const place = await app({ optionalDependencies: OPTIONAL }, () => true);
    await npmInstall(place, '--os', 'linux', '--cpu', process.arch, '--libc', 'glibc');
    expect(await readdir(join(place, 'node_modules/@tilesight'))).toEqual([`onnxruntime-linux-${process.arch}`]);
  });
});

test('the package finds with the WebAssembly what a clone finds with the native runtime, and names the difference', {
  timeout: 240_000,
}, async () => {
  const place = await app({}, (name) => name === WASM_RUNTIME);
  const tilesight = archives.find(({ name }) => name === 'tilesight');
  await npmInstall(place, tilesight?.path ?? '', WASM_RUNTIME);
  const modules = join(place, 'node_modules');
  expect(await readdir(join(modules, '@tilesight'))).toEqual([basename(WASM_RUNTIME)]);

  const files = (await readdir(modules, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const sizes = await Promise.all(files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).size));
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  const Lock = z.object({ packages: z.record(z.string(), z.unknown()) });
  const { packages } = Lock.parse(JSON.parse(await readFile(join(modules, '.package-lock.json'), 'utf8')));
  console.log(`With the WebAssembly: ${Object.keys(packages).length} packages, ${(bytes / 1_000_000).toFixed(1)} MB.`);
  expect(bytes).toBeLessThanOrEqual(BYTES_MAX);
  expect(Object.keys(packages).length).toBeLessThanOrEqual(PACKAGES_MAX - 1); // npm adds the package of the group

  await sharp('examples/lawn.jpg')
    .extract(PART)
    .composite([{ input: { text: SIGN }, left: 40, top: 40 }])
    .toFile(join(place, 'part.png'));
  const analyzed = async (script: string) => {
    await mkdir(join(place, 'out'));
    const stdout = await run(process.execPath, [script, 'analyze', 'part.png', '--out', 'out'], place);
    const { findings } = Findings.parse(JSON.parse(await readFile(join(place, 'out/findings.json'), 'utf8')));
    await rm(join(place, 'out'), { recursive: true });
    return { stdout, findings };
  };
  const inWasm = await analyzed(join(modules, '.bin/tilesight'));
  const native = await analyzed(resolve('cli/tilesight.ts'));
  expect(inWasm.findings).toEqual(native.findings);
  expect(native.findings.map(({ label, text }) => text ?? label)).toEqual(expect.arrayContaining(['WORKSHOP 4711', 'cat']));
  expect(inWasm.stdout).toContain(
    `Note: The local models ran in WebAssembly, because the native runtime cannot be loaded on this system (${process.platform}-${process.arch}). They find the same, about 3 times slower.`,
  );
  expect(native.stdout).not.toContain('WebAssembly');
});
