// `npm run build:packages`: writes what users install into dist/packages. Publishes nothing.
import { join, relative } from 'node:path';
import { Command } from 'commander';
import { z } from 'zod';
import { ROOT } from './functions.ts';
import { writePackages } from './npm-package/write-packages.ts';
import { GitHubName, NO_OWNER } from './ways/identity.ts';
import { writeWays } from './ways/write-ways.ts';

const program = new Command('npm run build:packages --')
  .description('Writes the npm packages, and the manifests and plugins by which clients install tilesight: dist/packages.')
  .option('--owner <name>', 'account on GitHub that publishes', NO_OWNER)
  .showHelpAfterError()
  .parse();

const Options = z.strictObject({ owner: GitHubName });
const options = Options.safeParse(program.opts());
if (options.success) {
  const { owner } = options.data;
  const outFolder = join(ROOT, 'dist/packages');
  for (const file of await writeWays(outFolder, { owner })) console.log(join('dist/packages', file));
  const { folders, sbom } = await writePackages(join(outFolder, 'npm'), { owner });
  for (const path of [...folders, sbom]) console.log(relative(ROOT, path));
  if (owner === NO_OWNER)
    console.log(`The manifests name ${NO_OWNER} as the publisher. Name yours with --owner before you publish.`);
} else {
  console.error('--owner must be the name of an account on GitHub.');
  process.exitCode = 1;
}
