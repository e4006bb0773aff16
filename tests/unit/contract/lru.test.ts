import { describe, expect, test } from 'vitest';
import { at } from '../../../pipeline/contract/at.ts';
import { lru } from '../../../pipeline/contract/lru.ts';

describe('a bounded cache', () => {
  test('evicts the entry that was used least recently, and reports only what it evicts', () => {
    const evicted: number[] = [];
    const cache = lru<string, number>(2, (value) => evicted.push(value));
    cache.set('a', 1);
    cache.set('b', 2);
    expect(cache.get('a')).toBe(1);
    cache.set('c', 3);
    expect(evicted).toEqual([2]);
    expect(cache.get('b')).toBeUndefined();
    cache.set('a', 4);
    cache.delete('c');
    cache.set('d', 5);
    expect([cache.get('a'), cache.get('c'), cache.get('d')]).toEqual([4, undefined, 5]);
    expect(evicted).toEqual([2]);
  });
});

test('reading a row that does not exist fails with its index', () => {
  expect(at([7, 8], 1)).toBe(8);
  expect(() => at([7, 8], 2)).toThrow(new RangeError('No row 2 among 2.'));
  expect(() => at(new Uint8Array(3), -1)).toThrow(RangeError);
});
