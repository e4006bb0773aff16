// Opens the engine's database and migrates it; refuses any other file and leaves it unchanged. Must not know queries.
import { chmodSync, existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { UserError } from '../../../pipeline/contract/errors.ts';

const LOCK_WAIT_MS = 2_000; // a server that is stopping releases its lock within this time
const CHECKED_BYTES_MAX = 64 * 1024 * 1024; // the check reads all of it, in some 100 ms; a larger file is not checked
const BUSY = 5;
const FULL = 13;

const VersionRow = z.object({ user_version: z.number() });

/** Another process uses the database. */
export class DatabaseInUse extends UserError {}

/**
 * Throws a UserError if the file is not a tilesight database or a newer tilesight wrote it. Such a file is left unchanged. Unless
 * `syncsCommits`, a power failure, but no killed process, may lose the last transactions.
 */
export function openDatabase(file: string, syncsCommits = true): DatabaseSync {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  if (existsSync(file)) checkFile(file);
  const database = new DatabaseSync(file, { timeout: LOCK_WAIT_MS });
  try {
    chmodSync(file, 0o600); // the log beside it takes its mode from it
    // One process at a time: the operating system holds the lock, so it ends with its process.
    // A checkpoint is acknowledged when it is on disk: write-ahead log, synced at every commit.
    database.exec('pragma locking_mode = exclusive; pragma journal_mode = wal');
    database.exec(`pragma synchronous = ${syncsCommits ? 'full' : 'normal'}`);
    const version = versionOf(database);
    const missing = MIGRATIONS.slice(version).join('');
    database.exec(`begin immediate; ${missing} pragma user_version = ${MIGRATIONS.length}; commit`);
    return database;
  } catch (error) {
    database.close();
    throw withAdvice(error, file);
  }
}

/** A UserError with advice if the disk is full or another process holds the database; any other error unchanged. */
export function withAdvice(error: unknown, file: string): unknown {
  if (codeOf(error) === BUSY) {
    return new DatabaseInUse(`Another tilesight is using ${file}. Stop it, or choose another data folder.`, { cause: error });
  }
  if (codeOf(error) === FULL) {
    return new UserError(`The disk is full: ${file} cannot grow. Free some space; running executions will continue.`, {
      cause: error,
    });
  }
  return error;
}

function checkFile(file: string): void {
  // Without a write-ahead log nothing has to be written, not even a lock. With one, its pages are part of the database.
  const location = existsSync(`${file}-wal`) ? file : new URL(`${pathToFileURL(file)}?immutable=1`);
  const database = new DatabaseSync(location, { timeout: LOCK_WAIT_MS, readOnly: true });
  try {
    const version = versionOf(database);
    if (version > MIGRATIONS.length) {
      throw new UserError(
        `${file} has database version ${version}, and this tilesight reads versions up to ${MIGRATIONS.length}. ` +
          'Use the newer tilesight that wrote it, or choose another data folder.',
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
    throw codeOf(error) === BUSY ? withAdvice(error, file) : foreign(file, error);
  } finally {
    database.close();
  }
}

function foreign(file: string, cause?: unknown): UserError {
  return new UserError(`${file} is not a tilesight database, or it is damaged. Move it away.`, { cause });
}

function versionOf(database: DatabaseSync): number {
  return VersionRow.parse(database.prepare('pragma user_version').get()).user_version;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'errcode' in error ? error.errcode : undefined;
}

/** From each version to the next. A released migration never changes: every change of the tables is a new one. */
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
  'create table alive (one integer primary key check (one = 1), at integer not null);',
];
