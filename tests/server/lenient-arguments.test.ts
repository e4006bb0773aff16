// Arguments as real clients send them: strict tool calling sends null for every optional one, small models send strings, and n8n adds
// keys of its own. Each form must do what its strict form does.
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { answerWith, withNotes } from '../../mcp-server/protocol/answers.ts';
import { testServer } from '../support/server.ts';
import { asked } from '../support/task-requests.ts';
import { ends, finding } from '../support/tool-calls.ts';

type Arguments = Record<string, unknown>;
type Form = [tool: string, sent: Arguments, strict: Arguments];

const Result = z.object({
  isError: z.boolean().optional(),
  structuredContent: z.record(z.string(), z.unknown()).optional(),
  content: z.array(z.object({ text: z.string() })),
});

const FINDINGS = [
  finding(1),
  finding(2, { label: 'cat', score: 0.4, severity: 'high' }),
  finding(3, { box: [600, 300, 20, 20] }),
];

/** What a call does on a server of its own, where an analysis with three findings has ended and no time passes. */
async function outcome(tool: string, args: Arguments) {
  const server = await testServer({
    script: ends(FINDINGS),
    clock: { now: () => new Date(0) },
    images: { resolve: async (uri) => ({ source: { kind: 'blob', key: 'uploads/plan' }, uri, version: '1' }) },
    models: {
      defaults: { moderation: null, detection: ['onnx:nanodet'], verification: 'onnx:nanodet', synthesis: 'rules:counts' },
      allowed: ['onnx:ppocr'],
      moderationMayBeOff: false,
    },
  });
  const call = async (name: string, sent: Arguments) =>
    Result.parse((await asked(server, 'tools/call', { name, arguments: sent }, {})).result);
  const earlier = await call('analyze_image', { image: 'earlier.jpg' });
  const of = ['analyze_image', 'create_upload'].includes(tool) ? {} : { execution_id: earlier.structuredContent?.execution_id };
  const { isError, structuredContent, content } = await call(tool, { ...of, ...args });
  expect(isError, content[0]?.text).toBeUndefined();
  const notes = z.array(z.string()).default([]).parse(structuredContent?.notes);
  return { answer: structuredContent, requests: server.launcher.runs.map(({ request }) => request), content, notes };
}

const image = 'plan.jpg';
const OPTIONAL = Object.fromEntries(
  [
    ...['look_for', 'labels', 'detail', 'tile_size', 'overlap', 'grid', 'region', 'max_tiles', 'page', 'max_cost_usd', 'verify'],
    ...['moderation', 'models', 'skip_blank', 'dry_run', 'idempotency_key', 'wait_seconds'],
  ].map((name) => [name, null]),
);
const models = { detection: ['onnx:ppocr'] };
const analyze = (sent: Arguments, strict: Arguments): Form => ['analyze_image', { image, ...sent }, { image, ...strict }];
const list = (sent: Arguments, strict: Arguments): Form => ['list_findings', sent, strict];

const FORMS: Form[] = [
  analyze(OPTIONAL, {}),
  analyze({ look_for: '' }, {}),
  analyze({ look_for: '  ', labels: '', region: '', models: '' }, {}),
  analyze({ labels: null, idempotency_key: '' }, {}),
  analyze({ labels: 'person' }, { labels: ['person'] }),
  analyze({ labels: 'person, text' }, { labels: ['person', 'text'] }),
  analyze({ labels: '["person","text"]' }, { labels: ['person', 'text'] }),
  analyze({ look_for: '512' }, { look_for: '512' }),
  analyze({ detail: 'Fine' }, { detail: 'fine' }),
  analyze({ detail: '' }, {}),
  analyze({ tile_size: '512' }, { tile_size: 512 }),
  analyze({ tile_size: '', overlap: '64' }, { overlap: 64 }),
  analyze({ grid: ' 4 ' }, { grid: 4 }),
  analyze({ region: '[0,0,10,10]' }, { region: [0, 0, 10, 10] }),
  analyze({ region: '0, 0, 10, 10' }, { region: [0, 0, 10, 10] }),
  analyze({ region: ['0', '0', '10.5', '10'] }, { region: [0, 0, 10.5, 10] }),
  analyze({ max_tiles: '5', page: '2' }, { max_tiles: 5, page: 2 }),
  analyze({ max_cost_usd: '0.5' }, { max_cost_usd: 0.5 }),
  analyze({ verify: 'true' }, { verify: true }),
  analyze({ skip_blank: 'False', verify: 'false' }, { skip_blank: false, verify: false }),
  analyze({ models: JSON.stringify(models) }, { models }),
  analyze({ models: { detection: 'onnx:ppocr' } }, { models }),
  analyze({ models: { ...models, moderation: null, verification: '', provider: 'any' } }, { models }),
  analyze({ wait_seconds: 60 }, { wait_seconds: 25 }),
  analyze({ wait_seconds: '60' }, { wait_seconds: 25 }),
  analyze({ sessionId: '1', action: 'sendMessage', chatInput: 'find people', toolCallId: 'call_1' }, {}),
  ['get_execution', { wait_seconds: '1.5', response_format: null }, { wait_seconds: 1.5 }],
  ['get_execution', { wait_seconds: 3_600, response_format: 'Concise' }, { wait_seconds: 25 }],
  analyze({ skipBlank: 'false', LOOK_FOR: 'cats' }, { skip_blank: false, look_for: 'cats' }),
  analyze({ maxCostUsd: '0.5', 'max-tiles': 5, Labels: 'cat' }, { max_cost_usd: 0.5, max_tiles: 5, labels: ['cat'] }),
  list({ minScore: 0.5 }, { min_score: 0.5 }),
  list({ limit: '2', cursor: '', since: '', image: null }, { limit: 2 }),
  list({ min_score: '0.5', sort: null }, { min_score: 0.5 }),
  list({ severity: 'high' }, { severity: ['high'] }),
  list({ severity: '["High"]', include_rejected: 'true' }, { severity: ['high'], include_rejected: true }),
  list({ labels: 'cat', region: '[0, 0, 5000, 5000]' }, { labels: ['cat'], region: [0, 0, 5_000, 5_000] }),
  list({ sort: 'POSITION', toolCallId: 'call_2' }, { sort: 'position' }),
];

test('there are at least 30 forms', () => {
  expect(FORMS.length).toBeGreaterThanOrEqual(30);
});

test.each(FORMS)('%s with %j does the same as with %j', async (tool, sent, strict) => {
  const [lenient, expected] = [await outcome(tool, sent), await outcome(tool, strict)];
  expect(lenient.requests).toEqual(expected.requests);
  // Notes about arguments come first.
  expect(lenient.notes.slice(lenient.notes.length - expected.notes.length)).toEqual(expected.notes);
  expect({ ...lenient.answer, notes: [] }).toEqual({ ...expected.answer, notes: [] });
  expect(JSON.parse(lenient.content[0]?.text ?? '')).toEqual(lenient.answer);
});

test.each([
  ['analyze_image', { image, max_cost: 0.1 }, 'max_cost', 'max_cost_usd'],
  ['analyze_image', { image, dry: true }, 'dry', 'dry_run'],
  ['analyze_image', { image, label: ['cat'] }, 'label', 'labels'],
  ['analyze_image', { image, models: { detections: 'onnx:ppocr' } }, 'models.detections', 'models.detection'],
  ['list_findings', { label: 'cat' }, 'label', 'labels'],
])(
  '%s with %j is refused: to leave out a misspelled limit would do more than the caller wants',
  async (tool, sent, key, known) => {
    const server = await testServer({});
    const result = Result.parse((await asked(server, 'tools/call', { name: tool, arguments: sent }, {})).result);
    expect(result.isError).toBe(true);
    expect(result.content[0]?.text).toMatch(`${tool} has no argument ${key}. Did you mean ${known}? The arguments are `);
    expect(server.launcher.runs).toEqual([]);
  },
);

describe('a note', () => {
  test('names the argument that another spelling was read as', async () => {
    const { notes } = await outcome('analyze_image', { image, maxTiles: 5, models: { Detection: 'onnx:ppocr' } });
    expect(notes.slice(0, 2)).toEqual(['maxTiles was read as max_tiles.', 'models.Detection was read as models.detection.']);
  });

  test('names the arguments that were left out, but not those that a client sends empty', async () => {
    const { notes } = await outcome('analyze_image', { image, sessionId: '1', models: { provider: 'x' }, look_for: null });
    expect(notes[0]).toBe('Unknown arguments were left out: sessionId, models.provider.');
  });

  test('says that a longer wait was reduced to the limit', async () => {
    const { notes } = await outcome('get_execution', { wait_seconds: 60 });
    expect(notes[0]).toBe('wait_seconds 60 was reduced to 25, its limit.');
  });

  test('stays short for any number of unknown arguments', async () => {
    const many = Object.fromEntries(Array.from({ length: 400 }, (_, index) => [`argument_${index}${'x'.repeat(100)}`, 1]));
    const { notes } = await outcome('analyze_image', { image, ...many });
    expect(notes[0]).toMatch(/^Unknown arguments .*, 395 more\.$/);
    expect(notes[0]?.length).toBeLessThan(400);
  });

  test('is absent if everything was sent as listed', async () => {
    expect((await outcome('analyze_image', { image, labels: ['cat'] })).content).toHaveLength(1);
  });

  test('joins the notes of an answer that has some, in both of its forms', () => {
    const answer = { status: 'PLANNED', notes: ['Labels match nothing.'] };
    const both = { ...answer, notes: ['wait_seconds 60 was reduced to 25, its limit.', 'Labels match nothing.'] };
    expect(withNotes(answerWith(answer), ['wait_seconds 60 was reduced to 25, its limit.'])).toEqual(answerWith(both));
  });
});
