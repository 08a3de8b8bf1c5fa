import { MCP_REQUEST_HEADERS, MCP_RESPONSE_HEADERS } from './cors.ts';
import type { HttpAnswer } from './http-answer.ts';
import {
  type ProtectedResourceOptions,
  protectedResourceDocument,
  protectedResourcePaths,
} from './protected-resource.ts';

/** How the metadata document is served. */
export interface MetadataOptions extends ProtectedResourceOptions {
  /** Whether to serve it at the root too; not where several resources share an origin. */
  readonly atRoot?: boolean;
}

const METHODS = 'GET, HEAD, OPTIONS';
const READABLE = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Expose-Headers': MCP_RESPONSE_HEADERS.join(', '),
};
const PREFLIGHT = {
  ...READABLE,
  'Access-Control-Allow-Methods': METHODS,
  'Access-Control-Allow-Headers': MCP_REQUEST_HEADERS.join(', '),
  'Access-Control-Max-Age': '86400',
};

/**
 * Answers requests for the protected resource metadata (RFC 9728 §3), from browsers too; `undefined` for all others.
 * `target` is what was asked for: a path with its query, or a URL.
 * @throws TypeError for settings that cannot work.
 */
export function createMetadataAnswer(
  options: MetadataOptions,
): (request: { readonly method: string; readonly target: string }) => HttpAnswer | undefined {
  const body = JSON.stringify(protectedResourceDocument(options));
  const { path, root } = protectedResourcePaths(options.resource);
  const places = new Set([path, path.replace(/\/$/, ''), ...(options.atRoot === false ? [] : [root])]);
  const found = { ...READABLE, 'Cache-Control': 'public, max-age=300', 'Content-Type': 'application/json' };

  return function answerMetadata({ method, target }) {
    const asked = target.startsWith('/') ? target : pathAndQuery(target);
    if (!places.has(asked) && !places.has(asked.split('?', 1)[0] ?? '')) return undefined;
    if (method === 'OPTIONS') return { status: 204, headers: PREFLIGHT };
    if (method === 'HEAD') return { status: 200, headers: found };
    if (method === 'GET') return { status: 200, headers: found, body };
    return { status: 405, headers: { ...READABLE, Allow: METHODS } };
  };
}

function pathAndQuery(url: string): string {
  const parsed = URL.parse(url);
  return parsed === null ? '' : parsed.pathname + parsed.search;
}
