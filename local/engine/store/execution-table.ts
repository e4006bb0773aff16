// The queries over executions: one row each. Must not know what an execution does.
import { z } from 'zod';
import { ExecutionRow, type ExecutionStatus } from './engine-rows.ts';
import type { Statements } from './statements.ts';

export interface ListFilter {
  statuses: readonly ExecutionStatus[];
  startedAfter: number;
  startedBefore: number;
  newestFirst: boolean;
  after: { started_at: number; arn: string } | null;
  limit: number;
}

const AliveRow = z.object({ at: z.number() });

type NewExecution = Pick<
  ExecutionRow,
  'arn' | 'name' | 'function' | 'input' | 'started_at' | 'deadline_at' | 'bytes' | 'parent_arn' | 'parent_id'
>;

export interface ExecutionTable {
  insertExecution(row: NewExecution): void;
  executionByName(name: string): ExecutionRow | null;
  execution(arn: string): ExecutionRow | null;
  list(filter: ListFilter): ExecutionRow[];
  running(): ExecutionRow[];
  /** The running executions whose deadline has passed. */
  overdue(nowMs: number): ExecutionRow[];
  /** The executions that run may run for longer. */
  moveDeadlines(byMs: number): void;
  /** When an engine was last known to run; `null` if never. */
  aliveAt(): number | null;
  setAlive(atMs: number): void;
  setToken(arn: string, token: string | null): void;
  setCrashes(arn: string, crashes: number): void;
  setSize(arn: string, size: Pick<ExecutionRow, 'operations' | 'bytes'>): void;
  /** Does nothing if the execution has already ended. */
  endExecution(arn: string, end: Pick<ExecutionRow, 'status' | 'result' | 'error' | 'ended_at'>): void;
  /** The executions that this one invoked, and those that they invoked. */
  invokedBy(arn: string): ExecutionRow[];
  /** Deletes the execution with all of its rows. Belongs into a transaction. */
  deleteExecution(arn: string): void;
  /** Deletes every execution that ended before, with all of its rows. Belongs into a transaction. */
  deleteEnded(before: number): void;
}

/** Further tables with rows of an execution. */
const TABLES = ['operations', 'callbacks', 'suspects', 'events'] as const;

export function executionTable({ all, first, run }: Statements): ExecutionTable {
  const insert = run(
    `insert into executions (arn, name, function, input, status, started_at, deadline_at, bytes, parent_arn, parent_id)
     values (?, ?, ?, ?, 'RUNNING', ?, ?, ?, ?, ?)`,
  );
  const byName = first(ExecutionRow, 'select * from executions where name = ?');
  const byArn = first(ExecutionRow, 'select * from executions where arn = ?');
  const listed = (newestFirst: boolean) =>
    all(
      ExecutionRow,
      `select * from executions where started_at > ? and started_at < ? and status in (select value from json_each(?))
       and (started_at, arn) ${newestFirst ? '<' : '>'} (?, ?)
       order by started_at ${newestFirst ? 'desc, arn desc' : ', arn'} limit ?`,
    );
  const newest = listed(true);
  const oldest = listed(false);
  const running = all(ExecutionRow, "select * from executions where status = 'RUNNING' order by started_at");
  const overdue = all(ExecutionRow, "select * from executions where status = 'RUNNING' and deadline_at <= ?");
  const moveDeadlines = run("update executions set deadline_at = deadline_at + ? where status = 'RUNNING'");
  const aliveAt = first(AliveRow, 'select at from alive');
  const setAlive = run('insert into alive (one, at) values (1, ?) on conflict (one) do update set at = excluded.at');
  const setToken = run('update executions set token = ? where arn = ?');
  const setCrashes = run('update executions set crashes = ? where arn = ?');
  const setSize = run('update executions set operations = ?, bytes = ? where arn = ?');
  const end = run(
    "update executions set status = ?, result = ?, error = ?, ended_at = ?, token = null where arn = ? and status = 'RUNNING'",
  );
  const invoked = all(
    ExecutionRow,
    `with recursive family (arn) as (
       select arn from executions where parent_arn = ? union select e.arn from executions e join family f on e.parent_arn = f.arn)
     select * from executions where arn in (select arn from family)`,
  );
  const deletesOf = [...TABLES, 'executions'].map((table) => run(`delete from ${table} where arn = ?`));
  const deletes = TABLES.map((table) => run(`delete from ${table} where arn in (select arn from executions where ended_at < ?)`));
  const deleteExecutions = run('delete from executions where ended_at < ?');

  return {
    insertExecution: (row) =>
      insert(
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
    executionByName: (name) => byName(name),
    execution: (arn) => byArn(arn),
    list({ statuses, startedAfter, startedBefore, newestFirst, after, limit }) {
      const from = after ?? (newestFirst ? { started_at: Number.MAX_SAFE_INTEGER, arn: '' } : { started_at: -1, arn: '' });
      const query = newestFirst ? newest : oldest;
      return query(startedAfter, startedBefore, JSON.stringify(statuses), from.started_at, from.arn, limit);
    },
    running: () => running(),
    overdue: (nowMs) => overdue(nowMs),
    moveDeadlines: (byMs) => moveDeadlines(byMs),
    aliveAt: () => aliveAt()?.at ?? null,
    setAlive: (atMs) => setAlive(atMs),
    setToken: (arn, token) => setToken(token, arn),
    setCrashes: (arn, crashes) => setCrashes(crashes, arn),
    setSize: (arn, { operations, bytes }) => setSize(operations, bytes, arn),
    endExecution: (arn, { status, result, error, ended_at }) => end(status, result, error, ended_at, arn),
    invokedBy: (arn) => invoked(arn),
    deleteExecution(arn) {
      for (const deleteFrom of deletesOf) deleteFrom(arn);
    },
    deleteEnded(before) {
      for (const deleteFrom of deletes) deleteFrom(before);
      deleteExecutions(before);
    },
  };
}
