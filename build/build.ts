// `npm run build`: writes the folders in dist/ that are deployed to Lambda, and prints their sizes.
import { join } from 'node:path';
import Table from 'cli-table3';
import { Command, Option } from 'commander';
import { z } from 'zod';
import { sentenceOf } from '../pipeline/contract/errors.ts';
import { lambdaFunctions, ROOT } from './functions.ts';
import type { FolderSize } from './size.ts';
import { writeFunctions } from './write-functions.ts';

const BuildOptions = z.strictObject({ models: z.enum(['onnx', 'none']) });
const INTERRUPTED = 130; // 128 + SIGINT, as shells report it

const program = new Command('npm run build --')
  .description('Builds what is deployed to AWS Lambda (Node 24, arm64): dist/mcp-server and dist/pipeline.')
  .addOption(
    new Option(
      '--models <models>',
      'with none, the pipeline is less than a third of the size, but cannot run the default models (onnx:)',
    )
      .choices(BuildOptions.shape.models.options)
      .default('onnx'),
  )
  .showHelpAfterError()
  .parse();

const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort());

const functions = lambdaFunctions({ onnx: BuildOptions.parse(program.opts()).models === 'onnx' });
try {
  const sizes = await writeFunctions({ functions, outFolder: join(ROOT, 'dist'), install: true, signal: stop.signal });
  console.log(sizesTable(sizes));
} catch (error) {
  process.exitCode = stop.signal.aborted ? INTERRUPTED : 1;
  if (stop.signal.aborted) console.error('The build was stopped. dist/ has not changed.');
  else console.error(sentenceOf(error) ?? error);
}

function sizesTable(sizes: ReadonlyMap<string, FolderSize>): string {
  const table = new Table({
    head: ['dist/', 'code', 'at most', 'unzipped', 'at most', 'zipped', 'at most'],
    colAligns: ['left', ...Array.from({ length: 6 }, () => 'right' as const)],
    style: { head: [], border: [], compact: true },
  });
  for (const { name, limits } of functions) {
    const size = sizes.get(name);
    if (!size) throw new Error(`The build has no size of ${name}.`);
    const { codeBytesMax, bytesMax, zippedBytesMax } = limits;
    const columns = [size.codeBytes, codeBytesMax, size.bytes, bytesMax, size.zippedBytes, zippedBytesMax];
    table.push([name, ...columns.map(megabytes)]);
  }
  return table.toString();
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(2)} MB`;
}
