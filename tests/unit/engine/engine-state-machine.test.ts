// The service's table of states, row by row: the state that each update leads to, and the states in which it is refused.
import type { OperationAction, OperationStatus, OperationType, OperationUpdate } from '@aws/durable-execution-sdk-js';
import { describe, expect, test } from 'vitest';
import {
  applyOutcome,
  applyTimer,
  applyUpdate,
  checkBatch,
  forResume,
  type IdentifiedUpdate,
  isOutstanding,
} from '../../../local/engine/state-machine.ts';
import type { StoredOperation } from '../../../local/engine/store/engine-rows.ts';

const STATUSES: OperationStatus[] = ['STARTED', 'PENDING', 'READY', 'SUCCEEDED', 'FAILED', 'CANCELLED', 'TIMED_OUT', 'STOPPED'];
const TYPES: OperationType[] = ['STEP', 'WAIT', 'CONTEXT', 'CALLBACK', 'CHAINED_INVOKE', 'EXECUTION'];
const ACTIONS: OperationAction[] = ['START', 'SUCCEED', 'FAIL', 'RETRY', 'CANCEL'];
const NOW = Date.parse('2026-01-02T03:04:05.000Z');

const operation = (Type: OperationType, Status: OperationStatus, more: Partial<StoredOperation> = {}): StoredOperation => ({
  Id: 'a',
  Type,
  Status,
  StartTimestamp: new Date(0).toISOString(),
  ...more,
});
const update = (Type: OperationType, Action: OperationAction, more: Partial<IdentifiedUpdate> = {}): IdentifiedUpdate => ({
  Id: 'a',
  Type,
  Action,
  ...(Action === 'RETRY' && { StepOptions: { NextAttemptDelaySeconds: 7 } }),
  ...more,
});
const applied = (before: StoredOperation | null, change: IdentifiedUpdate) =>
  applyUpdate(before, null, change, NOW, 'callback-1');

/** Every row of the table: action, the states in which it is allowed, and the state that it leads to. */
const ROWS: [OperationType, OperationAction, (OperationStatus | 'none')[], OperationStatus][] = [
  ['STEP', 'START', ['none', 'READY'], 'STARTED'],
  ['STEP', 'SUCCEED', ['none', 'STARTED', 'READY'], 'SUCCEEDED'],
  ['STEP', 'FAIL', ['none', 'STARTED', 'READY'], 'FAILED'],
  ['STEP', 'RETRY', ['none', 'STARTED', 'READY'], 'PENDING'],
  ['WAIT', 'START', ['none'], 'STARTED'],
  ['WAIT', 'CANCEL', ['STARTED'], 'CANCELLED'],
  ['CALLBACK', 'START', ['none'], 'STARTED'],
  ['CHAINED_INVOKE', 'START', ['none'], 'STARTED'],
  ['CONTEXT', 'START', ['none'], 'STARTED'],
  ['CONTEXT', 'SUCCEED', ['none', 'STARTED'], 'SUCCEEDED'],
  ['CONTEXT', 'FAIL', ['none', 'STARTED'], 'FAILED'],
];

describe('an update', () => {
  test.each(ROWS)('%s %s is allowed in %j only, and leads to %s', (type, action, from, to) => {
    for (const status of ['none', ...STATUSES] as const) {
      const before = status === 'none' ? null : operation(type, status);
      if (from.includes(status)) expect(applied(before, update(type, action)).operation.Status, status).toBe(to);
      else expect(() => applied(before, update(type, action)), status).toThrow(/^(Invalid current|Cannot)/);
    }
  });

  test('with any other type and action is refused, whatever the state', () => {
    const known = new Set(ROWS.map(([type, action]) => `${type} ${action}`));
    for (const type of TYPES) {
      for (const action of ACTIONS.filter((candidate) => !known.has(`${type} ${candidate}`))) {
        for (const before of [null, ...STATUSES.map((status) => operation(type, status))]) {
          expect(() => applied(before, update(type, action)), `${type} ${action}`).toThrow(/Invalid action/);
        }
      }
    }
  });

  test('of another type than the operation is refused', () => {
    expect(() => applied(operation('CONTEXT', 'STARTED'), update('STEP', 'SUCCEED'))).toThrow(/Invalid action/);
  });

  test('that is refused throws the error type of the service, and ends the execution', () => {
    const refused = () => applied(operation('STEP', 'SUCCEEDED'), update('STEP', 'START'));
    expect(refused).toThrow(expect.objectContaining({ name: 'InvalidParameterValueException', scope: 'EXECUTION' }));
  });

  test('needs a CONTEXT as its parent', () => {
    const child = update('STEP', 'START', { ParentId: 'p' });
    expect(() => applyUpdate(null, null, child, NOW)).toThrow('Invalid parent operation id.');
    expect(() => applyUpdate(null, operation('STEP', 'STARTED'), child, NOW)).toThrow('Invalid parent operation id.');
    expect(applyUpdate(null, operation('CONTEXT', 'STARTED'), child, NOW).operation.ParentId).toBe('p');
  });

  test.each<[IdentifiedUpdate, string]>([
    [update('STEP', 'FAIL', { Payload: '1' }), 'Cannot provide a Payload for FAIL action.'],
    [update('CONTEXT', 'FAIL', { Payload: '1' }), 'Cannot provide a Payload for FAIL action.'],
    [update('STEP', 'SUCCEED', { Error: {} }), 'Cannot provide an Error for SUCCEED action.'],
    [update('STEP', 'RETRY', { Error: {}, Payload: '1' }), 'Cannot provide both error and payload to RETRY a STEP.'],
    [{ Id: 'a', Type: 'STEP', Action: 'RETRY' }, 'Invalid StepOptions for the given action.'],
  ])('with contradicting contents is refused: %j', (change, sentence) => {
    expect(() => applied(null, change)).toThrow(sentence);
  });
});

describe('a step', () => {
  test('counts its attempts over retries, and keeps the payload of a retry', () => {
    const retried = applied(operation('STEP', 'STARTED'), update('STEP', 'RETRY', { Payload: '{"so":"far"}' }));
    expect(retried.wakeAt).toBe(NOW + 7_000);
    expect(retried.operation.StepDetails).toEqual({
      Attempt: 1,
      Result: '{"so":"far"}',
      Error: undefined,
      NextAttemptTimestamp: '2026-01-02T03:04:12.000Z',
    });
    const ready = applyTimer(retried.operation, NOW) ?? retried.operation;
    expect(ready).toMatchObject({ Status: 'READY', StepDetails: { Attempt: 1 } });
    const started = applied(ready, update('STEP', 'START')).operation;
    const done = applied(started, update('STEP', 'SUCCEED', { Payload: '42' }));
    expect(done.operation).toMatchObject({ Status: 'SUCCEEDED', StepDetails: { Attempt: 2, Result: '42' } });
    expect(done.operation.EndTimestamp).toBe('2026-01-02T03:04:05.000Z');
    expect(done.wakeAt).toBeNull();
  });
});

describe('a change between invocations', () => {
  test('ends a wait at its time, which is known from the start', () => {
    const { operation: waiting, wakeAt } = applied(null, update('WAIT', 'START', { WaitOptions: { WaitSeconds: 60 } }));
    expect(wakeAt).toBe(NOW + 60_000);
    expect(waiting.WaitDetails).toEqual({ ScheduledEndTimestamp: '2026-01-02T03:05:05.000Z' });
    expect(applyTimer(waiting, NOW)).toMatchObject({ Status: 'SUCCEEDED', EndTimestamp: expect.any(String) });
  });

  test('does not happen if the timer fires too late', () => {
    for (const status of STATUSES.filter((candidate) => candidate !== 'PENDING')) {
      expect(applyTimer(operation('STEP', status), NOW)).toBeNull();
    }
    for (const status of STATUSES.filter((candidate) => candidate !== 'STARTED')) {
      expect(applyTimer(operation('WAIT', status), NOW)).toBeNull();
    }
  });

  test('wakes a callback at the earlier of its two timeouts, and its id is known from the start', () => {
    const limits = { CallbackOptions: { TimeoutSeconds: 60, HeartbeatTimeoutSeconds: 10 } };
    const begun = applied(null, update('CALLBACK', 'START', limits));
    expect(begun).toMatchObject({ operation: { CallbackDetails: { CallbackId: 'callback-1' } }, wakeAt: NOW + 10_000 });
    expect(applied(null, update('CALLBACK', 'START')).wakeAt).toBeNull();
  });

  test.each(['SUCCEEDED', 'FAILED', 'TIMED_OUT', 'STOPPED'] as const)(
    'passes an outcome %s to a waiting operation once',
    (status) => {
      const outcome = { status, result: '1' };
      const callback = operation('CALLBACK', 'STARTED', { CallbackDetails: { CallbackId: 'c' } });
      expect(applyOutcome(callback, outcome, NOW)).toMatchObject({
        Status: status,
        CallbackDetails: { CallbackId: 'c', Result: '1' },
      });
      const chained = applyOutcome(operation('CHAINED_INVOKE', 'STARTED'), outcome, NOW);
      expect(chained).toMatchObject({ Status: status, ChainedInvokeDetails: { Result: '1' } });
      expect(chained && applyOutcome(chained, outcome, NOW)).toBeNull();
      expect(applyOutcome(operation('STEP', 'STARTED'), outcome, NOW)).toBeNull();
    },
  );

  test('is outstanding for waits, retries, callbacks and running invocations only', () => {
    const outstanding = TYPES.flatMap((type) =>
      STATUSES.filter((status) => isOutstanding(operation(type, status))).map((status) => `${type} ${status}`),
    );
    expect(outstanding).toEqual(['STEP PENDING', 'WAIT STARTED', 'CALLBACK STARTED', 'CHAINED_INVOKE STARTED']);
  });
});

describe('the updates of one checkpoint', () => {
  test('can hold the start and the end of the same step or context', () => {
    expect(() => checkBatch([update('STEP', 'START'), update('STEP', 'RETRY')])).not.toThrow();
    expect(() => checkBatch([update('CONTEXT', 'START'), update('CONTEXT', 'FAIL')])).not.toThrow();
  });

  test.each<[string, OperationUpdate[]]>([
    ['Cannot update the same operation twice', [update('STEP', 'SUCCEED'), update('STEP', 'SUCCEED')]],
    ['Cannot update the same operation twice', [update('STEP', 'START'), update('STEP', 'START')]],
    ['Cannot update the same operation twice', [update('WAIT', 'START'), update('WAIT', 'CANCEL')]],
    ['must be the last update', [update('EXECUTION', 'SUCCEED'), update('STEP', 'START', { Id: 'b' })]],
    ['must have an Id', [{ Id: undefined, Type: 'STEP', Action: 'START' }]],
  ])('are refused otherwise: %s', (sentence, updates) => {
    expect(() => checkBatch(updates)).toThrow(sentence);
  });
});

describe('the state to resume from', () => {
  const tree = (status: OperationStatus, ReplayChildren?: boolean): StoredOperation[] => [
    { ...operation('CONTEXT', status), Id: 'map', ...(ReplayChildren && { ContextDetails: { ReplayChildren } }) },
    { ...operation('CONTEXT', 'STARTED'), Id: 'item', ParentId: 'map' },
    { ...operation('STEP', 'SUCCEEDED'), Id: 'step', ParentId: 'item' },
    { ...operation('STEP', 'STARTED'), Id: 'after' },
  ];
  const ids = (operations: StoredOperation[]) => operations.map(({ Id }) => Id);

  test('leaves out the operations inside a finished context, at any depth', () => {
    expect(ids(forResume(tree('SUCCEEDED')))).toEqual(['map', 'after']);
    expect(ids(forResume(tree('FAILED')))).toEqual(['map', 'after']);
  });

  test('keeps them while the context runs, and if it is replayed through its children', () => {
    expect(ids(forResume(tree('STARTED')))).toEqual(['map', 'item', 'step', 'after']);
    expect(ids(forResume(tree('SUCCEEDED', true)))).toEqual(['map', 'item', 'step', 'after']);
  });
});
