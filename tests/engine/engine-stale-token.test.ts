// SDK 2.4.0 takes a stale checkpoint token for the end of the execution, because it spells the service's sentence otherwise.
import {
  DurableExecutionApiClient,
  type DurableExecutionClient,
  type DurableExecutionInvocationInput,
  withDurableExecution,
} from '@aws/durable-execution-sdk-js';
import { InvalidParameterValueException, type LambdaClient } from '@aws-sdk/client-lambda';
import { expect, test } from 'vitest';
import { survivingStaleTokens } from '../../pipeline/durable/stale-token.ts';
import { contextOf } from '../fixtures/engine-harness.ts';

const event = {
  DurableExecutionArn: 'arn',
  CheckpointToken: 'old',
  InitialExecutionState: {
    Operations: [{ Id: 'e', Type: 'EXECUTION', Status: 'STARTED', ExecutionDetails: { InputPayload: '{}' } }],
    NextMarker: '',
  },
} as unknown as DurableExecutionInvocationInput;

function clientRefusingWith(message: string): DurableExecutionClient {
  const $metadata = { httpStatusCode: 400 };
  const send = async () => {
    throw new InvalidParameterValueException({ message, $metadata });
  };
  return new DurableExecutionApiClient({ send } as unknown as LambdaClient);
}

function handlerOver(durableExecutionClient: DurableExecutionClient) {
  return withDurableExecution(async (_, context) => context.step('s', async () => 1), { durableExecutionClient });
}

test('the SDK alone ends the execution over a stale token', async () => {
  const output = await handlerOver(clientRefusingWith('Invalid checkpoint token'))(event, contextOf(10_000)).catch(
    () => 'invocation',
  );
  expect(output).toMatchObject({ Status: 'FAILED' });
});

test('wrapped, only the invocation ends', async () => {
  const handler = handlerOver(survivingStaleTokens(clientRefusingWith('Invalid checkpoint token')));
  await expect(handler(event, contextOf(10_000))).rejects.toThrow(/Invalid checkpoint token/);
});

test('wrapped, every other refusal still ends the execution', async () => {
  const handler = handlerOver(survivingStaleTokens(clientRefusingWith('STEP output payload size must be less')));
  expect(await handler(event, contextOf(10_000))).toMatchObject({ Status: 'FAILED' });
});
