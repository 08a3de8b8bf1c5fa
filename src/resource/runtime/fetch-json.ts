import { isLoopbackUrl, type JsonObject, parseJsonObject, type Seconds } from '../../oauth/index.ts';

/** What a server answered: a document, or that the one we hold still stands. */
export type JsonAnswer =
  | { readonly status: 'fetched'; readonly document: JsonObject; readonly etag?: string; readonly maxAge?: Seconds }
  | { readonly status: 'unchanged'; readonly maxAge?: Seconds };

/** How documents are fetched. */
export interface JsonFetcher {
  /** Stand-in for the global `fetch`. */
  readonly fetch: typeof globalThis.fetch;
  /** How long one request may take, body included. */
  readonly timeout: Seconds;
  /** Aborts what is under way. */
  readonly signal: AbortSignal;
}

/** The global `fetch`, called as it wants to be: workers refuse one that is a member of something else. */
export const systemFetch: typeof globalThis.fetch = (input, init) => globalThis.fetch(input, init);

const MAX_BODY_BYTES = 1_048_576;

/** Whether keys and metadata may come from this URL: `https`, or `http` on this machine. */
export function isTrustworthyUrl(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || url.username !== '' || url.password !== '' || url.hash !== '') return false;
  return url.protocol === 'https:' || isLoopbackUrl(text);
}

/** A server answered, and not with what was asked for. */
export class AnswerError extends Error {
  override readonly name = 'AnswerError';
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

/**
 * GETs a JSON object. No redirects, at most 1 MB, only 200, or 304 when `etag` was sent.
 * @throws AnswerError for another answer; Error where there is none.
 */
export async function fetchJson(url: string, fetcher: JsonFetcher, etag?: string): Promise<JsonAnswer> {
  if (!isTrustworthyUrl(url)) throw new Error('the URL is neither https nor on this machine');
  const response = await fetcher.fetch(url, {
    redirect: 'manual',
    headers: { accept: 'application/json', ...(etag !== undefined && { 'if-none-match': etag }) },
    signal: AbortSignal.any([fetcher.signal, AbortSignal.timeout(fetcher.timeout * 1000)]),
  });
  const maxAge = readMaxAge(response.headers.get('cache-control'));
  const freshness = maxAge === undefined ? {} : { maxAge };
  if (response.status === 304 && etag !== undefined) {
    await response.body?.cancel();
    return { status: 'unchanged', ...freshness };
  }
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new AnswerError(`the answer has status ${response.status}`, response.status);
  }
  const document = parseJsonObject(await readBody(response));
  if (document === undefined) throw new AnswerError('the answer is no JSON object', response.status);
  const tag = response.headers.get('etag');
  return { status: 'fetched', document, ...(tag !== null && { etag: tag }), ...freshness };
}

async function readBody(response: Response): Promise<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let text = '';
  let size = 0;
  if (response.body === null) return text;
  for await (const chunk of response.body) {
    size += chunk.byteLength;
    if (size > MAX_BODY_BYTES) throw new Error('the answer is larger than 1 MB');
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function readMaxAge(cacheControl: string | null): Seconds | undefined {
  const seconds = /(?:^|[\s,])max-age=(\d{1,9})(?:$|[\s,])/i.exec(cacheControl ?? '')?.[1];
  return seconds === undefined ? undefined : Number(seconds);
}
