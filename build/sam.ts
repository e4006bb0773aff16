// The command lines of AWS's SAM CLI that deploy, and what it answers. Runs nothing.
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { UserError } from '../pipeline/contract/errors.ts';

export interface Stack {
  name: string;
  /** Null: that of the environment or the profile. */
  region: string | null;
}

/** Values by the name of the template's parameter. */
export type Overrides = Readonly<Record<string, string>>;

/** `Name=value` of each. Throws a UserError for what the template has no parameter for. */
export function overridesIn(words: readonly string[], template: string): Overrides {
  const { Parameters } = Template.parse(parse(template, { logLevel: 'error' })); // its tags are CloudFormation's
  const names = Object.keys(Parameters).filter((name) => name !== REVISION);
  return Object.fromEntries(
    words.map((word) => {
      const [, name = '', value = ''] = /^([^=]*)=(.*)$/s.exec(word) ?? [];
      if (names.includes(name)) return [name, value];
      throw new UserError(`Expected Parameter=value, got ${word}. Choose from ${names.join(', ')}; template.yaml explains them.`);
    }),
  );
}

const Template = z.object({ Parameters: z.record(z.string(), z.unknown()) });
const REVISION = 'Revision';

/** Parameters that are not given keep the values of the deployment before. */
export function deployCommand(stack: Stack, overrides: Overrides, revision: string): string[] {
  const parameters = Object.entries({ [REVISION]: revision, ...overrides }).map(([name, value]) => `${name}=${quoted(value)}`);
  return [
    ...['sam', 'deploy', '--template-file', 'template.yaml', '--stack-name', stack.name, ...regionOf(stack)],
    ...['--capabilities', 'CAPABILITY_IAM', '--resolve-s3', '--no-confirm-changeset', '--no-fail-on-empty-changeset'],
    ...['--parameter-overrides', ...parameters],
  ];
}

export function outputsCommand(stack: Stack): string[] {
  return ['sam', 'list', 'stack-outputs', '--stack-name', stack.name, ...regionOf(stack), '--output', 'json'];
}

/** What `outputsCommand` has printed, by the name of the output. */
export function outputsIn(printed: string): Record<string, string> {
  return Object.fromEntries(Outputs.parse(JSON.parse(printed)).map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]));
}

const Outputs = z.array(z.object({ OutputKey: z.string(), OutputValue: z.string() }));

/** Another one whenever the pipeline's code, the template or a parameter is. Throws a UserError when nothing has been built. */
export async function revisionOf(root: string, overrides: Overrides): Promise<string> {
  const folder = join(root, 'dist/pipeline');
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((cause) => {
    throw new UserError('Expected the built functions in dist/, got none. Run npm run build.', { cause });
  });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const hash = createHash('sha256').update(JSON.stringify(Object.entries(overrides).sort()));
  for (const file of [join(root, 'template.yaml'), ...files.sort()]) {
    hash.update(file.slice(root.length)).update(await readFile(file));
  }
  return hash.digest('hex').slice(0, 16); // SAM names the version by the first ten
}

function regionOf({ region }: Stack): string[] {
  return region === null ? [] : ['--region', region];
}

/** SAM reads an argument as a shell would: what is empty, or has spaces in it, needs quotes of its own. */
function quoted(value: string): string {
  return /^[^\s"'\\]+$/.test(value) ? value : `"${value.replaceAll('"', '\\"')}"`;
}
