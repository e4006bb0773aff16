// `npm run bench NAME`: runs one bench and prints its last line, {"bench","figures","bars","pass"}. Without a name, lists them.
const BENCHES: Record<string, () => Promise<{ run: () => Promise<BenchResult> }>> = {
  accuracy: () => import('./accuracy.ts'),
  browser: () => import('./browser.ts'),
  chaos: () => import('./chaos.ts'),
  coldstart: () => import('./coldstart.ts'),
  engine: () => import('./engine.ts'),
  kills: () => import('./kills.ts'),
  mcp: () => import('./mcp.ts'),
  merge: () => import('./merge.ts'),
  scale: () => import('./scale.ts'),
  tiling: () => import('./tiling.ts'),
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
