// The rules of the house that can be counted: sizes of files and folders, names, and constructs that hide mistakes.
import { globSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const FILES_A_FOLDER_MAX = 16;
const LINES_MAX = 250;
const MEDIAN_LINES_MAX = 100;
const FOLDER_SHARE_MAX = 0.22;
const NUMBER_CASTS_MAX = 10;
/** Files that a process starts with. Two folders may each have one. */
const ENTRIES = ['lambda.ts', 'worker.ts', 'index.ts'];
/** The one reader of stored documents, and each place that parses JSON of another origin. */
const PARSES_JSON = [
  'pipeline/documents.ts', // stored documents
  'pipeline/durable/checkpoint-overflow.ts', // results of steps, as the durable service returns them
  'pipeline/report/report-script.ts', // the data of the page that holds the script
  'pipeline/vision/reading/json-in-text.ts', // answers of models
  'pipeline/vision/detectors/sidecar.ts', // detector.json, which people correct
  'pipeline/vision/detectors/class-labels.ts', // lists of labels that people bring
  'pipeline/vision/zero-shot/model-folder.ts', // documents beside a zero-shot model that people bring
  'pipeline/vision/onnx/sessions.ts', // models/checksums.json of the repository
  'mcp-server/aws/function-url.ts', // bodies of requests
  'mcp-server/protocol/accept-header.ts', // messages of the SDK
  'mcp-server/protocol/skills.ts', // skills/index.json of the repository
  'mcp-server/protocol/lenient-arguments.ts', // arguments that a client sent as text
  'local/engine/local-launcher.ts', // cursors, and inputs of executions
  'local/engine/store/engine-rows.ts', // rows of the engine's own database
  'local/http/access-keys.ts', // the file of --keys
  'local/http/running-server.ts', // the address of the server of a data folder
  'web/shared/live.ts', // events of the server
  'cli/stdio/forward.ts', // refusals in the bodies of HTTP errors
  'cli/stdio/message-lines.ts', // lines that a client writes to standard input
  'cli/evaluate/truth-file.ts', // the file of --truth
  'cli/evaluate/analyses.ts', // results of an interrupted evaluation, which it wrote itself
];
/** What may be missing and is then shown as nothing, or counted from before the first row. */
const MAY_BE_MISSING = [
  'web/execution/finding-list.ts', // no row is selected
  'local/http/iam-gate.ts', // a signed header that the request does not have: AWS signs it as empty
  'local/engine/history.ts', // an error without a message
  'pipeline/report/html.ts', // a placeholder outside of an attribute
  'pipeline/report/rows.ts', // a finding without text
  'pipeline/progress/tile-state-writer.ts', // no states are stored yet
  'pipeline/findings/exports/csv.ts', // an empty cell
  'cli/setup/setup-command.ts', // a configuration that is not there yet
  'cli/setup/recorded-edits.ts', // the same
];
/** The cards that the page shows. */
const NO_CACHES = ['web/executions/executions.ts'];

interface Source {
  file: string;
  lines: number;
  code: string;
}

const sources: Source[] = globSync('{pipeline,mcp-server,local,web,cli,build,models,bench}/**/*.ts', { cwd: ROOT })
  .filter((file) => !file.endsWith('.d.ts'))
  .map((file) => {
    const text = readFileSync(join(ROOT, file), 'utf8');
    return { file, lines: text.split('\n').length - 1, code: withoutComments(text) };
  });
const product = sources.filter(({ file }) => !/^(bench|build|models)\//.test(file));

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1');
}

/** Places by file, with the line as it stands. */
function places(pattern: RegExp, among: readonly Source[] = sources): string[] {
  return among.flatMap(({ file, code }) =>
    code
      .split('\n')
      .filter((line) => pattern.test(line))
      .map((line) => `${file}: ${line.trim()}`),
  );
}

/** Every file of the list must still need its place there. */
function outside(files: readonly string[], found: readonly string[]): string[] {
  const isIn = (file: string, place: string) => place.startsWith(`${file}:`);
  expect(files.filter((file) => !found.some((place) => isIn(file, place)))).toEqual([]);
  return found.filter((place) => !files.some((file) => isIn(file, place)));
}

function byFolder(): Map<string, Source[]> {
  return Map.groupBy(sources, ({ file }) => dirname(file));
}

describe('files and folders', () => {
  test('the count sees the whole product', () => {
    expect(product.length).toBeGreaterThan(200);
  });

  test(`no folder holds more than ${FILES_A_FOLDER_MAX} files of code`, () => {
    const crowded = [...byFolder()].filter(([, files]) => files.length > FILES_A_FOLDER_MAX);
    expect(crowded.map(([folder, files]) => `${folder}: ${files.length}`)).toEqual([]);
  });

  test('no folder holds more than 22 % of the lines', () => {
    const all = product.reduce((sum, { lines }) => sum + lines, 0);
    const shares = [...Map.groupBy(product, ({ file }) => dirname(file))].map(([folder, files]) => {
      return { folder, share: files.reduce((sum, { lines }) => sum + lines, 0) / all };
    });
    expect(shares.filter(({ share }) => share > FOLDER_SHARE_MAX)).toEqual([]);
  });

  test('no base name occurs twice, outside of entries', () => {
    const names = Map.groupBy(sources, ({ file }) => basename(file));
    const twice = [...names].filter(([name, files]) => files.length > 1 && !ENTRIES.includes(name));
    expect(twice.map(([, files]) => files.map(({ file }) => file))).toEqual([]);
  });

  test(`no file has more than ${LINES_MAX} lines, and half of them at most ${MEDIAN_LINES_MAX}`, () => {
    expect(sources.filter(({ lines }) => lines > LINES_MAX).map(({ file, lines }) => `${file}: ${lines}`)).toEqual([]);
    const sorted = sources.map(({ lines }) => lines).sort((a, b) => a - b);
    expect(sorted[Math.floor(sorted.length / 2)]).toBeLessThanOrEqual(MEDIAN_LINES_MAX);
  });
});

describe('constructs that hide mistakes', () => {
  test('no object literal spreads another literal: TypeScript would not check its keys', () => {
    expect(places(/\.\.\.\{/)).toEqual([]);
  });

  test('nothing stands in for a value that cannot be missing', () => {
    expect(outside(MAY_BE_MISSING, places(/\?\? (''|""|``|-1)(?!\w)/))).toEqual([]);
  });

  test(`at most ${NUMBER_CASTS_MAX} casts to number`, () => {
    expect(places(/\bas number\b/).length).toBeLessThanOrEqual(NUMBER_CASTS_MAX);
  });

  test('a stored document is parsed in one place', () => {
    expect(outside(PARSES_JSON, places(/JSON\.parse\b/, product))).toEqual([]);
  });

  test('no module keeps a cache of its own: lru() bounds and names them', () => {
    const caches = places(/^(const|let) \w+(: [^=]+)? = new (WeakMap|Map|Set)(<.*>)?\(\);?$/);
    expect(outside(NO_CACHES, caches)).toEqual([]);
  });
});
