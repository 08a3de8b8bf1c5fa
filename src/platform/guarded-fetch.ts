import { isIP } from 'node:net';
import { Client } from 'undici';
import { isLoopbackHost, type Seconds } from '../oauth/index.ts';
import { createDnsLookup, type Lookup } from './dns-lookup.ts';
import { type FetchFault, GuardedFetchError } from './guarded-fetch-error.ts';
import { createPinnedConnector } from './pinned-connector.ts';
import { isFetchableUrl, isPublicAddress } from './public-network.ts';

/** What came back: any status (redirects are not followed); header names in lower case; the body of a 200 only. */
export interface GuardedResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/**
 * GET of a URL that a stranger chose. `maxBytes` bounds the body as it is read, whatever `Content-Length` says.
 * @throws GuardedFetchError for everything but an answer.
 */
export type GuardedFetch = (
  url: string,
  request: { readonly maxBytes: number; readonly headers?: Readonly<Record<string, string>> },
) => Promise<GuardedResponse>;

/** What a guarded fetch may touch and how much of it. */
export interface GuardedFetchDeps {
  /** Replaces the name servers of the machine. */
  readonly lookup?: Lookup;
  /** Lets `localhost`, `127.0.0.1` and `[::1]` be fetched, `http` included: for an issuer that is on loopback itself. */
  readonly allowLoopback?: boolean;
  /** Lets any host and address be fetched over `https`: for URLs an operator wrote down, never for those of strangers. */
  readonly allowPrivate?: boolean;
  /** Which addresses a public name may have; absent: public ones. */
  readonly isAdmitted?: (address: string) => boolean;
  /** Certificates (PEM) trusted instead of the ones Node trusts. */
  readonly ca?: string;
  /** For the whole fetch, from the lookup to the last byte; absent: 3. */
  readonly timeout?: Seconds;
  /** How many fetches may be under way; absent: 32 and 4. */
  readonly concurrency?: { readonly total: number; readonly perHost: number };
}

const LOOPBACK_ADDRESSES = ['127.0.0.1', '::1'];

/**
 * Creates the fetch for URLs that come from outside (Client ID Metadata Document draft -02, Security Considerations): https
 * only, all addresses of the name must be public, only those are dialled, one request per connection, no redirect,
 * no content coding, one deadline over everything.
 */
export function createGuardedFetch(deps: GuardedFetchDeps = {}): GuardedFetch {
  const { lookup = createDnsLookup(), allowLoopback = false, allowPrivate = false, ca, timeout = 3 } = deps;
  const { isAdmitted = allowPrivate ? () => true : isPublicAddress } = deps;
  const enter = createGate(deps.concurrency ?? { total: 32, perHost: 4 });

  return async function guardedFetch(text, { maxBytes, headers = {} }) {
    if (!isFetchableUrl(text, { allowLoopback, allowPrivate })) throw new GuardedFetchError('url_refused');
    const url = new URL(text);
    const leave = enter(url.hostname);
    const signal = AbortSignal.timeout(timeout * 1_000);
    let faultOfDeadline: FetchFault = 'name_unresolved';
    let client: Client | undefined;
    try {
      const hostname = url.hostname.replace(/^\[|\]$/g, '');
      const addresses = await beforeDeadline(admittedAddresses(hostname, signal), signal);
      client = new Client(url.origin, {
        allowH2: false,
        maxHeaderSize: 16_384,
        connect: createPinnedConnector({
          hostname,
          addresses,
          ca,
          signal,
          onStage: (stage) => {
            faultOfDeadline =
              stage === 'dialled'
                ? 'connect_failed'
                : stage === 'connected' && url.protocol === 'https:'
                  ? 'tls_failed'
                  : 'timed_out';
          },
        }),
      });
      return await exchange(client, url, { ...headers }, maxBytes, signal);
    } catch (thrown) {
      if (signal.aborted) throw new GuardedFetchError(faultOfDeadline, 'ETIMEDOUT');
      if (thrown instanceof GuardedFetchError) throw thrown;
      // The cause stays behind: a parser error carries bytes of the answer.
      throw new GuardedFetchError('broken_response', codeOf(thrown));
    } finally {
      leave();
      await client?.destroy();
    }
  };

  async function admittedAddresses(hostname: string, signal: AbortSignal): Promise<readonly string[]> {
    if (isIP(hostname) !== 0) return [hostname];
    // The machine's own name is answered here, so that no resolver can point it elsewhere.
    if (isLoopbackHost(hostname)) return LOOPBACK_ADDRESSES;
    const addresses = await lookup(hostname, signal).catch((error: unknown) => {
      throw new GuardedFetchError('name_unresolved', codeOf(error));
    });
    if (addresses.length === 0) throw new GuardedFetchError('name_unresolved');
    if (!addresses.every((address) => isIP(address) !== 0 && isAdmitted(address))) {
      throw new GuardedFetchError('address_refused');
    }
    return addresses;
  }
}

async function exchange(
  client: Client,
  url: URL,
  headers: Record<string, string>,
  maxBytes: number,
  signal: AbortSignal,
): Promise<GuardedResponse> {
  const response = await client.request({
    method: 'GET',
    path: `${url.pathname}${url.search}`,
    headers: { ...headers, 'accept-encoding': 'identity', connection: 'close', 'user-agent': 'guardmint' },
    signal,
  });
  const answered = Object.fromEntries(
    Object.entries(response.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') : (value ?? ''),
    ]),
  );
  if (response.statusCode !== 200) {
    response.body.on('error', () => {}).destroy();
    return { status: response.statusCode, headers: answered, text: '' };
  }
  if ((answered['content-encoding'] ?? 'identity').trim().toLowerCase() !== 'identity') {
    response.body.on('error', () => {}).destroy();
    throw new GuardedFetchError('encoded');
  }
  return { status: 200, headers: answered, text: await readText(response.body, maxBytes) };
}

async function readText(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.byteLength;
    if (length > maxBytes) throw new GuardedFetchError('too_large');
    chunks.push(chunk);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw new GuardedFetchError('not_text');
  }
}

/** Counts who is inside; the answer to entering is how to leave. */
function createGate(limit: { readonly total: number; readonly perHost: number }): (hostname: string) => () => void {
  const inside = new Map<string, number>();
  let total = 0;
  return (hostname) => {
    const here = inside.get(hostname) ?? 0;
    if (total >= limit.total || here >= limit.perHost) throw new GuardedFetchError('busy');
    total++;
    inside.set(hostname, here + 1);
    return () => {
      total--;
      const left = (inside.get(hostname) ?? 1) - 1;
      if (left === 0) inside.delete(hostname);
      else inside.set(hostname, left);
    };
  };
}

function beforeDeadline<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const deadline = new Promise<never>((_resolve, fail) => {
    signal.addEventListener('abort', () => fail(signal.reason), { once: true });
  });
  work.catch(() => {});
  return Promise.race([work, deadline]);
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
