// Checks a packed npm package as its readers would: publint for package.json and its files, are-the-types-wrong for the declarations.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { z } from 'zod';

/** The package has ES modules only, as `type` declares: CommonJS and resolvers without `exports` are not asked. */
const NOT_ASKED = ['node10', 'node16-cjs'];

/** A sentence for each fault; none if the package can be published. `folder` is what was packed. */
export async function faultsOf(archive: string, folder: string): Promise<string[]> {
  const bytes = new Uint8Array(await readFile(archive));
  const manifest = z
    .looseObject({ types: z.string().optional(), exports: z.unknown().optional() })
    .parse(JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')));
  const { messages } = await publint({ strict: true, pack: { tarball: bytes.buffer } });
  const linted = messages.map((message) => `publint: ${formatMessage(message, manifest, { color: false }) ?? message.code}`);
  return manifest.exports === undefined ? linted : [...linted, ...(await typeFaultsOf(bytes))];
}

async function typeFaultsOf(archive: Uint8Array): Promise<string[]> {
  const result = await checkPackage(createPackageFromTarballData(archive));
  if (result.types === false) return ['are-the-types-wrong: The package has no declarations.'];
  const asked = result.problems.filter((one) => !('resolutionKind' in one && NOT_ASKED.includes(one.resolutionKind)));
  return asked.map(({ kind, ...where }) => `are-the-types-wrong: ${kind} ${JSON.stringify(where)}`);
}
