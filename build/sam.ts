// Builds the command lines of AWS's SAM CLI and parses its output. Runs nothing.
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { UserError } from '../pipeline/contract/errors.ts';

export interface Stack {
  name: string;
  /** `null` for the region of the environment or profile. */
  region: string | null;
}

export type CommandLine = readonly [program: string, ...args: string[]];

/** Values by parameter name. */
export type Overrides = Readonly<Record<string, string>>;

/** Parses `Name=value` words. Throws a UserError for a parameter that the template does not have. */
export function overridesIn(words: readonly string[], template: string): Overrides {
  const { Parameters } = Template.parse(parse(template, { logLevel: 'error' })); // its tags are CloudFormation's
  const names = Object.keys(Parameters).filter((name) => name !== REVISION);
  return Object.fromEntries(
    words.map((word) => {
      const [, name, value] = /^([^=]*)=(.*)$/s.exec(word) ?? [];
      if (name !== undefined && value !== undefined && names.includes(name)) return [name, value];
      throw new UserError(`${word} is not Parameter=value with a parameter of template.yaml. Choose from ${names.join(', ')}.`);
    }),
  );
}

const Template = z.object({ Parameters: z.record(z.string(), z.unknown()) });
const REVISION = 'Revision';

/** Omitted parameters keep the values of the previous deployment. */
export function deployCommand(stack: Stack, overrides: Overrides, revision: string): CommandLine {
  const parameters = Object.entries({ [REVISION]: revision, ...overrides }).map(([name, value]) => `${name}=${quoted(value)}`);
  const changeSet = ['--no-confirm-changeset', '--no-fail-on-empty-changeset'];
  const options = ['--capabilities', 'CAPABILITY_IAM', '--resolve-s3', ...changeSet, '--parameter-overrides', ...parameters];
  return ['sam', 'deploy', '--template-file', 'template.yaml', ...stackOf(stack), ...options];
}

export function outputsCommand(stack: Stack): CommandLine {
  return ['sam', 'list', 'stack-outputs', ...stackOf(stack), '--output', 'json'];
}

/** Parses the output of `outputsCommand`. */
export function outputsIn(printed: string): Outputs {
  const outputs = PrintedOutputs.parse(JSON.parse(printed));
  return Outputs.parse(Object.fromEntries(outputs.map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue])));
}

const PrintedOutputs = z.array(z.object({ OutputKey: z.string(), OutputValue: z.string() }));
/** The outputs of template.yaml that a person needs after a deployment. */
const Outputs = z.object({
  FunctionUrl: z.string(),
  ConnectCommand: z.string(),
  ProxyCommand: z.string(),
  CallerPolicy: z.string(),
});
type Outputs = z.infer<typeof Outputs>;

/** Changes whenever the pipeline's code, the template or a parameter does. Throws a UserError if nothing has been built. */
export async function revisionOf(root: string, overrides: Overrides): Promise<string> {
  const folder = join(root, 'dist/pipeline');
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((cause) => {
    throw new UserError('dist/ contains no built functions. Run npm run build.', { cause });
  });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const hash = createHash('sha256').update(JSON.stringify(Object.entries(overrides).sort()));
  for (const file of [join(root, 'template.yaml'), ...files.sort()]) {
    hash.update(file.slice(root.length)).update(await readFile(file));
  }
  return hash.digest('hex').slice(0, 16); // SAM names the version by the first ten
}

function stackOf({ name, region }: Stack): string[] {
  return region === null ? ['--stack-name', name] : ['--stack-name', name, '--region', region];
}

/** SAM splits an argument as a shell would, so an empty value or one with spaces needs quotes. */
function quoted(value: string): string {
  return /^[^\s"'\\]+$/.test(value) ? value : `"${value.replaceAll('"', '\\"')}"`;
}
