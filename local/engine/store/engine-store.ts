// Everything that the engine keeps, on one disk, in SQLite. Must not know which state may follow which.
import { z } from 'zod';
import { openDatabase, withAdvice } from './database.ts';
import { CallbackRow, parseEvent, type RecordedEvent, SuspectRow } from './engine-rows.ts';
import { type ExecutionTable, executionTable } from './execution-table.ts';
import { type OperationTable, operationTable } from './operation-table.ts';
import { type Statements, statementsOf } from './statements.ts';

/** Callbacks, suspects of crashes and recorded events. */
interface SideTables {
  insertCallback(row: CallbackRow): void;
  callback(callbackId: string): CallbackRow | null;
  callbackOf(arn: string, id: string): CallbackRow | null;
  /** For each operation that was in flight in a crash, the number of crashes. */
  suspects(arn: string): Map<string, number>;
  putSuspect(arn: string, id: string, crashes: number): void;
  addEvent(arn: string, event: RecordedEvent): void;
  events(arn: string): RecordedEvent[];
}

export interface Store extends ExecutionTable, OperationTable, SideTables {
  /** Runs `work` in one transaction: when this returns, all of it is on disk (if commits are synced); when it throws, none of it. */
  transaction<T>(work: () => T): T;
  close(): void;
}

/** `syncsCommits`: as for `openDatabase`. */
export function openStore(file: string, syncsCommits?: boolean): Store {
  const database = openDatabase(file, syncsCommits);
  const sql = statementsOf(database);
  return {
    transaction(work) {
      try {
        database.exec('begin immediate');
        const result = work();
        database.exec('commit');
        return result;
      } catch (error) {
        if (database.isTransaction) database.exec('rollback');
        throw withAdvice(error, file);
      }
    },
    ...executionTable(sql),
    ...operationTable(sql),
    ...sideTables(sql),
    close: () => database.close(),
  };
}

const EventRow = z.object({ json: z.string() });

function sideTables({ all, first, run }: Statements): SideTables {
  const insertCallback = run('insert into callbacks (callback_id, arn, id, timeout_at, heartbeat_ms) values (?, ?, ?, ?, ?)');
  const callback = first(CallbackRow, 'select * from callbacks where callback_id = ?');
  const callbackOf = first(CallbackRow, 'select * from callbacks where arn = ? and id = ?');
  const suspects = all(SuspectRow, 'select id, crashes from suspects where arn = ?');
  const putSuspect = run(
    'insert into suspects (arn, id, crashes) values (?, ?, ?) on conflict (arn, id) do update set crashes = excluded.crashes',
  );
  const addEvent = run(
    'insert into events (arn, position, json) values (?, (select coalesce(max(position), 0) + 1 from events where arn = ?), ?)',
  );
  const events = all(EventRow, 'select json from events where arn = ? order by position');

  return {
    insertCallback: ({ callback_id, arn, id, timeout_at, heartbeat_ms }) =>
      insertCallback(callback_id, arn, id, timeout_at, heartbeat_ms),
    callback: (callbackId) => callback(callbackId),
    callbackOf: (arn, id) => callbackOf(arn, id),
    suspects: (arn) => new Map(suspects(arn).map(({ id, crashes }) => [id, crashes])),
    putSuspect: (arn, id, crashes) => putSuspect(arn, id, crashes),
    addEvent: (arn, event) => addEvent(arn, arn, JSON.stringify(event)),
    events: (arn) => events(arn).map(({ json }) => parseEvent(json)),
  };
}
