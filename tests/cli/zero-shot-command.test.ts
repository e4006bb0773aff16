// `tilesight analyze` with a zero-shot model: with the optional package, and without it.
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FindingsDocument } from '../../pipeline/contract/schemas.ts';
import { runCommand } from '../support/command.ts';
import { temporaryFolder } from '../support/folder.ts';
import { redAndBlue } from '../support/registered-detector.ts';
import { writeZeroShot, writeZeroShotFiles } from '../support/zero-shot-files.ts';

const isInstalled = (() => {
  try {
    return createRequire(import.meta.url).resolve('@huggingface/transformers') !== '';
  } catch {
    return false;
  }
})();

const COMMIT = '0123456789abcdef0123456789abcdef01234567';

async function analyze(model: string, ...args: string[]) {
  const [home, files] = [await temporaryFolder(), await temporaryFolder()];
  await writeZeroShot(home, 'tiny', 'owlv2');
  await writeZeroShotFiles(join(home, 'hub', 'models--Owner--Tiny', 'snapshots', COMMIT), 'owlvit');
  const image = join(files, 'image.png');
  await writeFile(image, (await redAndBlue(320, 256)).bytes);
  const environment = { TILESIGHT_HOME: home, HF_HUB_CACHE: join(home, 'hub'), DETECTION_MODELS: model };
  return { files, ...(await runCommand(['analyze', image, '--out', join(files, 'out'), ...args], environment)) };
}

test.skipIf(isInstalled)('without the package, the command ends before it starts, with a sentence', async () => {
  expect(await analyze('hf:tiny', '--look-for', 'red things')).toMatchObject({
    code: 1,
    stdout: '',
    stderr:
      'tilesight: hf: models need the package @huggingface/transformers, which is not installed. Add it with `npm install --no-save --save-prod @huggingface/transformers@4.3.2`, then start again.\n',
  });
});

test.skipIf(!isInstalled).each(['hf:tiny', `hf:Owner/Tiny@${COMMIT}`])(
  'with the package, words become findings of %s',
  { timeout: 60_000 },
  async (model) => {
    const { files, code, stdout } = await analyze(model, '--look-for', 'the red thing and a blue thing');
    expect([code, stdout]).toEqual([0, expect.stringContaining('from look_for it used "red thing", "blue thing".')]);
    const { findings } = FindingsDocument.parse(JSON.parse(await readFile(join(files, 'out/findings.json'), 'utf8')));
    expect(new Set(findings.map(({ label }) => label))).toEqual(new Set(['red thing', 'blue thing']));
  },
);
