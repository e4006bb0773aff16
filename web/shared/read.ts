// Readers for what crosses the page's border: answers, events and the address. Each returns the value with its type, or throws.
// A schema library would be heavier than the page's own code (zod/mini: 19 KB).

/** Throws a TypeError that names what was expected and what came. */
export type Read<T> = (value: unknown) => T;

export const text: Read<string> = (value) => (typeof value === 'string' ? value : mismatch('text', value));
export const number: Read<number> = (value) => (typeof value === 'number' ? value : mismatch('a number', value));
export const flag: Read<boolean> = (value) => (typeof value === 'boolean' ? value : mismatch('true or false', value));
/** Leaves the value to another reader. */
export const anything: Read<unknown> = (value) => value;

export function listOf<T>(item: Read<T>): Read<T[]> {
  return (value) => (Array.isArray(value) ? value.map((element) => item(element)) : mismatch('a list', value));
}

/** A list with one reader for each place. */
export function tuple<T extends readonly unknown[]>(...items: { [Place in keyof T]: Read<T[Place]> }): Read<T> {
  return (value) => {
    if (!Array.isArray(value) || value.length !== items.length) return mismatch(`a list of ${items.length}`, value);
    return items.map((item, place) => item(value[place])) as unknown as T;
  };
}

export function nullable<T>(inner: Read<T>): Read<T | null> {
  return (value) => (value === null ? null : inner(value));
}

export function optional<T>(inner: Read<T>): Read<T | undefined> {
  return (value) => (value === undefined ? undefined : inner(value));
}

export function oneOf<const Word extends string>(words: readonly Word[]): Read<Word> {
  return (value) => words.find((word) => word === value) ?? mismatch(`one of ${words.join(', ')}`, value);
}

/** One of the words that `meanings` explains. */
export function keyOf<Key extends string>(meanings: Readonly<Record<Key, unknown>>): Read<Key> {
  const isKey = (value: unknown): value is Key => typeof value === 'string' && Object.hasOwn(meanings, value);
  return (value) => (isKey(value) ? value : mismatch(`one of ${Object.keys(meanings).join(', ')}`, value));
}

/** Any names, all with the same kind of value. */
export function recordOf<T>(item: Read<T>): Read<Record<string, T>> {
  return (value) => Object.fromEntries(entriesOf(value).map(([name, element]) => [name, item(element)]));
}

/** The named fields; any other field is left out. */
export function fields<T extends object>(readers: { [Name in keyof T]: Read<T[Name]> }): Read<T> {
  const names = Object.entries<Read<unknown>>(readers);
  return (value) => {
    const found = new Map(entriesOf(value));
    return Object.fromEntries(names.map(([name, read]) => [name, read(found.get(name))])) as T;
  };
}

function entriesOf(value: unknown): [name: string, element: unknown][] {
  return typeof value === 'object' && value !== null ? Object.entries(value) : mismatch('an object', value);
}

function mismatch(expected: string, value: unknown): never {
  throw new TypeError(`Expected ${expected}, got ${String(JSON.stringify(value)).slice(0, 100)}.`);
}
