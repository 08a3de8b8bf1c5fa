import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRedisStore, type RedisStore } from '../../src/store/redis/index.ts';
import { startGuardmint } from '../support/guardmint.ts';
import { programMissing, reasonToSkip } from '../support/redis.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { FAMILY, ROTATING, START } from './samples.ts';

const missing = reasonToSkip(programMissing);

/** The kinds of keys of docs/decisions/0010-redis-layout.md. */
const KINDS: readonly (readonly [pattern: RegExp, type: string])[] = [
  [/^guardmint:family:\{[\w-]{22}\}$/, 'hash'],
  [/^guardmint:spent:\{[\w-]{22}\}:[\w-]{43}$/, 'string'],
  [/^guardmint:spent:\{[\w-]{43}\}$/, 'string'],
  [/^guardmint:subject:\{[\w-]{43}\}$/, 'zset'],
  [/^guardmint:client:\{[\w-]{43}\}$/, 'zset'],
  [/^guardmint:\{denylist\}:ends$/, 'zset'],
  [/^guardmint:\{denylist\}:watermarks$/, 'hash'],
  [/^guardmint:\{denylist\}:feed$/, 'stream'],
];

describe.skipIf(missing !== undefined)(
  `what is in Redis${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  () => {
    let server: RedisServer;
    beforeAll(async () => {
      server = await startRedis();
    });
    afterAll(() => server[Symbol.asyncDispose]());

    async function open(clock?: () => number): Promise<RedisStore> {
      await server.admin.flushall();
      return createRedisStore({ url: server.url, ...(clock !== undefined && { testClock: clock }) });
    }

    it('after a whole run is families, markers, indexes and the denylist, each with an end, and no token or secret', async () => {
      const store = await open();
      const running = await startGuardmint({ store: () => store });
      const secrets: string[] = [];
      for (let round = 0; round < 3; round += 1) {
        const granted = await running.grant();
        const form = { grant_type: 'refresh_token', client_id: granted.clientId, refresh_token: granted.refresh_token };
        const refreshed = await running.post('/token', form);
        expect(refreshed.status).toBe(200);
        const tokens = [
          granted.access_token,
          granted.refresh_token,
          granted.authorized.code,
          granted.authorized.verifier,
        ];
        secrets.push(...tokens, ...Object.values(refreshed.body).filter((value) => isToken(value)));
        if (round === 0) await running.post('/revoke', { client_id: granted.clientId, token: granted.refresh_token });
        // The same code again: the grant ends.
        if (round === 1) expect((await running.post('/token', granted.authorized.exchange)).status).toBe(400);
      }
      await store.denylist.deny({ kind: 'subject', id: 'alice', lifetime: 600 });
      await store.oneTime.consumeOnce({
        kind: 'assertion',
        id: 'jti',
        expiresAt: Math.floor(performance.timeOrigin / 1_000) + 3_600,
      });
      await running[Symbol.asyncDispose]();

      const keys = await server.admin.keys('*');
      for (const key of keys) {
        const kind = KINDS.find(([pattern]) => pattern.test(key));
        expect(kind, `${key} is of a documented kind`).toBeDefined();
        expect(await server.admin.type(key)).toBe(kind?.[1]);
        expect(await server.admin.ttl(key), `${key} has an end`).toBeGreaterThan(0);
      }
      const found = new Set(keys.map((key) => KINDS.findIndex(([pattern]) => pattern.test(key))));
      expect([...found].sort((one, other) => one - other)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);

      const everything = JSON.stringify(
        await Promise.all(keys.map(async (key) => [key, await readKey(server.admin, key)])),
      );
      // A token's parts count as the token: of a refresh token above all its nonce, the bytes from 26 to 42.
      const nonces = secrets
        .filter((text) => text.startsWith('gmr_'))
        .map((text) => {
          return Buffer.from(text.slice(4), 'base64url').subarray(26, 42).toString('base64url');
        });
      expect(nonces).toHaveLength(6);
      const parts = [...secrets, ...nonces]
        .flatMap((text) => [text, ...text.split('.')])
        .filter((part) => part.length > 15);
      for (const part of parts) expect(everything.includes(part), part).toBe(false);
    });

    it.each([{}, { jkt: 'x'.repeat(43) }])(
      'takes at most 512 bytes for a typical family, bound to a key or not: %j',
      async (bound) => {
        const store = await open();
        const familyId = 'Zm9vYmFyYmF6cXV4Zm9vYg';
        const hash = 'n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg';
        const now = Math.floor(performance.timeOrigin / 1_000);
        await store.refreshFamilies.begin(
          { kind: 'code', id: 'code', familyId, expiresAt: now + 3_600 },
          {
            familyId,
            nonceHash: hash,
            keyId: hash,
            subject: '6f1c0d9e-4c1b-4f0e-9a53-2b7d5e8c1f00',
            clientHash: hash,
            clientName: 'Visual Studio Code',
            scope: 'notes:read notes:write offline_access',
            resource: 'https://notes.example.com/mcp',
            authTime: now,
            absoluteLifetime: 7_776_000,
            ...bound,
          },
        );
        await store.refreshFamilies.rotate({ familyId, generation: 0, nonceHash: hash }, ROTATING);
        await store.close();

        const key = `guardmint:family:{${familyId}}`;
        expect(await server.admin.call('object', 'encoding', key)).toBe('listpack');
        expect(Number(await server.admin.call('memory', 'USAGE', key))).toBeLessThanOrEqual(512);
      },
    );

    it('keeps a family in one block however long its texts are, and gives them back whole', async () => {
      const store = await open(() => START);
      const long = {
        subject: `https://idp.example/${'s'.repeat(300)}`,
        clientName: '“Éditeur” 🗒 '.repeat(30),
        scope: Array.from({ length: 40 }, (_, index) => `scope:${index}`).join(' '),
        resource: `https://notes.example/${'r'.repeat(200)}`,
      };
      const family = { ...FAMILY, ...long };
      await store.refreshFamilies.begin(
        { kind: 'code', id: 'code', familyId: 'family-1', expiresAt: START + 60 },
        family,
      );

      expect(await store.refreshFamilies.find('family-1')).toMatchObject(long);
      expect(await server.admin.call('object', 'encoding', 'guardmint:family:{family-1}')).toBe('listpack');
      await store.close();
    });

    it('is bounded: a denylist through which 20,000 entries went holds what lives, and a feed of the length allowed', async () => {
      let now = START;
      await server.admin.flushall();
      const store = await createRedisStore({ url: server.url, testClock: () => now, feed: { maxLength: 500 } });
      const before = await store.denylist.snapshot();
      const early = await store.denylist.deny({ kind: 'jti', id: 'early', lifetime: 100_000 });

      for (let round = 0; round < 200; round += 1) {
        now += 100;
        await Promise.all(
          Array.from({ length: 100 }, (_, index) => {
            return store.denylist.deny({
              kind: index % 10 === 0 ? 'subject' : 'jti',
              id: `${round}-${index}`,
              lifetime: 600,
            });
          }),
        );
      }

      // What lives, what is kept for two hours after its end, and what the next calls remove.
      const kept = 100 * Math.ceil((7_200 + 600) / 100) + 200;
      expect(await server.admin.zcard('guardmint:{denylist}:ends')).toBeLessThanOrEqual(kept);
      expect(await server.admin.hlen('guardmint:{denylist}:watermarks')).toBeLessThanOrEqual(kept / 10);
      expect(await server.admin.xlen('guardmint:{denylist}:feed')).toBeLessThanOrEqual(700);
      // The feed has forgotten where this reader stands; the snapshot has forgotten nothing that lives.
      expect(await store.denylist.since(before)).toBe('gone');
      const { entries } = await store.denylist.snapshot();
      expect(entries).toContainEqual(early);
      expect(entries.every(({ expiresAt }) => expiresAt > now)).toBe(true);
      await store.close();
    });

    it('lists at most a thousand families, and those of one person however many others there are', async () => {
      let now = START;
      const store = await open(() => now);
      for (let index = 0; index < 1_100; index += 1) {
        if (index % 100 === 0) now += 1;
        const familyId = `family-${index}`;
        const code = { kind: 'code', id: familyId, familyId, expiresAt: now + 60 } as const;
        await store.refreshFamilies.begin(code, { ...FAMILY, familyId, subject: index === 3 ? 'carol' : 'alice' });
      }

      const ofClient = await store.refreshFamilies.list({ clientHash: FAMILY.clientHash });
      const all = await store.refreshFamilies.list({});

      expect(ofClient).toHaveLength(1_000);
      expect(ofClient[0]?.familyId).toBe('family-1099');
      expect(ofClient.map(({ createdAt }) => createdAt)).toEqual(
        ofClient.map(({ createdAt }) => createdAt).toSorted((a, b) => b - a),
      );
      expect(all).toHaveLength(1_000);
      expect((await store.refreshFamilies.list({ subject: 'carol' })).map(({ familyId }) => familyId)).toEqual([
        'family-3',
      ]);
      await store.close();
    });

    it('forgets nothing when the clock runs ahead for an hour and is set right [I11]', async () => {
      let now = START;
      const store = await open(() => now);
      const marker = { kind: 'code', id: 'jti-1', expiresAt: START + 60 } as const;
      await store.oneTime.consumeOnce(marker);
      await store.denylist.deny({ kind: 'jti', id: 'one', lifetime: 600 });

      now += 3_600;
      for (let index = 0; index < 100; index += 1)
        await store.denylist.deny({ kind: 'jti', id: `other-${index}`, lifetime: 600 });
      now -= 3_600;

      expect(await store.oneTime.consumeOnce(marker)).toBe('again');
      expect(await store.denylist.match([{ kind: 'jti', id: 'one' }])).toHaveLength(1);
      expect(await server.admin.pttl('guardmint:{denylist}:ends')).toBeGreaterThan(7_200_000);
      await store.close();
    });

    it('is read whole by a snapshot that is taken while it changes', async () => {
      const store = await open(() => START);
      const deny = (id: string) => store.denylist.deny({ kind: 'jti', id, lifetime: 600 });
      await Promise.all(Array.from({ length: 3_000 }, (_, index) => deny(`before-${index}`)));

      const [snapshot] = await Promise.all([
        store.denylist.snapshot(),
        ...Array.from({ length: 1_500 }, (_, index) => deny(`during-${index}`)),
      ]);
      const changes = await store.denylist.since(snapshot);

      if (changes === 'gone') throw new Error('the position of a snapshot is known');
      const known = new Set([...snapshot.entries, ...changes.entries].map(({ id }) => id));
      expect(known.size).toBe(4_500);
      await store.close();
    });
  },
);

function isToken(value: unknown): value is string {
  return typeof value === 'string' && value.length > 60;
}

async function readKey(redis: Redis, key: string): Promise<unknown> {
  switch (await redis.type(key)) {
    case 'hash':
      return redis.hgetall(key);
    case 'zset':
      return redis.zrange(key, '0', '-1');
    case 'stream':
      return redis.xrange(key, '-', '+');
    default:
      return redis.get(key);
  }
}
