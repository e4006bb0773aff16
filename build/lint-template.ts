// Lints the template, as written and as SAM expands it: only the expanded one reveals a misspelled IAM action.
// `node build/lint-template.ts [FILE]`. Reports and skips what the machine lacks: cfn-lint, or a Python with samtranslator.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const EXPAND = join(import.meta.dirname, 'expand-template.py');
/** SAM replaces Revision by its value, so nothing refers to the parameter in the expanded template. */
const NOT_OF_EXPANDED = ['--ignore-checks', 'W2001'];

const file = process.argv[2] ?? join(import.meta.dirname, '../template.yaml');
const python = ['python3', 'python'].find((name) => works(name, ['-c', 'import samtranslator']));

if (works('cfn-lint', ['--version'])) {
  lint(file);
  if (python) lintExpanded(file, python);
  else console.log('Skipped: no Python on this machine has samtranslator, so the expanded template was not linted.');
} else {
  console.log('Skipped: cfn-lint is not installed, so the template was not linted.');
}

/** A warning is a failure too. */
function lint(path: string, options: string[] = []): void {
  const { status, stdout } = spawnSync('cfn-lint', [...options, '--format', 'parseable', '--', path], { encoding: 'utf8' });
  if (status !== 0) fail(stdout);
}

function lintExpanded(source: string, python: string): void {
  const { status, stdout, stderr } = spawnSync(python, [EXPAND, source], { encoding: 'utf8' });
  if (status !== 0) {
    fail(`SAM could not expand the template:\n${stderr}`);
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
