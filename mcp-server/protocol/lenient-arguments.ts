// Reads the arguments of a tool as real clients send them: null or an empty string for what is optional, numbers, lists and objects as
// strings, one string for a list, keys of the client's own. Knows schemas, but no single tool.
import { z } from 'zod';
import { WAIT_MAX_S } from '../tools/arguments.ts';

const KEYS_NAMED_MAX = 5; // of a note
const KEY_CHARACTERS_MAX = 40;
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
}

export function readArguments(input: z.ZodObject, sent: unknown): ReadArguments {
  const unknown: string[] = [];
  const values = isRecord(sent) ? objectIn(input, sent, '', unknown) : {};
  const notes = unknown.length > 0 ? [leftOut(unknown)] : [];
  for (const [name, limit] of LIMITS) {
    const value = values[name];
    if (typeof value !== 'number' || value <= limit) continue;
    notes.push(`${name} ${value} was taken as ${limit}, its limit.`);
    values[name] = limit;
  }
  return { values, notes, unknown };
}

/** Adds the keys that the schema does not know to `unknown`, with their path. */
function objectIn({ shape }: z.ZodObject, sent: Record<string, unknown>, path: string, unknown: string[]) {
  const values: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(sent)) {
    const schema = Object.hasOwn(shape, key) ? shape[key] : undefined;
    if (!schema) unknown.push(path + key);
    else if (!isLeftOut(schema, value)) values[key] = valueIn(schema, value, `${path}${key}.`, unknown);
  }
  return values;
}

/** Strict tool calling must send every argument: `null` or nothing at all stands for "not used". */
function isLeftOut(schema: z.core.$ZodType, value: unknown): boolean {
  const isEmpty = value === null || (typeof value === 'string' && value.trim() === '');
  return isEmpty && z.safeParse(schema, undefined).success;
}

function valueIn(schema: z.core.$ZodType, value: unknown, path: string, unknown: string[]): unknown {
  const kind = kindOf(schema);
  if (kind instanceof z.ZodObject) {
    const record = typeof value === 'string' ? (jsonIn(value) ?? value) : value;
    return isRecord(record) ? objectIn(kind, record, path, unknown) : value;
  }
  if (kind instanceof z.ZodArray || kind instanceof z.ZodTuple) {
    const list = typeof value === 'string' ? listIn(value) : value;
    const item = kind instanceof z.ZodArray ? kind.element : kind.def.items[0];
    return Array.isArray(list) && item ? list.map((one) => valueIn(item, one, path, unknown)) : value;
  }
  if (typeof value !== 'string') return value;
  const text = value.trim();
  if (kind instanceof z.ZodNumber) return NUMBER.test(text) ? Number(text) : value;
  if (kind instanceof z.ZodBoolean) return /^(true|false)$/i.test(text) ? text.toLowerCase() === 'true' : value;
  if (kind instanceof z.ZodEnum) return kind.options.find((option) => option === text.toLowerCase()) ?? value;
  return value;
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
