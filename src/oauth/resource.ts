import { reject } from './error.ts';

/** A protected resource as the authorization server knows it (RFC 8707, RFC 9728). */
export interface Resource {
  /** The canonical identifier: the `aud` of its access tokens, byte for byte. */
  readonly resource: string;
  /** What people are shown. */
  readonly name?: string;
  /** Scope name → sentence for the consent page. Absent: any well-formed scope may be asked for. */
  readonly scopes?: Readonly<Record<string, string>>;
  /** Granted when a request names no scope; without it, all of `scopes`. */
  readonly defaultScopes?: readonly string[];
  /** Scope names a person cannot leave out of what they allow, where they are asked for. */
  readonly requiredScopes?: readonly string[];
  /** Scope name → the names it contains. */
  readonly implies?: Readonly<Record<string, readonly string[]>>;
}

const MAX_RESOURCE_LENGTH = 2_048;
const AUTHORITY = /^https?:\/\/(?:\[[0-9a-f:.]+\]|[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?)(?::\d*)?((?:[/?].*)?)$/i;

/**
 * The comparable form of a resource indicator: scheme and host in lower case, no default port, and no trailing slash
 * when there is nothing but an origin. Everything else stays as written, so `/mcp` and `/mcp/` are two resources.
 * `undefined` when the text is no absolute http(s) URI, has a fragment, userinfo, backslash, space or control
 * character (RFC 8707 §2), or is longer than 2,048 characters.
 */
export function canonicalResource(text: string): string | undefined {
  if (text.length > MAX_RESOURCE_LENGTH || !/^[\x21-\x7e]+$/.test(text) || /[#\\"<>^`{|}]/.test(text)) return undefined;
  const rest = AUTHORITY.exec(text)?.[1];
  const url = rest === undefined ? null : URL.parse(text);
  if (url === null) return undefined;
  return `${url.protocol}//${url.host}${rest === '/' ? '' : rest}`;
}

/** Whether two resource identifiers name the same resource. */
export function isSameResource(one: string, other: string): boolean {
  if (one === other) return true;
  const canonical = canonicalResource(one);
  return canonical !== undefined && canonical === canonicalResource(other);
}

/** Whether the text is an http(s) URI on this machine: `localhost`, `127.0.0.1` or `[::1]`. */
export function isLoopbackUrl(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) return false;
  return isLoopbackHost(url.hostname);
}

/** Whether a host as `URL.hostname` gives it is `localhost`, `127.0.0.1` or `[::1]`. */
export function isLoopbackHost(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '127.0.0.1' || hostname === '[::1]';
}

/** Finds the resource a request means. */
export interface ResourceDirectory {
  /**
   * The resource named by the `resource` values of a request (identical repeats collapse), or the default one when
   * there is none.
   * @throws OAuthError `resource_malformed`, `resource_unknown`, `resource_missing`.
   */
  resolve(requested: readonly string[]): Resource;
  /** Every resource known by name; empty where any loopback resource is served. */
  readonly known: readonly Resource[];
}

/** The directory over a list of resources; with none, every loopback resource is known, with any scope. */
export function createResourceDirectory(deps: {
  resources: readonly Resource[];
  defaultResource?: string | undefined;
}): ResourceDirectory {
  const byCanonical = new Map<string, Resource>();
  for (const resource of deps.resources)
    byCanonical.set(canonicalResource(resource.resource) ?? resource.resource, resource);
  const only = deps.resources.length === 1 ? deps.resources[0]?.resource : undefined;
  const fallback = deps.defaultResource ?? only;

  function resolve(requested: readonly string[]): Resource {
    const canonical = [...new Set(requested.map((text) => canonicalResource(text)))];
    if (canonical.includes(undefined)) throw reject('resource_malformed');
    if (canonical.length > 1) throw reject('resource_unknown');
    const wanted = canonical[0] ?? (fallback === undefined ? undefined : canonicalResource(fallback));
    if (wanted === undefined) throw reject('resource_missing');
    const found = byCanonical.get(wanted);
    if (found !== undefined) return found;
    if (byCanonical.size === 0 && isLoopbackUrl(wanted)) return { resource: wanted };
    throw reject('resource_unknown');
  }

  return { resolve, known: deps.resources };
}
