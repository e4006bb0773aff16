// `npm run build:packages`: writes what users install into dist/packages. Publishes nothing.
import { join, relative, resolve } from 'node:path';
import { Command } from 'commander';
import { z } from 'zod';
import { sentenceOf } from '../pipeline/contract/errors.ts';
import { ROOT } from './functions.ts';
import { writePackages } from './npm-package/write-packages.ts';
import { GitHubName, NO_OWNER } from './ways/identity.ts';
import { writeBundle } from './ways/mcp-bundle.ts';
import { writeWays } from './ways/write-ways.ts';

const program = new Command('npm run build:packages --')
  .description('Writes the npm packages, and the manifests, plugins and bundles by which clients install tilesight.')
  .option('--owner <name>', 'account on GitHub that publishes', NO_OWNER)
  .option('--out <dir>', 'folder to write to', join(ROOT, 'dist/packages'))
  .showHelpAfterError()
  .parse();

const Options = z.strictObject({ owner: GitHubName, out: z.string() });
const options = Options.safeParse(program.opts());
if (options.success) {
  const { owner, out } = options.data;
  const outFolder = resolve(out);
  const npmFolder = join(outFolder, 'npm');
  const files = await writeWays(outFolder, { owner });
  const { folders, sbom } = await writePackages(npmFolder, { owner });
  for (const path of [...files.map((file) => join(outFolder, file)), ...folders, sbom]) console.log(relative('', path));
  try {
    console.log(relative('', await writeBundle(outFolder, { owner }, npmFolder)));
  } catch (error) {
    console.error(sentenceOf(error) ?? error);
    process.exitCode = 1;
  }
  if (owner === NO_OWNER)
    console.log(`The manifests name ${NO_OWNER} as the publisher. Name yours with --owner before you publish.`);
} else {
  console.error('--owner must be the name of an account on GitHub.');
  process.exitCode = 1;
}
