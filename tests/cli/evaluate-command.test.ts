// `tilesight evaluate` on images with known objects: cut out of the example image, with one object more and one less in the truth.
import { existsSync } from 'node:fs';
import { readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { runCommand, startCommand } from '../support/command.ts';
import { temporaryFolder } from '../support/folder.ts';
import { redAndBlue, registerDetector } from '../support/registered-detector.ts';

/** Around a cat, an astronaut and a cup of the example image, in its pixels. */
const CUTS = {
  'cat.jpg': [1_500, 100, 700, 500],
  'person.jpg': [2_900, 200, 600, 560],
} as const;
const CAT = { image_id: 1, category_id: 1, bbox: [144, 132, 299, 199] };
const PERSON = { image_id: 2, category_id: 2, bbox: [137.3, 129, 219.75, 293] };
/** On gravel: no detector finds it. */
const NOTHING = { image_id: 1, category_id: 3, bbox: [600, 20, 60, 60] };
const IMAGES = [
  { id: 1, file_name: 'cat.jpg', width: 700, height: 500 },
  { id: 2, file_name: 'person.jpg', width: 600, height: 560 },
];
const CATEGORIES = [
  { id: 1, name: 'Cat' },
  { id: 2, name: 'person' },
  { id: 3, name: 'dog' },
];

async function imageSet(): Promise<string> {
  const folder = await temporaryFolder();
  for (const [name, [left, top, width, height]] of Object.entries(CUTS)) {
    await sharp('examples/lawn.jpg').extract({ left, top, width, height }).jpeg({ quality: 95 }).toFile(join(folder, name));
  }
  return folder;
}

async function truthFile(annotations: object[], images: object[] = IMAGES, categories: object[] = CATEGORIES): Promise<string> {
  const path = join(await temporaryFolder(), 'coco.json');
  await writeFile(path, JSON.stringify({ images, categories, annotations }));
  return path;
}

const Figures = z.object({ right_findings: z.number(), missed_objects: z.number(), false_findings: z.number() });
const Written = z.object({
  failed_images: z.array(z.object({ image: z.string() })),
  settings: z.array(
    Figures.extend({
      name: z.string(),
      tiles: z.number(),
      precision: z.number(),
      recall: z.number(),
      ap50: z.number(),
      confusion: z.array(z.unknown()),
      missed: z.array(z.unknown()),
    }),
  ),
});

async function evaluationIn(out: string) {
  return Written.parse(JSON.parse(await readFile(join(out, 'evaluation.json'), 'utf8')));
}

describe('tilesight evaluate', () => {
  test('measures several settings in one table, by label, and writes figures and crops of misses', {
    timeout: 120_000,
  }, async () => {
    const TILESIGHT_HOME = await temporaryFolder();
    const truth = await truthFile([CAT, PERSON, NOTHING]);
    const command = ['evaluate', await imageSet(), '--truth', truth, '--tile-size', '640,400'];
    const { code, stdout, stderr, left, out } = await runCommand(command, { TILESIGHT_HOME });
    expect({ code, left, kept: await readdir(join(TILESIGHT_HOME, 'analyses')) }).toEqual({ code: 0, left: [], kept: [] });
    expect(stdout).toContain('3 objects in 2 images');
    expect(stdout).toMatch(/│ setting +│ tiles │ precision │ recall │ AP50 +│ AP +│ small +│ medium │ large │ s\/image │/);
    expect(stdout).toMatch(/│ tiles 640 +│ \d+ +│ 1\.000 +│ 0\.667 +│ 0\.667 /);
    expect(stdout).toMatch(/│ tiles 400 +│ \d+ +│/);
    expect(stdout).toMatch(/│ dog +│ 1 +│ 0 +│ 1 +│ 0 +│ – +│ 0\.000 +│ 0\.000 │ 0\.000 │/);
    expect(stdout).toContain('Note: No setting reported dog. Check whether the models know it.');
    expect(stderr).toMatch(/^1 of 4: cat\.jpg, tiles 640: 1 finding in \d+ tiles?, \d+\.\d s$/m);

    const { settings } = await evaluationIn(out);
    expect(settings[0]).toMatchObject({
      ...{ name: 'tiles 640', right_findings: 2, missed_objects: 1, false_findings: 0 },
      ...{ precision: 1, recall: 2 / 3, ap50: expect.closeTo(2 / 3, 9) },
      missed: [{ image: 'cat.jpg', label: 'dog', box: NOTHING.bbox }],
      confusion: expect.arrayContaining([
        { truth: 'Cat', found: 'Cat', count: 1 },
        { truth: 'dog', found: null, count: 1 },
      ]),
    });
    expect(await readFile(join(out, 'evaluation.txt'), 'utf8')).toMatch(/│ truth \\ found │ Cat │ dog │ person │ background │/);
    const crop = sharp(join(out, 'misses/1-tiles-640/missed/01-dog-cat.jpg'));
    expect(Math.max(...(await size(crop)))).toBe(640);
  });

  test('counts the lines of text that were read exactly, and lists the misread ones', async () => {
    const images = await temporaryFolder();
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="640" height="480"><rect width="640" height="480" fill="white"/>
      <g font-size="40" font-family="DejaVu Sans"><text x="40" y="100">VALVE V-4711</text><text x="40" y="300">PUMP P-12</text></g></svg>`;
    await sharp(Buffer.from(svg)).png().toFile(join(images, 'plan.png'));
    const lines = [
      { image_id: 1, category_id: 1, bbox: [40, 66, 290, 36], text: 'VALVE  V-4711' },
      { image_id: 1, category_id: 1, bbox: [40, 266, 200, 36], text: 'PUMP P-13' },
    ];
    const truth = await truthFile(lines, [{ id: 1, file_name: 'plan.png' }], [{ id: 1, name: 'text' }]);
    const { code, stdout, out } = await runCommand(['evaluate', images, '--truth', truth, '--models', 'onnx:ppocr']);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/│ s\/image │ text +│[\s\S]*│ onnx:ppocr .*│ 0\.500 │$/m)]);
    const { settings } = z
      .object({ settings: z.array(z.object({ text: z.unknown() })) })
      .parse(JSON.parse(await readFile(join(out, 'evaluation.json'), 'utf8')));
    expect(settings[0]?.text).toEqual({
      ...{ lines: 2, exact: 1 },
      misread: [{ image: 'plan.png', box: [40, 266, 200, 36], text: 'PUMP P-13', found: 'PUMP P-12' }],
    });
  });

  test('analyzes images that are links to files elsewhere', async () => {
    const [images, links] = [await imageSet(), await temporaryFolder()];
    await symlink(join(images, 'cat.jpg'), join(links, 'cat.jpg'));
    const { code, stdout } = await runCommand(['evaluate', links, '--truth', await truthFile([CAT], IMAGES.slice(0, 1))]);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/│ defaults +│ \d+ +│ 1\.000 +│ 1\.000 +│/)]);
  });

  test('draws truth in green and findings in orange, and replaces the crops of an earlier evaluation', async () => {
    const out = await temporaryFolder();
    const [images, none] = [await imageSet(), await truthFile([{ ...NOTHING, category_id: 1 }], IMAGES.slice(0, 1))];
    const evaluate = async (truth: string) => await runCommand(['evaluate', images, '--truth', truth, '--out', out]);
    const { stdout, code } = await evaluate(none);
    expect(code).toBe(0);
    expect(stdout).toMatch(/Note: 1 image is not in the truth and not analyzed: person\.jpg\./);
    const wrong = (await readdir(join(out, 'misses/false'))).sort();
    expect(wrong).toEqual(['01-Cat-cat.jpg']);
    const hasColor = async (file: string, [red, green, blue]: [number, number, number]) => {
      const { data } = await sharp(join(out, 'misses', file))
        .removeAlpha()
        .raw()
        .toBuffer({ resolveWithObject: true });
      for (let place = 0; place < data.length; place += 3) {
        const pixel = [data[place] ?? 0, data[place + 1] ?? 0, data[place + 2] ?? 0];
        if ([red, green, blue].every((channel, index) => Math.abs(channel - (pixel[index] ?? 0)) < 16)) return true;
      }
      return false;
    };
    const [green, orange]: [number, number, number][] = [
      [0x00, 0x9e, 0x73],
      [0xe6, 0x9f, 0x00],
    ];
    if (!green || !orange) throw new Error('Expected two colors.');
    expect(await hasColor('false/01-Cat-cat.jpg', orange)).toBe(true);
    expect(await hasColor('missed/01-Cat-cat.jpg', green)).toBe(true);

    await writeFile(join(out, 'misses/false/own.jpg'), 'a file of the user');
    await evaluate(await truthFile([CAT], IMAGES.slice(0, 1)));
    expect(await readdir(join(out, 'misses/false'))).toEqual(['own.jpg']);
    expect(await readdir(join(out, 'misses/missed'))).toEqual([]);
  });

  test('ends on Ctrl-C with exit code 130 and no process, and the same command analyzes only the rest', {
    timeout: 120_000,
  }, async () => {
    const TILESIGHT_HOME = await temporaryFolder();
    const command = ['evaluate', await imageSet(), '--truth', await truthFile([CAT, PERSON])];
    const running = await startCommand(command, { TILESIGHT_HOME });
    await running.says('1 of 2: ');
    running.process.kill('SIGINT');
    const { code, left, stderr, stdout, out } = await running.outcome;
    expect({ code, left, stdout, out: existsSync(out), processes: await running.processes() }).toEqual({
      ...{ code: 130, left: [], stdout: '' },
      ...{ out: false, processes: [] },
    });
    expect(stderr).toContain('Interrupted after 1 of 2 analyses. Run the same command again to continue.\n');

    await mark(TILESIGHT_HOME);
    const again = await runCommand(command, { TILESIGHT_HOME });
    expect(again).toMatchObject({ code: 0, left: [] });
    expect(again.stderr).toMatch(/^1 of 2: cat\.jpg, defaults: 1 finding in \d+ tiles?, 123\.4 s$/m);
    expect((await evaluationIn(again.out)).settings[0]).toMatchObject({ right_findings: 2, missed_objects: 0 });
    expect(await readdir(join(TILESIGHT_HOME, 'analyses'))).toEqual([]);
  });

  test('leaves out an image that cannot be analyzed, with the reason, and the same command tries only that one again', async () => {
    const [TILESIGHT_HOME, images] = [await temporaryFolder(), await imageSet()];
    await writeFile(join(images, 'person.jpg'), 'no image');
    const command = ['evaluate', images, '--truth', await truthFile([CAT, PERSON])];
    const first = await runCommand(command, { TILESIGHT_HOME });
    expect(first).toMatchObject({ code: 3, left: [] });
    expect(first.stdout).toContain('1 object in 1 image');
    expect(first.stdout).toMatch(
      /^Note: person\.jpg is left out, because the setting "defaults" cannot analyze it: The file is not /m,
    );
    expect(first.stderr).toContain('Run the same command again to analyze only the images that failed.');
    expect((await evaluationIn(first.out)).failed_images).toMatchObject([{ image: 'person.jpg' }]);
    await mark(TILESIGHT_HOME);
    const again = await runCommand(command, { TILESIGHT_HOME });
    expect(again.code).toBe(3);
    expect(again.stderr).toMatch(
      /^1 of 2: cat\.jpg, defaults: 1 finding in \d+ tiles?, 123\.4 s\n2 of 2: person\.jpg, .*: failed\. /m,
    );
  });
});

test('an evaluation that continues after its detector.json was corrected analyzes all images again', {
  timeout: 120_000,
}, async () => {
  const [TILESIGHT_HOME, images] = [await temporaryFolder(), await temporaryFolder()];
  const folder = await registerDetector(TILESIGHT_HOME, 'colors');
  await writeFile(join(images, 'a.png'), (await redAndBlue(320, 256)).bytes);
  await writeFile(join(images, 'b.png'), 'no image');
  const truth = await truthFile(
    [{ image_id: 1, category_id: 1, bbox: [40, 60, 50, 50] }],
    [
      { id: 1, file_name: 'a.png' },
      { id: 2, file_name: 'b.png' },
    ],
    [{ id: 1, name: 'red' }],
  );
  const command = ['evaluate', images, '--truth', truth, '--models', 'onnx:colors'];
  const evaluate = async () => (await runCommand(command, { TILESIGHT_HOME })).stderr;
  expect(await evaluate()).toMatch(/^1 of 2: a\.png, onnx:colors: \d findings? in /m);
  await mark(TILESIGHT_HOME);
  expect(await evaluate()).toMatch(/^1 of 2: a\.png, onnx:colors: \d findings? in \d tiles, 123\.4 s$/m);

  const sidecar = join(folder, 'detector.json');
  await writeFile(sidecar, (await readFile(sidecar, 'utf8')).replace('"red"', '"rose"').replace('"blue"', '"red"'));
  const corrected = await evaluate();
  expect(corrected).toMatch(/^1 of 2: a\.png, onnx:colors: \d findings? in /m);
  expect(corrected).not.toContain('123.4 s');
});

/** The first result of an evaluation that will continue gets a time that no analysis takes. */
async function mark(home: string): Promise<void> {
  const [folder = ''] = await readdir(join(home, 'analyses'));
  const result = join(home, 'analyses', folder, 'result-0-0.json');
  await writeFile(result, JSON.stringify({ ...JSON.parse(await readFile(result, 'utf8')), seconds: 123.4 }));
}

async function size(image: Sharp): Promise<number[]> {
  const { width, height } = await image.metadata();
  return [width, height];
}

describe('tilesight evaluate refuses with one sentence, and leaves nothing,', () => {
  const refusals: [string, string[], RegExp, (() => Promise<string>)?][] = [
    [
      'a tile size that is no number',
      ['--tile-size', '416,big'],
      /^--tile-size \(big\) must be a whole number from 128 to 4096\.$/,
    ],
    [
      'an empty value',
      ['--tile-size', '416,'],
      /^option '--tile-size <list>' argument '416,' is invalid\. Give values separated/,
    ],
    [
      'too large an overlap',
      ['--tile-size', '400', '--overlap', '300'],
      /^--overlap \(300\) must be at most half of --tile-size/,
    ],
    [
      'a model without a provider',
      ['--models', 'nanodet'],
      /^--models \(nanodet\) must name models as <provider>:<id>, for example/,
    ],
    ['an unknown detail', ['--detail', 'best'], /^--detail \(best\) must be overview, standard, fine, or max\.$/],
    ['a score out of range', ['--min-score', '0.4,0.01'], /^--min-score \(0\.01\) must be from 0\.05 to 1\.$/],
    ['an unknown provider', ['--models', 'none:x'], /The model none:x has an unknown provider/],
    ['a file as --out', ['--out', 'package.json'], /^package\.json is a file\. Name a folder with --out\.$/],
    [
      'labels that no model knows',
      [],
      /^The setting "defaults" \(onnx:nanodet\) knows none of the labels of the truth: valve\. Name models that know them with/,
      () => truthFile([CAT], IMAGES, [{ id: 1, name: 'valve' }]),
    ],
    [
      'images of another size',
      [],
      /^cat\.jpg has 700 x 500 pixels, but the truth states 350 x 250\. Name the images that were annotated, upright, or/,
      () => truthFile([CAT], [{ id: 1, file_name: 'cat.jpg', width: 350, height: 250 }]),
    ],
    ['a truth of other images', [], /^The truth does not name \w+\.jpg\./, () => truthFile([], [{ id: 1, file_name: 'x.jpg' }])],
  ];
  test.each(refusals)('%s', async (_, options, sentence, truth = () => truthFile([CAT, PERSON])) => {
    const TILESIGHT_HOME = await temporaryFolder();
    const { code, stdout, stderr, left, out } = await runCommand(
      ['evaluate', await imageSet(), '--truth', await truth(), ...options],
      { TILESIGHT_HOME },
    );
    const kept = await readdir(join(TILESIGHT_HOME, 'analyses')).catch(() => []);
    expect({ code, stdout, left, kept, out: existsSync(out) }).toEqual({ code: 1, stdout: '', left: [], kept: [], out: false });
    const sentences = stderr.split('\n').filter((line) => line.startsWith('tilesight: '));
    expect(sentences.map((line) => line.replace('tilesight: ', ''))).toEqual([expect.stringMatching(sentence)]);
  });

  test('no truth', async () => {
    const { code, stderr } = await runCommand(['evaluate', 'examples']);
    expect([code, stderr]).toEqual([1, "tilesight: required option '--truth <file>' not specified\n"]);
  });
});
