// Prepared SQL statements whose rows are parsed. Must not know any table.
import type { DatabaseSync } from 'node:sqlite';

type SqlValue = string | number | null;
type RowSchema<Row> = { parse(row: unknown): Row };

export interface Statements {
  all<Row>(schema: RowSchema<Row>, sql: string): (...values: SqlValue[]) => Row[];
  first<Row>(schema: RowSchema<Row>, sql: string): (...values: SqlValue[]) => Row | null;
  run(sql: string): (...values: SqlValue[]) => void;
}

/** Prepares each statement once; every row is parsed on its way out. */
export function statementsOf(database: DatabaseSync): Statements {
  return {
    all(schema, sql) {
      const statement = database.prepare(sql);
      return (...values) => statement.all(...values).map((row) => schema.parse(row));
    },
    first(schema, sql) {
      const statement = database.prepare(sql);
      return (...values) => {
        const row = statement.get(...values);
        return row === undefined ? null : schema.parse(row);
      };
    },
    run(sql) {
      const statement = database.prepare(sql);
      return (...values) => void statement.run(...values);
    },
  };
}
