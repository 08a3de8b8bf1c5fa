import { type OAuthError, reject } from './error.ts';
import { isLoopbackHost } from './resource.ts';

/**
 * Schemes that never carry an authorization response: they run script, read local files, start other programs or
 * cannot hold a client's callback.
 */
const REFUSED_SCHEMES = new Set(
  (
    'javascript livescript mocha vbscript data file filesystem blob about view-source jar mhtml res mk its hcp help cid ' +
    'mid urn tag oid wyciwyg shell applescript jscript intent content resource package feed pcast webcal webcals ' +
    'mailto tel callto sms smsto mms sip sips skype facetime facetime-audio geo maps market itms itmss itms-apps ' +
    'itms-services android-app ios-app search-ms search magnet ws wss ftp ftps sftp tftp gopher ldap ldaps ssh telnet ' +
    'rlogin tn3270 dict news nntp snews irc ircs imap pop smb nfs afp vnc rdp rtsp rtsps rtmp mms git svn dav davs ' +
    'edge microsoft-edge opera brave vivaldi firefox safari-extension safari-web-extension googlechrome ' +
    'googlechromes devtools isolated-app unix'
  ).split(' '),
);
const REFUSED_SCHEME_FAMILIES = /^(?:ms-|x-apple|chrome|moz-|ms\.|vnd\.ms)/;

const MAX_REDIRECT_URI_LENGTH = 1024;
const LOOPBACK = /^http:\/\/(localhost|127\.0\.0\.1|\[::1\])(?::([1-9]\d{0,4}))?([/?][^#]*)?$/;
const HTTPS_HOST = /^https:\/\/((?:\[[0-9a-f:.]+\]|[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)(?::[1-9]\d{0,4})?)(?:[/?]|$)/i;
// One to three slashes after the scheme, no userinfo. Without a slash, "localhost:3000/cb" would be a scheme too.
const PRIVATE_USE = /^[a-z][a-z0-9+.-]+:\/(?:\/[^/?@]*(?:[/?](?!\/).*)?|[^/].*)?$/;
const DOT_SEGMENT = /(?:^|\/|%2f|%5c)(?:\.|%2e){1,2}(?:\/|%2f|%5c|;|$)/i;
const UNSOUND_ESCAPE = /%(?![0-9a-f]{2})|%[01][0-9a-f]|%7f/i;
const RESPONSE_PARAMETERS = ['code', 'state', 'iss', 'error', 'error_description', 'error_uri', 'response'];

/**
 * Whether a client may register this redirect URI: `https` anywhere, `http` on `localhost`, `127.0.0.1` and `[::1]`
 * only, and private-use schemes (RFC 8252 §7.1) outside the list of dangerous ones. Scheme in lower case. No fragment
 * (RFC 6749 §3.1.2), userinfo, wildcard, dot segment, backslash, space, escaped control character, host in a spelling
 * that a browser would rewrite, or query that names a parameter of the authorization response.
 */
export function isAcceptableRedirectUri(text: string): boolean {
  if (text.length > MAX_REDIRECT_URI_LENGTH || !/^[\x21-\x7e]+$/.test(text)) return false;
  if (/[\\#"<>^`{|}*]/.test(text) || UNSOUND_ESCAPE.test(text)) return false;
  const scheme = /^([a-z][a-z0-9+.-]+):/.exec(text)?.[1];
  if (scheme === undefined || REFUSED_SCHEMES.has(scheme) || REFUSED_SCHEME_FAMILIES.test(scheme)) return false;
  const [path = '', ...query] = text.slice(scheme.length + 1).split('?');
  if (DOT_SEGMENT.test(path)) return false;
  const parameters = new URLSearchParams(query.join('?'));
  if (RESPONSE_PARAMETERS.some((name) => parameters.has(name))) return false;
  if (scheme === 'http') return isLoopbackRedirectUri(text);
  if (scheme === 'https') return isPlainHttpsUri(text);
  return PRIVATE_USE.test(text) && URL.canParse(text);
}

function isPlainHttpsUri(text: string): boolean {
  const host = HTTPS_HOST.exec(text)?.[1]?.toLowerCase().replace(/:443$/, '');
  return host !== undefined && host === URL.parse(text)?.host;
}

/** Whether the URI is `http` on this machine, spelled plainly; such URIs match with any port (RFC 8252 §7.3). */
function isLoopbackRedirectUri(text: string): boolean {
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

/**
 * Where people see a redirect going: the host of an http(s) URI, else the scheme. Whatever names this computer is loopback
 * here, names below `localhost` (RFC 6761 §6.3), all of `127.0.0.0/8`, also as an IPv6 address, and the unspecified addresses
 * included.
 */
export function redirectDestination(uri: string): { host: string; isLoopback: boolean; scheme: string } {
  const url = URL.parse(uri);
  const scheme = (url?.protocol ?? '').replace(/:$/, '');
  const isWeb = scheme === 'http' || scheme === 'https';
  const host = isWeb ? (url?.host ?? '') : `${scheme}:`;
  return { host, scheme, isLoopback: isWeb && namesThisComputer(url?.hostname ?? '') };
}

const OF_THIS_COMPUTER =
  /(?:^|\.)localhost\.?$|^127\.\d+\.\d+\.\d+$|^0\.0\.0\.0$|^\[::(?:ffff:(?:7f[0-9a-f]{2}:[0-9a-f]{1,4}|0:0))?\]$/;

function namesThisComputer(hostname: string): boolean {
  return isLoopbackHost(hostname) || OF_THIS_COMPUTER.test(hostname);
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
