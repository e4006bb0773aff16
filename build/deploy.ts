// `npm run deploy`: builds, runs AWS's SAM CLI with template.yaml, and prints the server's URL and the policy that callers need.
import { execFile, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Command, Option } from 'commander';
import { z } from 'zod';
import { sentenceOf, UserError } from '../pipeline/contract/errors.ts';
import { ROOT } from './functions.ts';
import {
  type CommandLine,
  deployCommand,
  type Overrides,
  outputsCommand,
  outputsIn,
  overridesIn,
  revisionOf,
  type Stack,
} from './sam.ts';

const NO_SAM =
  "AWS's SAM CLI (sam) is not installed. Install it: " +
  'https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/install-sam-cli.html';

const DeployOptions = z.strictObject({
  stack: z.string(),
  region: z.string().optional(),
  models: z.enum(['onnx', 'none']),
  build: z.boolean(),
  dryRun: z.boolean().optional(),
});

const program = new Command('npm run deploy --')
  .description('Deploys both functions and their bucket to AWS, with the credentials that the SAM CLI finds.')
  .argument('[parameters...]', 'Parameter=value of template.yaml; omitted ones keep their value')
  .option('--stack <name>', 'name of the CloudFormation stack', 'tilesight')
  .option('--region <region>', 'AWS region; default: the one of the environment or profile')
  .addOption(
    new Option('--models <models>', 'local models to include, as for npm run build')
      .choices(DeployOptions.shape.models.options)
      .default('onnx'),
  )
  .option('--no-build', 'deploy dist/ as it is')
  .option('--dry-run', 'print the commands without running them')
  .showHelpAfterError()
  .parse();

try {
  const options = DeployOptions.parse(program.opts());
  const overrides = overridesIn(program.args, await readFile(join(ROOT, 'template.yaml'), 'utf8'));
  const stack = { name: options.stack, region: options.region ?? null };
  const build: CommandLine | null = options.build ? ['node', 'build/build.ts', '--models', options.models] : null;
  if (options.dryRun) show([build, deployCommand(stack, overrides, '<hash of what is deployed>'), outputsCommand(stack)]);
  else await deploy(stack, overrides, build);
} catch (error) {
  process.exitCode = 1;
  console.error(sentenceOf(error) ?? error);
}

async function deploy(stack: Stack, overrides: Overrides, build: CommandLine | null): Promise<void> {
  await promisify(execFile)('sam', ['--version']).catch((cause) => {
    throw new UserError(NO_SAM, { cause });
  });
  if (build) await run(build);
  await run(deployCommand(stack, overrides, await revisionOf(ROOT, overrides)));
  const [program, ...args] = outputsCommand(stack);
  const { stdout } = await promisify(execFile)(program, args, { cwd: ROOT });
  const { FunctionUrl, ConnectCommand, ProxyCommand, CallerPolicy } = outputsIn(stdout);
  console.log(`
The server: ${FunctionUrl}
A client runs one of these (examples/clients has configurations for five clients):
  ${ConnectCommand}
  ${ProxyCommand}
Users and roles need this policy to call it:
  ${CallerPolicy}`);
}

/** Passes the command's output through. Throws a UserError if the command fails. */
async function run([program, ...args]: CommandLine): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  spawn(program, args, { cwd: ROOT, stdio: 'inherit' }).once('error', reject).once('close', resolve);
  const code = await promise;
  if (code !== 0) throw new UserError(`${program} ${args[0]} failed with exit code ${code}. Its output is above.`);
}

/** Prints commands as they would be typed. */
function show(commands: (CommandLine | null)[]): void {
  const typed = (word: string) => (/^[\w./:=,@+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
  for (const command of commands) if (command) console.log(command.map(typed).join(' '));
}
