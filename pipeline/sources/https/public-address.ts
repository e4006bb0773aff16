// Tells the public internet from everything else, by number. Knows nothing of names.
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** All of IPv6 that IANA has given out for the public. Outside are mapped (::ffff:0:0/96), compatible (::/96) and NAT64 addresses of IPv4. */
const PUBLIC_IPV6 = ipaddr.IPv6.parseCIDR('2000::/3');
/** Public by its number, and answers every machine on Azure from inside: https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16 */
const AZURE_METADATA = '168.63.129.16';

/**
 * Only for a plain address of a machine on the public internet. False for private, loopback, link-local, metadata, shared,
 * reserved and multicast ranges, for IPv6 that carries IPv4 (6to4, Teredo, NAT64), for a zone (`%eth0`), and for what is no address.
 */
export function isPublic(address: string): boolean {
  if (isIP(address) === 0 || address.includes('%')) return false;
  const parsed = ipaddr.parse(address);
  if (parsed.range() !== 'unicast' || parsed.toString() === AZURE_METADATA) return false;
  return parsed.kind() === 'ipv4' || parsed.match(PUBLIC_IPV6);
}
