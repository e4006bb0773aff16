import { describe, expect, test } from 'vitest';
import { joinReadings } from '../../../pipeline/merging/text/stitch-text.ts';

const LETTER_PX = 10;
const LINE = 'refreshed 14:32:07 UTC. Next run in 5 minutes';
const CUT = { from: 12, to: 28 };

/** Joins the line cut into two readings, one of them edited. The readings share the letters from 12 to 28. */
function joined(left: string, right: string): string | undefined {
  return joinReadings([
    { text: left, left: 0, right: CUT.to * LETTER_PX },
    { text: right, left: CUT.from * LETTER_PX, right: LINE.length * LETTER_PX },
  ])?.text;
}

const squeezed = (text: string | undefined) => text?.replaceAll(' ', '');
const [LEFT, RIGHT] = [LINE.slice(0, CUT.to), LINE.slice(CUT.from)];
const sharedLetters = Array.from({ length: CUT.to - CUT.from }, (_, index) => CUT.from + index);

describe('two readings of one line', () => {
  test('are joined', () => {
    expect(joined(LEFT, RIGHT)).toBe(LINE);
  });

  test.each(sharedLetters)('are joined wherever one of them has an additional space: at letter %i', (at) => {
    expect(squeezed(joined(`${LEFT.slice(0, at)} ${LEFT.slice(at)}`, RIGHT))).toBe(squeezed(LINE));
    expect(squeezed(joined(LEFT, `${RIGHT.slice(0, at - CUT.from)} ${RIGHT.slice(at - CUT.from)}`))).toBe(squeezed(LINE));
  });

  test('are joined if one of them has no spaces', () => {
    expect(squeezed(joined(LEFT.replaceAll(' ', ''), RIGHT))).toBe(squeezed(LINE));
    expect(squeezed(joined(LEFT, RIGHT.replaceAll(' ', '')))).toBe(squeezed(LINE));
  });

  test.each(sharedLetters.slice(1, -1))('are joined with a letter that only one of them has: %i', (at) => {
    const index = at - CUT.from;
    expect(squeezed(joined(LEFT.slice(0, at) + LEFT.slice(at + 1), RIGHT))).toBe(squeezed(LINE));
    expect(squeezed(joined(LEFT, RIGHT.slice(0, index) + RIGHT.slice(index + 1)))).toBe(squeezed(LINE));
  });

  test('are not joined if a quarter of the shared letters differ', () => {
    expect(joined(LEFT, `0O0O0O${RIGHT.slice(6)}`)).toBeUndefined();
  });
});
