// Executions and their operations on one disk, in SQLite. Knows rows; knows nothing of what may follow what.
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { WireOperation } from '@aws/durable-execution-sdk-js';
import { UserError } from '../pipeline/core/errors.ts';

const SCHEMA_VERSION = 1;
const LOCK_WAIT_MS = 2_000; // a server that is just being stopped lets go within this

export interface ExecutionRow {
  arn: string;
  name: string;
  input: string;
  status: 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT';
  result: string | null;
  /** An ErrorObject as JSON. */
  error: string | null;
  started_at: number;
  ended_at: number | null;
  token: string | null;
  /** Invocations in a row that ended without an answer. */
  crashes: number;
}

export interface Store {
  /** Runs `work` in one transaction: all of it is on disk when this returns, or none of it. */
  transaction<T>(work: () => T): T;
  insertExecution(row: Pick<ExecutionRow, 'arn' | 'name' | 'input' | 'started_at'>): void;
  executionByName(name: string): ExecutionRow | null;
  execution(arn: string): ExecutionRow | null;
  running(): ExecutionRow[];
  setToken(arn: string, token: string | null): void;
  setCrashes(arn: string, crashes: number): void;
  /** Does nothing when the execution has ended already. */
  endExecution(arn: string, end: Pick<ExecutionRow, 'status' | 'result' | 'error' | 'ended_at'>): void;
  operation(arn: string, id: string): WireOperation | null;
  /** In the order in which they began. */
  operations(arn: string): WireOperation[];
  /** Marks it as changed. `wakeAt`: when a timer must look at it again, in ms since 1970. */
  putOperation(arn: string, operation: WireOperation, wakeAt: number | null): void;
  /** The operations that changed since the last call, which forgets that they did. */
  takeChanged(arn: string): WireOperation[];
  hasChanged(arn: string): boolean;
  due(before: number): { arn: string; operation: WireOperation }[];
  nextWake(): number | null;
  close(): void;
}

/** Throws a UserError when the file is no database of ours, or one of a newer tilesight; it is left as it was. */
export function openStore(file: string): Store {
  mkdirSync(dirname(file), { recursive: true });
  const database = openDatabase(file);
  const all = <Row>(sql: string) => {
    const statement = database.prepare(sql);
    return (...values: (string | number | null)[]) => statement.all(...values) as Row[];
  };
  const run = (sql: string) => {
    const statement = database.prepare(sql);
    return (...values: (string | number | null)[]) => void statement.run(...values);
  };
  const parsed = (rows: { json: string }[]) => rows.map(({ json }): WireOperation => JSON.parse(json));

  const insertExecution = run("insert into executions (arn, name, input, status, started_at) values (?, ?, ?, 'RUNNING', ?)");
  const byName = all<ExecutionRow>('select * from executions where name = ?');
  const byArn = all<ExecutionRow>('select * from executions where arn = ?');
  const running = all<ExecutionRow>("select * from executions where status = 'RUNNING' order by started_at");
  const setToken = run('update executions set token = ? where arn = ?');
  const setCrashes = run('update executions set crashes = ? where arn = ?');
  const end = run(
    "update executions set status = ?, result = ?, error = ?, ended_at = ?, token = null where arn = ? and status = 'RUNNING'",
  );
  const one = all<{ json: string }>('select json from operations where arn = ? and id = ?');
  const inOrder = all<{ json: string }>('select json from operations where arn = ? order by position');
  const put = run(
    `insert into operations (arn, id, position, json, wake_at, changed)
     values (?, ?, (select coalesce(max(position), 0) + 1 from operations where arn = ?), ?, ?, 1)
     on conflict (arn, id) do update set json = excluded.json, wake_at = excluded.wake_at, changed = 1`,
  );
  const changed = all<{ json: string }>('select json from operations where arn = ? and changed = 1 order by position');
  const anyChanged = all('select 1 from operations where arn = ? and changed = 1 limit 1');
  const clearChanged = run('update operations set changed = 0 where arn = ? and changed = 1');
  const due = all<{ arn: string; json: string }>(
    `select o.arn, o.json from operations o join executions e on e.arn = o.arn
     where o.wake_at <= ? and e.status = 'RUNNING' order by o.wake_at`,
  );
  const nextWake = all<{ at: number | null }>(
    `select min(o.wake_at) as at from operations o join executions e on e.arn = o.arn where o.wake_at is not null and e.status = 'RUNNING'`,
  );

  return {
    transaction(work) {
      database.exec('begin immediate');
      try {
        const result = work();
        database.exec('commit');
        return result;
      } catch (error) {
        if (database.isTransaction) database.exec('rollback');
        throw error;
      }
    },
    insertExecution: ({ arn, name, input, started_at }) => insertExecution(arn, name, input, started_at),
    executionByName: (name) => byName(name)[0] ?? null,
    execution: (arn) => byArn(arn)[0] ?? null,
    running: () => running(),
    setToken: (arn, token) => setToken(token, arn),
    setCrashes: (arn, crashes) => setCrashes(crashes, arn),
    endExecution: (arn, { status, result, error, ended_at }) => end(status, result, error, ended_at, arn),
    operation: (arn, id) => parsed(one(arn, id))[0] ?? null,
    operations: (arn) => parsed(inOrder(arn)),
    putOperation: (arn, operation, wakeAt) => put(arn, operation.Id ?? '', arn, JSON.stringify(operation), wakeAt),
    takeChanged(arn) {
      const operations = parsed(changed(arn));
      clearChanged(arn);
      return operations;
    },
    hasChanged: (arn) => anyChanged(arn).length > 0,
    due: (before) => due(before).map(({ arn, json }) => ({ arn, operation: JSON.parse(json) })),
    nextWake: () => nextWake()[0]?.at ?? null,
    close: () => database.close(),
  };
}

function openDatabase(file: string): DatabaseSync {
  const database = new DatabaseSync(file, { timeout: LOCK_WAIT_MS });
  try {
    const version = versionOf(database, file);
    if (version > SCHEMA_VERSION) {
      throw new UserError(
        `Expected a database of version ${SCHEMA_VERSION} or older in ${file}, got version ${version}. ` +
          'Use the newer tilesight that wrote it, or another data folder.',
      );
    }
    // One process at a time: the lock is the operating system's, so that it ends with the process that held it.
    // A checkpoint is acknowledged once it is on disk: write-ahead log, synced at every commit.
    database.exec('pragma locking_mode = exclusive; pragma journal_mode = wal; pragma synchronous = full');
    database.exec(version === 0 ? SCHEMA : 'begin immediate; commit');
    return database;
  } catch (error) {
    database.close();
    if (isLocked(error)) throw inUse(file, error);
    throw error;
  }
}

function versionOf(database: DatabaseSync, file: string): number {
  try {
    database.prepare('select count(*) from sqlite_schema').get(); // reads a page: a file that is no database fails here
    return Number(database.prepare('pragma user_version').get()?.user_version ?? 0);
  } catch (cause) {
    if (isLocked(cause)) throw inUse(file, cause);
    throw new UserError(`Expected a tilesight database in ${file}, got a file that is damaged or something else. Move it away.`, {
      cause,
    });
  }
}

function inUse(file: string, cause: unknown): UserError {
  return new UserError(
    `Expected ${file} to be free, got one that another tilesight holds. Stop that one or choose another data folder.`,
    { cause },
  );
}

function isLocked(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === 5; // SQLITE_BUSY
}

const SCHEMA = `
  begin;
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
  pragma user_version = ${SCHEMA_VERSION};
  commit;
`;
