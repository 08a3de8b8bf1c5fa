import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/oauth/index.ts';
import { createEmbeddedStore } from '../../src/store/embedded/index.ts';
import { createMemoryStore } from '../../src/store/memory/index.ts';
import { createRedisStore } from '../../src/store/redis/index.ts';
import { createRefreshTokens, type TokenStore } from '../../src/tokens/index.ts';
import { freshPrefix } from '../store/redis-subjects.ts';
import { type Answer, type Granted, type RunningGuardmint, startGuardmint } from '../support/guardmint.ts';
import { findRedisSource, openRedis, reasonToSkip, type SharedRedis } from '../support/redis.ts';

const source = await findRedisSource();
const missing = reasonToSkip(source.kind === 'none' ? source.reason : undefined);
let redis: SharedRedis | undefined;
beforeAll(async () => {
  if (source.kind !== 'none') redis = await openRedis(source);
});
afterAll(() => redis?.[Symbol.asyncDispose]());

type OpenStore = (clock: () => number, folder: string) => TokenStore;

/** How each driver is opened, over the clock of the test. */
const DRIVERS: readonly (readonly [name: string, prepare: () => Promise<OpenStore>])[] = [
  ['memory', async () => (clock) => createMemoryStore({ clock })],
  ['embedded', async () => (clock, folder) => createEmbeddedStore({ file: `${folder}/store.db`, clock })],
  [
    'redis',
    async () => {
      let now = () => 0;
      const store = await createRedisStore({ url: redis?.url ?? '', prefix: freshPrefix(), testClock: () => now() });
      return (clock) => {
        now = clock;
        return store;
      };
    },
  ],
];

const SETTINGS: JsonObject = { lifetimes: { refreshIdle: 7_200, refreshAbsolute: 86_400 } };

describe.each(DRIVERS)('refresh families over %s', (name, prepare) => {
  const isSkipped = name === 'redis' && missing !== undefined;

  async function start(settings: JsonObject = {}): Promise<RunningGuardmint> {
    return startGuardmint({ settings: { ...SETTINGS, ...settings }, store: await prepare() });
  }

  function refreshing(server: RunningGuardmint, { clientId }: Granted) {
    return (token: unknown, more: Record<string, string> = {}) =>
      server.post('/token', {
        grant_type: 'refresh_token',
        client_id: clientId,
        refresh_token: String(token),
        ...more,
      });
  }

  const tokenOf = (answer: Answer) => answer.body['refresh_token'];
  const reasonsOf = (server: RunningGuardmint) =>
    server.events.filter(({ event }) => event === 'request.refused').map(({ reason }) => reason);

  async function expectEnded(server: RunningGuardmint, granted: Granted, newest: unknown): Promise<void> {
    const refresh = refreshing(server, granted);
    for (const token of [granted.refresh_token, newest])
      expect((await refresh(token)).body['error']).toBe('invalid_grant');
    const grant = { kind: 'grant', id: String(decodeJwt(granted.access_token)['gid']) } as const;
    expect(await server.guardmint.store.denylist.match([grant])).toHaveLength(1);
  }

  test.skipIf(isSkipped)('rotate, replay, refuse a burst, and end on reuse [I2] [I3]', async () => {
    await using server = await start();
    const granted = await server.grant();
    const refresh = refreshing(server, granted);

    const first = await refresh(granted.refresh_token);
    server.advance(3_600);
    expect(tokenOf(await refresh(granted.refresh_token))).toBe(tokenOf(first));
    const second = await refresh(tokenOf(first));
    expect(new Set([granted.refresh_token, tokenOf(first), tokenOf(second)]).size).toBe(3);

    server.advance(5);
    expect((await refresh(granted.refresh_token)).status).toBe(400);
    const third = await refresh(tokenOf(second));
    expect(third.status).toBe(200);

    server.advance(11);
    expect((await refresh(granted.refresh_token)).status).toBe(400);
    expect(reasonsOf(server)).toEqual(['refresh_token_superseded', 'refresh_token_reused']);
    expect(server.events.filter(({ event }) => event === 'token.refresh_reused')).toHaveLength(1);
    await expectEnded(server, granted, tokenOf(third));
  });

  test.skipIf(isSkipped)('take up a token that is ahead of the store, and no forged one', async () => {
    await using server = await start();
    const granted = await server.grant();
    const refresh = refreshing(server, granted);
    const tokens = createRefreshTokens({ keys: server.guardmint.keys });
    const opened = tokens.open(granted.refresh_token);
    if (opened === undefined) throw new Error('the token is ours');
    const keyId = server.guardmint.keys.activeSecret('refresh').kid;
    const ahead = tokens.write({ ...opened, generation: 4, keyId }) ?? '';
    const forged = `${ahead.slice(0, -2)}${ahead.endsWith('AA') ? 'AQ' : 'AA'}`;

    expect((await refresh(forged)).body['error']).toBe('invalid_grant');
    const answer = await refresh(ahead);

    expect(tokens.open(String(tokenOf(answer)))?.generation).toBe(5);
    expect(tokenOf(await refresh(ahead))).toBe(tokenOf(answer));
    expect((await refresh(tokenOf(answer))).status).toBe(200);
  });

  test.skipIf(isSkipped)('keep the token of a client that has a secret', async () => {
    await using server = await start();
    const client = await server.register({ token_endpoint_auth_method: 'client_secret_post' });
    const { clientId, exchange } = await server.authorize({ client });
    const secret = { client_secret: client.client_secret ?? '' };
    const { body } = await server.post('/token', { ...exchange, ...secret });
    const form = { grant_type: 'refresh_token', client_id: clientId, refresh_token: String(body['refresh_token']) };

    for (let round = 0; round < 3; round += 1) {
      server.advance(3_600);
      expect((await server.post('/token', { ...form, ...secret })).body['refresh_token']).toBe(form.refresh_token);
    }
    // A wrong secret uses nothing.
    expect((await server.post('/token', { ...form, client_secret: 'wrong' })).body['error']).toBe('invalid_client');
    server.advance(7_200);
    expect((await server.post('/token', { ...form, ...secret })).body['error']).toBe('invalid_grant');
  });

  test.skipIf(isSkipped)('live as long as they are used, and no longer than the absolute lifetime', async () => {
    await using server = await start();
    const [idle, used] = [await server.grant(), await server.grant()];
    let newest: unknown = used.refresh_token;
    for (let hour = 0; hour < 22; hour += 1) {
      server.advance(3_600);
      newest = tokenOf(await refreshing(server, used)(newest));
      expect(newest).toBeTypeOf('string');
    }
    expect((await refreshing(server, idle)(idle.refresh_token)).body['error']).toBe('invalid_grant');
    // Not to the second: the clock goes on while the requests are made.
    server.advance(7_140);
    expect((await refreshing(server, used)(newest)).status).toBe(200);
    server.advance(60);
    expect((await refreshing(server, used)(newest)).body['error']).toBe('invalid_grant');
    expect(reasonsOf(server)).toEqual(['refresh_token_expired', 'refresh_token_expired']);
  });

  test.skipIf(isSkipped)(
    'refuse a wider scope, another resource and another client before anything is used',
    async () => {
      await using server = await start();
      const granted = await server.grant();
      const refresh = refreshing(server, granted);
      const stranger = await server.register();

      expect((await refresh(granted.refresh_token, { scope: 'mcp:read admin' })).body['error']).toBe('invalid_scope');
      expect((await refresh(granted.refresh_token, { resource: 'https://no.example/' })).body['error']).toBe(
        'invalid_target',
      );
      expect((await refresh(granted.refresh_token, { client_id: stranger.client_id })).body['error']).toBe(
        'invalid_grant',
      );
      const { familyId = '' } = createRefreshTokens({ keys: server.guardmint.keys }).open(granted.refresh_token) ?? {};
      expect(await server.guardmint.store.refreshFamilies.find(familyId)).toMatchObject({ generation: 0 });

      const narrowed = await refresh(granted.refresh_token, { scope: 'mcp:read' });
      expect([narrowed.status, narrowed.body['scope']]).toEqual([200, 'mcp:read']);
      // Narrower for this access token, not for the grant.
      expect((await refresh(tokenOf(narrowed))).body['scope']).toBe('mcp:read mcp:write');
    },
  );

  test.skipIf(isSkipped)('that are strict replay for a minute; where reuse is rejected it does no harm', async () => {
    await using strict = await start({ refresh: { strict: true } });
    const granted = await strict.grant();
    const first = await refreshing(strict, granted)(granted.refresh_token);
    strict.advance(50);
    expect(tokenOf(await refreshing(strict, granted)(granted.refresh_token))).toBe(tokenOf(first));
    strict.advance(15);
    expect((await refreshing(strict, granted)(granted.refresh_token)).status).toBe(400);
    await expectEnded(strict, granted, tokenOf(first));

    await using lenient = await start({ refresh: { reuse: 'reject' } });
    const other = await lenient.grant();
    const refresh = refreshing(lenient, other);
    const next = await refresh(tokenOf(await refresh(other.refresh_token)));
    lenient.advance(3_600);
    expect((await refresh(other.refresh_token)).body['error']).toBe('invalid_grant');
    expect((await refresh(tokenOf(next))).status).toBe(200);
    expect(lenient.events.filter(({ event }) => event === 'token.refresh_reused')).toEqual([]);
  });

  test.skipIf(isSkipped)(
    'begin once: of fifty exchanges of a code one wins, and the others end its grant [F15] [I2]',
    async () => {
      await using server = await start();
      const { exchange, clientId } = await server.authorize();
      const wrong = { ...exchange, code_verifier: 'x'.repeat(43) };

      const strangers = await Promise.all(Array.from({ length: 10 }, () => server.post('/token', wrong)));
      const answers = await Promise.all(Array.from({ length: 50 }, () => server.post('/token', exchange)));

      expect(strangers.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 400));
      const won = answers.filter(({ status }) => status === 200);
      expect(won).toHaveLength(1);
      expect(answers.filter(({ body }) => body['error'] === 'invalid_grant')).toHaveLength(49);
      const form = {
        grant_type: 'refresh_token',
        client_id: clientId,
        refresh_token: String(won[0]?.body['refresh_token']),
      };
      expect((await server.post('/token', form)).body['error']).toBe('invalid_grant');
    },
  );

  test.skipIf(isSkipped)('used and revoked at once leave nothing that lives [F16] [I1] [I2]', async () => {
    await using server = await start();
    for (let round = 0; round < 5; round += 1) {
      const granted = await server.grant();
      const refresh = refreshing(server, granted);
      const revoke = server.post('/revoke', { client_id: granted.clientId, token: granted.refresh_token });
      const answers = await Promise.all([...Array.from({ length: 4 }, () => refresh(granted.refresh_token)), revoke]);

      expect(answers.at(-1)?.status).toBe(200);
      for (const answer of answers.slice(0, -1)) {
        if (answer.status !== 200) continue;
        expect((await refresh(tokenOf(answer))).body['error']).toBe('invalid_grant');
      }
      await expectEnded(server, granted, granted.refresh_token);
    }
  });
});
