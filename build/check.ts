// `npm run check`: types, lint, unused code, generated pages and the template, side by side. Prints what each writes as it ends.
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';

/** The longest first. */
const CHECKS = [
  'node build/lint-template.ts',
  'knip',
  'node build/write-docs.ts --check',
  'tsc -p .',
  'tsc -p web',
  'biome check .',
];

async function passes(command: string): Promise<boolean> {
  const child = spawn(`${command} 2>&1`, { shell: true, stdio: ['ignore', 'pipe', 'inherit'] });
  const status = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  const output = await text(child.stdout);
  const hasPassed = (await status) === 0;
  console.log(`${hasPassed ? 'passed' : 'FAILED'}: ${command}\n${output}`);
  return hasPassed;
}

const results = await Promise.all(CHECKS.map(passes));
if (results.includes(false)) process.exitCode = 1;
