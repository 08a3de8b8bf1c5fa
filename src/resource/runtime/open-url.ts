import type { IncomingMessage } from 'node:http';
import { systemFetch } from './fetch-json.ts';
import { isProcess, nodeModule } from './node-module.ts';
import { createWatchdog } from './pause.ts';

/** An answer whose body is read while it comes. */
export interface OpenedAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: AsyncIterable<Uint8Array>;
  /** Ends it, whatever of it has been read. */
  close(): void;
}

/** How a URL is asked. */
export interface OpeningOptions {
  readonly headers: Readonly<Record<string, string>>;
  /** For the headers of the answer, in milliseconds. */
  readonly timeout: number;
  /** Ends the asking and the reading. */
  readonly signal: AbortSignal;
}

/** Sends a GET; resolves when the headers of the answer are there. Follows no redirect. */
export type UrlOpener = (url: string, options: OpeningOptions) => Promise<OpenedAnswer>;

/**
 * Opens URLs without keeping the process alive, neither by waiting for an answer nor by reading one that never ends.
 * The global `fetch` cannot do that in a process, so there it is used only in the shape of somebody's stand-in for it.
 */
export function createUrlOpener(fetch: typeof globalThis.fetch | undefined): UrlOpener {
  if (fetch === undefined && isProcess()) return openByNode;
  return (url, options) => openByFetch(fetch ?? systemFetch, url, options);
}

const openByNode: UrlOpener = async (url, { headers, timeout, signal }) => {
  const http = nodeModule(url.startsWith('https:') ? 'node:https' : 'node:http');
  if (http === undefined) throw new Error('there is no HTTP client');
  return new Promise((resolve, fail) => {
    const asking = http.request(url, { agent: false, headers });
    const abort = () => asking.destroy(new Error('the request was given up'));
    const late = createWatchdog(() => asking.destroy(new Error('there was no answer in time')));
    late.restart(timeout);
    asking.on('socket', (socket) => socket.unref());
    asking.on('response', (response: IncomingMessage) => {
      late.stop();
      resolve({
        status: response.statusCode ?? 0,
        contentType: response.headers['content-type'] ?? '',
        body: response,
        close: () => asking.destroy(),
      });
    });
    asking.on('error', fail);
    asking.on('close', () => {
      late.stop();
      signal.removeEventListener('abort', abort);
    });
    signal.addEventListener('abort', abort);
    if (signal.aborted) abort();
    asking.end();
  });
};

async function openByFetch(
  fetch: typeof globalThis.fetch,
  url: string,
  { headers, timeout, signal }: OpeningOptions,
): Promise<OpenedAnswer> {
  const ending = new AbortController();
  const late = createWatchdog(() => ending.abort(new Error('there was no answer in time')));
  late.restart(timeout);
  try {
    const response = await fetch(url, {
      headers,
      redirect: 'manual',
      signal: AbortSignal.any([signal, ending.signal]),
    });
    return {
      status: response.status,
      contentType: response.headers.get('content-type') ?? '',
      body: response.body ?? noBody(),
      close: () => ending.abort(),
    };
  } finally {
    late.stop();
  }
}

async function* noBody(): AsyncGenerator<Uint8Array, void> {}

/** The text of an answer. @throws Error when it is longer than `maxBytes`, no UTF-8, or pauses for longer than `silence`. */
export async function readText(answer: OpenedAnswer, maxBytes: number, silence: number): Promise<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const pieces: string[] = [];
  let size = 0;
  const watchdog = createWatchdog(() => answer.close());
  watchdog.restart(silence);
  try {
    for await (const chunk of answer.body) {
      watchdog.restart(silence);
      size += chunk.byteLength;
      if (size > maxBytes) throw new Error('the answer is too long');
      pieces.push(decoder.decode(chunk, { stream: true }));
    }
    return pieces.join('') + decoder.decode();
  } finally {
    watchdog.stop();
    answer.close();
  }
}
