// The check of the template, as `npm run check` runs it. Without cfn-lint, only its message is tested.
import { execFile, spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../support/folder.ts';

const ROOT = join(import.meta.dirname, '../..');
const SCRIPT = join(ROOT, 'build/lint-template.ts');
const isThere = spawnSync('cfn-lint', ['--version']).status === 0;
const expands = spawnSync('python3', ['-c', 'import samtranslator']).status === 0;

const lint = async (file: string, env?: Record<string, string>) =>
  await promisify(execFile)(process.execPath, [SCRIPT, file], { ...(env && { env }) });

/** The template with one word replaced. */
async function mistaken(right: string, wrong: string): Promise<string> {
  const text = await readFile(join(ROOT, 'template.yaml'), 'utf8');
  expect(text).toContain(right);
  const file = join(await temporaryFolder(), 'template.yaml');
  await writeFile(file, text.replace(right, wrong));
  return file;
}

describe('the check of the template', () => {
  test.skipIf(!isThere)('finds a property that no resource has', async () => {
    const file = await mistaken('SqsManagedSseEnabled', 'SqsManagedSse');
    await expect(lint(file)).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('SqsManagedSse') });
  });

  test.skipIf(!isThere || !expands)('finds an action that IAM does not know', async () => {
    const file = await mistaken('lambda:StopDurableExecution', 'lambda:StopDurable');
    await expect(lint(file)).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining("W3037:'stopdurable'") });
  });

  test('reports that cfn-lint is missing, and does not fail', async () => {
    const { stdout } = await lint(join(ROOT, 'template.yaml'), { PATH: await temporaryFolder() });
    expect(stdout).toBe('Skipped: cfn-lint is not installed, so the template was not linted.\n');
  });
});
