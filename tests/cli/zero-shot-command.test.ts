// `tilesight analyze` with a zero-shot model: with the optional package, and without it.
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FindingsDocument } from '../../pipeline/contract/schemas.ts';
import { runCommand } from '../support/command.ts';
import { temporaryFolder } from '../support/folder.ts';
import { redAndBlue } from '../support/registered-detector.ts';
import { writeZeroShot } from '../support/zero-shot-files.ts';

const isInstalled = (() => {
  try {
    return createRequire(import.meta.url).resolve('@huggingface/transformers') !== '';
  } catch {
    return false;
  }
})();

async function analyze(...args: string[]) {
  const [home, files] = [await temporaryFolder(), await temporaryFolder()];
  await writeZeroShot(home, 'tiny', 'owlv2');
  const image = join(files, 'image.png');
  await writeFile(image, (await redAndBlue(320, 256)).bytes);
  const environment = { TILESIGHT_HOME: home, DETECTION_MODELS: 'hf:tiny' };
  return { files, ...(await runCommand(['analyze', image, '--out', join(files, 'out'), ...args], environment)) };
}

test.skipIf(isInstalled)('without the package, the command ends before it starts, with a sentence', async () => {
  expect(await analyze('--look-for', 'red things')).toMatchObject({
    code: 1,
    stdout: '',
    stderr:
      'tilesight: hf: models need the package @huggingface/transformers, which is not installed. Add it with `npm install --no-save @huggingface/transformers@4.3.2`, then start again.\n',
  });
});

test.skipIf(!isInstalled)('with the package, words become findings', { timeout: 60_000 }, async () => {
  const { files, code, stdout } = await analyze('--look-for', 'the red thing and a blue thing');
  expect([code, stdout]).toEqual([0, expect.stringContaining('from look_for it used "red thing", "blue thing".')]);
  const { findings } = FindingsDocument.parse(JSON.parse(await readFile(join(files, 'out/findings.json'), 'utf8')));
  expect(new Set(findings.map(({ label }) => label))).toEqual(new Set(['red thing', 'blue thing']));
});
