// Deployment up to the SAM CLI: a script named sam records its arguments and answers as the real one. AWS is not reached.
import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../support/folder.ts';
import { deployed } from '../support/template.ts';

const ROOT = join(import.meta.dirname, '../..');
const FOLDERS = ['build', 'pipeline', 'template.yaml', 'package.json'];

interface Place {
  deploy(args: string[]): Promise<{ stdout: string; stderr: string }>;
  /** Arguments of each call of sam. */
  asked(): Promise<string[][]>;
  write(path: string, text: string): Promise<void>;
}

/** A built copy of the files that a deployment needs, with its own sam on the PATH. `deploying` is the exit code of `sam deploy`. */
async function place({ sam = true, deploying = 0 } = {}): Promise<Place> {
  const [root, bin] = [await temporaryFolder(), await temporaryFolder()];
  await Promise.all(FOLDERS.map((name) => cp(join(ROOT, name), join(root, name), { recursive: true })));
  await symlink(join(ROOT, 'node_modules'), join(root, 'node_modules'));
  const write = async (path: string, text: string) => {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  };
  await write('dist/pipeline/index.mjs', 'export const handler = 1;');
  const [notes, outputs] = [join(bin, 'notes'), join(bin, 'outputs.json')];
  const values = Object.entries(deployed().Outputs).map(([OutputKey, { Value }]) => ({
    OutputKey,
    OutputValue: Value,
    Description: '',
  }));
  await writeFile(outputs, JSON.stringify(values));
  const script = `#!/bin/sh\n[ "$1" = --version ] && exit 0\nprintf '%s\\n' "$@" -- >> '${notes}'\n[ "$1" = list ] && cat '${outputs}'\nexit ${deploying}\n`;
  if (sam) await writeFile(join(bin, 'sam'), script);
  if (sam) await chmod(join(bin, 'sam'), 0o755);
  const PATH = [bin, '/usr/bin', '/bin'].join(delimiter);
  return {
    write,
    deploy: (args) => promisify(execFile)(process.execPath, [join(root, 'build/deploy.ts'), ...args], { env: { PATH } }),
    asked: async () => {
      const text = await readFile(notes, 'utf8').catch(() => '');
      return text
        .split('\n--\n')
        .filter((call) => call !== '')
        .map((call) => call.split('\n'));
    },
  };
}

const revisionIn = (call: string[] | undefined) => call?.find((word) => word.startsWith('Revision='));

describe('npm run deploy', () => {
  test('deploys the stack, and prints its URL and the policy of callers', async () => {
    const { deploy, asked } = await place();
    const { stdout } = await deploy(['--no-build', '--region', 'us-east-1', 'TileConcurrency=64', 'VerificationModel=']);
    const [deployment = [], outputs] = await asked();
    expect(deployment.join(' ')).toMatch(
      /^deploy --template-file template.yaml --stack-name tilesight --region us-east-1 --capabilities CAPABILITY_IAM --resolve-s3 --no-confirm-changeset --no-fail-on-empty-changeset --parameter-overrides Revision=[0-9a-f]{16} TileConcurrency=64 VerificationModel=""$/,
    );
    expect(outputs).toEqual(['list', 'stack-outputs', '--stack-name', 'tilesight', '--region', 'us-east-1', '--output', 'json']);
    const { FunctionUrl, ConnectCommand, ProxyCommand, CallerPolicy } = deployed().Outputs;
    for (const output of [FunctionUrl, ConnectCommand, ProxyCommand, CallerPolicy]) expect(stdout).toContain(output?.Value);
  });

  test('changes the revision if code, template or parameters change, and only then', async () => {
    const { deploy, asked, write } = await place();
    await deploy(['--no-build']);
    await deploy(['--no-build']);
    await deploy(['--no-build', 'TileConcurrency=64']);
    await write('dist/pipeline/index.mjs', 'export const handler = 2;');
    await deploy(['--no-build']);
    await write('template.yaml', (await readFile(join(ROOT, 'template.yaml'), 'utf8')).replace('Timeout: 900', 'Timeout: 600'));
    await deploy(['--no-build']);
    const [first, again, ...others] = (await asked()).filter(([verb]) => verb === 'deploy').map(revisionIn);
    expect(again).toBe(first);
    expect(new Set([first, ...others]).size).toBe(4);
  });

  test('prints the commands with --dry-run, and runs none', async () => {
    const { deploy, asked } = await place();
    const { stdout } = await deploy(['--dry-run', '--models', 'none', '--stack', 'eyes', 'AllowedImageHosts=*.example.org']);
    const [build, deployment, outputs] = stdout.trim().split('\n');
    expect(build).toBe('node build/build.ts --models none');
    expect(deployment).toMatch(/^sam deploy .* --stack-name eyes .* 'AllowedImageHosts=\*\.example\.org'$/);
    expect(outputs).toBe('sam list stack-outputs --stack-name eyes --output json');
    expect(await asked()).toEqual([]);
  });

  test('stops if sam fails', async () => {
    const { deploy, asked } = await place({ deploying: 3 });
    await expect(deploy(['--no-build'])).rejects.toMatchObject({
      code: 1,
      stderr: 'sam deploy failed with exit code 3. Its output is above.\n',
    });
    expect(await asked()).toHaveLength(1);
  });

  test.each([
    [
      'an unknown parameter',
      {},
      ['Tiles=3'],
      /^Tiles=3 is not Parameter=value with a parameter of template\.yaml\. Choose from ModerationModel, /,
    ],
    [
      'a revision, which cannot be chosen',
      {},
      ['Revision=1'],
      /^Revision=1 is not Parameter=value with a parameter of template\.yaml\. Choose from /,
    ],
    ['no sam', { sam: false }, [], /^AWS's SAM CLI \(sam\) is not installed\. Install it: https:/],
  ])('rejects %s with a sentence', async (_, options, args, sentence) => {
    const { deploy } = await place(options);
    const stderr = expect.stringMatching(sentence);
    await expect(deploy(['--no-build', ...args])).rejects.toMatchObject({ code: 1, stderr });
  });
});
