// The engine as an invocation sees it: its event, the pages of its state, its checkpoints. Checks the token and applies the updates
// to the stored rows. Must not know timers or processes.
import { randomBytes, randomUUID } from 'node:crypto';
import type {
  CheckpointDurableExecutionRequest,
  CheckpointDurableExecutionResponse,
  DurableExecutionInvocationInput,
  GetDurableExecutionStateRequest,
  GetDurableExecutionStateResponse,
  OperationUpdate,
} from '@aws/durable-execution-sdk-js';
import { at } from '../../pipeline/contract/at.ts';
import { staleTokenError } from '../../pipeline/durable/stale-token.ts';
import { type ExecutionLifecycle, failure } from './execution-lifecycle.ts';
import { bytesOf, checkExecution, checkUpdate, invalid } from './service-limits.ts';
import { applyOutcome, applyUpdate, checkBatch, forResume, type IdentifiedUpdate } from './state-machine.ts';
import type { ExecutionRow, RecordedEvent } from './store/engine-rows.ts';
import type { Store } from './store/engine-store.ts';

const STATE_PAGE_OPERATIONS = 1_000;
const CALLBACK_ID_BYTES = 34; // ends in `==`, as some of the service do

export interface Checkpoints {
  /** Issues a new token, which makes every older one stale. */
  newEvent(arn: string): DurableExecutionInvocationInput;
  statePage(request: GetDurableExecutionStateRequest): GetDurableExecutionStateResponse;
  /** `affected`: the ARNs of the executions that the checkpoint started, ended or changed. */
  checkpoint(request: CheckpointDurableExecutionRequest): { response: CheckpointDurableExecutionResponse; affected: string[] };
}

export interface CheckpointsDeps {
  store: Store;
  lifecycle: ExecutionLifecycle;
  /** Whether a function of this name can be invoked. */
  hasFunction: (name: string) => boolean;
  nowMs: () => number;
}

export function checkpoints({ store, lifecycle, hasFunction, nowMs }: CheckpointsDeps): Checkpoints {
  /** The execution that the token belongs to. A stale token ends its own invocation, never the execution. */
  function holderOf(arn: string | undefined, token: string | undefined): ExecutionRow {
    const row = arn ? store.execution(arn) : null;
    if (row?.status !== 'RUNNING' || !row.token || row.token !== token) throw staleTokenError();
    return row;
  }

  function apply(arn: string, update: IdentifiedUpdate): { started: boolean; affected: string[] } {
    checkUpdate(update);
    const before = store.operation(arn, update.Id);
    const parent = update.ParentId ? store.operation(arn, update.ParentId) : null;
    const callbackId = newCallbackId();
    const { operation, wakeAt } = applyUpdate(before, parent, update, nowMs(), callbackId);
    store.putOperation(arn, operation, wakeAt);
    if (update.Type === 'CALLBACK' && update.Action === 'START') {
      const { TimeoutSeconds, HeartbeatTimeoutSeconds } = update.CallbackOptions ?? {};
      store.insertCallback({
        callback_id: callbackId,
        arn,
        id: update.Id,
        timeout_at: TimeoutSeconds ? nowMs() + TimeoutSeconds * 1_000 : null,
        heartbeat_ms: HeartbeatTimeoutSeconds ? HeartbeatTimeoutSeconds * 1_000 : null,
      });
    }
    if (update.Action === 'RETRY' || (update.Action === 'START' && before)) store.addEvent(arn, attemptEvent(update, nowMs()));
    return { started: before === null, affected: update.Type === 'CHAINED_INVOKE' ? startChained(arn, update) : [] };
  }

  function startChained(arn: string, { Id, Payload = 'null', ChainedInvokeOptions }: IdentifiedUpdate): string[] {
    const identifier = ChainedInvokeOptions?.FunctionName;
    const name = identifier === undefined ? null : functionNameOf(identifier);
    if (name !== null && hasFunction(name)) {
      return [lifecycle.begin({ name: randomUUID(), functionName: name, input: Payload, parent: { arn, id: Id } })];
    }
    const operation = store.operation(arn, Id);
    const outcome = failure('ResourceNotFoundException', `Function not found: ${identifier}`);
    const updated = operation && applyOutcome(operation, outcome, nowMs());
    if (updated) store.putOperation(arn, updated, null);
    return [];
  }

  function endExecution(arn: string, { Action, Payload, Error: error }: OperationUpdate): string[] {
    if (Action !== 'SUCCEED' && Action !== 'FAIL') throw invalid('Invalid action for the given operation type.');
    return lifecycle.end(arn, { status: Action === 'SUCCEED' ? 'SUCCEEDED' : 'FAILED', result: Payload, error });
  }

  return {
    newEvent: (arn) =>
      store.transaction(() => {
        const token = randomUUID();
        store.setToken(arn, token);
        const updated = store.takeChanged(arn).map(({ Id }) => Id);
        const operations = forResume(store.operations(arn));
        const page = operations.slice(0, STATE_PAGE_OPERATIONS);
        const marker = operations.length > page.length ? String(page.length) : '';
        return {
          DurableExecutionArn: arn,
          CheckpointToken: token,
          UpdatedOperationIds: updated,
          InitialExecutionState: { Operations: page, NextMarker: marker },
        };
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
        if (crashes > 0) store.setCrashes(arn, 0); // a checkpoint is progress
        checkBatch(Updates);
        const size = { operations, bytes };
        const affected: string[] = [];
        for (const update of Updates) {
          size.bytes += bytesOf(update);
          if (update.Type === 'EXECUTION') {
            checkUpdate(update);
            checkExecution(size);
            affected.push(...endExecution(arn, update));
            return { response: { NewExecutionState: { Operations: store.takeChanged(arn) } }, affected };
          }
          const applied = apply(arn, update);
          if (applied.started) size.operations += 1;
          if (update.Action === 'RETRY') size.operations += 1;
          affected.push(...applied.affected);
        }
        checkExecution(size);
        if (Updates.length > 0) store.setSize(arn, size);
        const token = randomUUID();
        store.setToken(arn, token);
        return { response: { CheckpointToken: token, NewExecutionState: { Operations: store.takeChanged(arn) } }, affected };
      }),
  };
}

/** As those of the service, which match `[A-Za-z0-9+/]+={0,2}`: code that expects a UUID would fail there. */
function newCallbackId(): string {
  return randomBytes(CALLBACK_ID_BYTES).toString('base64');
}

/** Accepts `name`, `name:qualifier` or an ARN of either. */
function functionNameOf(identifier: string): string {
  return at((identifier.split(':function:')[1] ?? identifier).split(':'), 0);
}

/** An attempt that failed or another that started: the state of the operation keeps neither. */
function attemptEvent({ Id, ParentId, Name, SubType, Action, Error: error }: IdentifiedUpdate, nowMs: number): RecordedEvent {
  return {
    type: Action === 'START' ? 'StepStarted' : error ? 'StepFailed' : 'StepSucceeded',
    at: new Date(nowMs).toISOString(),
    id: Id,
    ...(ParentId !== undefined && { parentId: ParentId }),
    ...(Name !== undefined && { name: Name }),
    ...(SubType !== undefined && { subType: SubType }),
    error,
  };
}
