import type { Seconds } from '../../oauth/index.ts';
import { sha256 } from '../../platform/index.ts';
import type { DenylistEntry, DenylistKey, DenylistKind, DenylistPosition, DenylistStore } from '../../tokens/index.ts';
import type { AcknowledgedWrites } from './acknowledged-writes.ts';
import type { RedisCommands } from './commands.ts';
import { AFTER, DENY, HEAD, MATCH, PAGE } from './denylist-scripts.ts';
import type { KeyLayout } from './key-layout.ts';
import { KEPT_PAST_END, type StoreClock } from './store-clock.ts';

/** How much of the feed is kept. Who is further behind reads the snapshot. */
export interface FeedBounds {
  readonly maxLength: number;
  readonly maxAge: Seconds;
}

const KINDS: readonly DenylistKind[] = ['jti', 'grant', 'key', 'subject', 'client', 'all'];
const STREAM_ID = /^(\d{1,15})-(\d{1,12})$/;
const PAGE_SIZE = 1_000;

/**
 * The denylist: what is denied in a sorted set by its end, the moments of watermarks in a hash, the order of changes in a
 * stream; all in one slot, so that an entry and its place in the feed are one write.
 */
export function createDenylist(deps: {
  commands: RedisCommands;
  writes: AcknowledgedWrites;
  keys: KeyLayout;
  clock: StoreClock;
  bounds: FeedBounds;
  watch: DenylistStore['watch'];
}): DenylistStore {
  const { commands, writes, clock, bounds } = deps;
  const { denied, watermarks, feed } = deps.keys;

  async function readHead(): Promise<DenylistPosition> {
    const [replicationId, head] = partsOf(await commands.evaluate(HEAD, [feed], [clock()]));
    return { epoch: epochOf(replicationId), sequence: String(head) };
  }

  return {
    async deny({ kind, id, lifetime, issuedBefore = '' }) {
      const args = [clock(), kind, id, lifetime, issuedBefore, KEPT_PAST_END, bounds.maxLength, bounds.maxAge];
      const [ends, mark] = partsOf(await writes.evaluate(DENY, [denied, watermarks, feed], args));
      return entryOf({ kind, id }, ends, mark);
    },

    async match(keys) {
      if (keys.length === 0) return [];
      const members = [...new Set(keys.map(memberOf))];
      return readEntries(await commands.evaluate(MATCH, [denied, watermarks], [clock(), ...members]));
    },

    async snapshot() {
      // Read first: what changes during the pages comes again after this position.
      const position = await readHead();
      const entries = new Map<string, DenylistEntry>();
      let cursor = '0';
      do {
        const page = partsOf(await commands.evaluate(PAGE, [denied, watermarks], [clock(), cursor, PAGE_SIZE]));
        cursor = String(page[0]);
        for (const entry of readEntries(page[1])) entries.set(memberOf(entry), entry);
      } while (cursor !== '0');
      return { ...position, entries: [...entries.values()] };
    },

    async since(position) {
      if (!STREAM_ID.test(position.sequence)) return 'gone';
      const entries = new Map<string, DenylistEntry>();
      let reached = position.sequence;
      for (;;) {
        const answer = partsOf(
          await commands.evaluate(AFTER, [feed, denied, watermarks], [clock(), reached, PAGE_SIZE]),
        );
        const [replicationId, head, first, trimmed, count, last, found] = answer;
        const isKnown = epochOf(replicationId) === position.epoch && compareIds(reached, String(head)) <= 0;
        const isWhole = Number(trimmed) === 0 || compareIds(reached, String(first || head)) >= 0;
        if (!isKnown || !isWhole) return 'gone';
        for (const entry of readEntries(found)) entries.set(memberOf(entry), entry);
        reached = String(last);
        if (Number(count) < PAGE_SIZE)
          return { epoch: position.epoch, sequence: reached, entries: [...entries.values()] };
      }
    },

    watch: deps.watch,
  };
}

/** Hashed, because the replication id is a credential of a sort between servers, and a position goes to anybody. */
function epochOf(replicationId: unknown): string {
  return sha256(String(replicationId)).slice(0, 22);
}

function memberOf({ kind, id }: DenylistKey): string {
  return `${kind}:${id}`;
}

function readEntries(reply: unknown): readonly DenylistEntry[] {
  return partsOf(reply).flatMap((row) => {
    const [member, ends, mark] = partsOf(row).map(String);
    const colon = member?.indexOf(':') ?? -1;
    const kind = KINDS.find((known) => known === member?.slice(0, colon));
    return kind === undefined ? [] : [entryOf({ kind, id: member?.slice(colon + 1) ?? '' }, ends, mark)];
  });
}

function entryOf({ kind, id }: DenylistKey, ends: unknown, mark: unknown): DenylistEntry {
  const expiresAt = Number(ends);
  return mark === '' ? { kind, id, expiresAt } : { kind, id, issuedBefore: Number(mark), expiresAt };
}

/** Which of two ids of a stream is later: negative, zero or positive. */
function compareIds(one: string, other: string): number {
  const [, oneTime, oneCount] = STREAM_ID.exec(one) ?? [];
  const [, otherTime, otherCount] = STREAM_ID.exec(other) ?? [];
  return Number(oneTime) - Number(otherTime) || Number(oneCount) - Number(otherCount);
}

function partsOf(reply: unknown): readonly unknown[] {
  return Array.isArray(reply) ? reply : [];
}
