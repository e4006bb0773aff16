// Lints the template, as it is and as SAM expands it: a misspelt action of IAM shows only there. `node build/lint-template.ts [FILE]`.
// What is not on the machine is left out, and said: cfn-lint, and a Python that has samtranslator.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const EXPAND = join(import.meta.dirname, 'expand-template.py');
/** SAM has put the value of Revision in its place, so that nothing refers to it any more. */
const NOT_OF_EXPANDED = ['--ignore-checks', 'W2001'];

const file = process.argv[2] ?? join(import.meta.dirname, '../template.yaml');
const python = ['python3', 'python'].find((name) => works(name, ['-c', 'import samtranslator']));

if (works('cfn-lint', ['--version'])) {
  lint(file);
  if (python) lintExpanded(file, python);
  else console.log('Skipped: no Python here has samtranslator, so that the template was not linted as SAM expands it.');
} else {
  console.log('Skipped: cfn-lint is not on this machine, so that the template was not linted.');
}

/** Warnings fail, too. */
function lint(path: string, options: string[] = []): void {
  const { status, stdout } = spawnSync('cfn-lint', [...options, '--format', 'parseable', '--', path], { encoding: 'utf8' });
  if (status !== 0) fail(stdout);
}

function lintExpanded(source: string, python: string): void {
  const { status, stdout, stderr } = spawnSync(python, [EXPAND, source], { encoding: 'utf8' });
  if (status !== 0) {
    fail(`Expected SAM to expand the template, got:\n${stderr}`);
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'tilesight-template-'));
  try {
    const expanded = join(folder, 'expanded.json');
    writeFileSync(expanded, stdout);
    lint(expanded, NOT_OF_EXPANDED);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function works(command: string, args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

function fail(words: string): void {
  console.error(words);
  process.exitCode = 1;
}
