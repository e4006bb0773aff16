// Which https:// addresses may be named, by the names of their hosts. Knows nothing of what a name leads to: that is for who connects.
import { z } from 'zod';
import { UserError } from '../contract/errors.ts';
import { someOf } from './name-list.ts';

const SHOWN_CHARACTERS_MAX = 100;
/** Two labels at least after the star: `*` and `*.org` would allow everybody. */
const WILDCARD = /^\*\.[^.*]+(\.[^.*]+)+$/;

/** `example.org`, `*.example.org` (every name below it, not itself), `example.org:8443`, or an IP address as in a URL. */
export const ImageHost = z
  .string()
  .refine(isHost, 'expected host names such as example.org, *.example.org or example.org:8443, separated by commas');

/**
 * The address as it may be requested: host in lower case and without its last dot, nothing after `#`. Throws a UserError when it is
 * not https, names a user, or is on a host or port that is not listed.
 */
export function checkImageUrl(url: string, allowedHosts: readonly string[]): URL {
  const address = URL.parse(url);
  if (address?.protocol !== 'https:') {
    throw new UserError(
      `Expected an https:// address, got ${url.slice(0, SHOWN_CHARACTERS_MAX)}. Correct it, or upload the image.`,
    );
  }
  if (address.username || address.password) {
    throw new UserError('Expected an https:// address without a user name, got one with it. Leave it out, or upload the image.');
  }
  address.hostname = address.hostname.replace(/\.$/, '');
  address.hash = '';
  if (!allowedHosts.some((host) => covers(host, address))) {
    const allowed = allowedHosts.length > 0 ? `on ${namedHosts(allowedHosts)}` : 'that was uploaded: no host is allowed here';
    throw new UserError(`Expected an image ${allowed}, got one on ${shownHost(address)}. Upload it instead.`);
  }
  return address;
}

/** For a sentence: `example.org or *.example.net`. */
export function namedHosts(hosts: readonly string[]): string {
  return someOf(hosts, 'hosts');
}

/** For a sentence: the host, its port when it is not 443, cut. A host that a stranger chose could be a long one. */
export function shownHost({ host }: URL): string {
  return host.slice(0, SHOWN_CHARACTERS_MAX);
}

// A wildcard never covers an IP address: one of IPv4 ends in a number, and URL takes no other name that does.
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
