// Rows of the engine's database are parsed when they are read: an unreadable row fails, with its content in the message.
import { describe, expect, test } from 'vitest';
import { ExecutionRow, errorIn, parseEvent, parseOperation } from '../../../local/engine/store/engine-rows.ts';

describe('an operation', () => {
  test('keeps the fields that the engine does not know', () => {
    const stored = { Id: 'a', Type: 'STEP', Status: 'PENDING', StepDetails: { Attempt: 2 }, FutureField: [1] };
    expect(parseOperation(JSON.stringify(stored))).toEqual(stored);
  });

  test.each([
    ['is no object', '7'],
    ['is null', 'null'],
    ['has no id', '{"Type":"STEP","Status":"STARTED"}'],
    ['has a number as its id', '{"Id":1,"Type":"STEP","Status":"STARTED"}'],
    ['has an unknown type', '{"Id":"a","Type":"SONG","Status":"STARTED"}'],
    ['has an unknown status', '{"Id":"a","Type":"STEP","Status":"SINGING"}'],
    ['has a name of the prototype as its status', '{"Id":"a","Type":"STEP","Status":"toString"}'],
  ])('that %s is unreadable', (_, json) => {
    expect(() => parseOperation(json)).toThrow(`Unreadable operation in the database: ${json}`);
  });
});

describe('a row of an execution', () => {
  const row = {
    arn: 'arn:1',
    name: 'one',
    function: 'tilesight',
    input: '{}',
    status: 'FAILED',
    result: null,
    error: '{"ErrorType":"RangeError","ErrorMessage":"too far","StackTrace":["at f"]}',
    started_at: 1,
    deadline_at: 2,
    ended_at: 3,
    token: null,
    crashes: 0,
    parent_arn: null,
    parent_id: null,
    operations: 1,
    bytes: 2,
  };

  test('is read with every column', () => {
    expect(ExecutionRow.parse(row)).toEqual(row);
    expect(errorIn({ error: row.error })).toEqual({ ErrorType: 'RangeError', ErrorMessage: 'too far' });
    expect(errorIn({ error: null })).toEqual({});
  });

  test.each([
    ['an unknown status', { status: 'SINGING' }],
    ['no start', { started_at: null }],
    ['text as its number of crashes', { crashes: '0' }],
  ])('with %s is unreadable', (_, change) => {
    expect(() => ExecutionRow.parse({ ...row, ...change })).toThrow(Object.keys(change)[0]);
  });
});

test('a recorded event has a type and a time, and may have more', () => {
  const event = { type: 'StepFailed', at: '2026-01-01T00:00:00.000Z', id: 'a', error: { ErrorMessage: 'not yet' } };
  expect(parseEvent(JSON.stringify(event))).toEqual(event);
  expect(() => parseEvent('{"type":"StepFailed"}')).toThrow(/"at"/);
});
