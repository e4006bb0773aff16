// The Launcher port over the local engine. Must not know what an execution does.
import { z } from 'zod';
import { UserError } from '../../pipeline/contract/errors.ts';
import { nameTaken } from '../../pipeline/contract/execution-names.ts';
import type { ExecutionState, LauncherWithHistory } from '../../pipeline/ports.ts';
import type { Engine } from './engine.ts';
import { errorOf, eventsOf } from './history.ts';
import { ServiceError } from './service-limits.ts';
import { type ExecutionRow, type ExecutionStatus, errorIn } from './store/engine-rows.ts';

const RUNNING_MAX = 100_000;
const PAGE_DEFAULT = 100;
const PAGE_MAX = 1_000; // as in the service

/** A decoded cursor: the start time and ARN, or the number of events, behind which the next page starts. */
const Position = z.tuple([z.number().int(), z.string()]);

const STATUSES: Record<ExecutionState['state'], ExecutionStatus> = {
  running: 'RUNNING',
  succeeded: 'SUCCEEDED',
  failed: 'FAILED',
  stopped: 'STOPPED',
  'timed-out': 'TIMED_OUT',
};

export function localLauncher(engine: Engine): LauncherWithHistory {
  return {
    async start(request) {
      try {
        return engine.startExecution(request.execution_id, JSON.stringify(request));
      } catch (error) {
        throw error instanceof ServiceError ? refusal(request.execution_id, error) : error;
      }
    },
    async describe(executionId) {
      const row = engine.describe(executionId);
      return row && stateOf(row);
    },
    async stop(executionId, { type, message }) {
      const row = engine.stop(executionId, { ErrorType: type, ErrorMessage: message });
      return row && stateOf(row);
    },
    forget: async (executionId) => (engine.forget(executionId) ? 'forgotten' : 'busy'),
    async list({ states, startedAfter, startedBefore, newestFirst = false, limit, cursor }) {
      const max = pageOf(limit);
      const rows = engine.list({
        statuses: states?.map((state) => STATUSES[state]) ?? Object.values(STATUSES),
        startedAfter: startedAfter?.getTime() ?? Number.MIN_SAFE_INTEGER,
        startedBefore: startedBefore?.getTime() ?? Number.MAX_SAFE_INTEGER,
        newestFirst,
        after: cursor === undefined ? null : positionOf(cursor),
        limit: max + 1,
      });
      const page = rows.slice(0, max);
      const last = page.at(-1);
      return {
        executions: page.map((row) => ({ executionId: row.name, state: stateOf(row) })),
        cursor: last && rows.length > max ? cursorOf([last.started_at, last.arn]) : null,
      };
    },
    async history(executionId, { limit, cursor }) {
      const row = engine.describe(executionId);
      if (!row) return null;
      const max = pageOf(limit);
      const from = cursor === undefined ? 0 : positionOf(cursor).started_at;
      const events = eventsOf(row, engine.operations(executionId), engine.events(executionId));
      const to = from + max;
      return { events: events.slice(from, to), cursor: to < events.length ? cursorOf([to, '']) : null };
    },
  };
}

/** What the running executions were started with, shards included. */
export function runningInputs(engine: Pick<Engine, 'list'>): unknown[] {
  const all = { startedAfter: Number.MIN_SAFE_INTEGER, startedBefore: Number.MAX_SAFE_INTEGER, newestFirst: false };
  const rows = engine.list({ statuses: ['RUNNING'], ...all, after: null, limit: RUNNING_MAX });
  return rows.map(({ input }): unknown => JSON.parse(input));
}

const AnalysisInput = z.object({ image: z.object({ uri: z.string() }) });

/** The name of the image that the execution was started with; `null` if the engine does not know the execution. */
export function requestedImage(engine: Pick<Engine, 'describe'>, executionId: string): string | null {
  const row = engine.describe(executionId);
  const input = row && AnalysisInput.safeParse(JSON.parse(row.input));
  return input?.success ? input.data.image.uri : null;
}

function refusal(name: string, error: ServiceError): UserError {
  const message = error.name === 'DurableExecutionAlreadyStartedException' ? nameTaken(name) : error.message;
  return new UserError(message, { cause: error });
}

function stateOf(row: ExecutionRow): ExecutionState {
  const { status, started_at, ended_at } = row;
  const startedAt = new Date(started_at);
  if (status === 'RUNNING' || ended_at === null) return { state: 'running', startedAt };
  const endedAt = new Date(ended_at);
  if (status === 'SUCCEEDED') return { state: 'succeeded', startedAt, endedAt };
  const states = { FAILED: 'failed', STOPPED: 'stopped', TIMED_OUT: 'timed-out' } as const;
  return { state: states[status], startedAt, endedAt, error: errorOf(errorIn(row)) };
}

function pageOf(limit = PAGE_DEFAULT): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= PAGE_MAX) return limit;
  throw new UserError(`The limit (${limit}) must be an integer from 1 to ${PAGE_MAX}.`);
}

function cursorOf(position: [number, string]): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url');
}

function positionOf(cursor: string): { started_at: number; arn: string } {
  try {
    const [started_at, arn] = Position.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()));
    return { started_at, arn };
  } catch (cause) {
    throw new UserError('The cursor is not from an earlier page. Leave it out to start at the first page.', { cause });
  }
}
