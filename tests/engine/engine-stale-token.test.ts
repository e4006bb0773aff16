// SDK 2.4.0 ends the execution over a stale checkpoint token, because it expects another spelling of the service's message.
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

test('the unwrapped client ends the execution over a stale token', async () => {
  const output = await handlerOver(clientRefusingWith('Invalid checkpoint token'))(event, contextOf(10_000)).catch(
    () => 'invocation',
  );
  expect(output).toMatchObject({ Status: 'FAILED' });
});

test('the wrapped client ends only the invocation', async () => {
  const handler = handlerOver(survivingStaleTokens(clientRefusingWith('Invalid checkpoint token')));
  await expect(handler(event, contextOf(10_000))).rejects.toThrow(/Invalid checkpoint token/);
});

test('the wrapped client still ends the execution over any other refusal', async () => {
  const handler = handlerOver(survivingStaleTokens(clientRefusingWith('STEP output payload size must be less')));
  expect(await handler(event, contextOf(10_000))).toMatchObject({ Status: 'FAILED' });
});
