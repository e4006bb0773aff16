// Files that are no models, damaged ones and hostile ones: each gets a sentence, soon and without much memory.
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { describeDetector } from '../../../pipeline/vision/detectors/detector-file.ts';
import { readOnnxModel } from '../../../pipeline/vision/detectors/onnx-model.ts';
import { pythonLiteral } from '../../../pipeline/vision/detectors/python-literal.ts';
import { detectorFile } from '../../support/detector-files.ts';
import { LABELS } from '../../support/detector-graph.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const GOOD = detectorFile('yolov8');
const DAMAGED = 'The file is not an ONNX model, or it is damaged: ';

async function stored(bytes: Uint8Array): Promise<string> {
  const path = join(await temporaryFolder(), 'model.onnx');
  await writeFile(path, bytes);
  return path;
}

/** A field with its length and bytes. `claim` is the length that it states. */
function part(field: number, bytes: Uint8Array, claim = bytes.length): Buffer {
  const lengths: number[] = [];
  for (let rest = claim; ; rest = Math.floor(rest / 128)) {
    lengths.push((rest % 128) + (rest >= 128 ? 128 : 0));
    if (rest < 128) break;
  }
  return Buffer.concat([Uint8Array.of((field << 3) | 2), Uint8Array.from(lengths), bytes]);
}

const text = (field: number, value: string) => part(field, Buffer.from(value));
const GRAPH = 7;

/** The file with more fields in its graph: protobuf joins the messages. */
const withGraph = (...fields: Buffer[]) => Buffer.concat([GOOD, part(GRAPH, Buffer.concat(fields))]);

/** Node, attribute, graph, node and so on. */
function nested(depth: number): Buffer {
  let graph: Buffer = Buffer.alloc(0);
  for (let level = 0; level < depth; level++) graph = part(1, part(5, part(6, graph)));
  return graph;
}

describe('a file that is no model', () => {
  const cases: [kind: string, bytes: Uint8Array, sentence: string][] = [
    ['empty', new Uint8Array(), 'The file is empty. Expected an ONNX model.'],
    ['a text', Buffer.from('this is not a model'.repeat(100)), DAMAGED],
    ['JSON', Buffer.from('{"a": 1}'), DAMAGED],
    ['HTML', Buffer.from('<!doctype html><html><body>Not found</body></html>'), DAMAGED],
    [
      'a ZIP archive',
      Buffer.from('PK\x03\x04 and so on'),
      'The file is a ZIP archive, perhaps a PyTorch model. Export the model to ONNX first.',
    ],
    ['compressed', gzipSync(Buffer.alloc(100_000_000)), 'The file is compressed with gzip. Unpack it first.'],
    [
      'a pointer of Git LFS',
      Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 1\n'),
      'The file is a pointer of Git LFS, not the model. Run `git lfs pull` where you got it.',
    ],
    ['zeros', Buffer.alloc(1_000_000), `${DAMAGED}it has a field with the number 0.`],
    ['a protobuf message without a graph', text(2, 'tests'), `${DAMAGED}it has no graph.`],
  ];
  test.each(cases)('%s', async (_, bytes, sentence) => {
    const described = describeDetector(await stored(bytes), { labels: LABELS });
    await expect(described).rejects.toMatchObject({ name: 'UserError', message: expect.stringContaining(sentence) });
  });

  test('missing, a folder, or too large', async () => {
    const folder = await temporaryFolder();
    await expect(describeDetector(join(folder, 'none.onnx'))).rejects.toThrow(
      'does not exist or may not be read. Check the path.',
    );
    await expect(describeDetector(folder)).rejects.toThrow('is not a file. Expected an ONNX model.');
    const huge = await stored(GOOD);
    await truncate(huge, 3_000_000_000);
    await expect(describeDetector(huge)).rejects.toThrow(
      'The model file has 2,862 MiB; at most 500 MiB are possible. Export a smaller model.',
    );
  });
});

describe('a damaged or hostile model', () => {
  const cases: [kind: string, bytes: () => Uint8Array, sentence: string][] = [
    [
      'with a field that claims 3 GB',
      () => Buffer.concat([GOOD, part(GRAPH, Buffer.alloc(10), 3_000_000_000)]),
      `${DAMAGED}a field needs 2,999,999,990 bytes more`,
    ],
    [
      'with a length of 2^63',
      () => Buffer.concat([GOOD, Uint8Array.of(0x3a, ...Array.from({ length: 9 }, () => 255), 1)]),
      'bytes more than the file has',
    ],
    ['with a number that does not end', () => Buffer.concat([GOOD, Buffer.alloc(20, 255)]), 'more than ten bytes'],
    ['with graphs nested 1,000 deep', () => withGraph(nested(1_000)), `${DAMAGED}its graphs are nested more than 16 deep`],
    [
      'with a million inputs',
      () => withGraph(...Array.from({ length: 100_001 }, () => part(11, text(1, 'x')))),
      `${DAMAGED}its graph has more than 100000 inputs or outputs`,
    ],
    [
      'with 5 MB of metadata',
      () => Buffer.concat([GOOD, part(14, Buffer.concat([text(1, 'names'), text(2, 'x'.repeat(5_000_000))]))]),
      `${DAMAGED}its metadata has more than 4 MiB`,
    ],
    [
      'with a number where the graph belongs',
      () => Buffer.concat([GOOD, Uint8Array.of(GRAPH << 3, 1)]),
      'a number stands where a message belongs',
    ],
    [
      'with an operator of its own',
      () => withGraph(part(1, Buffer.concat([text(4, 'Evil\u001b[2J'), text(7, 'my.domain')]))),
      'operators that onnxruntime does not have: my.domain.Evil [2J.',
    ],
    [
      'with an operator of its own inside a subgraph',
      () => withGraph(part(1, part(5, part(6, part(1, Buffer.concat([text(4, 'Evil'), text(7, 'deep')])))))),
      'deep.Evil',
    ],
    [
      'with weights in another file',
      () => withGraph(part(5, Buffer.concat([text(8, 'conv.weight'), Uint8Array.of(14 << 3, 1)]))),
      'The weight conv.weight of the model is stored in another file (external data).',
    ],
    [
      'with weights in another file inside a subgraph',
      () => withGraph(part(1, part(5, part(6, part(5, Buffer.concat([text(8, 'deep'), part(13, text(1, 'location'))])))))),
      'The weight deep of the model is stored in another file',
    ],
    [
      'with a constant in another file',
      () => withGraph(part(1, part(5, part(5, Buffer.concat([text(8, 'constant'), part(13, text(1, 'location'))]))))),
      'The weight constant',
    ],
  ];
  test.each(cases)('%s', async (_, bytes, sentence) => {
    const described = describeDetector(await stored(bytes()), { labels: LABELS });
    await expect(described).rejects.toMatchObject({ name: 'UserError', message: expect.stringContaining(sentence) });
  });

  test('an operator that the file defines itself is none of another runtime', async () => {
    const node = part(1, Buffer.concat([text(4, 'Block'), text(7, 'my.domain')]));
    const definition = part(25, Buffer.concat([text(1, 'Block'), text(10, 'my.domain')]));
    const file = (functions: Buffer) => Buffer.concat([withGraph(node), Uint8Array.of(0xca, 0x01), functions.subarray(1)]);
    const described = await describeDetector(await stored(file(definition)), { labels: LABELS });
    expect(described.sidecar.layout).toBe('yolov8');
    expect(() => readOnnxModel(withGraph(node))).not.toThrow();
    await expect(describeDetector(await stored(withGraph(node)), { labels: LABELS })).rejects.toThrow('my.domain.Block');
  });

  test('cut at any place', () => {
    for (let length = 1; length < GOOD.length; length += Math.ceil(GOOD.length / 500)) {
      expect(() => readOnnxModel(GOOD.subarray(0, length))).toThrow(expect.objectContaining({ name: 'UserError' }));
    }
  });

  test('of random bytes, or with random bytes changed', () => {
    const random = seededRandom(7);
    const byte = () => random.between(0, 255);
    for (let round = 0; round < 300; round++) {
      const noise = Uint8Array.from({ length: 200 }, byte);
      expect(() => readOnnxModel(noise)).toThrow(expect.objectContaining({ name: 'UserError' }));
      const changed = Uint8Array.from(GOOD.subarray(0, 2_000));
      for (let change = 0; change < 5; change++) changed[random.between(0, changed.length - 1)] = byte();
      try {
        readOnnxModel(Buffer.concat([changed, GOOD.subarray(2_000)]));
      } catch (error) {
        expect(error).toMatchObject({ name: 'UserError' });
      }
    }
  });

  test('of 20 million tiny fields ends in time', () => {
    const tiny = new Uint8Array(42_000_000);
    for (let offset = 0; offset < tiny.length; offset += 2) [tiny[offset], tiny[offset + 1]] = [8, 1];
    const start = performance.now();
    expect(() => readOnnxModel(tiny)).toThrow('it has more than 20,000,000 fields');
    expect(performance.now() - start).toBeLessThan(20_000);
  });
});

describe('a literal of Python', () => {
  test.each<[text: string, value: unknown]>([
    [
      "{0: 'a', 1: \"b's\"}",
      new Map([
        ['0', 'a'],
        ['1', "b's"],
      ]),
    ],
    ["['a', 'b',]", ['a', 'b']],
    ['(640, 480)', [640, 480]],
    [
      "{'a': True, 'b': None, 'c': -1.5}",
      new Map<string, unknown>([
        ['a', true],
        ['b', null],
        ['c', -1.5],
      ]),
    ],
    ["'\\u00e9\\n\\''", "é\n'"],
    ['{}', new Map()],
    ["{'__proto__': 1}", new Map([['__proto__', 1]])],
  ])('%s is read', (text, value) => {
    expect(pythonLiteral(text)).toEqual(value);
  });

  test.each([
    '',
    '{',
    "{0: 'a'",
    "'a",
    '__import__("os")',
    '[1, 2',
    'f()',
    '{1 2}',
    '[[[[[[[[[[[[1]]]]]]]]]]]]',
    '1 2',
    "'\\xzz'",
  ])('%s is none', (text) => {
    expect(pythonLiteral(text)).toBeUndefined();
  });
});
