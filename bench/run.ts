// `npm run bench NAME`: runs a benchmark and prints its last line, {"bench","figures","bars","pass"}. Without a name, lists them.
const BENCHES: Record<string, () => Promise<{ run: () => Promise<BenchResult> }>> = {
  accuracy: () => import('./accuracy.bench.ts'),
  browser: () => import('./browser.bench.ts'),
  chaos: () => import('./chaos.bench.ts'),
  coldstart: () => import('./coldstart.bench.ts'),
  engine: () => import('./engine.bench.ts'),
  kills: () => import('./kills.bench.ts'),
  mcp: () => import('./mcp.bench.ts'),
  merge: () => import('./merge.bench.ts'),
  scale: () => import('./scale.bench.ts'),
  tiling: () => import('./tiling.bench.ts'),
};

export interface BenchResult {
  figures: Record<string, number>;
  bars: Record<string, string>;
  pass: boolean;
}

const [name = ''] = process.argv.slice(2);
const load = BENCHES[name];
if (load) {
  const result = await (await load()).run();
  console.log(JSON.stringify({ bench: name, ...result }));
  process.exitCode = result.pass ? 0 : 1;
} else {
  console.error(`Expected the name of a bench (${Object.keys(BENCHES).join(', ')}), got ${name || 'none'}.`);
  process.exitCode = 2;
}
