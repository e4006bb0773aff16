// An execution as large in every word as one can be, written straight into the store: what answers have to be cut from.

import { keys } from '../../pipeline/contract/keys.ts';
import type { Finding, FindingsDocument, Progress } from '../../pipeline/contract/schemas.ts';
import { withKnownCitations } from '../../pipeline/findings/citations.ts';
import { reasonOf } from '../../pipeline/findings/document.ts';
import { indexed } from '../../pipeline/findings/index-entry.ts';
import { sentenceOnGaps } from '../../pipeline/findings/rules-summary.ts';
import type { Blobs } from '../../pipeline/ports.ts';
import { finding } from './tool-calls.ts';

/** Which characters long words are made of: one byte each, three, or six of JSON. */
export const LETTERS = ['l', '图', '\u0001'] as const;

export const SENTENCE = 'Beside the bench [f1] sits a cat [f2], and the door behind it is open. ';
export const REASON = 'The model bedrock:us.amazon.nova-lite-v1:0 did not answer in time, or the answer was damaged. Try again.';
export const ID = 'a-image-with-a-name-as-long-as-slugs-may-be-0123456789abcdef01'; // 64 characters
const TILES = 99_000;
const FAILED = 4_321;
const FAILED_TOLD = 20; // as the pipeline stores them
const NOTES = 30;
const NOTES_TOLD = 20; // as well
const LONGEST_OF_A_KIND = 200;
const ORDINARY_LABELS = 1_000;
const AT = '2026-11-21T06:00:00.000Z';

/** 200 of the longest findings for each letter come first in every order, and then ordinary ones. */
export function worstFindings(count: number): Finding[] {
  const longest = LETTERS.flatMap((letter, kind) =>
    Array.from({ length: LONGEST_OF_A_KIND }, (_, index) =>
      finding(kind * LONGEST_OF_A_KIND + index + 1, {
        label: `!${kind}${index}${letter.repeat(95)}`,
        description: letter.repeat(1_000),
        text: letter.repeat(2_000),
        score: 1 - kind / 100 - index / 100_000,
        severity: 'critical',
        box: [12_345.678, kind, 23_456.789, 34_567.891],
        tiles: Array.from({ length: index === 0 ? 50_000 : 8 }, (_, tile) => tile + 10_000), // a meadow lies in very many
        verified: 'confirmed',
      }),
    ),
  );
  const ordinary = Array.from({ length: count - longest.length }, (_, index) =>
    finding(longest.length + index + 1, {
      label: `kind ${index % ORDINARY_LABELS} ${'of label '.repeat(10)}`.trim(),
      score: 0.9 - index / 1_000_000,
      box: [(index * 37) % 20_000, 100 + ((index * 53) % 20_000), 30, 20],
    }),
  );
  return [...longest, ...ordinary];
}

export interface Words {
  summary: string;
  reason: string;
  uri: string;
}

export const ordinaryWords: Words = { summary: SENTENCE.repeat(28), reason: REASON, uri: 'upload://plan.png-1' };
export const longestWords = (letter: string): Words => ({
  summary: letter.repeat(4_000),
  reason: letter.repeat(2_000),
  uri: `file:///${letter.repeat(1_992)}`,
});

/** Stores what the pipeline stores of one that ended as PARTIAL, with the summary and the reason that it would have. */
export async function storeWorst(blobs: Blobs, findings: Finding[], { summary, reason, uri }: Words): Promise<void> {
  const box: Finding['box'] = [98_765, 87_654, 1_024, 1_024];
  const failed = Array.from({ length: FAILED }, (_, index) => ({ tile: index + 10_000, box, reason }));
  const usage = { input_tokens: 123_456_789, output_tokens: 12_345_678, cost_usd: 123.456_789_012_345 };
  const counts = { total: TILES, done: TILES - FAILED, blank: 0, not_analyzed: 0 };
  const notes = Array.from({ length: NOTES }, (_, index) => `${index} ${reason}`);
  const cited = withKnownCitations(summary, [{ id: 'f1' }, { id: 'f2' }]);
  const document: FindingsDocument = {
    ...{ execution_id: ID, status: 'PARTIAL', usage, notes, findings },
    image: { uri, width: 123_456, height: 123_456, format: 'jpeg', version: '1795264582000.1234-123456789' },
    request: {
      ask: { look_for: null, labels: [] },
      plan: { detail: 'max', tile_size: null, overlap: null, grid: null, region: null, max_tiles: null, skip_blank: true },
    },
    models: { moderation: null, detection: ['onnx:nanodet'], verification: null, synthesis: 'rules:counts' },
    tiles: { ...counts, failed, not_analyzed: [] },
    summary: [cited, ...sentenceOnGaps({ ...counts, failed: FAILED })].join(' '),
  };
  const progress: Progress = {
    ...{ execution_id: ID, status: 'PARTIAL', phase: 'done', findings: findings.length, usage, summary: document.summary },
    ...{ tiles: { ...counts, failed: FAILED }, started_at: AT, updated_at: AT, running_shards: [] },
    reason: reasonOf({ ...document, done: counts.done, blank: 0, failed, not_analyzed: [], stopped: null }),
    failed_tiles: failed.slice(0, FAILED_TOLD),
    notes: notes.slice(0, NOTES_TOLD),
  };
  const { entry, keys: indexKeys } = indexed(document, AT, null);
  for (const key of indexKeys) await blobs.put(key, Buffer.from(JSON.stringify(entry)));
  await blobs.put(keys.progress(ID), Buffer.from(JSON.stringify(progress)));
  await blobs.put(keys.findings(ID), Buffer.from(JSON.stringify(document)));
  for (const key of [keys.overlay(ID), keys.report(ID)]) await blobs.put(key, Buffer.from('file'));
}
