// `npm run release -- --dry-run`: builds and packs what npm would publish, checks it, and prints it with the commands that publish it.
// Publishes nothing itself: that is the decision of the owner.
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import Table from 'cli-table3';
import { Command } from 'commander';
import { z } from 'zod';
import manifest from '../../package.json' with { type: 'json' };
import { sentenceOf, UserError } from '../../pipeline/contract/errors.ts';
import { ROOT } from '../functions.ts';
import { GitHubName, IDENTITY, NO_OWNER } from '../ways/identity.ts';
import { faultsOf } from './check-archive.ts';
import { type Archive, pack } from './pack.ts';
import { writePackages } from './write-packages.ts';

const Options = z.strictObject({ dryRun: z.literal(true).optional(), owner: GitHubName });
const OUT = join(ROOT, 'dist/packages/npm');

const program = new Command('npm run release --')
  .description('Builds, packs and checks the npm packages, and prints what would be published.')
  .option('--dry-run', 'required: this command publishes nothing')
  .option('--owner <name>', 'account on GitHub that publishes', NO_OWNER)
  .showHelpAfterError()
  .parse();

try {
  await release();
} catch (error) {
  console.error(sentenceOf(error) ?? error);
  process.exitCode = 1;
}

async function release(): Promise<void> {
  const options = Options.safeParse(program.opts());
  if (!options.success) throw new UserError('--owner must be the name of an account on GitHub.');
  const { dryRun, owner } = options.data;
  if (!dryRun)
    throw new UserError('This command publishes nothing. Add --dry-run; it prints the commands with which the owner publishes.');
  const { folders, sbom, packages } = await writePackages(OUT, { owner });
  const archives: Archive[] = [];
  const destination = join(OUT, 'archives');
  await rm(destination, { recursive: true, force: true });
  await mkdir(destination, { recursive: true });
  for (const folder of folders) archives.push(await pack(folder, destination));
  const faults: string[] = [];
  for (const { name, path, folder } of archives)
    for (const fault of await faultsOf(path, folder)) faults.push(`${name}: ${fault}`);
  console.log(tableOf(archives));
  console.log(`\n${relative(ROOT, sbom)}: ${packages.length} packages, each with a license of the list.`);
  if (faults.length > 0) throw new UserError(`The packages must not be published:\n${faults.join('\n')}`);
  console.log('publint and are-the-types-wrong find no fault.');
  const missing = await stillMissing(owner);
  if (missing.length > 0) console.log(`\nBefore you publish:\n${missing.map((one) => `- ${one}`).join('\n')}`);
  console.log('\nIn this order, from a workflow that may sign (permission id-token: write):');
  for (const { path } of archives) console.log(`npm publish ${relative(ROOT, path)} --access public --provenance`);
}

function tableOf(archives: readonly Archive[]): string {
  const table = new Table({
    head: ['package', 'version', 'files', 'packed', 'installed'],
    colAligns: ['left', 'left', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  for (const { name, version, entryCount, size, unpackedSize } of archives)
    table.push([name, version, entryCount, megabytes(size), megabytes(unpackedSize)]);
  return table.toString();
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(2)} MB`;
}

/** What only the owner can decide. */
async function stillMissing(owner: string): Promise<string[]> {
  const changes = await readFile(join(ROOT, 'CHANGELOG.md'), 'utf8');
  const [, unreleased = ''] = /^## \[Unreleased\]\n([\s\S]*?)(?=^## )/m.exec(changes) ?? [];
  const version = `## [${IDENTITY.version}]`;
  return [
    owner === NO_OWNER ? `Name the publisher with --owner instead of ${NO_OWNER}.` : null,
    manifest.private ? 'Remove "private" from package.json: the decision to publish.' : null,
    unreleased.trim() === '' ? null : 'Move the lines under "Unreleased" of CHANGELOG.md to the version that you publish.',
    changes.includes(version) ? null : `Add "${version}" to CHANGELOG.md, or correct the version in package.json.`,
  ].filter((one) => one !== null);
}
