import { isJsonObject, type Seconds } from '../../oauth/index.ts';
import type { AccessToken } from '../tokens/access-token.ts';
import type { TokenEnd } from '../tokens/token-watch.ts';
import type { Verifier } from '../tokens/verifier.ts';

/** What a stream hangs on. */
export interface StreamEndOptions {
  readonly verifier: Pick<Verifier, 'watch'>;
  /** The token of the request that opened the stream. */
  readonly accessToken: AccessToken;
  /** The parsed body of that request; nothing for GET. */
  readonly body?: unknown;
  /**
   * How long the answer to a call may go on after its token has expired, in seconds; by default 60. A stream of somebody who
   * listens has no such time, and nothing has it after a revocation.
   */
  readonly grace?: Seconds;
}

/** A stream of events as it goes by, until its token ends. */
export interface StreamEnd {
  /** Told of every part of the stream that is sent. */
  see(chunk: Uint8Array): void;
  /** The stream has ended by itself. */
  stop(): void;
}

const MESSAGE: Readonly<Record<TokenEnd, string>> = {
  expired: 'The access token has expired.',
  revoked: 'The access token was revoked.',
  unknown: 'The access token cannot be checked right now.',
};

/** What the MCP SDKs say for a connection that was closed. */
const CONNECTION_CLOSED = -32_000;
const GRACE: Seconds = 60;
/** Within this many characters a stream that can be taken up again has named an event. */
const BEGINNING = 4_096;

/**
 * Waits for the end of a stream's token and then calls `end` with the last text to be sent: a comment with the reason and, for
 * calls that are not answered yet, a JSON-RPC error each, since clients of the MCP SDKs wait for an answer in vain where a
 * stream just ends. One whose events have ids gets no errors when its token expires: its client comes back for the rest.
 */
export function createStreamEnd(options: StreamEndOptions, end: (lastText: string) => void): StreamEnd {
  const { verifier, accessToken, body, grace = GRACE } = options;
  const requests = (Array.isArray(body) ? body : [body]).filter(
    (one) => isJsonObject(one) && 'id' in one && 'method' in one,
  );
  const isListening = requests.length === 0 || requests.some(({ method }) => method === 'subscriptions/listen');
  const decoder = new TextDecoder();
  let beginning = '';
  let tail = '\n\n';
  let timer: ReturnType<typeof setTimeout> | undefined;

  const unwatch = verifier.watch(accessToken, (reason) => {
    if (reason !== 'expired' || isListening || grace <= 0) return end(lastText(reason));
    timer = setTimeout(() => end(lastText(reason)), grace * 1000);
    timer.unref?.();
  });

  function lastText(reason: TokenEnd): string {
    // In the middle of an event nothing can be added to it.
    if (!/(?:\n\n|\r\n\r\n|\r\r)$/.test(tail)) return '';
    const isTakenUpAgain = reason === 'expired' && /^id:/m.test(beginning);
    const errors = isTakenUpAgain ? [] : requests.map(({ id }) => errorEvent(id, reason));
    return [`: ${MESSAGE[reason]}\n\n`, ...errors].join('');
  }

  return {
    see(chunk) {
      const text = decoder.decode(chunk, { stream: true });
      if (beginning.length < BEGINNING) beginning += text.slice(0, BEGINNING);
      tail = (tail + text).slice(-4);
    },
    stop() {
      clearTimeout(timer);
      unwatch();
    },
  };
}

function errorEvent(id: unknown, reason: TokenEnd): string {
  const error = { code: CONNECTION_CLOSED, message: MESSAGE[reason], data: { reason } };
  return `event: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', id, error })}\n\n`;
}

/** Whether a content type is that of server-sent events. */
export function isEventStream(contentType: string | null | undefined): boolean {
  return /^text\/event-stream(?:\s*;|$)/i.test(contentType ?? '');
}
