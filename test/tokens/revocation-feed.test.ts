import { createHmac } from 'node:crypto';
import { compactVerify, decodeProtectedHeader, importJWK } from 'jose';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { isRevocationClaims, parseJsonBytes, type RevocationClaims, UnavailableError } from '../../src/oauth/index.ts';
import { type AuditEvent, sha256 } from '../../src/platform/index.ts';
import { createMemoryStore } from '../../src/store/memory/index.ts';
import {
  createRevocationDocuments,
  createRevocationFeed,
  type DenylistStore,
  type RevocationDocument,
  type RevocationReader,
} from '../../src/tokens/index.ts';
import { createTestKeyRing, testSigner } from '../support/keys.ts';

const NOW = 1_800_000_000;
const ISSUER = 'https://as.example.test';

function createFeed(store?: (denylist: DenylistStore) => DenylistStore) {
  const clock = { now: NOW };
  const memory = createMemoryStore({ clock: () => clock.now }).denylist;
  const denylist = store?.(memory) ?? memory;
  let signatures = 0;
  const signer = testSigner();
  const keys = createTestKeyRing({
    signers: [
      {
        ...signer,
        sign: (input, options) => {
          signatures++;
          return signer.sign(input, options);
        },
      },
    ],
  });
  const documents = createRevocationDocuments({ keys, issuer: ISSUER, clock: () => clock.now });
  const events: AuditEvent[] = [];
  const feed = createRevocationFeed({
    denylist,
    documents,
    clock: () => clock.now,
    audit: (event) => void events.push(event),
  });
  return { clock, denylist, feed, events, signatures: () => signatures };
}

async function read(document: RevocationDocument | 'gone' | undefined): Promise<RevocationClaims> {
  if (document === undefined || document === 'gone') throw new Error('there is no document');
  const key = await importJWK({ ...testSigner().publicJwk }, 'ES256');
  const { payload } = await compactVerify(document.text, key);
  const claims = parseJsonBytes(payload);
  if (claims === undefined || !isRevocationClaims(claims)) throw new Error('the claims are malformed');
  return claims;
}

/** A reader that takes everything, and can be waited for. */
function createReader(take: (document: RevocationDocument) => Promise<void> = async () => {}) {
  const taken: RevocationDocument[] = [];
  const waiting: (() => void)[] = [];
  let hasEnded = false;
  const reader: RevocationReader = {
    async take(document) {
      taken.push(document);
      for (const resolve of waiting.splice(0)) resolve();
      await take(document);
    },
    end: () => {
      hasEnded = true;
    },
  };
  return {
    reader,
    taken,
    hasEnded: () => hasEnded,
    async count(number: number) {
      while (taken.length < number) await new Promise<void>((resolve) => waiting.push(resolve));
    },
  };
}

describe('revocation documents', () => {
  test('a snapshot says everything, signed, with subjects and clients hashed', async () => {
    const { denylist, feed } = createFeed();
    const clientHash = sha256('client-1');
    await denylist.deny({ kind: 'jti', id: 'jti-1', lifetime: 600 });
    await denylist.deny({ kind: 'grant', id: 'grant-1', lifetime: 700 });
    await denylist.deny({ kind: 'key', id: 'kid-1', lifetime: 800 });
    await denylist.deny({ kind: 'subject', id: 'alice', lifetime: 900 });
    await denylist.deny({ kind: 'client', id: clientHash, lifetime: 1000, issuedBefore: NOW - 5 });
    await denylist.deny({ kind: 'all', id: '', lifetime: 1100, issuedBefore: NOW - 9 });

    const document = await feed.snapshot();
    const claims = await read(document);

    expect(decodeProtectedHeader(document.text)).toEqual({
      alg: 'ES256',
      typ: 'revocations+jwt',
      kid: testSigner().kid,
    });
    const salt = Buffer.from(claims.salt, 'base64url');
    const hash = (id: string) => createHmac('sha256', salt).update(id).digest().subarray(0, 16).toString('base64url');
    expect(salt).toHaveLength(16);
    expect(claims).toEqual({
      iss: ISSUER,
      iat: NOW,
      exp: NOW + 60,
      ttl: 5,
      epoch: expect.any(String),
      seq: expect.any(String),
      salt: claims.salt,
      jti: [['jti-1', NOW + 600]],
      grant: [['grant-1', NOW + 700]],
      key: [['kid-1', NOW + 800]],
      sub: [[hash('alice'), NOW, NOW + 900]],
      client: [[hash(clientHash), NOW - 5, NOW + 1000]],
      all: [[NOW - 9, NOW + 1100]],
    });
    expect(Buffer.from(document.text.split('.')[1] ?? '', 'base64url').toString()).not.toContain('alice');
  });

  test('two issuers, and two epochs of one, hash a subject differently', async () => {
    const [one, other] = [createFeed(), createFeed()];
    for (const { denylist } of [one, other]) await denylist.deny({ kind: 'subject', id: 'alice', lifetime: 900 });

    const [first, second] = await Promise.all([one, other].map(async ({ feed }) => read(await feed.snapshot())));

    expect(first?.salt).not.toBe(second?.salt);
    expect(first?.sub[0]?.[0]).not.toBe(second?.sub[0]?.[0]);
  });

  test('a delta says what came after a position and nothing else', async () => {
    const { denylist, feed } = createFeed();
    await denylist.deny({ kind: 'jti', id: 'before', lifetime: 600 });
    const snapshot = await feed.snapshot();
    await denylist.deny({ kind: 'jti', id: 'after', lifetime: 600 });

    const delta = await feed.since(snapshot.position);
    const before = await read(snapshot);
    const claims = await read(delta);

    expect(claims.jti).toEqual([['after', NOW + 600]]);
    expect([claims.epoch, claims.prev]).toEqual([before.epoch, before.seq]);
    expect(claims.seq).not.toBe(before.seq);
    expect(before.prev).toBeUndefined();
  });

  test.each(['', 'nonsense', '.', 'epoch.', 'another-epoch.1', 'a.b.c', `${'x'.repeat(200)}.1`, '../x.1'])(
    'nothing is known after "%s"',
    async (position) => {
      expect(await createFeed().feed.since(position)).toBe('gone');
    },
  );

  test('a snapshot is signed once for any number of readers, again when half of its life is over or something changed', async () => {
    const { clock, denylist, feed, signatures } = createFeed();

    const many = await Promise.all(Array.from({ length: 50 }, () => feed.snapshot()));
    clock.now += 29;
    const later = await feed.snapshot();
    expect([new Set([...many, later].map(({ text }) => text)).size, signatures()]).toEqual([1, 1]);

    clock.now += 1;
    const renewed = await feed.snapshot();
    expect([renewed.position, signatures()]).toEqual([later.position, 2]);
    expect(renewed.etag).not.toBe(later.etag);

    await denylist.deny({ kind: 'jti', id: 'jti-1', lifetime: 600 });
    expect((await feed.snapshot()).position).not.toBe(later.position);
    expect(signatures()).toBe(3);
  });

  test('a snapshot forgets what has ended', async () => {
    const { clock, denylist, feed } = createFeed();
    await denylist.deny({ kind: 'jti', id: 'short', lifetime: 10 });
    await denylist.deny({ kind: 'jti', id: 'long', lifetime: 100 });
    await feed.snapshot();
    clock.now += 40;

    expect((await read(await feed.snapshot())).jti).toEqual([['long', NOW + 100]]);
  });

  test('a delta asked for by many within a second is signed once', async () => {
    const { denylist, feed, signatures } = createFeed();
    const { position } = await feed.snapshot();
    await denylist.deny({ kind: 'jti', id: 'jti-1', lifetime: 600 });

    for (let round = 0; round < 3; round++) await Promise.all(Array.from({ length: 50 }, () => feed.since(position)));

    expect(signatures()).toBe(2);
  });

  test('whoever makes up positions is sent to the snapshot; who stands where we brought it is answered', async () => {
    const { clock, denylist, feed, signatures } = createFeed();
    for (let count = 0; count < 100; count++) await denylist.deny({ kind: 'jti', id: `jti-${count}`, lifetime: 600 });
    const { position } = await feed.snapshot();
    const [epoch] = position.split('.');
    const askForAll = () => Promise.all(Array.from({ length: 100 }, (_, index) => feed.since(`${epoch}.${index}`)));

    for (let second = 1; second <= 3; second++) {
      clock.now += 1;
      const answers = [...(await askForAll()), ...(await askForAll())];
      expect(answers.filter((answer) => answer !== 'gone')).toHaveLength(2 * 8);
      expect((await read(await feed.since(position))).jti).toEqual([]);
      expect(signatures()).toBe(1 + second * 9);
    }
  });

  test('whoever asks after a revocation was acknowledged is told of it, whatever others asked before', async () => {
    const hasLooked = Promise.withResolvers<void>();
    const { denylist, feed } = createFeed((memory) => ({
      ...memory,
      // A store that answers a while after it has looked.
      since: async (position) => {
        const changes = await memory.since(position);
        hasLooked.resolve();
        for (let turn = 0; turn < 20; turn++) await Promise.resolve();
        return changes;
      },
    }));
    const { position } = await feed.snapshot();
    const early = feed.since(position);
    await hasLooked.promise;
    await denylist.deny({ kind: 'jti', id: 'jti-1', lifetime: 600 });

    const late = feed.since(position);

    expect((await read(await early)).jti).toEqual([]);
    expect((await read(await late)).jti).toEqual([['jti-1', NOW + 600]]);
  });
});

describe('followers of the feed', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }));
  afterEach(() => void vi.useRealTimers());

  test('are told of everything, in deltas that join without a gap', async () => {
    const { denylist, feed } = createFeed();
    const { position } = await feed.snapshot();
    const { reader, taken } = createReader();
    using _ = feed.follow(position, reader);

    const ids = Array.from({ length: 30 }, (_, index) => `jti-${index}`);
    for (const id of ids) {
      await denylist.deny({ kind: 'jti', id, lifetime: 600 });
    }
    const told = async () => (await Promise.all(taken.map(read))).flatMap(({ jti }) => jti.map(([id]) => id));
    await vi.waitFor(async () => expect(await told()).toEqual(ids));

    const claims = await Promise.all(taken.map(read));
    expect(claims.map(({ prev }) => prev)).toEqual([
      position.split('.')[1],
      ...claims.slice(0, -1).map(({ seq }) => seq),
    ]);
  });

  test('hear every five seconds where the feed stands, signed anew, once for all of them', async () => {
    const { clock, feed, signatures } = createFeed();
    const { position } = await feed.snapshot();
    const readers = [createReader(), createReader(), createReader()];
    for (const { reader } of readers) feed.follow(position, reader);

    clock.now += 5;
    vi.advanceTimersByTime(5_000);
    await Promise.all(readers.map(({ count }) => count(1)));

    const claims = await read(readers[0]?.taken[0]);
    expect([claims.iat, claims.prev, claims.seq]).toEqual([NOW + 5, position.split('.')[1], position.split('.')[1]]);
    expect(signatures()).toBe(2);
  });

  test('who stand at one place share one look at the store for what came after it', async () => {
    let looks = 0;
    const { denylist, feed } = createFeed((memory) => ({
      ...memory,
      since: (position) => {
        looks += 1;
        return memory.since(position);
      },
    }));
    const { position } = await feed.snapshot();
    const readers = Array.from({ length: 50 }, () => createReader());
    for (const { reader } of readers) feed.follow(position, reader);
    await vi.waitFor(() => expect(looks).toBe(1));

    await denylist.deny({ kind: 'jti', id: 'jti-1', lifetime: 600 });
    await Promise.all(readers.map(({ count }) => count(1)));

    expect(looks).toBe(2);
  });

  test('leave no timer behind', async () => {
    const { feed } = createFeed();
    const { position } = await feed.snapshot();
    const [one, other] = [feed.follow(position, createReader().reader), feed.follow(position, createReader().reader)];
    expect(vi.getTimerCount()).toBe(1);

    one[Symbol.dispose]();
    expect(vi.getTimerCount()).toBe(1);
    other[Symbol.dispose]();
    other[Symbol.dispose]();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('get a snapshot in the stream when the store has lost their position', async () => {
    let isLost = false;
    const { denylist, feed } = createFeed((memory) => ({
      ...memory,
      since: (position) => (isLost ? Promise.resolve('gone') : memory.since(position)),
    }));
    await denylist.deny({ kind: 'jti', id: 'jti-1', lifetime: 600 });
    const { position } = await feed.snapshot();
    const { reader, taken, count } = createReader();
    using _ = feed.follow(position, reader);
    isLost = true;
    await denylist.deny({ kind: 'jti', id: 'jti-2', lifetime: 600 });

    await count(1);
    const claims = await read(taken[0]);
    expect(claims.prev).toBeUndefined();
    expect(claims.jti.map(([id]) => id)).toEqual(['jti-1', 'jti-2']);
  });

  test('hear nothing while the store does not answer, and go on where they were afterwards', async () => {
    let isDown = false;
    const { clock, denylist, feed } = createFeed((memory) => ({
      ...memory,
      since: (position) => (isDown ? Promise.reject(new UnavailableError('store')) : memory.since(position)),
    }));
    const { position } = await feed.snapshot();
    const { reader, taken, count } = createReader();
    isDown = true;
    using _ = feed.follow(position, reader);
    await denylist.deny({ kind: 'jti', id: 'jti-1', lifetime: 600 });
    for (let beat = 0; beat < 5; beat++) {
      vi.advanceTimersByTime(5_000);
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    }
    expect(taken).toEqual([]);

    isDown = false;
    clock.now += 25;
    vi.advanceTimersByTime(5_000);
    await count(1);
    expect((await read(taken[0])).jti).toEqual([['jti-1', NOW + 600]]);
  });

  test('who is slow gets one document for all that came meanwhile; who takes nothing is ended', async () => {
    const { denylist, feed } = createFeed();
    const { position } = await feed.snapshot();
    const taking = Promise.withResolvers<void>();
    const slow = createReader(() => taking.promise);
    const stuck = createReader(() => new Promise(() => {}));
    feed.follow(position, slow.reader);
    feed.follow(position, stuck.reader);
    await denylist.deny({ kind: 'jti', id: 'first', lifetime: 600 });
    await Promise.all([slow.count(1), stuck.count(1)]);
    for (const id of ['second', 'third', 'fourth']) await denylist.deny({ kind: 'jti', id, lifetime: 600 });
    taking.resolve();
    await slow.count(2);

    expect((await read(slow.taken[1])).jti.map(([id]) => id)).toEqual(['second', 'third', 'fourth']);
    expect([slow.hasEnded(), stuck.hasEnded()]).toEqual([false, false]);
    for (let beat = 0; beat < 4; beat++) {
      vi.advanceTimersByTime(5_000);
      await slow.count(3 + beat);
    }
    expect([slow.hasEnded(), stuck.hasEnded()]).toEqual([false, true]);
    expect(stuck.taken).toHaveLength(1);
  });

  test('closing ends everybody at once, and whoever comes later', async () => {
    const { feed } = createFeed();
    const { position } = await feed.snapshot();
    const [one, late] = [createReader(), createReader()];
    feed.follow(position, one.reader);

    feed.close();
    feed.follow(position, late.reader);

    expect([one.hasEnded(), late.hasEnded(), vi.getTimerCount()]).toEqual([true, true, 0]);
  });
});

describe('a store that lost entries in a failover', () => {
  const [denied, marked, kept] = [
    { kind: 'grant', id: 'grant-1', lifetime: 600 },
    { kind: 'subject', id: 'alice', lifetime: 600, issuedBefore: NOW - 5 },
    { kind: 'jti', id: 'jti-1', lifetime: 600 },
  ] as const;

  /** A feed with one reader that knows three entries, over a store that can be exchanged for one that knows less. */
  async function startFeed(settings: { refusals?: number } = {}) {
    let { refusals = 0 } = settings;
    const notify: (() => void)[] = [];
    const other = createMemoryStore({ clock: () => NOW }).denylist;
    const current = { denylist: other };
    const opened = createFeed((memory) => {
      current.denylist = memory;
      return {
        deny: (entry) =>
          current.denylist === other && refusals-- > 0
            ? Promise.reject(new UnavailableError('store'))
            : current.denylist.deny(entry),
        match: (keys) => current.denylist.match(keys),
        snapshot: () => current.denylist.snapshot(),
        since: (position) => current.denylist.since(position),
        watch: (listener) => {
          notify.push(listener);
          return memory.watch(listener);
        },
      };
    });
    const { feed, denylist } = opened;
    const { reader, taken, count } = createReader();
    const following = feed.follow((await feed.snapshot()).position, reader);
    for (const entry of [denied, marked, kept]) await denylist.deny(entry);
    await vi.waitFor(async () => expect((await read(taken.at(-1))).jti).toHaveLength(1));
    return {
      ...opened,
      taken,
      count,
      following,
      async failOver() {
        await other.deny(kept);
        await other.deny({ ...marked, issuedBefore: NOW - 10 });
        current.denylist = other;
        for (const listener of notify) listener();
      },
      standing: () => other.match([denied, marked, kept]),
    };
  }

  const ALL = [
    { kind: 'grant', id: 'grant-1', expiresAt: NOW + 600 },
    { kind: 'subject', id: 'alice', issuedBefore: NOW - 5, expiresAt: NOW + 600 },
    { kind: 'jti', id: 'jti-1', expiresAt: NOW + 600 },
  ];

  test('gets them back from a server that knows them, and whoever starts afterwards is told of them [I1]', async () => {
    const { feed, events, following, failOver, standing } = await startFeed();
    using _ = following;

    await failOver();

    await vi.waitFor(async () => expect(await standing()).toEqual(ALL));
    expect((await read(await feed.snapshot())).grant).toEqual([['grant-1', NOW + 600]]);
    await vi.waitFor(() => expect(events).toEqual([{ event: 'denylist.entries_restored', count: 2 }]));
  });

  test('that does not take them is asked again', async () => {
    const { events, following, failOver, standing } = await startFeed({ refusals: 3 });
    using _ = following;

    await failOver();
    await vi.waitFor(async () => {
      await failOver();
      expect(await standing()).toEqual(ALL);
    });

    await vi.waitFor(() => expect(events).toEqual([{ event: 'denylist.entries_restored', count: 2 }]));
  });

  test('has readers told of everything that was ever denied, in one snapshot', async () => {
    const { taken, following, failOver } = await startFeed();
    using _ = following;

    await failOver();

    await vi.waitFor(async () => expect((await read(taken.at(-1))).epoch).not.toBe((await read(taken[0])).epoch));
    const snapshots = (await Promise.all(taken.map(read))).filter(({ prev }) => prev === undefined);
    expect(snapshots.map(({ grant, jti, sub }) => [grant.length, jti.length, sub.map(([, mark]) => mark)])).toEqual([
      [1, 1, [NOW - 5]],
    ]);
  });
});
