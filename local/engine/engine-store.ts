// Executions and their operations on one disk, in SQLite. Knows rows; knows nothing of what may follow what.
import type { WireOperation } from '@aws/durable-execution-sdk-js';
import { openDatabase, sentenceFor } from './database.ts';

export type ExecutionStatus = 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'STOPPED';

export interface ExecutionRow {
  arn: string;
  name: string;
  function: string;
  input: string;
  status: ExecutionStatus;
  result: string | null;
  /** An ErrorObject as JSON. */
  error: string | null;
  started_at: number;
  deadline_at: number | null;
  ended_at: number | null;
  token: string | null;
  /** Invocations in a row that ended without an answer. */
  crashes: number;
  /** The operation of another execution that waits for this one. */
  parent_arn: string | null;
  parent_id: string | null;
  /** As the service counts them: the execution itself, every operation, every retry. */
  operations: number;
  bytes: number;
}

export interface CallbackRow {
  callback_id: string;
  arn: string;
  id: string;
  timeout_at: number | null;
  heartbeat_ms: number | null;
}

export interface ListFilter {
  statuses: readonly ExecutionStatus[];
  startedAfter: number;
  startedBefore: number;
  newestFirst: boolean;
  after: { started_at: number; arn: string } | null;
  limit: number;
}

type NewExecution = Pick<ExecutionRow, 'arn' | 'name' | 'function' | 'input' | 'started_at' | 'deadline_at' | 'bytes'> &
  Pick<ExecutionRow, 'parent_arn' | 'parent_id'>;

export interface Store {
  /** Runs `work` in one transaction: all of it is on disk when this returns, or none of it. */
  transaction<T>(work: () => T): T;
  insertExecution(row: NewExecution): void;
  executionByName(name: string): ExecutionRow | null;
  execution(arn: string): ExecutionRow | null;
  list(filter: ListFilter): ExecutionRow[];
  running(): ExecutionRow[];
  overdue(before: number): ExecutionRow[];
  setToken(arn: string, token: string | null): void;
  setCrashes(arn: string, crashes: number): void;
  setSize(arn: string, size: Pick<ExecutionRow, 'operations' | 'bytes'>): void;
  /** Does nothing when the execution has ended already. */
  endExecution(arn: string, end: Pick<ExecutionRow, 'status' | 'result' | 'error' | 'ended_at'>): void;
  /** Forgets what ended before. */
  purge(endedBefore: number): void;
  operation(arn: string, id: string): WireOperation | null;
  /** In the order in which they began. */
  operations(arn: string): WireOperation[];
  /** Marks it as changed. `wakeAt`: when a timer must look at it again, in ms since 1970. */
  putOperation(arn: string, operation: WireOperation, wakeAt: number | null): void;
  /** The operations that changed since the last call, which forgets that they did. */
  takeChanged(arn: string): WireOperation[];
  hasChanged(arn: string): boolean;
  due(before: number): { arn: string; operation: WireOperation }[];
  /** When the next operation is due or the next execution overdue. */
  nextWake(): number | null;
  setWake(arn: string, id: string, wakeAt: number | null): void;
  insertCallback(row: CallbackRow): void;
  callback(callbackId: string): CallbackRow | null;
  callbackOf(arn: string, id: string): CallbackRow | null;
  /** In how many crashes of its process each operation was being worked on. */
  suspects(arn: string): Map<string, number>;
  putSuspect(arn: string, id: string, crashes: number): void;
  addEvent(arn: string, event: object): void;
  events(arn: string): string[];
  close(): void;
}

export function openStore(file: string): Store {
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

  const insertExecution = run(
    `insert into executions (arn, name, function, input, status, started_at, deadline_at, bytes, parent_arn, parent_id)
     values (?, ?, ?, ?, 'RUNNING', ?, ?, ?, ?, ?)`,
  );
  const byName = all<ExecutionRow>('select * from executions where name = ?');
  const byArn = all<ExecutionRow>('select * from executions where arn = ?');
  const listed = (newestFirst: boolean) =>
    all<ExecutionRow>(
      `select * from executions where started_at > ? and started_at < ? and status in (select value from json_each(?))
       and (started_at, arn) ${newestFirst ? '<' : '>'} (?, ?)
       order by started_at ${newestFirst ? 'desc, arn desc' : ', arn'} limit ?`,
    );
  const newest = listed(true);
  const oldest = listed(false);
  const running = all<ExecutionRow>("select * from executions where status = 'RUNNING' order by started_at");
  const overdue = all<ExecutionRow>("select * from executions where status = 'RUNNING' and deadline_at <= ?");
  const setToken = run('update executions set token = ? where arn = ?');
  const setCrashes = run('update executions set crashes = ? where arn = ?');
  const setSize = run('update executions set operations = ?, bytes = ? where arn = ?');
  const end = run(
    "update executions set status = ?, result = ?, error = ?, ended_at = ?, token = null where arn = ? and status = 'RUNNING'",
  );
  const purges = ['operations', 'callbacks', 'suspects', 'events'].map((table) =>
    run(`delete from ${table} where arn in (select arn from executions where ended_at < ?)`),
  );
  const purgeExecutions = run('delete from executions where ended_at < ?');
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
    `select min(at) as at from (
       select min(o.wake_at) as at from operations o join executions e on e.arn = o.arn
       where o.wake_at is not null and e.status = 'RUNNING'
       union all select min(deadline_at) from executions where status = 'RUNNING')`,
  );
  const setWake = run('update operations set wake_at = ? where arn = ? and id = ?');
  const insertCallback = run('insert into callbacks (callback_id, arn, id, timeout_at, heartbeat_ms) values (?, ?, ?, ?, ?)');
  const callback = all<CallbackRow>('select * from callbacks where callback_id = ?');
  const callbackOf = all<CallbackRow>('select * from callbacks where arn = ? and id = ?');
  const suspects = all<{ id: string; crashes: number }>('select id, crashes from suspects where arn = ?');
  const putSuspect = run(
    'insert into suspects (arn, id, crashes) values (?, ?, ?) on conflict (arn, id) do update set crashes = excluded.crashes',
  );
  const addEvent = run(
    'insert into events (arn, position, json) values (?, (select coalesce(max(position), 0) + 1 from events where arn = ?), ?)',
  );
  const events = all<{ json: string }>('select json from events where arn = ? order by position');

  const transaction = <T>(work: () => T): T => {
    try {
      database.exec('begin immediate');
      const result = work();
      database.exec('commit');
      return result;
    } catch (error) {
      if (database.isTransaction) database.exec('rollback');
      throw sentenceFor(error, file);
    }
  };

  return {
    transaction,
    insertExecution: (row) =>
      insertExecution(
        row.arn,
        row.name,
        row.function,
        row.input,
        row.started_at,
        row.deadline_at,
        row.bytes,
        row.parent_arn,
        row.parent_id,
      ),
    executionByName: (name) => byName(name)[0] ?? null,
    execution: (arn) => byArn(arn)[0] ?? null,
    list({ statuses, startedAfter, startedBefore, newestFirst, after, limit }) {
      const from = after ?? (newestFirst ? { started_at: Number.MAX_SAFE_INTEGER, arn: '' } : { started_at: -1, arn: '' });
      const query = newestFirst ? newest : oldest;
      return query(startedAfter, startedBefore, JSON.stringify(statuses), from.started_at, from.arn, limit);
    },
    running: () => running(),
    overdue: (before) => overdue(before),
    setToken: (arn, token) => setToken(token, arn),
    setCrashes: (arn, crashes) => setCrashes(crashes, arn),
    setSize: (arn, { operations, bytes }) => setSize(operations, bytes, arn),
    endExecution: (arn, { status, result, error, ended_at }) => end(status, result, error, ended_at, arn),
    purge: (endedBefore) =>
      transaction(() => {
        for (const purge of purges) purge(endedBefore);
        purgeExecutions(endedBefore);
      }),
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
    setWake: (arn, id, wakeAt) => setWake(wakeAt, arn, id),
    insertCallback: ({ callback_id, arn, id, timeout_at, heartbeat_ms }) =>
      insertCallback(callback_id, arn, id, timeout_at, heartbeat_ms),
    callback: (callbackId) => callback(callbackId)[0] ?? null,
    callbackOf: (arn, id) => callbackOf(arn, id)[0] ?? null,
    suspects: (arn) => new Map(suspects(arn).map(({ id, crashes }) => [id, crashes])),
    putSuspect: (arn, id, crashes) => putSuspect(arn, id, crashes),
    addEvent: (arn, event) => addEvent(arn, arn, JSON.stringify(event)),
    events: (arn) => events(arn).map(({ json }) => json),
    close: () => database.close(),
  };
}
