// Which https:// addresses may be named, by host name. Knows nothing of where a name leads: the request checks that.
import { z } from 'zod';
import { UserError } from '../../contract/errors.ts';
import { nameList } from '../source.ts';

const SHOWN_CHARACTERS_MAX = 100;
/** At least two labels after the star: `*` and `*.org` would allow everyone. */
const WILDCARD = /^\*\.[^.*]+(\.[^.*]+)+$/;

/** `example.org`, `*.example.org` (every name below it, not itself), `example.org:8443`, or an IP address as in a URL. */
export const ImageHost = z
  .string()
  .refine(isHost, 'expected host names such as example.org, *.example.org or example.org:8443, separated by commas');

/**
 * The address as it may be requested: host in lower case and without its last dot, nothing after `#`. Throws a UserError if it is
 * not https, contains a user name, or is on a host or port that is not allowed.
 */
export function checkImageUrl(url: string, allowedHosts: readonly string[]): URL {
  const address = URL.parse(url);
  if (address?.protocol !== 'https:') {
    throw new UserError(
      `${url.slice(0, SHOWN_CHARACTERS_MAX)} is not a valid https:// address. Correct it, or upload the image.`,
    );
  }
  if (address.username || address.password) {
    throw new UserError('The https:// address must not contain a user name or password. Remove it, or upload the image.');
  }
  address.hostname = address.hostname.replace(/\.$/, '');
  address.hash = '';
  if (!allowedHosts.some((host) => covers(host, address))) {
    const accepted =
      allowedHosts.length > 0
        ? `images on ${namedHosts(allowedHosts)}, not on ${shownHost(address)}`
        : `no images on web hosts such as ${shownHost(address)}`;
    throw new UserError(`This server accepts ${accepted}. Upload the image instead.`);
  }
  return address;
}

/** For a sentence: `example.org or *.example.net`. */
export function namedHosts(hosts: readonly string[]): string {
  return nameList(hosts, 'hosts');
}

/** For a sentence: the host, its port unless it is 443, cut. A stranger may have chosen a long one. */
export function shownHost({ host }: URL): string {
  return host.slice(0, SHOWN_CHARACTERS_MAX);
}

// A wildcard never covers an IP address: an IPv4 address ends in a number, and URL accepts no other name that does.
function covers(host: string, { hostname, port }: URL): boolean {
  const listed = URL.parse(`https://${host}`);
  if (!listed || listed.port !== port) return false;
  const suffix = listed.hostname.startsWith('*.') ? listed.hostname.slice(1) : null;
  return suffix === null ? hostname === listed.hostname : hostname.endsWith(suffix) && hostname.length > suffix.length;
}

function isHost(text: string): boolean {
  const listed = URL.parse(`https://${text}`);
  if (!listed || !/^[^/?#@\\\s]+$/.test(text)) return false;
  return listed.hostname.includes('*') ? WILDCARD.test(listed.hostname) : !listed.hostname.endsWith('.');
}
