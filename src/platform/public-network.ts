import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { isLoopbackHost } from '../oauth/index.ts';

const GLOBAL_UNICAST = ipaddr.IPv6.parse('2000::');

const SPECIAL_USE_NAME =
  /(^|\.)(localhost|localdomain|local|internal|intranet|lan|home|corp|private|arpa|test|invalid|onion|alt)$/;

/**
 * Whether an IP address, as text, is one that the public Internet routes to a host (RFC 6890, RFC 4291 §2.4). Everything
 * that hides an IPv4 address inside IPv6 (mapped, compatible, NAT64, 6to4, Teredo) counts as not public.
 */
export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 0 || address.includes('%')) return false;
  const parsed = ipaddr.parse(address);
  if (parsed.range() !== 'unicast') return false;
  // ipaddr.js calls everything without a range of its own unicast: ::7f00:1 and the unassigned seven eighths of IPv6.
  return !(parsed instanceof ipaddr.IPv6) || parsed.match(GLOBAL_UNICAST, 3);
}

/**
 * Whether a host, as `URL.hostname` gives it, can be a name on the public Internet: no address literal, no single
 * label, no dot at the end, none of the names reserved for private use (RFC 6761, RFC 6762, RFC 7686, RFC 8375).
 */
export function isPublicHostname(hostname: string): boolean {
  if (hostname.startsWith('[') || isIP(hostname) !== 0 || !hostname.includes('.') || hostname.endsWith('.'))
    return false;
  return !SPECIAL_USE_NAME.test(hostname);
}

/**
 * Whether the guarded fetch would try this URL: `https` to a public name, or any scheme of the web to this machine where
 * `allowLoopback` is set; no userinfo, no fragment, and a port where a web server may listen: the scheme's own or one
 * from 1024 upwards. With `allowPrivate`, which is for URLs an operator wrote down, any host and port over `https`. Looks
 * nothing up.
 */
export function isFetchableUrl(
  text: string,
  options: { readonly allowLoopback?: boolean; readonly allowPrivate?: boolean } = {},
): boolean {
  const url = /^https?:\/\//.test(text) && !text.includes('#') ? URL.parse(text) : null;
  if (url === null || url.username !== '' || url.password !== '') return false;
  if (options.allowPrivate === true && url.protocol === 'https:') return true;
  if (url.port !== '' && Number(url.port) < 1024) return false;
  if (isLoopbackHost(url.hostname)) return options.allowLoopback === true;
  return url.protocol === 'https:' && isPublicHostname(url.hostname);
}
