// The clients of MCP that people use, as they are published: each adds the server by its own command, connects, and lists all tools.
import { appendFile, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test } from 'vitest';
import { TOOLS } from '../../mcp-server/tools/index.ts';
import { startCommand } from '../support/command.ts';
import { temporaryFolder } from '../support/folder.ts';
import { ERAS, PROGRAM } from '../support/inspector.ts';
import { installed, REAL_CLIENTS, type RealClient, runIn } from '../support/real-clients.ts';
import { processesWith } from '../support/stdio-command.ts';

const CLI = resolve('cli/tilesight.ts');
const RECORDER = resolve('tests/fixtures/recorded-stdio.ts');
const CALL_MS_MAX = 60_000;
const PROMPT_MS_MAX = 25_000; // it retries to reach the model's service

/** Appends requests and answers to a file. */
async function recordingProxy(target: string, file: string): Promise<string> {
  const server = createServer(async (request, response) => {
    const body = await text(request);
    const headers = new Headers({ accept: request.headers.accept ?? '*/*' });
    for (const [name, value] of Object.entries(request.headers))
      if (/^(content-type|mcp-.*)$/.test(name) && typeof value === 'string') headers.set(name, value);
    const method = request.method ?? 'GET';
    const answer = await fetch(new URL(request.url ?? '/', target), { method, headers, body: body === '' ? null : body });
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? 'text/plain' });
    const answered = await answer.text();
    await appendFile(file, `${body}\n${answered}\n`);
    response.end(answered);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  onTestFinished(() => server.closeAllConnections());
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
}

/** The tools in the answers to tools/list that were recorded. */
async function toolsIn(file: string): Promise<string[]> {
  const record = await readFile(file, 'utf8').catch(() => '');
  if (!record.includes('"method":"tools/list"')) return [];
  return TOOLS.map(({ name }) => name).filter((name) => record.includes(`"name":"${name}"`));
}

async function httpServer(): Promise<string> {
  const server = await startCommand(['serve', '--port', '0', '--data', await temporaryFolder()], { LOG_LEVEL: 'silent' });
  onTestFinished(async () => {
    server.process.kill('SIGTERM');
    await server.outcome;
  });
  return await new Promise((found) => {
    server.process.stdout?.on('data', (bytes) => {
      const [url] = /http:\/\/127\.0\.0\.1:\d+\/mcp/.exec(String(bytes)) ?? [];
      if (url) found(url);
    });
  });
}

test.each(Object.keys(ERAS))(
  'the Inspector connects on standard input and output, and lists all tools: the %s generation',
  {
    timeout: 120_000,
  },
  async (era) => {
    const run = await runIn(await temporaryFolder(), process.execPath, CALL_MS_MAX);
    const flags = ['--protocol-era', era, '--method', 'tools/list'];
    const listed = await run([PROGRAM, '--cli', process.execPath, CLI, 'mcp', ...flags]);
    expect(TOOLS.map(({ name }) => name).filter((name) => !listed.includes(`"name": "${name}"`))).toEqual([]);
  },
);

describe.each(Object.entries(REAL_CLIENTS) as [string, RealClient][])('%s', (name, client) => {
  const program = installed(client.program);
  const missing = `${client.title} is not installed. Install ${client.package} with npm, and name its folder in TILESIGHT_TEST_CLIENTS.`;

  test('adds the server on standard input and output and over HTTP, connects, and lists all tools', {
    timeout: 300_000,
  }, async (context) => {
    if (program === null) return context.skip(missing);
    const [home, data] = [await temporaryFolder(), await temporaryFolder()];
    const [stdio, http] = [join(home, 'stdio.log'), join(home, 'http.log')];
    const run = await runIn(home, program, CALL_MS_MAX);
    const line = [process.execPath, RECORDER, stdio, process.execPath, CLI, 'mcp', '--data', data];
    await run(client.add.stdio('tilesight', line));
    await run(client.add.http('web', await recordingProxy(await httpServer(), http)));
    expect((await client.connected(run)).sort()).toEqual(['tilesight', 'web']);
    await client.work?.(await runIn(home, program, PROMPT_MS_MAX), home);
    const all = TOOLS.map((tool) => tool.name);
    expect({ stdio: await toolsIn(stdio), http: await toolsIn(http) }).toEqual({ stdio: all, http: all });
    await expect.poll(() => processesWith(data)).toEqual([]);
  });

  test.runIf(['claude', 'codex', 'gemini'].includes(name))(
    'connects after `tilesight setup`',
    {
      timeout: 180_000,
    },
    async (context) => {
      if (program === null) return context.skip(missing);
      const [home, data] = [await temporaryFolder(), await temporaryFolder()];
      const setup = await runIn(home, process.execPath, CALL_MS_MAX);
      expect(await setup([CLI, 'setup', name, '--yes', '--data', data])).toContain(`tilesight was added to ${client.title}.`);
      const run = await runIn(home, program, CALL_MS_MAX);
      expect(await client.connected(run)).toEqual(['tilesight']);
      await setup([CLI, 'setup', name, '--yes', '--remove']);
      expect(await client.connected(run)).toEqual([]);
    },
  );
});
