import type { ServerResponse } from 'node:http';
import type { Middleware } from 'koa';
import { reject, type Seconds } from '../oauth/index.ts';
import { networkOf } from '../platform/index.ts';
import { findRevocations, type PublishedRevocations, type RevocationFeed, readSince } from './revocations.ts';

/** How many may read the stream at once. */
export interface StreamLimits {
  readonly readers: number;
  /** From one address, or one IPv6 network of 64 bits. */
  readonly readersPerAddress: number;
}

const LIMITS: StreamLimits = { readers: 4_096, readersPerAddress: 512 };
/** How long a browser waits before it connects again, in milliseconds. */
const RECONNECT_AFTER = 1_000;
const TRY_AGAIN: Seconds = 30;

/**
 * GET the stream of revocations as server-sent events, each with one document as `data` and its position as `id`. It
 * begins after `since` or `Last-Event-ID`, with a snapshot where neither is given. A reader that does not keep up gets
 * fewer and larger documents, and is cut off when it takes none at all.
 */
export function revocationStreamEndpoint(deps: { feed: RevocationFeed; limits?: StreamLimits }): Middleware {
  const { feed, limits = LIMITS } = deps;
  const readers = new Map<string, number>();
  let total = 0;

  function count(address: string, change: 1 | -1): void {
    const ofAddress = (readers.get(address) ?? 0) + change;
    total += change;
    if (ofAddress > 0) readers.set(address, ofAddress);
    else readers.delete(address);
  }

  return async function revocationStream(ctx) {
    const address = networkOf(ctx.ip);
    if (total >= limits.readers || (readers.get(address) ?? 0) >= limits.readersPerAddress) {
      ctx.set('Retry-After', String(TRY_AGAIN));
      throw reject('rate_limited');
    }
    count(address, 1);
    ctx.res.once('close', () => count(address, -1));
    // A browser that connects again repeats the address and says in the header how far it has come.
    const first = await findRevocations(feed, ctx.get('Last-Event-ID') || readSince(ctx));
    if (ctx.res.destroyed) return;
    ctx.set('Cache-Control', 'no-store, no-transform');
    ctx.set('X-Accel-Buffering', 'no');
    ctx.set('Content-Type', 'text/event-stream');
    ctx.set('Connection', 'close');
    ctx.status = 200;
    ctx.respond = false;
    if (ctx.method === 'HEAD') ctx.res.end();
    else stream(ctx.res, first, feed);
  };
}

function stream(response: ServerResponse, first: PublishedRevocations, feed: RevocationFeed): void {
  const closed = Promise.withResolvers<void>();
  response.once('close', closed.resolve);
  response.on('error', () => response.destroy());
  const write = async (text: string): Promise<void> => {
    if (response.write(text)) return;
    const drained = new Promise<void>((resolve) => response.once('drain', resolve));
    await Promise.race([drained, closed.promise]);
  };
  const written = write(`retry: ${RECONNECT_AFTER}\n\n${formatEvent(first)}`);
  const following = feed.follow(first.position, {
    async take(document) {
      await written;
      if (!response.destroyed) await write(formatEvent(document));
    },
    // Whoever reads nothing would hold up a graceful end; the position of the last event is enough to go on from.
    end: () => (response.writableNeedDrain ? response.destroy() : response.end()),
  });
  response.once('close', () => following[Symbol.dispose]());
}

function formatEvent({ position, text }: PublishedRevocations): string {
  return `id: ${position}\ndata: ${text}\n\n`;
}
