// Adds the entry of this server to the text of a configuration file, and removes it again. Everything else in the text stays as it is,
// comments included. Must not know where the file is.
import { isDeepStrictEqual } from 'node:util';
import { applyEdits, findNodeAtLocation, modify, type ParseError, parse, parseTree } from 'jsonc-parser';
import { parse as parseToml, TomlError } from 'smol-toml';
import { z } from 'zod';
import { UserError } from '../../pipeline/contract/errors.ts';

/** How a client starts the server, in the form of its file. */
export type Entry = Readonly<Record<string, unknown>>;

export interface Format {
  /** Throws a UserError if the text cannot be read. */
  entryIn(text: string, path: readonly string[]): unknown;
  /** Replaces an entry that is there. */
  withEntry(text: string, path: readonly string[], entry: Entry): string;
  withoutEntry(text: string, path: readonly string[]): string;
}

const BOM = '\uFEFF';
const afterBom = (text: string) => (text.startsWith(BOM) ? text.slice(1) : text);

/** Some editors on Windows begin a file with a byte order mark. It stays, and parsers do not meet it. */
function behindBom(format: Format): Format {
  const bomOf = (text: string) => text.slice(0, text.length - afterBom(text).length);
  return {
    entryIn: (text, path) => format.entryIn(afterBom(text), path),
    withEntry: (text, path, entry) => bomOf(text) + format.withEntry(afterBom(text), path, entry),
    withoutEntry: (text, path) => bomOf(text) + format.withoutEntry(afterBom(text), path),
  };
}

const Table = z.record(z.string(), z.unknown());

export const json = behindBom({
  entryIn: (text, path) => valueAt(readJson(text), path),
  withEntry(text, path, entry) {
    const after = inserted(this.withoutEntry(text, path), path, entry);
    if (isDeepStrictEqual(this.entryIn(after, path), entry)) return after;
    throw new UserError(`${path[0]} stands there twice`);
  },
  withoutEntry(text, path) {
    if (this.entryIn(text, path) === undefined) return text;
    const after = applyEdits(text, modify(text, [...path], undefined, {}));
    if (this.entryIn(after, path) === undefined) return after;
    throw new UserError(`the entry ${path.join('.')} stands there twice`); // clients read the last one
  },
});

function readJson(text: string): unknown {
  const errors: ParseError[] = [];
  let value: unknown;
  try {
    value = parse(text, errors, { allowTrailingComma: true });
  } catch (cause) {
    throw cause instanceof RangeError ? new UserError('it is nested too deeply', { cause }) : cause;
  }
  if (errors.length > 0 && text.trim() !== '') throw new UserError('it is not valid JSON');
  return value;
}

/** The library formats what stands around an insertion, too: only its place is used, and the entry is indented here. */
function inserted(text: string, path: readonly string[], entry: Entry): string {
  const eol = text.includes('\r\n') ? '\r\n' : '\n';
  const unit = /^\s*\{[ \t]*\r?\n([ \t]+)/.exec(text)?.[1] ?? '  ';
  const root = parseTree(text);
  const isThere = (depth: number) => root !== undefined && findNodeAtLocation(root, path.slice(0, depth)) !== undefined;
  const depth = path.findIndex((_, index) => !isThere(index + 1));
  const [key, ...below] = path.slice(depth);
  const value = below.reduceRight<Entry>((inner, name) => ({ [name]: inner }), entry);
  const shown = (margin: string, content: unknown) => JSON.stringify(content, null, unit).replaceAll('\n', eol + margin);
  if (!root)
    return (
      shown(
        '',
        path.reduceRight<Entry>((inner, name) => ({ [name]: inner }), entry),
      ) + eol
    );
  const parent = path.slice(0, depth);
  if (findNodeAtLocation(root, parent)?.type !== 'object')
    throw new UserError(`${parent.join('.') || 'its content'} is not an object`);
  const margin = unit.repeat(depth + 1);
  const [edit] = modify(text, [...path], entry, {});
  if (!edit) throw new Error('An insertion without an edit.');
  const rest = text.slice(edit.offset + edit.length);
  const comma = edit.content.startsWith(',') ? ',' : '';
  const closing = /^[ \t]*\}/.test(rest) ? eol + unit.repeat(depth) : '';
  return `${text.slice(0, edit.offset)}${comma}${eol}${margin}${JSON.stringify(key)}: ${shown(margin, value)}${closing}${rest}`;
}

/** A table of its own at the end of the file. */
export const toml = behindBom({
  entryIn: (text, path) => valueAt(readToml(text), path),
  withEntry(text, path, entry) {
    const rest = this.withoutEntry(text, path);
    const gap = rest === '' || rest.endsWith('\n\n') ? '' : rest.endsWith('\n') ? '\n' : '\n\n';
    const lines = Object.entries(entry).map(([key, value]) => `${key} = ${asToml(value)}\n`);
    return `${rest}${gap}[${path.join('.')}]\n${lines.join('')}`;
  },
  withoutEntry(text, path) {
    const kept: string[] = [];
    let isOurs = false;
    for (const line of text.split(/(?<=\n)/)) {
      const table = TABLE.exec(line)?.[1]?.replace(/\s/g, '');
      if (table !== undefined) isOurs = `${table}.`.startsWith(`${path.join('.')}.`);
      if (!isOurs) kept.push(line);
    }
    const rest = kept.join('');
    const [before, after] = [text, rest].map((toml) => without(readToml(toml), path));
    if (isDeepStrictEqual(before, after) && this.entryIn(rest, path) === undefined) return rest;
    throw new UserError(`the entry ${path.join('.')} is not a table of its own`);
  },
});

/** Strings and lists are written as in JSON, but for one control character that JSON leaves as it is. */
const asToml = (value: unknown): string => JSON.stringify(value).replaceAll('\x7f', '\\u007f');

/** The header of a table, such as `[mcp_servers.tilesight.env]`. */
const TABLE = /^\s*\[\s*([\w.\s-]+)\](?!\s*[,\]])/;

function readToml(text: string): unknown {
  try {
    return structuredClone(parseToml(text)); // as plain objects
  } catch (cause) {
    throw cause instanceof TomlError ? new UserError('it is not valid TOML', { cause }) : cause;
  }
}

function valueAt(value: unknown, [key, ...rest]: readonly string[]): unknown {
  if (key === undefined) return value;
  const table = Table.safeParse(value).data;
  return table ? valueAt(table[key], rest) : undefined;
}

/** Drops parents that become empty. */
function without(value: unknown, [key = '', ...rest]: readonly string[]): unknown {
  const table = Table.safeParse(value).data;
  if (!table || !(key in table)) return value;
  const { [key]: inner, ...kept } = table;
  const left = rest.length === 0 ? {} : without(inner, rest);
  return isEmpty(left) ? kept : { ...kept, [key]: left };
}

function isEmpty(value: unknown): boolean {
  const table = Table.safeParse(value).data;
  return table !== undefined && Object.keys(table).length === 0;
}
