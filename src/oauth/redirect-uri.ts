import { type OAuthError, reject } from './error.ts';
import { isLoopbackHost } from './resource.ts';

/**
 * Schemes that never carry an authorization response: they run script, read local files, start other programs or
 * cannot hold a client's callback.
 */
const REFUSED_SCHEMES = new Set(
  (
    'javascript data vbscript file blob about filesystem view-source jar mailto tel sms ws wss ftp ftps gopher ldap ' +
    'ldaps ssh telnet intent content chrome edge opera resource chrome-extension moz-extension ms-settings ' +
    'ms-msdt search-ms mk res urn wyciwyg shell'
  ).split(' '),
);

const MAX_REDIRECT_URI_LENGTH = 1024;
const LOOPBACK = /^http:\/\/(localhost|127\.0\.0\.1|\[::1\])(?::([1-9]\d{0,4}))?([/?][^#]*)?$/;

/**
 * Whether a client may register this redirect URI: `https` anywhere, `http` on `localhost`, `127.0.0.1` and `[::1]`
 * only, and private-use schemes (RFC 8252 §7.1) outside the list of dangerous ones. No fragment (RFC 6749 §3.1.2),
 * userinfo, wildcard, dot segment, backslash, space or non-ASCII character.
 */
export function isAcceptableRedirectUri(text: string): boolean {
  if (text.length > MAX_REDIRECT_URI_LENGTH || !/^[\x21-\x7e]+$/.test(text) || /[\\#"<>^`{|}*]/.test(text))
    return false;
  const scheme = /^([a-z][a-z0-9+.-]*):/.exec(text)?.[1];
  if (scheme === undefined || REFUSED_SCHEMES.has(scheme)) return false;
  if (/(^|[/])(\.|%2e){1,2}([/;?]|$)/i.test(text.slice(scheme.length + 1))) return false;
  if (scheme === 'http') return isLoopbackRedirectUri(text);
  const url = URL.parse(text);
  if (url === null || url.username !== '' || url.password !== '') return false;
  if (scheme === 'https')
    return /^https:\/\/([^/?@]+)/.exec(text)?.[1]?.toLowerCase().replace(/:443$/, '') === url.host;
  return /^[a-z][a-z0-9+.-]*:\/{0,2}[^/@]/.test(text) || /^[a-z][a-z0-9+.-]*:\/+$/.test(text)
    ? !/^[^/]*\/\/[^/?]*@/.test(text)
    : false;
}

/** Whether the URI is `http` on this machine, spelled plainly; such URIs match with any port (RFC 8252 §7.3). */
export function isLoopbackRedirectUri(text: string): boolean {
  const port = LOOPBACK.exec(text);
  return port !== null && (port[2] === undefined || Number(port[2]) <= 65_535);
}

/**
 * Whether `presented` is the registered URI: equal as strings, except that a loopback URI matches with any port
 * (OAuth 2.1 §2.3.1; `localhost` included because MCP clients register it).
 */
export function matchesRedirectUri(registered: string, presented: string): boolean {
  if (registered === presented) return true;
  if (!isLoopbackRedirectUri(registered) || !isLoopbackRedirectUri(presented)) return false;
  const one = LOOPBACK.exec(registered);
  const other = LOOPBACK.exec(presented);
  return one !== null && other !== null && one[1] === other[1] && (one[3] ?? '') === (other[3] ?? '');
}

/** Where people see a redirect going: the host of an http(s) URI, else the scheme. */
export function redirectDestination(uri: string): { host: string; isLoopback: boolean; scheme: string } {
  const url = URL.parse(uri);
  const scheme = (url?.protocol ?? '').replace(/:$/, '');
  const isWeb = scheme === 'http' || scheme === 'https';
  const host = isWeb ? (url?.host ?? '') : `${scheme}:`;
  return { host, scheme, isLoopback: isWeb && isLoopbackHost(url?.hostname ?? '') };
}

declare const verified: unique symbol;

/**
 * A redirect URI proved to belong to the client of this request. Only `verifyRedirectTarget` makes one, and only such
 * a value can receive an authorization response, so an answer cannot be sent to an unproved address.
 */
export interface VerifiedRedirectTarget {
  readonly [verified]: true;
  readonly uri: string;
  /** Whether the request named it; otherwise it is the client's only registered one. */
  readonly provided: boolean;
  readonly state: string | undefined;
}

/**
 * Proves the redirect URI of an authorization request against those the client registered.
 * @throws OAuthError `redirect_uri_missing`, `redirect_uri_not_registered`: to be shown to the person, never redirected.
 */
export function verifyRedirectTarget(
  registered: readonly string[],
  presented: string | undefined,
  state: string | undefined,
): VerifiedRedirectTarget {
  const only = registered.length === 1 ? registered[0] : undefined;
  if (presented === undefined && only === undefined) throw reject('redirect_uri_missing');
  const uri = presented ?? only;
  if (uri === undefined || !registered.some((candidate) => matchesRedirectUri(candidate, uri))) {
    throw reject('redirect_uri_not_registered');
  }
  return { uri, provided: presented !== undefined, state } as VerifiedRedirectTarget;
}

/** The URL of an authorization response (RFC 6749 §4.1.2) with `state` echoed and `iss` (RFC 9207 §2). */
export function responseUrl(
  target: VerifiedRedirectTarget,
  issuer: string,
  parameters: Readonly<Record<string, string>>,
): string {
  const query = new URLSearchParams(parameters);
  if (target.state !== undefined) query.set('state', target.state);
  query.set('iss', issuer);
  return `${target.uri}${target.uri.includes('?') ? '&' : '?'}${query}`;
}

/** The URL that carries a refusal to the client (RFC 6749 §4.1.2.1). */
export function refusalUrl(target: VerifiedRedirectTarget, issuer: string, refusal: OAuthError): string {
  return responseUrl(target, issuer, { error: refusal.error, error_description: refusal.description });
}
