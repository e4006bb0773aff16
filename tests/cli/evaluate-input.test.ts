// What `tilesight evaluate` accepts: files of truth, names of images and settings.
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { matchImages } from '../../cli/evaluate/image-files.ts';
import { requestOf, settingsOf } from '../../cli/evaluate/settings.ts';
import { readTruth } from '../../cli/evaluate/truth-file.ts';
import { temporaryFolder } from '../support/folder.ts';

const image = { id: 1, file_name: 'a.jpg', width: 100, height: 50 };
const annotation = { image_id: 1, category_id: 1, bbox: [1, 2, 3, 4] };
const FILE = { images: [image], categories: [{ id: 1, name: 'cup' }], annotations: [annotation] };

async function written(content: unknown): Promise<string> {
  const path = join(await temporaryFolder(), 'coco.json');
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

describe('the truth', () => {
  test('has images with their objects, crowds and areas, and labels once, whatever their case', async () => {
    const categories = [
      { id: 'a', name: 'Cup' },
      { id: 'b', name: 'cup ' },
      { id: 'c', name: 'cat' },
    ];
    const annotations = [
      { image_id: 'x', category_id: 'a', bbox: [1, 2, 3, 4], area: 7, iscrowd: 0, segmentation: [], text: 'A-1' },
      { image_id: 'x', category_id: 'b', bbox: [-1, 2, 3, 4], iscrowd: 1 },
      { image_id: 'x', category_id: 'c', bbox: [1, 2, 0, 4] },
    ];
    const images = [
      { id: 'x', file_name: 'a.jpg' },
      { ...image, id: 'y' },
    ];
    expect(await readTruth(await written({ info: {}, images, categories, annotations }))).toEqual({
      images: [
        {
          fileName: 'a.jpg',
          size: null,
          objects: [
            { label: 'Cup', box: [1, 2, 3, 4], area: 7, isCrowd: false, text: 'A-1' },
            { label: 'Cup', box: [-1, 2, 3, 4], area: 12, isCrowd: true, text: null },
          ],
        },
        { fileName: 'a.jpg', size: { width: 100, height: 50 }, objects: [] },
      ],
      labels: ['Cup', 'cat'],
      leftOut: 1,
    });
  });

  test('of the example image is its list of planted objects', async () => {
    const { images, labels, leftOut } = await readTruth('examples/lawn.coco.json');
    const planted: { label: string; x1: number; y1: number; x2: number; y2: number }[] = JSON.parse(
      await readFile('examples/lawn.truth.json', 'utf8'),
    );
    expect({ labels, leftOut, files: images.map(({ fileName }) => fileName) }).toEqual({
      labels: ['cat', 'cup', 'person'],
      leftOut: 0,
      files: ['lawn.jpg'],
    });
    expect(images[0]?.objects).toEqual(
      planted.map(({ label, x1, y1, x2, y2 }) => ({
        label,
        box: [x1, y1, x2 - x1, y2 - y1].map((side) => expect.closeTo(side, 1)),
        area: expect.closeTo((x2 - x1) * (y2 - y1), -1),
        isCrowd: false,
        text: null,
      })),
    );
  });

  test('of the floor plan is its list of lines, with boxes that end on the baseline', async () => {
    const { images, labels } = await readTruth('examples/floorplan.coco.json');
    const lines: { text: string; x: number; y: number; size: number }[] = JSON.parse(
      await readFile('examples/floorplan.truth.json', 'utf8'),
    );
    expect(labels).toEqual(['text']);
    expect(images[0]?.objects.map(({ text }) => text)).toEqual(lines.map(({ text }) => text));
    for (const [place, { x, y, size }] of lines.entries()) {
      const [left = 0, top = 0, , height = 0] = images[0]?.objects[place]?.box ?? [];
      expect([Math.abs(left - x) < size / 2, top < y - size / 2, Math.abs(top + height - y) < size / 2]).toEqual([
        true,
        true,
        true,
      ]);
    }
  });

  const refused: [string, unknown, RegExp][] = [
    ['text', 'a truth', /coco\.json is not JSON\. Name a COCO JSON file with --truth\.$/],
    ['a list', [], /is not a COCO detection file: .*expected object.* It needs images \(id, file_name\), categories/],
    ['no images', { ...FILE, images: [] }, /is not a COCO detection file: images: expected at least one image\. It needs/],
    [
      'no categories',
      { ...FILE, categories: undefined },
      /is not a COCO detection file: categories: expected a list, but it is missing\. It needs/,
    ],
    [
      'a box of three numbers',
      { ...FILE, annotations: [{ ...annotation, bbox: [1, 2, 3] }] },
      /: annotations\.0\.bbox: expected \[left, top, width, height\]\. It needs/,
    ],
    [
      'an annotation without an image',
      { ...FILE, annotations: [{ category_id: 1, bbox: [1, 2, 3, 4] }] },
      /: annotations\.0\.image_id: expected a number or a string, but it is missing\. It needs/,
    ],
    [
      'an annotation of no image',
      { ...FILE, annotations: [annotation, { ...annotation, image_id: 9 }] },
      /annotations\.1 has the image_id 9, which is not in images\. Correct the file\.$/,
    ],
    [
      'two images of one id',
      { ...FILE, images: [...FILE.images, { id: 1, file_name: 'other.jpg' }] },
      /images\.\d has the id 1, as images\.\d has\. Give each an id of its own\.$/,
    ],
    [
      'two categories of one id',
      {
        ...FILE,
        categories: [
          { id: 1, name: 'a' },
          { id: 1, name: 'b' },
        ],
      },
      /categories\.1 has the id 1, as categories\.0 has\. Give each an id of its own\.$/,
    ],
    [
      'an annotation of no category',
      { ...FILE, annotations: [{ ...annotation, category_id: 'x' }] },
      /annotations\.0 has the category_id "x", which is not in categories\./,
    ],
  ];
  test.each(refused)('is refused with a sentence if it is %s', async (_, content, sentence) => {
    await expect(readTruth(await written(content))).rejects.toThrow(sentence);
  });

  test('that does not exist is refused with a sentence', async () => {
    await expect(readTruth('/none.json')).rejects.toThrow(
      /^Cannot read the truth \/none\.json \(ENOENT\)\. Name a COCO JSON file/,
    );
  });
});

describe('images', () => {
  async function folderWith(...names: string[]): Promise<string> {
    const folder = await temporaryFolder();
    for (const name of names) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), 'x');
    }
    return folder;
  }
  const truthOf = (...names: string[]) => {
    return { images: names.map((fileName) => ({ fileName, size: null, objects: [] })), labels: ['cup'], leftOut: 0 };
  };
  const pairs = async (names: string[], truth: ReturnType<typeof truthOf>) => {
    const matched = await matchImages(names, truth);
    return { ...matched, images: matched.images.map(({ path, truth: { fileName } }) => [fileName, path]) };
  };

  test('are matched by as much of their path as the truth names, in folders, patterns and by name', async () => {
    const folder = await folderWith('train/1.jpg', 'val/1.jpg', 'val/2.PNG', 'val/notes.txt', '3.jpg', '4.jpg');
    const truth = truthOf('val/1.jpg', 'train/1.jpg', 'set/2.PNG', '3.jpg', '5.jpg');
    const expected = [
      ['val/1.jpg', join(folder, 'val/1.jpg')],
      ['train/1.jpg', join(folder, 'train/1.jpg')],
      ['set/2.PNG', join(folder, 'val/2.PNG')],
      ['3.jpg', join(folder, '3.jpg')],
    ];
    const all = { images: expected, withoutFile: ['5.jpg'], withoutTruth: [join(folder, '4.jpg')] };
    expect(await pairs([folder], truth)).toEqual(all);
    expect(await pairs([join(folder, '*.jpg'), join(folder, '{train,val}')], truth)).toEqual(all);
    expect(await pairs([join(folder, '3.jpg'), join(folder, '3.jpg')], truth)).toMatchObject({ images: expected.slice(3) });
  });

  test('are matched with the longest name of the truth that fits, and links that lead nowhere are no images', async () => {
    const folder = await folderWith('1.jpg', 'val/1.jpg');
    await symlink(join(folder, 'none.jpg'), join(folder, '2.jpg'));
    const expected = [
      ['1.jpg', join(folder, '1.jpg')],
      ['val/1.jpg', join(folder, 'val/1.jpg')],
    ];
    expect(await pairs([folder], truthOf('1.jpg', 'val/1.jpg', '2.jpg'))).toEqual({
      images: expected,
      withoutFile: ['2.jpg'],
      withoutTruth: [],
    });
  });

  const refused: [string, string[], string[], RegExp][] = [
    ['a path without a file', ['3.jpg'], ['none.jpg'], /none\.jpg is no file, folder or pattern that matches an image\. Check/],
    ['an empty folder', ['3.txt'], ['.'], /^There is no image in .*\. Name the images of the truth, such as 1\.jpg\.$/],
    [
      'images of another set',
      ['3.jpg'],
      ['.'],
      /^The truth does not name 3\.jpg\. Name the images of the truth, such as 1\.jpg\.$/,
    ],
    ['two files for one image', ['a/1.jpg', 'b/1.jpg'], ['.'], /^Both .*a\/1\.jpg and .*b\/1\.jpg match the image 1\.jpg of the/],
  ];
  test.each(refused)('are refused with a sentence: %s', async (_, files, names, sentence) => {
    const folder = await folderWith(...files);
    const paths = names.map((name) => join(folder, name));
    await expect(matchImages(paths, truthOf('1.jpg'))).rejects.toThrow(sentence);
  });
});

describe('settings', () => {
  const none = { models: [], tileSize: [], overlap: [], detail: [], minScore: [] };

  test('are every combination, named by what differs', () => {
    const settings = settingsOf({ ...none, models: ['onnx:a', 'onnx:a+onnx:b'], tileSize: ['416', '640'], overlap: ['64'] });
    expect(settings.map(({ name }) => name)).toEqual([
      'onnx:a, tiles 416',
      'onnx:a, tiles 640',
      'onnx:a + onnx:b, tiles 416',
      'onnx:a + onnx:b, tiles 640',
    ]);
    expect(settings[2]).toEqual({
      name: 'onnx:a + onnx:b, tiles 416',
      models: ['onnx:a', 'onnx:b'],
      tileSize: 416,
      overlap: 64,
      detail: 'standard',
      minScore: null,
    });
  });

  test('without a choice are the defaults, and one value names the only setting', () => {
    expect(settingsOf(none)).toEqual([
      { name: 'defaults', models: null, tileSize: null, overlap: null, detail: 'standard', minScore: null },
    ]);
    expect(settingsOf({ ...none, tileSize: ['416'] }).map(({ name }) => name)).toEqual(['tiles 416']);
    const scored = settingsOf({ ...none, minScore: ['0.05', '.4'], detail: ['fine'] });
    expect(scored).toMatchObject([
      { name: 'score 0.05', detail: 'fine' },
      { name: 'score 0.4', minScore: 0.4 },
    ]);
    expect(settingsOf({ ...none, detail: ['fine', 'max'] }).map(({ name }) => name)).toEqual(['fine', 'max']);
  });

  test('become requests that ask for the labels of the truth, unless there are too many for a request', () => {
    const [setting] = settingsOf({ ...none, models: ['onnx:a'], tileSize: ['416'], minScore: ['0.05'] });
    if (!setting) throw new Error('Expected a setting.');
    expect(requestOf('file:///a.jpg', setting, ['cat', 'cup'])).toEqual({
      image: 'file:///a.jpg',
      labels: ['cat', 'cup'],
      detail: 'standard',
      tile_size: 416,
      overlap: undefined,
      min_score: 0.05,
      models: { detection: ['onnx:a'] },
    });
    const many = Array.from({ length: 101 }, (_, place) => `label ${place}`);
    expect(requestOf('file:///a.jpg', setting, many).labels).toBeUndefined();
  });
});
