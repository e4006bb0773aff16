// delete_execution asks the user first, if the client can ask.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { keys } from '../../pipeline/contract/keys.ts';
import { ORIGIN, type TestServer } from '../support/server.ts';
import { ends, finding, serverAndClient, started } from '../support/tool-calls.ts';

const Result = z.looseObject({ isError: z.boolean().optional(), content: z.array(z.looseObject({ text: z.string() })) });

type Elicitation = { form?: Record<string, never>; url?: Record<string, never> };

async function clientOf(server: TestServer, elicitation: Elicitation | null, answer?: object) {
  const identity = { name: 'test', version: '1' };
  const client = new Client(identity, {
    capabilities: elicitation === null ? {} : { elicitation },
    versionNegotiation: { mode: { pin: '2026-07-28' } },
  });
  const questions: string[] = [];
  if (answer)
    client.setRequestHandler('elicitation/create', async ({ params }) => {
      questions.push(params.message);
      return answer as { action: 'accept' };
    });
  await client.connect(new StreamableHTTPClientTransport(new URL('/mcp', ORIGIN), { fetch: server.fetch }));
  onTestFinished(() => client.close());
  return { client, questions };
}

async function analyzed() {
  const { server, client } = await serverAndClient({ script: ends([finding(1)]) });
  const { execution_id } = await started(server, client);
  server.launcher.states.set(execution_id, { state: 'succeeded', startedAt: new Date(), endedAt: new Date() });
  const isStored = async () => (await server.blobs.head(keys.findings(execution_id))) !== null;
  return { server, execution_id, isStored };
}

const deletion = (execution_id: string) => ({ name: 'delete_execution', arguments: { execution_id } });

test('a user who confirms deletes the analysis', async () => {
  const { server, execution_id, isStored } = await analyzed();
  const { client, questions } = await clientOf(server, {}, { action: 'accept', content: { confirm: true } });
  const result = Result.parse(await client.callTool(deletion(execution_id)));
  expect(result.isError).toBeFalsy();
  expect(questions).toEqual([
    `Delete the analysis ${execution_id} with its findings, report, overlay, exports and tiles for good?`,
  ]);
  expect(await isStored()).toBe(false);
});

test.each([{ action: 'decline' }, { action: 'cancel' }, { action: 'accept', content: { confirm: false } }])(
  'a user who answers %j keeps the analysis',
  async (answer) => {
    const { server, execution_id, isStored } = await analyzed();
    const { client, questions } = await clientOf(server, { form: {} }, answer);
    const result = Result.parse(await client.callTool(deletion(execution_id)));
    expect(result).toMatchObject({ isError: true, content: [{ text: 'The user did not confirm, so nothing was done.' }] });
    expect(questions).toHaveLength(1);
    expect(await isStored()).toBe(true);
  },
);

test.each([null, { url: {} }])('a client that shows no forms (%j) deletes without a question', async (elicitation) => {
  const { server, execution_id, isStored } = await analyzed();
  const { client } = await clientOf(server, elicitation);
  const result = Result.parse(await client.callTool(deletion(execution_id)));
  expect(result.isError).toBeFalsy();
  expect(await isStored()).toBe(false);
});
