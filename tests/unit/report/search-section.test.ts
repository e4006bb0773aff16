// The section of a report on how an answer was found.
import { describe, expect, test } from 'vitest';
import type { Trace } from '../../../pipeline/contract/questions/search-turn.ts';
import { reportPage } from '../../../pipeline/report/report-page.ts';
import { HOSTILE, materialWith } from '../../support/report-material.ts';

const LOOK = { tool: 'find', width: 500, height: 400, key: 'k' } as const;

function traceOf(words: string): Trace {
  return {
    question: words,
    model: 'openai:eyes',
    turns: [
      {
        action: { tool: 'find', note: words, image: 0, box: [1, 2, 1_000, 800], what: words },
        reply: null,
        look: { ...LOOK, number: 1, box: [1, 2, 1_000, 800], what: words, seen: [], seen_total: 12, notes: [] },
        person: null,
      },
      { action: { tool: 'zoom', note: '', image: 0, box: null, regions: [] }, reply: 'outside', look: null, person: null },
      {
        action: { tool: 'answer', note: '', text: words, found: true, confidence: 1, evidence: [], outside: 0 },
        reply: null,
        look: null,
        person: null,
      },
    ],
  };
}

describe('the section on a question', () => {
  test('has each turn with its place and resolution, instead of tiles that no question analyzes', () => {
    const page = reportPage(materialWith([], {}, { trace: traceOf('Which color?') }));
    expect(page).toContain('How the answer was found');
    expect(page).not.toContain('What was not analyzed');
    expect(page.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ')).toContain(
      '1 detected: Which color? 1, 2, 1000, 800 50 % Which color? Found: 12. 2 zoomed in The box was not in the image. 3 answered Which color?',
    );
  });

  test.each(HOSTILE)('shows %j as words', (words) => {
    const page = reportPage(materialWith([], {}, { trace: traceOf(words) }));
    const plain = reportPage(materialWith([], {}, { trace: traceOf('plain') }));
    const elements = (text: string) => text.match(/<[a-z]+/g)?.length;
    expect(elements(page)).toBe(elements(plain));
  });
});
