// Reads the arguments of a tool as real clients send them: null or an empty string for what is optional, numbers, lists and objects as
// strings, one string for a list, keys of the client's own. Knows schemas, but no single tool.
import { z } from 'zod';
import { WAIT_MAX_S } from '../tools/arguments.ts';

const KEYS_NAMED_MAX = 5; // of a note
const KEY_CHARACTERS_MAX = 40;
const NEAR_CHARACTERS_MIN = 3;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
/** Arguments whose value beyond the limit means the limit. */
const LIMITS = new Map([['wait_seconds', WAIT_MAX_S]]);

export interface ReadArguments {
  /** For the schema, which decides. A value whose meaning is not clear is as it was sent. */
  values: Record<string, unknown>;
  /** Sentences about what was left out or changed; the caller must learn of it. */
  notes: string[];
  /** Keys that the schema does not know, with their path. */
  unknown: string[];
  /** Unknown keys that look like a known one. Ignoring a misspelled limit would do more than the caller wants. */
  misspelled: { sent: string; known: string }[];
}

type Faults = Pick<ReadArguments, 'notes' | 'unknown' | 'misspelled'>;

export function readArguments(input: z.ZodObject, sent: unknown): ReadArguments {
  const faults: Faults = { notes: [], unknown: [], misspelled: [] };
  const values = isRecord(sent) ? objectIn(input, sent, '', faults) : {};
  const { notes, unknown, misspelled } = faults;
  if (unknown.length > 0) notes.push(leftOut(unknown));
  for (const [name, limit] of LIMITS) {
    const value = values[name];
    if (typeof value !== 'number' || value <= limit) continue;
    notes.push(`${name} ${value} was reduced to ${limit}, its limit.`);
    values[name] = limit;
  }
  return { values, notes, unknown, misspelled };
}

/** Adds to `faults` what the schema does not know. A key with the same letters as a known one, such as `dryRun`, is read as that one. */
function objectIn({ shape }: z.ZodObject, sent: Record<string, unknown>, path: string, faults: Faults) {
  const values: Record<string, unknown> = {};
  const read = (key: string, value: unknown) => {
    const schema = shape[key];
    if (schema && !isLeftOut(schema, value)) values[key] = valueIn(schema, value, `${path}${key}.`, faults);
  };
  for (const [key, value] of Object.entries(sent)) {
    if (Object.hasOwn(shape, key)) {
      read(key, value);
      continue;
    }
    const same = Object.keys(shape).find((known) => lettersOf(known) === lettersOf(key));
    const near = same ?? Object.keys(shape).find((known) => isNear(lettersOf(key), lettersOf(known)));
    if (same !== undefined && !Object.hasOwn(sent, same)) {
      faults.notes.push(`${path}${key.slice(0, KEY_CHARACTERS_MAX)} was read as ${path}${same}.`);
      read(same, value);
    } else if (near !== undefined && !Object.hasOwn(sent, near)) {
      faults.misspelled.push({ sent: path + key, known: path + near });
    } else {
      faults.unknown.push(path + key);
    }
  }
  return values;
}

function lettersOf(key: string): string {
  return key.toLowerCase().replace(/[^a-z0-9]/g, '');
}

/** `max_cost` or `label` for `max_cost_usd` and `labels`, `max_tile` or `pages` for `max_tiles` and `page`. */
function isNear(sent: string, known: string): boolean {
  return (sent.length >= NEAR_CHARACTERS_MIN && known.startsWith(sent)) || sent === `${known}s`;
}

/** Strict tool calling must send every argument: `null` or nothing at all stands for "not used". */
function isLeftOut(schema: z.core.$ZodType, value: unknown): boolean {
  const isEmpty = value === null || (typeof value === 'string' && value.trim() === '');
  return isEmpty && z.safeParse(schema, undefined).success;
}

function valueIn(schema: z.core.$ZodType, value: unknown, path: string, faults: Faults): unknown {
  const kind = kindOf(schema);
  if (kind instanceof z.ZodObject) {
    const record = typeof value === 'string' ? (jsonIn(value) ?? value) : value;
    return isRecord(record) ? objectIn(kind, record, path, faults) : value;
  }
  if (kind instanceof z.ZodArray || kind instanceof z.ZodTuple) {
    const list = typeof value === 'string' ? listIn(value) : value;
    const item = kind instanceof z.ZodArray ? kind.element : kind.def.items[0];
    if (!Array.isArray(list) || !item) return value;
    return list.slice(0, itemsMax(kind) + 1).map((one) => valueIn(item, one, path, faults));
  }
  if (typeof value !== 'string') return value;
  const text = value.trim();
  if (kind instanceof z.ZodNumber) return NUMBER.test(text) ? Number(text) : value;
  if (kind instanceof z.ZodBoolean) return /^(true|false)$/i.test(text) ? text.toLowerCase() === 'true' : value;
  if (kind instanceof z.ZodLiteral) return kind.def.values.find((one) => String(one) === text) ?? value;
  if (kind instanceof z.ZodEnum) return kind.options.find((option) => option === text.toLowerCase()) ?? value;
  return value;
}

/** The schema refuses a longer list, but only after it has checked every item: a second for 100,000 boxes. */
function itemsMax(kind: z.ZodArray | z.ZodTuple): number {
  if (kind instanceof z.ZodTuple) return kind.def.items.length;
  // By its name: `z.core` as a value would bundle all of zod, with its messages in 50 languages.
  const limits = kind.def.checks?.flatMap(({ _zod: { def } }) =>
    def.check === 'max_length' && 'maximum' in def && typeof def.maximum === 'number' ? [def.maximum] : [],
  );
  return Math.min(Number.POSITIVE_INFINITY, ...(limits ?? []));
}

/** Without what makes it optional. */
function kindOf(schema: z.core.$ZodType): z.core.$ZodType {
  const wraps = schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodNullable;
  return wraps ? kindOf(schema.def.innerType) : schema;
}

/** A list as JSON, or words or numbers with commas between them. */
function listIn(text: string): unknown {
  const json = jsonIn(text);
  if (Array.isArray(json)) return json;
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

/** `null` if the text is no JSON. */
function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function leftOut(keys: readonly string[]): string {
  const named = keys.slice(0, KEYS_NAMED_MAX).map((key) => key.slice(0, KEY_CHARACTERS_MAX));
  const more = keys.length - named.length;
  const list = [...named, ...(more > 0 ? [`${more} more`] : [])];
  return `Unknown arguments were left out: ${list.join(', ')}.`;
}
