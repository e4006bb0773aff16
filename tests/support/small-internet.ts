// A small internet on this machine: names and numbers are the test's own, behind the public numbers stands one real https server,
// and behind every other number one that counts who comes.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, connect, createServer, type Server, Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import type { Internet } from '../../pipeline/sources/https/https-request.ts';

/** A key and its certificate, for images.example, *.images.example, other.example and the public numbers below. */
const PEM = readFileSync(new URL('../fixtures/known-to-everybody.pem', import.meta.url), 'utf8');

export const PUBLIC_IPV4 = '1.1.1.1';
export const PUBLIC_IPV6 = '2606:4700::1111';
/** Public addresses without a server: the first refuses connections, the second never answers. */
export const CLOSED = '9.9.9.9';
export const SILENT = '8.8.8.8';

export type Serve = (request: IncomingMessage, response: ServerResponse) => unknown;

export interface SmallInternet {
  internet: Internet;
  /** Every name that was asked for, and every number and port that was connected to. */
  asked: string[];
  dialled: string[];
  /** Requests that came to the public server. */
  requests: { host: string | undefined; url: string | undefined; headers: IncomingMessage['headers']; servername: unknown }[];
  /** Connections that stand at the public server now. */
  open(): Promise<number>;
  /** Connections that ever came to a number inside, and the port on which this machine really has it. */
  inside: { connections: number; port: number };
}

/** `names` says which numbers a name has; a function is asked each time anew. */
export async function smallInternet(names: Record<string, string[] | (() => string[])>, serve: Serve): Promise<SmallInternet> {
  const requests: SmallInternet['requests'] = [];
  const publicServer = createHttpsServer({ key: PEM, cert: PEM }, (request, response) => {
    const { url, headers, socket } = request;
    requests.push({ host: headers.host, url, headers, servername: 'servername' in socket && socket.servername });
    socket.on('error', () => {}); // the client may disconnect at any time
    serve(request, response);
  });
  const inside = { connections: 0, port: 0 };
  const insideServer = createServer((socket) => {
    inside.connections++;
    socket.destroy();
  });
  const publicPort = await listening(publicServer);
  inside.port = await listening(insideServer);
  const closedPort = await listening(createServer(), { thenClose: true });

  const portOf = (address: string) => {
    if (address === CLOSED) return closedPort;
    return address === PUBLIC_IPV4 || address === PUBLIC_IPV6 ? publicPort : inside.port;
  };
  const asked: string[] = [];
  const dialled: string[] = [];
  const internet: Internet = {
    async resolve(hostname) {
      asked.push(hostname);
      const numbers = names[hostname];
      if (!numbers) throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${hostname}`), { code: 'ENOTFOUND' });
      return typeof numbers === 'function' ? numbers() : numbers;
    },
    connect(address, port) {
      dialled.push(`${address} ${port}`);
      return address === SILENT ? new Socket() : connect(portOf(address), '127.0.0.1');
    },
    ca: PEM,
  };
  const open = () => new Promise<number>((resolve) => publicServer.getConnections((_, count) => resolve(count)));
  return { internet, asked, dialled, requests, open, inside };
}

async function listening(server: Server, { thenClose = false } = {}): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const close = () => {
    if ('closeAllConnections' in server && typeof server.closeAllConnections === 'function') server.closeAllConnections();
    return new Promise<void>((resolve) => void server.close(() => resolve()));
  };
  if (thenClose) await close();
  else onTestFinished(close);
  return port;
}
