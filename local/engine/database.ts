// Opens the engine's database, or refuses it with a sentence and leaves it as it was. Knows versions; knows no queries.
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { UserError } from '../../pipeline/contract/errors.ts';

const LOCK_WAIT_MS = 2_000; // a server that is just being stopped lets go within this
const CHECKED_BYTES_MAX = 64 * 1024 * 1024; // reading all of it takes some 100 ms; larger ones are trusted
const BUSY = 5;
const FULL = 13;

/** Throws a UserError when the file is no database of ours, or one of a newer tilesight; it is left as it was. */
export function openDatabase(file: string): DatabaseSync {
  mkdirSync(dirname(file), { recursive: true });
  if (existsSync(file)) checkFile(file);
  const database = new DatabaseSync(file, { timeout: LOCK_WAIT_MS });
  try {
    // One process at a time: the lock is the operating system's, so that it ends with the process that held it.
    // A checkpoint is acknowledged once it is on disk: write-ahead log, synced at every commit.
    database.exec('pragma locking_mode = exclusive; pragma journal_mode = wal; pragma synchronous = full');
    const version = versionOf(database);
    const missing = MIGRATIONS.slice(version).join('');
    database.exec(`begin immediate; ${missing} pragma user_version = ${MIGRATIONS.length}; commit`);
    return database;
  } catch (error) {
    database.close();
    throw sentenceFor(error, file);
  }
}

/** The same error, or the sentence that says what to do about it: no room left, or held by another. */
export function sentenceFor(error: unknown, file: string): unknown {
  if (codeOf(error) === BUSY) {
    return new UserError(
      `Expected ${file} to be free, got one that another tilesight holds. Stop that one or choose another data folder.`,
      { cause: error },
    );
  }
  if (codeOf(error) === FULL) {
    return new UserError(`Expected room on the disk for ${file}, got none. Free some space; what was running goes on.`, {
      cause: error,
    });
  }
  return error;
}

function checkFile(file: string): void {
  // Without a log beside it nothing needs to be written, not even a lock; with one, its pages are part of the database.
  const place = existsSync(`${file}-wal`) ? file : new URL(`${pathToFileURL(file)}?immutable=1`);
  const database = new DatabaseSync(place, { timeout: LOCK_WAIT_MS, readOnly: true });
  try {
    const version = versionOf(database);
    if (version > MIGRATIONS.length) {
      throw new UserError(
        `Expected a database of version ${MIGRATIONS.length} or older in ${file}, got version ${version}. ` +
          'Use the newer tilesight that wrote it, or another data folder.',
      );
    }
    const tables = database
      .prepare("select name from sqlite_schema where type = 'table'")
      .all()
      .map(({ name }) => name);
    const ours = version === 0 ? tables.length === 0 : tables.includes('executions') && tables.includes('operations');
    if (!ours) throw foreign(file);
    if (statSync(file).size > CHECKED_BYTES_MAX) return;
    const check = database.prepare('pragma quick_check(1)').get();
    if (check?.quick_check !== 'ok') throw foreign(file, check?.quick_check);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw codeOf(error) === BUSY ? sentenceFor(error, file) : foreign(file, error);
  } finally {
    database.close();
  }
}

function foreign(file: string, cause?: unknown): UserError {
  const sentence = `Expected a tilesight database in ${file}, got a file that is damaged or something else. Move it away.`;
  return new UserError(sentence, { cause });
}

function versionOf(database: DatabaseSync): number {
  return Number(database.prepare('pragma user_version').get()?.user_version ?? 0);
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'errcode' in error ? error.errcode : undefined;
}

/** From each version to the next. Never changed once released; a change of the tables is one more. */
const MIGRATIONS = [
  `
  create table executions (
    arn text primary key, name text not null unique, input text not null, status text not null, result text, error text,
    started_at integer not null, ended_at integer, token text, crashes integer not null default 0
  ) without rowid;
  create index executions_running on executions (started_at) where status = 'RUNNING';
  create table operations (
    arn text not null, id text not null, position integer not null, json text not null, wake_at integer, changed integer not null,
    primary key (arn, id)
  ) without rowid;
  create unique index operations_in_order on operations (arn, position);
  create index operations_changed on operations (arn) where changed = 1;
  create index operations_waiting on operations (wake_at) where wake_at is not null;
  `,
  `
  alter table executions add column function text not null default 'tilesight';
  alter table executions add column deadline_at integer;
  alter table executions add column parent_arn text;
  alter table executions add column parent_id text;
  alter table executions add column operations integer not null default 1;
  alter table executions add column bytes integer not null default 0;
  create index executions_deadline on executions (deadline_at) where status = 'RUNNING';
  create index executions_started on executions (started_at, arn);
  create index executions_ended on executions (ended_at) where ended_at is not null;
  create table callbacks (
    callback_id text primary key, arn text not null, id text not null, timeout_at integer, heartbeat_ms integer
  ) without rowid;
  create index callbacks_of on callbacks (arn, id);
  create table suspects (
    arn text not null, id text not null, crashes integer not null, primary key (arn, id)
  ) without rowid;
  create table events (arn text not null, position integer not null, json text not null, primary key (arn, position)) without rowid;
  `,
];
