import { isLoopbackHost } from '../../oauth/index.ts';
import type { RequestHeaders } from './bearer.ts';

/** Which web pages and which names a server may be reached by. */
export interface OriginCheckOptions {
  /** The resource identifier. Its own origin is allowed; on this computer every page and name of this computer is. */
  readonly resource: string;
  /**
   * Other origins whose pages may call (`https://app.example.com`, `moz-extension://id`), or `loopback` for every http and
   * https page of this computer.
   */
  readonly allowed?: readonly string[];
  /**
   * Names by which the server is reached, without port, besides that of the resource. Given, or where the resource is on this
   * computer, the `Host` of requests is checked too; elsewhere a proxy decides about it.
   */
  readonly hosts?: readonly string[];
}

/** The answer to a page that may not call. */
export interface OriginRefusal {
  readonly status: 403;
  readonly headers: Readonly<Record<string, string>>;
  /** A JSON-RPC error without id (MCP 2026-07-28, Streamable HTTP). */
  readonly body: { readonly jsonrpc: '2.0'; readonly id: null; readonly error: { code: number; message: string } };
}

/** Looks at where a request comes from before anything else does. */
export interface OriginCheck {
  /** The answer that refuses a request by its headers; `undefined` for one that may go on. */
  refusal(headers: RequestHeaders): OriginRefusal | undefined;
  /** The same for a web request. */
  gate(request: Request): Response | undefined;
}

const ORIGIN = /^([a-z][a-z0-9+.-]*):\/\/([^/?#@\\\s]+)$/i;
const LOOPBACK = 'loopback';

/**
 * Refuses pages that may not call this server (MCP 2026-07-28, Streamable HTTP): with an `Origin` that is present and not
 * allowed, also `null` and what is no origin, and, against DNS rebinding, with a `Host` that is another than ours. Clients
 * that are no pages send no `Origin` and pass. Stands before authentication.
 *
 * @example
 * ```ts
 * import { originCheck } from 'guardmint/resource';
 *
 * const origins = originCheck({ resource: 'https://mcp.example.com/mcp', allowed: ['https://app.example.com'] });
 * const refusal = origins.refusal(request.headers); // undefined: may go on
 * ```
 * @throws TypeError for an origin or a host that is none.
 */
export function originCheck(options: OriginCheckOptions): OriginCheck {
  const resource = new URL(options.resource);
  const isLocal = isLoopbackHost(resource.hostname);
  const allowed = options.allowed ?? [];
  const takesLoopback = isLocal || allowed.includes(LOOPBACK);
  const origins = new Set([resource.origin, ...allowed.filter((one) => one !== LOOPBACK).map(readDeclaredOrigin)]);
  const checksHost = isLocal || options.hosts !== undefined;
  const hosts = new Set([resource.hostname, ...(options.hosts ?? []).map(readDeclaredHost)]);

  function isAllowed(text: string): boolean {
    const origin = readOrigin(text);
    if (origin === undefined) return false;
    if (origins.has(origin)) return true;
    return takesLoopback && /^https?:/.test(origin) && isLoopbackHost(new URL(origin).hostname);
  }

  function isOurs(host: string | undefined): boolean {
    const name = host === undefined ? undefined : readHost(host);
    return name !== undefined && (hosts.has(name) || (isLocal && isLoopbackHost(name)));
  }

  function refusal(headers: RequestHeaders): OriginRefusal | undefined {
    const origin = headerOf(headers, 'origin');
    if (origin !== undefined && !isAllowed(origin)) return refuse('This origin is not allowed.');
    return checksHost && !isOurs(hostOf(headers)) ? refuse('This host is not allowed.') : undefined;
  }

  return {
    refusal,
    gate({ headers, url }) {
      const host = headers.get('host') ?? new URL(url).host;
      const answer = refusal({ origin: headers.get('origin') ?? undefined, host });
      return answer && Response.json(answer.body, { status: answer.status, headers: answer.headers });
    },
  };
}

/** An origin as browsers serialise it (RFC 6454 §6.2), without a default port; `undefined` for what is none. */
function readOrigin(text: string): string | undefined {
  const [, scheme = '', authority = ''] = ORIGIN.exec(text) ?? [];
  const url = URL.parse(text);
  if (url === null || scheme === '') return undefined;
  return url.origin === 'null' ? `${scheme}://${authority}`.toLowerCase() : url.origin;
}

function readHost(text: string): string | undefined {
  return /^[^/?#@\\\s]+$/.test(text) ? URL.parse(`http://${text}`)?.hostname : undefined;
}

function readDeclaredOrigin(text: string): string {
  const origin = readOrigin(text);
  if (origin === undefined) throw new TypeError(`allowed: "${text}" is no origin; scheme, host and port only`);
  return origin;
}

function readDeclaredHost(text: string): string {
  const host = readHost(text);
  if (host === undefined || /:\d+$/.test(text)) throw new TypeError(`hosts: "${text}" is no host name without port`);
  return host;
}

function headerOf(headers: RequestHeaders, name: string): string | undefined {
  const value = isWebHeaders(headers) ? headers.get(name) : headers[name];
  if (value === undefined || value === null) return undefined;
  return typeof value === 'string' ? value : value.join(', ');
}

/** HTTP/2 has the host in a field of its own, which Node shows beside the headers. */
function hostOf(headers: RequestHeaders): string | undefined {
  return headerOf(headers, 'host') ?? (isWebHeaders(headers) ? undefined : headerOf(headers, ':authority'));
}

function isWebHeaders(headers: RequestHeaders): headers is Pick<Headers, 'get'> {
  return typeof headers.get === 'function';
}

function refuse(message: string): OriginRefusal {
  return {
    status: 403,
    headers: { 'Cache-Control': 'no-store' },
    body: { jsonrpc: '2.0', id: null, error: { code: -32000, message } },
  };
}
