// Measures modules and time of a cold start of the MCP server's function, compared with two empty servers that are bundled the same way.
// The first has the unmodified SDK; the bare one, like ours, lacks the JSON Schema validator and the OAuth schemas. Each import runs in its
// own process, in turns; the bundle is that of `npm run build`.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { type BundledFile, bundle } from '../build/bundle.ts';
import { lambdaFunctions, NOT_BUNDLED } from '../build/functions.ts';
import { type BenchResult, median, resultOf, rounded } from './result.ts';

const RUNS = 25;
const RATIO_MAX = 1.3;
const CODE_BYTES_MAX = 1_300_000;
/** Environment that the template sets. */
const ENVIRONMENT = { BUCKET: 'images', PIPELINE_FUNCTION: 'pipeline:live', AWS_REGION: 'us-east-1' };

/** Runs in a new Node process with nothing else loaded. */
const IMPORT = `
const cpuMs = () => { const { user, system } = process.threadCpuUsage(); return (user + system) / 1000 };
const [begin, beginCpu] = [performance.now(), cpuMs()];
await import(process.argv[1]);
console.log(JSON.stringify({ ms: performance.now() - begin, cpu_ms: cpuMs() - beginCpu }));`;
const LOADED = `
const urls = [];
process.getBuiltinModule('node:module').registerHooks({ load(url, context, next) { urls.push(url); return next(url, context) } });
await import(process.argv[1]);
console.log(JSON.stringify(urls));`;

const Cost = z.object({ ms: z.number(), cpu_ms: z.number() });
type Cost = z.infer<typeof Cost>;

export async function run(): Promise<BenchResult> {
  const folder = await mkdtemp(join(tmpdir(), 'tilesight-coldstart-'));
  try {
    const [mcpServer] = lambdaFunctions({ onnx: false });
    if (!mcpServer) throw new Error('There is no function to bundle.');
    const ours = await bundle(mcpServer);
    const entry = await written(join(folder, 'mcp-server'), ours);
    const entries = { index: 'bench/empty-server.ts' };
    const empty = await written(join(folder, 'empty'), await bundle({ entries, replacements: {}, hasOauth: true }));
    const bare = await written(join(folder, 'bare'), await bundle({ ...mcpServer, entries }));
    const costs = { ours: [] as Cost[], empty: [] as Cost[], bare: [] as Cost[] };
    for (let turn = 0; turn < RUNS; turn++) {
      costs.ours.push(Cost.parse(await inFreshNode(IMPORT, entry)));
      costs.empty.push(Cost.parse(await inFreshNode(IMPORT, empty)));
      costs.bare.push(Cost.parse(await inFreshNode(IMPORT, bare)));
    }
    const [oursMs, emptyMs, bareMs] = [medianOf(costs.ours, 'ms'), medianOf(costs.empty, 'ms'), medianOf(costs.bare, 'ms')];
    const figures = {
      import_ms: rounded(oursMs, 1),
      empty_import_ms: rounded(emptyMs, 1),
      bare_import_ms: rounded(bareMs, 1),
      ratio: rounded(oursMs / emptyMs, 2),
      cpu_ratio: rounded(medianOf(costs.ours, 'cpu_ms') / medianOf(costs.empty, 'cpu_ms'), 2),
      code_bytes: codeOf(ours).reduce((sum, { bytes }) => sum + bytes.length, 0),
      files_with_onnxruntime: codeOf(ours).filter(({ bytes }) => Buffer.from(bytes).includes('onnxruntime')).length,
      loaded_at_start: (await loadedTooEarly(entry)).length,
    };
    return resultOf(figures, {
      ratio: ['<=', RATIO_MAX],
      code_bytes: ['<=', CODE_BYTES_MAX],
      files_with_onnxruntime: ['=', 0],
      loaded_at_start: ['=', 0],
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function written(folder: string, files: readonly BundledFile[]): Promise<string> {
  for (const { path, bytes } of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes);
  }
  return join(folder, 'index.mjs');
}

async function inFreshNode(script: string, entry: string): Promise<unknown> {
  const args = ['--input-type=module', '--eval', script, entry];
  return JSON.parse((await promisify(execFile)(process.execPath, args, { env: ENVIRONMENT })).stdout);
}

/** Sources that importing `entry` loads although only a request needs them; found through the source maps of its chunks. */
async function loadedTooEarly(entry: string): Promise<string[]> {
  const urls = z.array(z.string()).parse(await inFreshNode(LOADED, entry));
  const chunks = urls.filter((url) => url.endsWith('.mjs'));
  const maps = await Promise.all(chunks.map(async (url) => JSON.parse(await readFile(new URL(`${url}.map`), 'utf8'))));
  const sources = maps.flatMap(({ sources }) => z.array(z.string()).parse(sources));
  const tooEarly = ['@aws-sdk/', ...NOT_BUNDLED].map((name) => `/node_modules/${name}`);
  const found = [...sources, ...urls].filter((source) => tooEarly.some((name) => source.includes(name)));
  for (const source of found) console.log(JSON.stringify({ loaded_at_start: source }));
  return found;
}

function codeOf(files: readonly BundledFile[]): BundledFile[] {
  return files.filter(({ path }) => path.endsWith('.mjs'));
}

function medianOf(costs: readonly Cost[], part: keyof Cost): number {
  return median(costs.map((cost) => cost[part]));
}
