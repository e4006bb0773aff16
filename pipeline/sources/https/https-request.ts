// One GET over https. The host's addresses are checked, and then connected to by number: no name is resolved twice.
// Knows nothing of redirects, of files, or of which hosts are allowed.
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP, type Socket } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import ipaddr from 'ipaddr.js';
import { codeOf, TransientError, UserError } from '../../contract/errors.ts';
import type { Timer } from './download-timeouts.ts';
import { shownHost } from './image-hosts.ts';

/** How the internet is reached. Every address is checked before `connect` gets it. */
export interface Internet {
  /** Every address of a host. Throws an error with the code ENOTFOUND if there is none. */
  resolve(hostname: string): Promise<string[]>;
  /** `address` is an IP address, never a name. */
  connect(address: string, port: number): Socket;
  /** Certificate authorities to trust instead of Node's; PEM. */
  ca?: string;
}

export interface Answer {
  response: IncomingMessage;
  /** Whether the host has broken the rules of HTTP so far, for example by sending more than it announced. */
  brokeRules(): boolean;
}

const HTTPS_PORT = 443;
const ADDRESSES_MAX = 8; // x 5 s to connect to each: 40 s of the 600 s for the whole download
const HEADERS = {
  'User-Agent': 'tilesight',
  Accept: 'image/*, */*;q=0.5',
  'Accept-Encoding': 'identity', // bytes are counted as they arrive: nothing may grow when unpacked
};

/** All of IPv6 that IANA has allocated to the public. Mapped (::ffff:0:0/96), compatible (::/96) and NAT64 addresses of IPv4 are outside. */
const PUBLIC_IPV6 = ipaddr.IPv6.parseCIDR('2000::/3');
/** Public by its number, but serves every machine on Azure from inside: https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16 */
const AZURE_METADATA = '168.63.129.16';

/** Throws a UserError if the host leads inside a network or cannot prove its name, a TransientError if it cannot be reached. */
export async function get(url: URL, internet: Internet, timer: Timer): Promise<Answer> {
  const socket = await connected(await publicAddresses(url, internet, timer), url, internet, timer);
  const host = bareHost(url);
  const secure = tlsConnect({
    socket,
    host, // the name or address that the certificate must prove
    rejectUnauthorized: true, // whatever the environment says
    ...(isIP(host) === 0 && { servername: host }),
    ...(internet.ca !== undefined && { ca: internet.ca }),
  });
  const request = httpsRequest({
    createConnection: () => secure,
    path: url.pathname + url.search,
    headers: { ...HEADERS, Host: url.host },
    signal: timer.signal,
  });
  let brokeRules = false;
  request.on('error', (error) => {
    brokeRules ||= isParseError(error);
  });
  request.end();
  try {
    const [response]: IncomingMessage[] = await timer.race(once(request, 'response'));
    if (!response) throw new Error('The response event came without a response.');
    timer.progressed();
    return { response, brokeRules: () => brokeRules };
  } catch (cause) {
    request.destroy();
    throw explained(cause, url, Boolean(secure.authorizationError));
  }
}

/** A single inside address is enough to refuse the host: a host on the public internet has none. */
async function publicAddresses(url: URL, { resolve }: Internet, timer: Timer): Promise<string[]> {
  const host = bareHost(url);
  const addresses = isIP(host) === 0 ? await timer.race(resolve(host).catch((cause) => noAddress(cause, url))) : [host];
  timer.progressed();
  if (addresses.length === 0) {
    throw new UserError(`The host ${shownHost(url)} does not exist: it has no address. Check its name.`);
  }
  if (!addresses.every(isPublic)) {
    throw new UserError(
      `The host ${shownHost(url)} leads inside a network; only hosts on the public internet are accepted. Upload the image instead.`,
    );
  }
  return addresses.slice(0, ADDRESSES_MAX);
}

/**
 * True only for a plain address of a machine on the public internet. False for private, loopback, link-local, metadata, shared,
 * reserved and multicast ranges, for IPv6 that carries IPv4 (6to4, Teredo, NAT64), for a zone (`%eth0`), and for anything that is
 * no address.
 */
function isPublic(address: string): boolean {
  if (isIP(address) === 0 || address.includes('%')) return false;
  const parsed = ipaddr.parse(address);
  if (parsed.range() !== 'unicast' || parsed.toString() === AZURE_METADATA) return false;
  return parsed.kind() === 'ipv4' || parsed.match(PUBLIC_IPV6);
}

function noAddress(cause: unknown, url: URL): string[] {
  if (codeOf(cause) === 'ENOTFOUND') return [];
  throw new TransientError(`The address of ${shownHost(url)} could not be looked up. Try again.`, { cause });
}

/** The first address that accepts a connection: a host may have an IPv6 address where there is no IPv6 to the outside. */
async function connected(addresses: string[], url: URL, { connect }: Internet, timer: Timer): Promise<Socket> {
  let cause: unknown;
  for (const address of addresses) {
    const socket = connect(address, Number(url.port || HTTPS_PORT));
    try {
      await timer.race(once(socket, 'connect', { signal: AbortSignal.timeout(timer.connectMs) }));
      timer.progressed();
      return socket;
    } catch (error) {
      socket.destroy();
      if (timer.signal.aborted) throw error;
      timer.progressed();
      cause = error;
    }
  }
  throw new TransientError(`The host ${shownHost(url)} accepts no connection. Try again later.`, { cause });
}

function explained(cause: unknown, url: URL, unproven: boolean): unknown {
  if (cause instanceof TransientError) return cause;
  if (unproven) {
    const sentence = `The certificate of ${shownHost(url)} does not prove its name. Upload the image instead.`;
    return new UserError(sentence, { cause });
  }
  if (isParseError(cause)) {
    return new UserError(`The host ${shownHost(url)} did not answer in valid HTTP. Upload the image instead.`, { cause });
  }
  return new TransientError(`The connection to ${shownHost(url)} broke off before an answer arrived. Try again.`, { cause });
}

/** Without the brackets of an IPv6 address. */
function bareHost({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '');
}

function isParseError(error: unknown): boolean {
  return codeOf(error).startsWith('HPE_');
}
