import { describe, expect, test } from 'vitest';
import * as read from '../../../web/shared/read.ts';

const readPerson = read.fields({
  name: read.text,
  age: read.nullable(read.number),
  nick: read.optional(read.text),
  role: read.keyOf({ guest: 'Guest', host: 'Host' }),
  seat: read.tuple<[number, string]>(read.number, read.text),
  tags: read.listOf(read.oneOf(['new', 'old'])),
  links: read.recordOf(read.text),
});
const PERSON = { name: 'Ada', age: null, role: 'host', seat: [3, 'left'], tags: ['new'], links: { home: '/' } };

describe('a reader of the page', () => {
  test('returns the fields that it knows, and no other field', () => {
    expect(readPerson({ ...PERSON, more: 1 })).toEqual({ ...PERSON, nick: undefined });
    expect(readPerson({ ...PERSON, nick: 'A' }).nick).toBe('A');
  });

  test.each([
    ['a missing field', { ...PERSON, name: undefined }, 'Expected text, got undefined.'],
    ['another type', { ...PERSON, age: '36' }, 'Expected a number, got "36".'],
    ['an unknown word', { ...PERSON, role: 'toString' }, 'Expected one of guest, host, got "toString".'],
    ['a list of another length', { ...PERSON, seat: [3] }, 'Expected a list of 2, got [3].'],
    ['an unknown word in a list', { ...PERSON, tags: ['new', 'used'] }, 'Expected one of new, old, got "used".'],
    ['something that is no list', { ...PERSON, tags: 'new' }, 'Expected a list, got "new".'],
    ['something that is no object', null, 'Expected an object, got null.'],
    ['a wrong value in a record', { ...PERSON, links: { home: 1 } }, 'Expected text, got 1.'],
    ['a long value, cut', 'x'.repeat(500), `Expected an object, got "${'x'.repeat(99)}.`],
  ])('throws for %s', (_, value, sentence) => {
    expect(() => readPerson(value)).toThrow(new TypeError(sentence));
  });
});
