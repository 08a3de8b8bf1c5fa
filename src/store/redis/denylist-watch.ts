import { setTimeout as pause } from 'node:timers/promises';
import { disconnect, type RedisClient, whenConnected, withinTime } from './client.ts';
import { createCommands } from './commands.ts';
import { FORGET, HEAD } from './denylist-scripts.ts';
import type { KeyLayout } from './key-layout.ts';
import { KEPT_PAST_END, type StoreClock } from './store-clock.ts';

/** Follows the feed of the denylist on a connection of its own, from the first `watch` until closed. */
export interface DenylistWatch {
  watch(listener: () => void): Disposable;
  close(): void;
}

/** How long one reading waits for news, in milliseconds; the connection may be silent for that long. */
export const BLOCK_TIME = 5_000;

const LONGEST_PAUSE = 1_000;

export function createDenylistWatch(deps: {
  open: () => Promise<RedisClient>;
  keys: KeyLayout;
  clock: StoreClock;
  timeouts: { readonly connect: number; readonly command: number };
}): DenylistWatch {
  const { keys, clock, timeouts } = deps;
  const listeners = new Set<{ readonly notify: () => void }>();
  const closing = new AbortController();
  let isFollowing = false;

  function notifyAll(): void {
    for (const { notify } of listeners) notify();
  }

  async function follow(): Promise<void> {
    const client = await deps.open();
    closing.signal.addEventListener('abort', () => disconnect(client), { once: true });
    if (closing.signal.aborted) disconnect(client);
    await whenConnected(client, timeouts.connect).catch(() => {});
    for (let failures = 0; !closing.signal.aborted; ) {
      const wasReading = await readUntilFault(client);
      failures = wasReading ? 0 : failures + 1;
      await pause(Math.min(50 * 2 ** failures, LONGEST_PAUSE), undefined, { signal: closing.signal }).catch(() => {});
    }
  }

  /** Answers whether there was a reading at all before the connection failed. */
  async function readUntilFault(client: RedisClient): Promise<boolean> {
    const commands = createCommands(client, timeouts.command);
    let wasReading = false;
    try {
      let reached = await readHead();
      wasReading = true;
      // Whatever came before this position came unseen.
      notifyAll();
      for (;;) {
        const reading = client.call('xread', 'COUNT', 1_000, 'BLOCK', BLOCK_TIME, 'STREAMS', keys.feed, reached);
        const news = await withinTime(reading, BLOCK_TIME + timeouts.command);
        const last = lastIdOf(news);
        if (last === undefined) {
          await commands.evaluate(FORGET, [keys.denied, keys.watermarks], [clock(), KEPT_PAST_END]);
          continue;
        }
        reached = last;
        notifyAll();
      }
    } catch {
      return wasReading;
    }

    async function readHead(): Promise<string> {
      const reply = await commands.evaluate(HEAD, [keys.feed], [clock()]);
      return Array.isArray(reply) ? String(reply[1]) : '0-0';
    }
  }

  return {
    watch(notify) {
      const listener = { notify };
      listeners.add(listener);
      if (!isFollowing) void follow().catch(() => {});
      isFollowing = true;
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    close: () => closing.abort(),
  };
}

/** The last id of an XREAD reply: `[[key, [[id, fields], …]]]`, nothing when nothing came. */
function lastIdOf(reply: unknown): string | undefined {
  const [stream] = Array.isArray(reply) ? reply : [];
  const [, entries] = Array.isArray(stream) ? stream : [];
  const last: unknown = Array.isArray(entries) ? entries.at(-1) : undefined;
  return Array.isArray(last) ? String(last[0]) : undefined;
}
