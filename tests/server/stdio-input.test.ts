// What a client writes to `tilesight mcp` that is no message: each line is refused by itself, and the server stays.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { temporaryFolder } from '../support/folder.ts';
import { stdioCommand } from '../support/stdio-command.ts';

const Answer = z.looseObject({ id: z.union([z.string(), z.number()]) });
type Answer = z.infer<typeof Answer>;

const TOO_LARGE = {
  code: -32600,
  message: 'The request is larger than 1048576 bytes (1 MiB). Send images with create_upload.',
};
const NO_MESSAGE = { code: -32600, message: expect.stringMatching(/^The request is not one of MCP\. .* a progressToken is /) };
const ECHO = { jsonrpc: '2.0', result: {} };

async function started() {
  const folder = await temporaryFolder();
  const { command, args, env } = stdioCommand({ dataFolder: folder }, folder);
  const server = spawn(command, args, { env, stdio: 'pipe' });
  const closed = new Promise<number | null>((resolve) => server.once('close', resolve));
  onTestFinished(() => {
    server.kill();
    return closed.then(() => {});
  });
  let errors = '';
  server.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  const answers: Answer[] = [];
  createInterface(server.stdout).on('line', (line) => answers.push(Answer.parse(JSON.parse(line))));
  const answerTo = async (id: string | number): Promise<Answer | undefined> => {
    await expect.poll(() => answers.some((answer) => answer.id === id)).toBe(true);
    return answers.find((answer) => answer.id === id);
  };
  const write = (line: string | Buffer) => server.stdin.write(Buffer.concat([Buffer.from(line), Buffer.from('\n')]));
  write(
    JSON.stringify({
      jsonrpc: '2.0',
      id: 'hello',
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
    }),
  );
  await answerTo('hello');
  const end = () => {
    server.stdin.end();
    return closed;
  };
  return { write, answerTo, errors: () => errors, answers, end };
}

test('a line that is no message is ignored with a sentence, and a request that is none of MCP is answered', async () => {
  const { write, answerTo, errors, answers, end } = await started();
  const noMessages = ['hello', '[]', 'null', '{"jsonrpc":"2.0"}', '\0\x01', Buffer.from([0xff, 0xfe])];
  for (const line of noMessages) write(line);
  write('');
  const tool = { method: 'tools/call', params: { name: 'list_findings', _meta: { progressToken: {} } } };
  write(JSON.stringify({ jsonrpc: '2.0', id: 1, ...tool }));
  write('{"jsonrpc":"1.0","id":2,"method":"ping"}');
  write('{"jsonrpc":"2.0","id":3,"method":"ping","params":7}');
  write(`${' '.repeat(100)}{"jsonrpc":"2.0","id":4,"method":"ping"}\r`);
  for (const id of [1, 2, 3]) expect(await answerTo(id)).toMatchObject({ error: NO_MESSAGE });
  expect(await answerTo(4)).toEqual({ ...ECHO, id: 4 });
  expect(answers).toHaveLength(5);
  expect(errors().split('A line on standard input is not a JSON-RPC message, and was ignored.')).toHaveLength(
    noMessages.length + 1,
  );
  expect(await end()).toBe(0);
});

test.each([
  ['first', (text: string) => `{"jsonrpc":"2.0","id":"a","method":"ping","params":{"text":"${text}"}}`],
  ['last', (text: string) => `{"method":"ping","params":{"id":"b","text":"${text}"},"jsonrpc":"2.0","id":"a"}`],
])('a request of 40 MB whose id stands %s is refused with a sentence, and the next one is answered', async (_, request) => {
  const { write, answerTo, errors, answers, end } = await started();
  write(request('x'.repeat(40_000_000)));
  write('x'.repeat(2_000_000)); // no id, so no answer
  write('{"jsonrpc":"2.0","id":"next","method":"ping"}');
  expect(await answerTo('a')).toMatchObject({ error: TOO_LARGE });
  expect(await answerTo('next')).toEqual({ ...ECHO, id: 'next' });
  expect(answers).toHaveLength(3);
  expect(errors()).toContain(`tilesight: ${TOO_LARGE.message}`);
  expect(await end()).toBe(0);
});
