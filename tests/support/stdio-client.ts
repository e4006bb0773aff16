// `tilesight mcp` as clients start it: official clients of both generations over standard input and output, and the processes that one
// start leaves behind.
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { Client as Client2025 } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as Transport2025 } from '@modelcontextprotocol/sdk/client/stdio.js';
import { onTestFinished } from 'vitest';
import { temporaryFolder } from './folder.ts';
import { type ClientKind, MODES, type TestClient, testClient } from './mcp-clients.ts';
import { processesWith, type StdioCommand, stdioCommand } from './stdio-command.ts';

export interface StdioOptions extends StdioCommand {
  kind?: ClientKind;
}

export interface StdioClient extends TestClient {
  pid: number;
  /** What the command wrote to standard error. */
  log(): string;
  /** Closes standard input, as clients do. */
  close(): Promise<void>;
  /** Ids of the processes of this start that still run; on Linux. */
  processes(): Promise<number[]>;
}

export async function stdioClient(options: StdioOptions): Promise<StdioClient> {
  const { kind = '2.x pinned to 2026-07-28' } = options;
  const marker = await temporaryFolder();
  const server = { ...stdioCommand(options, marker), stderr: 'pipe' } as const;
  const identity = { name: 'test', version: '1' };
  let text = '';
  const [client, transport] =
    kind === '1.32'
      ? ([new Client2025(identity), new Transport2025(server)] as const)
      : ([new Client(identity, { versionNegotiation: { mode: MODES[kind] } }), new StdioClientTransport(server)] as const);
  transport.stderr?.on('data', (chunk) => {
    text += chunk;
  });
  onTestFinished(() => client.close());
  const faults: unknown[] = [];
  client.onerror = (error) => void faults.push(error);
  await client.connect(transport as never);
  onTestFinished(() => {
    if (faults.length > 0) throw new Error('Something but the protocol was on standard output.', { cause: faults });
  });
  const { pid } = transport;
  if (pid === null) throw new Error('Expected a process.');
  return {
    ...(await testClient(client)),
    pid,
    log: () => text,
    close: () => client.close(),
    processes: () => processesWith(marker),
  };
}
