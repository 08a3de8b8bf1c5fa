import { formatPosition, parsePosition, type Seconds } from '../oauth/index.ts';
import { type Audit, type Clock, silentAudit } from '../platform/index.ts';
import { createAskedPositions } from './asked-positions.ts';
import type { DenylistStore } from './denylist.ts';
import { createDenylistCopy } from './denylist-copy.ts';
import type { RevocationDocument, RevocationDocuments } from './revocation-document.ts';
import { createSharedReads } from './shared-reads.ts';

/** Somebody who wants to be told of every revocation. */
export interface RevocationReader {
  /** Takes one document; the next one comes when this has resolved. Never rejects. */
  take(document: RevocationDocument): Promise<void>;
  /** Nothing comes any more: the feed was closed, or the reader was too slow. */
  end(): void;
}

/** The denylist as signed documents, for validators that know nothing of its store. Signed once for all readers. */
export interface RevocationFeed {
  /** Everything that is denied. @throws UnavailableError */
  snapshot(): Promise<RevocationDocument>;
  /**
   * What was denied after a position; `gone` when it is not known (any more), or when too many others are asked for in the
   * same second. @throws UnavailableError
   */
  since(position: string): Promise<RevocationDocument | 'gone'>;
  /**
   * Tells the reader of everything after a position: deltas as they come, an empty one every five seconds, and a snapshot
   * where the position is lost. While the store does not answer, the reader hears nothing.
   */
  follow(position: string, reader: RevocationReader): Disposable;
  /** How many readers follow. */
  readers(): number;
  /** How much is denied. @throws UnavailableError */
  count(): Promise<number>;
  /** Ends every reader at once. */
  close(): void;
}

const HEARTBEAT_MS = 5_000;
/** Heartbeats a reader may let pass before it has taken one document. */
const PATIENCE = 3;
/** A snapshot is signed again after half of its life. */
const SIGN_AGAIN: Seconds = 30;

interface Following {
  readonly reader: RevocationReader;
  position: string;
  isTaking: boolean;
  /** Something may have changed since it was last looked for. */
  isBehind: boolean;
  /** It is to hear from us even if nothing changed. */
  isDue: boolean;
  heartbeatsMissed: number;
}

export function createRevocationFeed(deps: {
  denylist: DenylistStore;
  documents: RevocationDocuments;
  clock: Clock;
  audit?: Audit;
}): RevocationFeed {
  const { denylist, documents, clock, audit = silentAudit } = deps;
  const copy = createDenylistCopy({ denylist, clock, audit });
  const asked = createAskedPositions({ clock });
  const shareSnapshot = createSharedReads<RevocationDocument>();
  const shareDelta = createSharedReads<RevocationDocument | 'gone'>();
  const following = new Set<Following>();
  let held: RevocationDocument | undefined;
  let deltas = new Map<string, Promise<RevocationDocument>>();
  let deltasSignedAt = 0;
  let watching: Disposable | undefined;
  let heartbeat: NodeJS.Timeout | undefined;
  let isClosed = false;

  async function readSnapshot(): Promise<RevocationDocument> {
    const changes = await copy.read();
    const isCurrent = held?.position === formatPosition(changes) && clock() - held.issuedAt < SIGN_AGAIN;
    if (held === undefined || !isCurrent) held = await documents.signSnapshot(changes);
    asked.handedOut(held.position);
    return held;
  }

  async function readSince(position: string): Promise<RevocationDocument | 'gone'> {
    const parsed = parsePosition(position);
    const changes = parsed === undefined ? 'gone' : await copy.since(parsed);
    if (parsed === undefined || changes === 'gone') return 'gone';
    const delta = await signOnce(`${position} ${changes.sequence}`, () =>
      documents.signDelta(parsed.sequence, changes),
    );
    asked.handedOut(delta.position);
    return delta;
  }

  /** One signature for all who ask for the same delta within a second. */
  function signOnce(delta: string, sign: () => Promise<RevocationDocument>): Promise<RevocationDocument> {
    const now = clock();
    if (now !== deltasSignedAt) deltas = new Map();
    deltasSignedAt = now;
    const known = deltas.get(delta);
    if (known !== undefined) return known;
    const signed = sign();
    deltas.set(delta, signed);
    const forget = () => deltas.delete(delta);
    signed.catch(forget);
    return signed;
  }

  const snapshot: RevocationFeed['snapshot'] = () => shareSnapshot('', readSnapshot);
  const after = (position: string) => shareDelta(position, () => readSince(position));
  const since: RevocationFeed['since'] = async (position) => (asked.isAdmitted(position) ? after(position) : 'gone');

  async function tell(one: Following): Promise<void> {
    one.isBehind = true;
    if (one.isTaking) return;
    one.isTaking = true;
    try {
      while (one.isBehind && following.has(one)) {
        one.isBehind = false;
        const answer = await after(one.position);
        const document = answer === 'gone' ? await snapshot() : answer;
        if (document.position === one.position && !one.isDue) continue;
        one.isDue = false;
        await one.reader.take(document);
        one.position = document.position;
        one.heartbeatsMissed = 0;
      }
    } finally {
      one.isTaking = false;
    }
  }

  /** A store or a key that does not answer is no reason to end: silence is what tells the reader, and it may pass. */
  function tellAll(): void {
    void copy.tend().catch(() => {});
    for (const one of following) void tell(one).catch(() => {});
  }

  function beat(): void {
    for (const one of following) {
      one.heartbeatsMissed += one.isTaking ? 1 : 0;
      if (one.heartbeatsMissed > PATIENCE) end(one);
      one.isDue = true;
    }
    tellAll();
  }

  function end(one: Following): void {
    leave(one);
    one.reader.end();
  }

  function leave(one: Following): void {
    following.delete(one);
    if (following.size > 0) return;
    clearInterval(heartbeat);
    watching?.[Symbol.dispose]();
    heartbeat = undefined;
    watching = undefined;
  }

  function follow(position: string, reader: RevocationReader): Disposable {
    const one = { reader, position, isTaking: false, isBehind: false, isDue: false, heartbeatsMissed: 0 };
    if (isClosed) {
      reader.end();
      return { [Symbol.dispose]() {} };
    }
    following.add(one);
    if (watching === undefined) void copy.tend().catch(() => {});
    watching ??= denylist.watch(tellAll);
    heartbeat ??= setInterval(beat, HEARTBEAT_MS).unref();
    // What came between the reading of its position and now.
    void tell(one).catch(() => {});
    return { [Symbol.dispose]: () => leave(one) };
  }

  function close(): void {
    isClosed = true;
    for (const one of following) end(one);
  }

  return {
    snapshot,
    since,
    follow,
    readers: () => following.size,
    count: async () => (await copy.read()).entries.length,
    close,
  };
}
