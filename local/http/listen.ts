// Decides where the local server listens: on loopback, or on another address of this machine if every request brings a signature or a
// token.
import { lookup } from 'node:dns/promises';
import { BlockList, isIP, isIPv6 } from 'node:net';
import type { createAdaptorServer } from '@hono/node-server';
import { UserError } from '../../pipeline/contract/errors.ts';

type Server = ReturnType<typeof createAdaptorServer>;

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** Whether every request must bring a signature or a token, and whether callers use another address than the one that the server listens on. */
interface Access {
  isGuarded: boolean;
  hasUrl: boolean;
}

const WILDCARDS = new Set(['0.0.0.0', '::']);

/**
 * Resolves a host name to the address on which the server may listen. Throws a UserError for a wildcard address without a public URL,
 * because links to images carry the address, and for any address but loopback if requests need neither signature nor token.
 */
export async function addressToListen(host: string, { isGuarded, hasUrl }: Access): Promise<string> {
  const { address } = await lookup(host).catch((cause) => {
    throw new UserError(unknownHost(host), { cause });
  });
  if (WILDCARDS.has(address) && !hasUrl)
    throw new UserError(
      `--host must be one address that callers can reach, not ${host}: links to images carry it. Name that address, or add --url.`,
    );
  if (!isGuarded && !LOOPBACK.check(address, isIPv6(address) ? 'ipv6' : 'ipv4'))
    throw new UserError(
      `--host ${host} needs --auth iam or --auth token, because it is not a loopback address. Use 127.0.0.1, or add one of them.`,
    );
  return address;
}

/** Whether what callers send to this URL leaves the machine in the clear. */
export function isReadableOnTheWay(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'http:' && !isLoopbackName(hostname);
}

/** `hostname` is that of a URL. */
export function isLoopbackName(hostname: string): boolean {
  const address = hostname.replace(/^\[|\]$/g, '');
  return address === 'localhost' || (isIP(address) !== 0 && LOOPBACK.check(address, isIPv6(address) ? 'ipv6' : 'ipv4'));
}

/** An address as it is written in a URL: an IPv6 one in brackets. */
export function hostInUrl(host: string): string {
  return isIPv6(host) ? `[${host}]` : host;
}

/** Resolves with the server's URL, such as `http://127.0.0.1:3333`. */
export function listening(server: Server, address: string, port: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  server.once('error', (cause: NodeJS.ErrnoException) => reject(listenError(cause, address, port)));
  server.listen(port, address, () => {
    const bound = server.address();
    resolve(`http://${hostInUrl(address)}:${typeof bound === 'object' && bound ? bound.port : port}`);
  });
  return promise;
}

/** As `listening`, on any free port if this one is in use. */
export async function listeningNear(server: Server, address: string, port: number): Promise<string> {
  try {
    return await listening(server, address, port);
  } catch (error) {
    if (!(error instanceof UserError) || port === 0) throw error;
    return await listening(server, address, 0);
  }
}

function unknownHost(host: string): string {
  return `--host ${host} is not an address of this machine. Use 127.0.0.1.`;
}

function listenError(cause: NodeJS.ErrnoException, address: string, port: number): Error {
  if (cause.code === 'EADDRINUSE')
    return new UserError(`Port ${port} is in use. Choose another with --port, or 0 for any free one.`, { cause });
  if (cause.code === 'EADDRNOTAVAIL') return new UserError(unknownHost(address), { cause });
  return cause;
}
