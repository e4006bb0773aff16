// The side of the engine that an invocation talks to: its event, the pages of its state, its checkpoints.
// Knows what a token allows and what the updates make of the rows; knows nothing of timers or processes.
import { randomUUID } from 'node:crypto';
import type {
  CheckpointDurableExecutionRequest,
  CheckpointDurableExecutionResponse,
  DurableExecutionInvocationInput,
  GetDurableExecutionStateRequest,
  GetDurableExecutionStateResponse,
  OperationUpdate,
} from '@aws/durable-execution-sdk-js';
import { staleTokenError } from '../../pipeline/durable/stale-token.ts';
import type { ExecutionRow, Store } from './engine-store.ts';
import { type Executions, failed } from './execution-lifecycle.ts';
import { invalid } from './service-error.ts';
import { bytesOf, checkExecution, checkUpdate } from './service-limits.ts';
import { applyOutcome, applyUpdate, checkBatch, forResume } from './state-machine.ts';

const STATE_PAGE_OPERATIONS = 1_000;

export interface Checkpoints {
  /** With a new token: every older one is stale from now on. */
  newEvent(arn: string): DurableExecutionInvocationInput;
  statePage(request: GetDurableExecutionStateRequest): GetDurableExecutionStateResponse;
  /** `news`: the executions that the checkpoint started, ended, or has told something. */
  checkpoint(request: CheckpointDurableExecutionRequest): { response: CheckpointDurableExecutionResponse; news: string[] };
}

export interface CheckpointsDeps {
  store: Store;
  executions: Executions;
  /** Whether there is a function of that name to invoke. */
  hasFunction: (name: string) => boolean;
  nowMs: () => number;
}

export function checkpoints({ store, executions, hasFunction, nowMs }: CheckpointsDeps): Checkpoints {
  /** The execution whose token this is: an older invocation's token ends that invocation, never the execution. */
  function holderOf(arn: string | undefined, token: string | undefined): ExecutionRow {
    const row = store.execution(arn ?? '');
    if (row?.status !== 'RUNNING' || !row.token || row.token !== token) throw staleTokenError();
    return row;
  }

  function applied(arn: string, update: OperationUpdate): { begun: boolean; news: string[] } {
    checkUpdate(update);
    const before = store.operation(arn, update.Id ?? '');
    const parent = update.ParentId ? store.operation(arn, update.ParentId) : null;
    const callbackId = randomUUID();
    const { operation, wakeAt } = applyUpdate(before, parent, update, nowMs(), callbackId);
    store.putOperation(arn, operation, wakeAt);
    const id = operation.Id ?? '';
    if (update.Type === 'CALLBACK' && update.Action === 'START') {
      const { TimeoutSeconds, HeartbeatTimeoutSeconds } = update.CallbackOptions ?? {};
      const timeout_at = TimeoutSeconds ? nowMs() + TimeoutSeconds * 1_000 : null;
      const heartbeat_ms = HeartbeatTimeoutSeconds ? HeartbeatTimeoutSeconds * 1_000 : null;
      store.insertCallback({ callback_id: callbackId, arn, id, timeout_at, heartbeat_ms });
    }
    if (update.Action === 'RETRY' || (update.Action === 'START' && before)) store.addEvent(arn, attemptEvent(update, nowMs()));
    return { begun: before === null, news: update.Type === 'CHAINED_INVOKE' ? invoked(arn, id, update) : [] };
  }

  function invoked(arn: string, id: string, { Payload = 'null', ChainedInvokeOptions }: OperationUpdate): string[] {
    const name = functionNameOf(ChainedInvokeOptions?.FunctionName ?? '');
    if (hasFunction(name)) {
      return [executions.begin({ name: randomUUID(), functionName: name, input: Payload, parent: { arn, id } })];
    }
    const operation = store.operation(arn, id);
    const outcome = failed('ResourceNotFoundException', `Function not found: ${ChainedInvokeOptions?.FunctionName}`);
    const told = operation && applyOutcome(operation, outcome, nowMs());
    if (told) store.putOperation(arn, told, null);
    return [];
  }

  function endedBy(arn: string, { Action, Payload, Error: error }: OperationUpdate): string[] {
    if (Action !== 'SUCCEED' && Action !== 'FAIL') throw invalid('Invalid action for the given operation type.');
    return executions.end(arn, { status: Action === 'SUCCEED' ? 'SUCCEEDED' : 'FAILED', result: Payload, error });
  }

  return {
    newEvent: (arn) =>
      store.transaction(() => {
        const token = randomUUID();
        store.setToken(arn, token);
        const updated = store.takeChanged(arn).flatMap(({ Id }) => (Id ? [Id] : []));
        const operations = forResume(store.operations(arn));
        const page = operations.slice(0, STATE_PAGE_OPERATIONS);
        const marker = operations.length > page.length ? String(page.length) : '';
        const event = { DurableExecutionArn: arn, CheckpointToken: token, UpdatedOperationIds: updated };
        return { ...event, InitialExecutionState: { Operations: page, NextMarker: marker } } as DurableExecutionInvocationInput;
      }),
    statePage({ DurableExecutionArn: arn, CheckpointToken: token, Marker, MaxItems }) {
      const row = holderOf(arn, token);
      const from = Number(Marker || 0);
      const operations = forResume(store.operations(row.arn));
      const to = from + Math.min(MaxItems || STATE_PAGE_OPERATIONS, STATE_PAGE_OPERATIONS);
      return { Operations: operations.slice(from, to), NextMarker: to < operations.length ? String(to) : undefined };
    },
    checkpoint: ({ DurableExecutionArn, CheckpointToken, Updates = [] }) =>
      store.transaction(() => {
        const { arn, crashes, operations, bytes } = holderOf(DurableExecutionArn, CheckpointToken);
        if (crashes > 0) store.setCrashes(arn, 0); // it gets on
        checkBatch(Updates);
        const size = { operations, bytes };
        const news: string[] = [];
        for (const update of Updates) {
          size.bytes += bytesOf(update);
          if (update.Type === 'EXECUTION') {
            checkUpdate(update);
            checkExecution(size);
            news.push(...endedBy(arn, update));
            return { response: { NewExecutionState: { Operations: store.takeChanged(arn) } }, news };
          }
          const { begun, news: more } = applied(arn, update);
          if (begun) size.operations += 1;
          if (update.Action === 'RETRY') size.operations += 1;
          news.push(...more);
        }
        checkExecution(size);
        if (Updates.length > 0) store.setSize(arn, size);
        const token = randomUUID();
        store.setToken(arn, token);
        return { response: { CheckpointToken: token, NewExecutionState: { Operations: store.takeChanged(arn) } }, news };
      }),
  };
}

/** `name`, `name:qualifier` or an ARN of either. */
function functionNameOf(identifier: string): string {
  const [, afterArn] = identifier.split(':function:');
  return (afterArn ?? identifier).split(':')[0] ?? '';
}

/** What the state of an operation does not keep: that an attempt failed, and that another began. */
function attemptEvent({ Id, ParentId, Name, SubType, Action, Error: error }: OperationUpdate, nowMs: number): object {
  const type = Action === 'START' ? 'StepStarted' : error ? 'StepFailed' : 'StepSucceeded';
  return { type, at: new Date(nowMs).toISOString(), id: Id, parentId: ParentId, name: Name, subType: SubType, error };
}
