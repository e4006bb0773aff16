// The queries over operations: one row each, with the operation as JSON. Must not know which state may follow which.
import { z } from 'zod';
import { parseOperation, type StoredOperation } from './engine-rows.ts';
import type { Statements } from './statements.ts';

export interface OperationTable {
  operation(arn: string, id: string): StoredOperation | null;
  /** In the order in which they started. */
  operations(arn: string): StoredOperation[];
  /** Marks the operation as changed. `wakeAt`: when a timer must fire for it, in ms since 1970. */
  putOperation(arn: string, operation: StoredOperation, wakeAt: number | null): void;
  /** The operations that have changed since the last call. */
  takeChanged(arn: string): StoredOperation[];
  hasChanged(arn: string): boolean;
  /** The operations of running executions whose timer has expired. */
  due(nowMs: number): { arn: string; operation: StoredOperation }[];
  /** When the next operation is due or the next execution overdue. */
  nextWake(): number | null;
  setWake(arn: string, id: string, wakeAt: number | null): void;
}

const OperationRow = z.object({ json: z.string() });
const DueRow = z.object({ arn: z.string(), json: z.string() });
const WakeRow = z.object({ at: z.number().nullable() });
const AnyRow = z.object({});

export function operationTable({ all, first, run }: Statements): OperationTable {
  const one = first(OperationRow, 'select json from operations where arn = ? and id = ?');
  const inOrder = all(OperationRow, 'select json from operations where arn = ? order by position');
  const put = run(
    `insert into operations (arn, id, position, json, wake_at, changed)
     values (?, ?, (select coalesce(max(position), 0) + 1 from operations where arn = ?), ?, ?, 1)
     on conflict (arn, id) do update set json = excluded.json, wake_at = excluded.wake_at, changed = 1`,
  );
  const changed = all(OperationRow, 'select json from operations where arn = ? and changed = 1 order by position');
  const anyChanged = first(AnyRow, 'select 1 from operations where arn = ? and changed = 1 limit 1');
  const clearChanged = run('update operations set changed = 0 where arn = ? and changed = 1');
  const due = all(
    DueRow,
    `select o.arn, o.json from operations o join executions e on e.arn = o.arn
     where o.wake_at <= ? and e.status = 'RUNNING' order by o.wake_at`,
  );
  const nextWake = first(
    WakeRow,
    `select min(at) as at from (
       select min(o.wake_at) as at from operations o join executions e on e.arn = o.arn
       where o.wake_at is not null and e.status = 'RUNNING'
       union all select min(deadline_at) from executions where status = 'RUNNING')`,
  );
  const setWake = run('update operations set wake_at = ? where arn = ? and id = ?');

  return {
    operation(arn, id) {
      const row = one(arn, id);
      return row && parseOperation(row.json);
    },
    operations: (arn) => inOrder(arn).map(({ json }) => parseOperation(json)),
    putOperation: (arn, operation, wakeAt) => put(arn, operation.Id, arn, JSON.stringify(operation), wakeAt),
    takeChanged(arn) {
      const operations = changed(arn).map(({ json }) => parseOperation(json));
      clearChanged(arn);
      return operations;
    },
    hasChanged: (arn) => anyChanged(arn) !== null,
    due: (nowMs) => due(nowMs).map(({ arn, json }) => ({ arn, operation: parseOperation(json) })),
    nextWake: () => nextWake()?.at ?? null,
    setWake: (arn, id, wakeAt) => setWake(wakeAt, arn, id),
  };
}
