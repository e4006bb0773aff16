// One GET over https, to an address that was checked and is then connected to by its number: no name is looked up twice.
// Knows nothing of redirects, of files, or of which hosts are allowed.
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP, type Socket } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import { TransientError, UserError } from '../../contract/errors.ts';
import { shownHost } from '../image-hosts.ts';
import type { Waiting } from './patience.ts';
import { isPublic } from './public-address.ts';

/** How the internet is reached. What is connected to was checked before, whatever stands here. */
export interface Internet {
  /** Every address of a host. An error with the code ENOTFOUND says that there is none. */
  resolve(hostname: string): Promise<string[]>;
  /** `address` is a number, never a name. */
  connect(address: string, port: number): Socket;
  /** In place of the authorities that Node trusts; PEM. */
  ca?: string;
}

export interface Answer {
  response: IncomingMessage;
  /** Whether the host broke the rules of HTTP so far, as it does by sending more than it announced. */
  brokeRules(): boolean;
}

const HTTPS_PORT = 443;
const ADDRESSES_MAX = 8; // x 5 s to connect to each: 40 s of the 600 s that all may take
const HEADERS = {
  'User-Agent': 'tilesight',
  Accept: 'image/*, */*;q=0.5',
  'Accept-Encoding': 'identity', // bytes are counted as they come: nothing that grows when unpacked
};

/** Throws a UserError when the host leads inside or does not prove its name, a TransientError when it cannot be reached. */
export async function get(url: URL, internet: Internet, waiting: Waiting): Promise<Answer> {
  const socket = await connected(await publicAddresses(url, internet, waiting), url, internet, waiting);
  const host = bareHost(url);
  const secure = tlsConnect({
    socket,
    host, // the name or number that the certificate must prove
    rejectUnauthorized: true, // whatever the environment says
    ...(isIP(host) === 0 && { servername: host }),
    ...(internet.ca !== undefined && { ca: internet.ca }),
  });
  const request = httpsRequest({
    createConnection: () => secure,
    path: url.pathname + url.search,
    headers: { ...HEADERS, Host: url.host },
    signal: waiting.signal,
  });
  let brokeRules = false;
  request.on('error', (error) => {
    brokeRules ||= isParseError(error);
  });
  request.end();
  try {
    const [response]: IncomingMessage[] = await waiting.orGiveUp(once(request, 'response'));
    if (!response) throw new Error('Expected a response with its event, got none.');
    waiting.stirred();
    return { response, brokeRules: () => brokeRules };
  } catch (cause) {
    request.destroy();
    throw explained(cause, url, Boolean(secure.authorizationError));
  }
}

/** One address inside is enough to refuse all of them: a host on the public internet has none. */
async function publicAddresses(url: URL, { resolve }: Internet, waiting: Waiting): Promise<string[]> {
  const host = bareHost(url);
  const addresses = isIP(host) === 0 ? await waiting.orGiveUp(resolve(host).catch((cause) => noAddress(cause, url))) : [host];
  waiting.stirred();
  if (addresses.length === 0) {
    throw new UserError(`Expected a host that exists, got ${shownHost(url)}, which has no address. Check its name.`);
  }
  if (!addresses.every(isPublic)) {
    throw new UserError(
      `Expected a host on the public internet, got ${shownHost(url)}, which leads inside a network. Upload the image instead.`,
    );
  }
  return addresses.slice(0, ADDRESSES_MAX);
}

function noAddress(cause: unknown, url: URL): string[] {
  if (isCode(cause, /^ENOTFOUND$/)) return [];
  throw new TransientError(`Expected the address of ${shownHost(url)}, got no answer to the question for it. Try again.`, {
    cause,
  });
}

/** The first address that takes a connection: where there is no IPv6 to the outside, a host may still have an address of it. */
async function connected(addresses: string[], url: URL, { connect }: Internet, waiting: Waiting): Promise<Socket> {
  let cause: unknown;
  for (const address of addresses) {
    const socket = connect(address, Number(url.port || HTTPS_PORT));
    try {
      await waiting.orGiveUp(once(socket, 'connect', { signal: AbortSignal.timeout(waiting.connectMs) }));
      waiting.stirred();
      return socket;
    } catch (error) {
      socket.destroy();
      if (waiting.signal.aborted) throw error;
      waiting.stirred();
      cause = error;
    }
  }
  throw new TransientError(`Expected ${shownHost(url)} to take a connection, got none. Try again later.`, { cause });
}

function explained(cause: unknown, url: URL, unproven: boolean): unknown {
  if (cause instanceof TransientError) return cause;
  if (unproven) {
    const sentence = `Expected a certificate that proves ${shownHost(url)}, got one that does not. Upload the image instead.`;
    return new UserError(sentence, { cause });
  }
  if (isParseError(cause)) {
    return new UserError(`Expected an answer in HTTP from ${shownHost(url)}, got something else. Upload the image instead.`, {
      cause,
    });
  }
  return new TransientError(`Expected an answer from ${shownHost(url)}, got a connection that broke off. Try again.`, { cause });
}

/** Without the brackets of an IPv6 address. */
function bareHost({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '');
}

function isParseError(error: unknown): boolean {
  return isCode(error, /^HPE_/);
}

function isCode(error: unknown, pattern: RegExp): boolean {
  return error instanceof Error && 'code' in error && pattern.test(String(error.code));
}
