// A bounded cache: the least recently used entry goes first. Knows nothing of what it keeps.

export interface Lru<Key, Value> {
  /** The value, which becomes the most recently used one; `undefined` if there is none. */
  get(key: Key): Value | undefined;
  set(key: Key, value: Value): void;
  delete(key: Key): void;
  /** The least recently used one first. */
  keys(): Key[];
}

/** Keeps at most `entriesMax` values. `onEvict` gets a value that had to go; not one that was replaced or deleted. */
export function lru<Key, Value>(entriesMax: number, onEvict: (value: Value) => void = () => {}): Lru<Key, Value> {
  const entries = new Map<Key, Value>();
  return {
    get(key) {
      const value = entries.get(key);
      if (value === undefined) return undefined;
      entries.delete(key);
      entries.set(key, value);
      return value;
    },
    set(key, value) {
      entries.delete(key);
      entries.set(key, value);
      for (const [oldest, evicted] of entries) {
        if (entries.size <= entriesMax) break;
        entries.delete(oldest);
        onEvict(evicted);
      }
    },
    delete: (key) => void entries.delete(key),
    keys: () => [...entries.keys()],
  };
}
