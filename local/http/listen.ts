// Where the local server listens: on loopback, or at another address of this machine when every request must be signed.
import { lookup } from 'node:dns/promises';
import { BlockList, isIPv6 } from 'node:net';
import type { createAdaptorServer } from '@hono/node-server';
import { UserError } from '../../pipeline/contract/errors.ts';

type Server = ReturnType<typeof createAdaptorServer>;

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');
const WILDCARDS = new Set(['0.0.0.0', '::']);

/**
 * The address that a name stands for, once it is known to be one where this server may listen. Throws a UserError for a
 * wildcard, since links to images carry the address, and for anything but loopback when requests need no signature.
 */
export async function addressToListen(host: string, signed: boolean): Promise<string> {
  const { address } = await lookup(host).catch((cause) => {
    throw new UserError(`Expected an address of this machine for --host, got ${host}. Use 127.0.0.1.`, { cause });
  });
  if (WILDCARDS.has(address))
    throw new UserError(`Expected one address that callers can reach, got ${host}. Links to images carry it: name one.`);
  if (!signed && !LOOPBACK.check(address, isIPv6(address) ? 'ipv6' : 'ipv4'))
    throw new UserError(`Expected a loopback address without --auth iam, got ${host}. Use 127.0.0.1, or add --auth iam.`);
  return address;
}

/** As it stands in a URL. */
export function hostInUrl(host: string): string {
  return isIPv6(host) ? `[${host}]` : host;
}

/** Resolves with the server's URL, such as `http://127.0.0.1:3333`. */
export function listening(server: Server, address: string, port: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  server.once('error', (cause: NodeJS.ErrnoException) => reject(listenFault(cause, address, port)));
  server.listen(port, address, () => {
    const bound = server.address();
    resolve(`http://${hostInUrl(address)}:${typeof bound === 'object' && bound ? bound.port : port}`);
  });
  return promise;
}

function listenFault(cause: NodeJS.ErrnoException, address: string, port: number): Error {
  if (cause.code === 'EADDRINUSE')
    return new UserError(`Expected port ${port} to be free, got one that is in use. Choose another with --port, or 0 for any.`, {
      cause,
    });
  if (cause.code === 'EADDRNOTAVAIL')
    return new UserError(`Expected an address of this machine for --host, got ${address}. Use 127.0.0.1.`, { cause });
  return cause;
}
