import { Agent, request } from 'undici';
import { isLoopbackHost, type Seconds, UnavailableError } from '../oauth/index.ts';

/** A request as the Fetch standard has it, as far as it is used. */
export interface TrustedRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | URLSearchParams | undefined;
}

/**
 * Fetch of an address that the operator wrote down, or that a server they trust named. Private networks are reached, so it
 * is never for addresses of strangers. Redirects are not followed.
 * @throws UnavailableError for everything but an answer: refused addresses, no connection, too slow, too long, and the
 *   statuses by which a server says that it cannot answer now (429, 5xx).
 */
export type TrustedFetch = (url: string, init?: TrustedRequest) => Promise<Response>;

/** Creates one for what the operator calls `dependency`. `http` is for this machine only. */
export function createTrustedFetch(deps: {
  readonly dependency: string;
  /** For the whole fetch; absent: 5. */
  readonly timeout?: Seconds;
  /** Absent: 256 kB. */
  readonly maxBytes?: number;
}): TrustedFetch {
  const { dependency, timeout = 5, maxBytes = 256 * 1_024 } = deps;
  const agent = new Agent({ allowH2: false, maxHeaderSize: 32_768, connections: 16, keepAliveTimeout: 4_000 });

  return async function trustedFetch(text, { method = 'GET', headers = {}, body } = {}) {
    const url = URL.parse(text);
    const isAdmitted = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopbackHost(url.hostname));
    if (url === null || !isAdmitted) throw new UnavailableError(dependency, { cause: new Error('address refused') });
    try {
      const answer = await request(url, {
        method: method as 'GET',
        headers: { ...headers, 'accept-encoding': 'identity' },
        body: body instanceof URLSearchParams ? body.toString() : (body ?? null),
        dispatcher: agent,
        signal: AbortSignal.timeout(timeout * 1_000),
      });
      const bytes = await read(answer.body, maxBytes);
      if (answer.statusCode === 429 || answer.statusCode >= 500) throw new Error(`status ${answer.statusCode}`);
      const hasBody = ![204, 205, 304].includes(answer.statusCode);
      return new Response(hasBody ? new Uint8Array(bytes) : null, {
        status: answer.statusCode,
        headers: headersOf(answer.headers),
      });
    } catch (cause) {
      // What a parser threw may quote the answer, so only its code is kept.
      throw new UnavailableError(dependency, { cause: new Error(describe(cause)) });
    }
  };
}

async function read(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.byteLength;
    if (length > maxBytes) throw new Error('the answer is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function headersOf(raw: Readonly<Record<string, string | string[] | undefined>>): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(raw)) {
    for (const one of [value ?? []].flat()) headers.append(name, one);
  }
  return headers;
}

function describe(cause: unknown): string {
  if (!(cause instanceof Error)) return 'no answer';
  if ('code' in cause && typeof cause.code === 'string') return cause.code;
  return cause.name === 'Error' ? cause.message : cause.name;
}
