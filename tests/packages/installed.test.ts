// The npm package as its users have it: packed, installed in an empty folder, started by the command that npm links.
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { faultsOf } from '../../build/npm-package/check-archive.ts';
import { type Archive, pack } from '../../build/npm-package/pack.ts';
import { RUNTIMES, runtimeName } from '../../build/npm-package/runtimes.ts';
import { FALLBACKS, WASM_RUNTIME } from '../../build/npm-package/wasm-runtime.ts';
import { writePackages } from '../../build/npm-package/write-packages.ts';
import { agentPlugin, claudePlugin, kiroPower } from '../../build/ways/plugins.ts';
import { TOOLS } from '../../mcp-server/tools/index.ts';
import { FONT_FILE } from '../../pipeline/imaging/drawing/name-tag.ts';

const BYTES_MAX = 105_000_000;
const PACKAGES_MAX = 12;
const OLDEST_NODE = '22.13.1';
const START_CPU_S_MAX = 0.1;
/** A part of examples/lawn.jpg with a cat and a cup: the whole of it takes a minute of CPU time. */
const PART = { left: 1_600, top: 1_500, width: 640, height: 640 };
const SIGN = { text: 'WORKSHOP 4711', font: 'DejaVu Sans Bold 24', fontfile: FONT_FILE, rgba: true, dpi: 96 };
const Findings = z.object({ findings: z.array(z.looseObject({ label: z.string(), text: z.string().nullable() })) });
const Sbom = z.object({
  bomFormat: z.literal('CycloneDX'),
  specVersion: z.literal('1.6'),
  components: z.array(
    z.object({
      name: z.string(),
      purl: z.string().regex(/^pkg:npm\/(%40[^/]+\/)?[^/]+@[\w.-]+$/),
      licenses: z.tuple([z.union([z.object({ license: z.object({ id: z.string() }) }), z.object({ expression: z.string() })])]),
      hashes: z.tuple([z.object({ alg: z.literal('SHA-512'), content: z.string().length(128) })]),
    }),
  ),
});
/** Dependencies of the repository that are not in the package: the functions on AWS need them, or a clone. */
const NOT_IN_PACKAGE = [
  '@aws-lambda-powertools/logger',
  '@aws-lambda-powertools/metrics',
  '@aws-sdk/lib-storage',
  '@aws-sdk/s3-request-presigner',
  'esbuild',
];
const Lock = z.object({ packages: z.record(z.string(), z.looseObject({ hasInstallScript: z.boolean().optional() })) });

const runtime = RUNTIMES.find(({ os, cpu }) => os === process.platform && cpu === process.arch);
let folder: string;
let app: string;
let home: string;
let archives: Archive[];
let sbom: z.infer<typeof Sbom>;
let byClone: z.infer<typeof Findings>['findings'];

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

async function run(file: string, args: string[], more: Record<string, string> = {}): Promise<Ended> {
  // biome-ignore lint/style/noProcessEnv: a child starts from this process's environment.
  const env = { ...process.env, TILESIGHT_HOME: home, LOG_LEVEL: 'silent', ...more };
  const ended = z.object({ code: z.number().default(0), stdout: z.string(), stderr: z.string() });
  return await promisify(execFile)(file, args, { cwd: app, env }).then(ended.parse, ended.parse);
}

/** npm of this machine, in the folder of the app. */
async function npm(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run('npm', [...args, '--no-audit', '--no-fund', '--prefer-offline']);
  if (code !== 0) throw new Error(stderr);
  return stdout;
}

const command = () => join(app, 'node_modules/.bin/tilesight');

/** What `analyze` finds in the part, run by that Node. */
async function found(
  node: string,
  script = command(),
): Promise<{ ended: Ended; findings: z.infer<typeof Findings>['findings'] }> {
  const ended = await run(node, [script, 'analyze', 'part.png', '--out', 'out']);
  if (ended.code !== 0) throw new Error(ended.stderr);
  const { findings } = Findings.parse(JSON.parse(await readFile(join(app, 'out/findings.json'), 'utf8')));
  await rm(join(app, 'out'), { recursive: true });
  return { ended, findings };
}

describe.skipIf(runtime === undefined)('the installed package', { timeout: 180_000 }, () => {
  beforeAll(async () => {
    if (!runtime) return;
    folder = await mkdtemp(join(tmpdir(), 'tilesight-test-'));
    [app, home] = [await mkdtemp(join(folder, 'app-')), await mkdtemp(join(folder, 'home-'))];
    const { folders, sbom: sbomFile } = await writePackages(join(folder, 'packages'), { owner: 'someone' }, [runtime]);
    await writeFile(join(app, 'package.json'), '{"private": true}');
    archives = await Promise.all(folders.map((one) => pack(one, folder)));
    const own = archives.filter(({ name }) => [runtimeName(runtime), 'tilesight'].includes(name));
    await npm('install', ...own.map(({ path }) => path));
    sbom = Sbom.parse(JSON.parse(await readFile(sbomFile, 'utf8')));
    await sharp('examples/lawn.jpg')
      .extract(PART)
      .composite([{ input: { text: SIGN }, left: 40, top: 40 }])
      .toFile(join(app, 'part.png'));
    await sharp({ create: { width: 64, height: 64, channels: 3, background: '#777' } }).toFile(join(app, 'gray.png'));
    byClone = (await found(process.execPath, resolve('cli/tilesight.ts'))).findings;
  }, 180_000);

  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('is small, has few packages, compiles nothing and runs no script', async () => {
    const entries = await readdir(join(app, 'node_modules'), { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile());
    const sizes = await Promise.all(files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).size));
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    const { packages } = Lock.parse(JSON.parse(await readFile(join(app, 'node_modules/.package-lock.json'), 'utf8')));
    const count = Object.keys(packages).length;
    console.log(`Installed: ${count} packages, ${(bytes / 1_000_000).toFixed(1)} MB.`);
    expect(count).toBeLessThanOrEqual(PACKAGES_MAX);
    expect(bytes).toBeLessThanOrEqual(BYTES_MAX);
    expect(Object.keys(packages).filter((path) => packages[path]?.hasInstallScript)).toEqual([]);
    expect(files.filter(({ parentPath }) => /[\\/]build[\\/]Release/.test(parentPath))).toEqual([]);
  });

  test('can be published: publint and are-the-types-wrong find no fault', async () => {
    const runtimes = [runtime && runtimeName(runtime), WASM_RUNTIME, ...Object.keys(FALLBACKS)];
    expect(archives.map(({ name }) => name)).toEqual([...runtimes, 'tilesight']);
    for (const { path, folder: packed } of archives) expect(await faultsOf(path, packed)).toEqual([]);
  });

  test('could not be published without its declarations', async () => {
    const broken = await mkdtemp(join(folder, 'broken-'));
    const exports = { '.': { types: './missing.d.ts', default: './library.mjs' } };
    await writeFile(join(broken, 'package.json'), JSON.stringify({ name: 'broken', version: '1.0.0', type: 'module', exports }));
    await writeFile(join(broken, 'library.mjs'), 'export const one = 1;');
    const faults = await faultsOf((await pack(broken, broken)).path, broken);
    expect(faults).toEqual([
      expect.stringMatching(/^publint: .*missing\.d\.ts/),
      expect.stringMatching(/^are-the-types-wrong: /),
    ]);
  });

  test('has every dependency, its license and its hash in the bill of materials, and a notice of its license', async () => {
    const { dependencies } = z
      .object({ dependencies: z.record(z.string(), z.string()) })
      .parse(JSON.parse(await readFile('package.json', 'utf8')));
    const listed = new Set(sbom.components.map(({ name }) => name));
    const missing = Object.keys(dependencies).filter((name) => !listed.has(name));
    expect(missing).toEqual(NOT_IN_PACKAGE);
    expect(sbom.components.length).toBeGreaterThan(80);
    const notices = await readFile(join(app, 'node_modules/tilesight/THIRD_PARTY_NOTICES.txt'), 'utf8');
    for (const name of ['zod', 'openai', 'jose']) expect(notices).toMatch(new RegExp(`^${name} [\\d.]+ \\(`, 'm'));
    expect(notices).toContain('Copyright (c) 2025 Colin McDonnell');
  });

  test('finds what a clone finds', async () => {
    const { ended, findings } = await found(process.execPath);
    expect(ended.stdout).toContain('Wrote out/report.html, out/overlay.jpg, and out/findings.json.');
    expect(findings).toEqual(byClone);
    expect(byClone.map(({ label, text }) => text ?? label)).toEqual(expect.arrayContaining(['WORKSHOP 4711', 'cat']));
  });

  test(`finds it on Node ${OLDEST_NODE}, without a warning`, async (context) => {
    const node = join(folder, 'node', 'node_modules', `node-${process.platform}-${process.arch}`, 'bin/node');
    const install = ['install', '--prefix', join(folder, 'node'), '--ignore-scripts'];
    const installed = await npm(...install, `node-${process.platform}-${process.arch}@${OLDEST_NODE}`).catch(() => null);
    if (installed === null) return context.skip(`The registry has no Node ${OLDEST_NODE} for this system.`);
    const { ended, findings } = await found(node);
    expect(ended.stderr).not.toContain('Warning');
    expect(findings).toEqual(byClone);
  });

  test('says in one sentence that Node is too old', async () => {
    const { engines } = z
      .object({ engines: z.object({ node: z.string() }) })
      .parse(JSON.parse(await readFile(join(app, 'node_modules/tilesight/package.json'), 'utf8')));
    const pretends = join(folder, 'pretends.cjs');
    await writeFile(pretends, `Object.defineProperty(process.versions, 'node', { value: '20.20.2' });`);
    expect(await run(process.execPath, ['--require', pretends, command(), '--version'])).toEqual({
      code: 1,
      stdout: '',
      stderr: `tilesight needs Node ${engines.node.replace('>=', '')} or later, and this is 20.20.2. Install a newer one from https://nodejs.org.\n`,
    });
  });

  test('starts in little more time than Node', async () => {
    const cpuOf = async (...args: string[]) => {
      const seconds: number[] = [];
      for (let round = 0; round < 5; round++) {
        const { stderr } = await run('bash', [
          '-c',
          'TIMEFORMAT="%U %S"; time "$@" >/dev/null',
          'bash',
          process.execPath,
          ...args,
        ]);
        seconds.push(
          stderr
            .split(/\s+/)
            .map(Number)
            .reduce((sum, part) => sum + part, 0),
        );
      }
      return Math.min(...seconds);
    };
    const [bare, version] = [await cpuOf('--eval', '0'), await cpuOf(command(), '--version')];
    console.log(`tilesight --version: ${(version - bare).toFixed(3)} s of CPU time more than Node.`);
    expect(version - bare).toBeLessThan(START_CPU_S_MAX);
  });

  test('is a library that serves, analyzes and reads findings', async () => {
    const script = `import { startServer } from 'tilesight';
      const server = await startServer({ dataFolder: 'data', environment: { LOG_LEVEL: 'silent' } });
      const page = await (await fetch(server.url)).text();
      const scripts = [...page.matchAll(/src="([^"]+)"/g)].map(([, path]) => new URL(path, server.url));
      const statuses = await Promise.all(scripts.map(async (url) => (await fetch(url)).status));
      const { execution_id, status, findings } = await server.analyze('gray.png', { labels: ['cat'] });
      const read = await server.readFindings(execution_id);
      const unknown = await server.readFindings('not-there').catch(({ message }) => message);
      await server.close();
      console.log(JSON.stringify({ title: /<title>.*tilesight/i.test(page), statuses, status, findings, same: read.execution_id === execution_id, unknown }));`;
    const { code, stdout, stderr } = await run(process.execPath, ['--input-type=module', '--eval', script]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({
      title: true,
      statuses: expect.arrayContaining([200]),
      status: 'SUCCEEDED',
      findings: [],
      same: true,
      unknown: expect.stringContaining('not-there'),
    });
  });

  test('serves all tools on standard input and output', async () => {
    const client = new Client({ name: 'test', version: '1' });
    const args = [command(), 'mcp', '--data', join(folder, 'stdio')];
    await client.connect(new StdioClientTransport({ command: process.execPath, args, env: { HOME: home }, stderr: 'ignore' }));
    const { tools } = await client.listTools();
    await client.close();
    expect(tools.map(({ name }) => name).sort()).toEqual(TOOLS.map(({ name }) => name).sort());
  });

  test.each([
    ['an Agent Plugin', agentPlugin({ owner: 'someone' }).get('mcp.json')],
    ['the plugin for Claude Code', claudePlugin({ owner: 'someone' }).get('.mcp.json')],
    ['the Kiro power', kiroPower().get('mcp.json')],
  ])('starts by the line of %s', async (_, servers = '{}') => {
    const Servers = z.object({
      mcpServers: z.object({ tilesight: z.object({ command: z.string(), args: z.array(z.string()) }) }),
    });
    const { command: npx, args } = Servers.parse(JSON.parse(servers)).mcpServers.tilesight;
    // biome-ignore lint/style/noProcessEnv: npx needs the path of this process.
    const env = { PATH: process.env.PATH ?? '', HOME: home, npm_config_offline: 'true' };
    const client = new Client({ name: 'test', version: '1' });
    await client.connect(new StdioClientTransport({ command: npx, args, env, cwd: app, stderr: 'ignore' }));
    const { tools } = await client.listTools();
    await client.close();
    expect(tools.map(({ name }) => name)).toEqual(TOOLS.map(({ name }) => name));
  });

  test('has types', async () => {
    const source = join(app, 'uses.mts');
    await writeFile(
      source,
      `import { type Findings, startServer } from 'tilesight';
      const server = await startServer({ port: 0 });
      const { findings }: Findings = await server.analyze('a.png', { detail: 'fine' });
      const left: number | undefined = findings[0]?.box[0];
      // @ts-expect-error: no such detail
      await server.analyze('a.png', { detail: 'huge' });
      export { left };`,
    );
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2024', '--types', ''];
    expect(await run(process.execPath, [resolve('node_modules/typescript/bin/tsc'), ...options, source])).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    });
  });

  test('without the runtime names its package and the system in one sentence', async () => {
    if (!runtime) throw new Error('Expected a runtime.');
    const place = join(app, 'node_modules', runtimeName(runtime));
    await rename(place, `${place}-away`);
    try {
      const { code, stderr } = await run(process.execPath, [command(), 'analyze', 'gray.png', '--out', 'none']);
      expect(code).toBe(1);
      expect(stderr).toContain(
        `The package ${runtimeName(runtime)} is missing or cannot run on this system (${runtime.os}-${runtime.cpu}). `,
      );
      expect(stderr).not.toContain('node_modules');
    } finally {
      await rename(`${place}-away`, place);
    }
  });
});
