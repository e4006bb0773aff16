// `npm run bench NAME`: runs a benchmark and prints its last line, {"bench","figures","bars","pass"}. Without a name, lists them.
import type { BenchResult } from './result.ts';

const BENCHES: Record<string, () => Promise<{ run: () => Promise<BenchResult> }>> = {
  accuracy: () => import('./accuracy.bench.ts'),
  ask: () => import('./ask/ask.bench.ts'),
  browser: () => import('./browser.bench.ts'),
  chaos: () => import('./chaos.bench.ts'),
  coldstart: () => import('./coldstart.bench.ts'),
  conventions: () => import('./conventions.bench.ts'),
  engine: () => import('./engine.bench.ts'),
  kills: () => import('./kills/kills.bench.ts'),
  look: () => import('./views/look.bench.ts'),
  mcp: () => import('./mcp.bench.ts'),
  merge: () => import('./merge.bench.ts'),
  pacing: () => import('./models/pacing.bench.ts'),
  responsiveness: () => import('./responsiveness.bench.ts'),
  scale: () => import('./scale.bench.ts'),
  speed: () => import('./models/speed.bench.ts'),
  'stdio-kills': () => import('./kills/stdio-kills.bench.ts'),
  tiling: () => import('./tiling.bench.ts'),
  transcript: () => import('./transcripts/transcript.bench.ts'),
};

const [name] = process.argv.slice(2);
const load = name === undefined ? undefined : BENCHES[name];
if (load) {
  const result = await (await load()).run();
  console.log(JSON.stringify({ bench: name, ...result }));
  process.exitCode = result.pass ? 0 : 1;
} else {
  console.error(`Name one of the benchmarks: ${Object.keys(BENCHES).join(', ')}. Got ${name ?? 'none'}.`);
  process.exitCode = 2;
}
