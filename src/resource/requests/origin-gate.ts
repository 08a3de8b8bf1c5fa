import type { RequestHeaders } from './bearer.ts';
import { MCP_REQUEST_HEADERS, MCP_RESPONSE_HEADERS } from './cors.ts';
import { type HttpAnswer, writeRefusal } from './http-answer.ts';
import { type OriginCheckOptions, originCheck } from './origin-check.ts';

/** A request that ends here: of a page that may not call, or the preflight of one that may. */
interface Ended {
  readonly refused: HttpAnswer;
}

/** What an answer must carry, besides `Vary: Origin`, so that the page that asked can read it. */
interface Readable {
  readonly headers: Readonly<Record<string, string>>;
  readonly refused?: undefined;
}

const VARY = { Vary: 'Origin' };
const EXPOSED = MCP_RESPONSE_HEADERS.join(', ');
const FIELD_NAMES = /^[\w!#$%&'*+.^`|~-]+(?:\s*,\s*[\w!#$%&'*+.^`|~-]+)*$/;

/**
 * Lets pages of some origins call and read the answers (CORS, Fetch standard §3.3), refusals too, and refuses all others with
 * 403. Clients that are no pages pass.
 * @throws TypeError for an origin or a host that is none.
 */
export function createOriginGate(
  options: OriginCheckOptions,
): (request: { readonly method: string; readonly headers: PageHeaders }) => Ended | Readable {
  const check = originCheck(options);

  return function judgeOrigin({ method, headers }) {
    const refusal = check.refusal(headers as RequestHeaders);
    if (refusal !== undefined)
      return { refused: writeRefusal({ ...refusal, headers: { ...refusal.headers, ...VARY } }) };
    const { origin, 'access-control-request-method': asksFor, 'access-control-request-headers': names } = headers;
    if (origin === undefined) return { headers: {} };
    const readable = { 'Access-Control-Allow-Origin': origin, 'Access-Control-Expose-Headers': EXPOSED };
    if (method !== 'OPTIONS' || asksFor === undefined) return { headers: readable };
    const preflight = {
      ...readable,
      ...VARY,
      'Access-Control-Allow-Methods': 'GET, POST, DELETE, OPTIONS',
      // What is asked for is granted: headers of tool parameters have names of their own (SEP-2243).
      'Access-Control-Allow-Headers':
        names !== undefined && FIELD_NAMES.test(names) ? names : MCP_REQUEST_HEADERS.join(', '),
      'Access-Control-Max-Age': '86400',
    };
    return { refused: { status: 204, headers: preflight } };
  };
}

/** The headers in which browsers say which page calls what. Node's `headers` are some. */
export interface PageHeaders {
  readonly origin?: string | undefined;
  readonly host?: string | undefined;
  readonly 'access-control-request-method'?: string | undefined;
  readonly 'access-control-request-headers'?: string | undefined;
}

/** Those of a web request, whose host may be in its URL alone. */
export function pageHeaders({ headers, url }: Request): PageHeaders {
  const get = (name: string) => headers.get(name) ?? undefined;
  return {
    origin: get('origin'),
    host: get('host') ?? new URL(url).host,
    'access-control-request-method': get('access-control-request-method'),
    'access-control-request-headers': get('access-control-request-headers'),
  };
}
