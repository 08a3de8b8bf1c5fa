import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createVerifier } from '../../src/resource/index.ts';
import { createRedisStore, type RedisStore } from '../../src/store/redis/index.ts';
import { type Granted, RESOURCE, type RunningGuardmint, startGuardmint } from '../support/guardmint.ts';
import { programMissing, reasonToSkip } from '../support/redis.ts';
import { type RedisServer, startRedis, until } from '../support/redis-server.ts';

const missing = reasonToSkip(programMissing);

describe.skipIf(missing !== undefined)(
  `a server whose Redis is gone${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  () => {
    let redis: RedisServer;
    let store: RedisStore;
    let server: RunningGuardmint;
    beforeAll(async () => {
      redis = await startRedis();
      store = await createRedisStore({ url: redis.url, timeouts: { command: 400 } });
      server = await startGuardmint({ store: () => store });
    });
    afterAll(async () => {
      await server[Symbol.asyncDispose]();
      await redis[Symbol.asyncDispose]();
    });

    const formOf = ({ clientId, refresh_token }: Granted) => ({
      grant_type: 'refresh_token',
      client_id: clientId,
      refresh_token,
    });

    async function whenBack(): Promise<void> {
      await until(async () =>
        store.ping().then(
          () => true,
          () => false,
        ),
      );
    }

    /** Everything that has to ask the store, each with what a client would send. */
    async function openRequests() {
      const client = await server.register({ grant_types: ['authorization_code'] });
      const confidential = await server.register({ token_endpoint_auth_method: 'client_secret_post' });
      const [fresh, once, held, shared] = [
        await server.authorize(),
        await server.authorize({ client }),
        await server.grant(),
        await server.authorize({ client: confidential }),
      ];
      const secret = { client_secret: confidential.client_secret ?? '' };
      const access = { client_id: held.clientId, token: held.access_token };
      return {
        requests: [
          ['/token', fresh.exchange],
          ['/token', once.exchange],
          ['/token', { ...shared.exchange, ...secret }],
          ['/token', formOf(held)],
          ['/revoke', { client_id: held.clientId, token: held.refresh_token }],
          ['/revoke', access],
        ] as const,
        held,
      };
    }

    test.each<[string, (server: RedisServer) => Promise<void> | void]>([
      ['stopped', (one) => one.stop()],
      ['killed', (one) => one.stop('SIGKILL')],
      ['frozen, its connections open', (one) => one.freeze()],
    ])(
      '%s: says 503 and when to come again, blames nobody, and loses nothing [F01] [F05] [I5] [I8] [I12]',
      async (name, breakIt) => {
        const { requests, held } = await openRequests();
        const verifier = createVerifier({ issuer: server.issuer, resource: RESOURCE });
        expect(await verifier.loadAccessToken(held.access_token)).toBeDefined();

        await breakIt(redis);
        for (const [path, form] of requests) {
          const answer = await server.post(path, form);
          expect([path, answer.status, answer.body]).toEqual([
            path,
            503,
            { error: 'temporarily_unavailable', error_description: expect.any(String) },
          ]);
          expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
        }
        const stays = ['/.well-known/oauth-authorization-server', '/.well-known/jwks.json'];
        for (const path of stays) expect((await fetch(server.issuer + path)).status).toBe(200);
        expect((await server.post('/token', { ...requests[0][1], code_verifier: 'x'.repeat(43) })).status).toBe(400);
        expect(await verifier.loadAccessToken(held.access_token)).toBeDefined();
        const list = await fetch(`${server.issuer}/revocations`);
        expect([list.status, Number(list.headers.get('retry-after')) > 0]).toEqual([503, true]);
        await expect(server.authorize()).rejects.toThrow('(503)');

        if (name.startsWith('frozen')) redis.thaw();
        else await redis.restart();
        await whenBack();
        verifier.close();
        // A frozen server does what it was asked when it goes on; one that was stopped was never asked.
        if (name.startsWith('frozen')) return;
        for (const [path, form] of requests) {
          expect([path, (await server.post(path, form)).status]).toEqual([path, 200]);
          if ('code' in form) expect((await server.post(path, form)).body['error']).toBe('invalid_grant');
        }
        expect((await server.post('/token', formOf(held))).body['error']).toBe('invalid_grant');
      },
    );

    test('killed while people work: what was answered is there afterwards, and no token was refused [F01] [I1] [I2] [I12]', async () => {
      const granted = await Promise.all(Array.from({ length: 6 }, () => server.grant()));
      const revoked = await server.grant();
      expect((await server.post('/revoke', { client_id: revoked.clientId, token: revoked.refresh_token })).status).toBe(
        200,
      );
      const statuses = new Set<number>();
      let rounds = 0;
      let isOver = false;
      const held = granted.map(({ refresh_token }) => refresh_token);
      const lanes = granted.map(async (one, lane) => {
        while (!isOver) {
          const answer = await server.post('/token', { ...formOf(one), refresh_token: held[lane] ?? '' });
          statuses.add(answer.status);
          if (answer.status === 200) held[lane] = String(answer.body['refresh_token']);
          rounds += 1;
        }
      });

      for (const wanted of [40, 160]) {
        await until(async () => rounds > wanted);
        await redis.stop('SIGKILL');
        await redis.restart();
        await whenBack();
      }
      isOver = true;
      await Promise.all(lanes);

      expect(statuses).toEqual(new Set([200, 503]));
      for (const [lane, one] of granted.entries()) {
        const answer = await server.post('/token', { ...formOf(one), refresh_token: held[lane] ?? '' });
        expect(answer.status).toBe(200);
        expect((await server.post('/token', one.authorized.exchange)).body['error']).toBe('invalid_grant');
      }
      expect((await server.post('/token', formOf(revoked))).body['error']).toBe('invalid_grant');
    });

    test('full: what cannot be stored is refused with 503, and nothing is evicted [F22] [I1] [I5]', async () => {
      const { requests, held } = await openRequests();
      const revoked = await server.grant();
      await server.post('/revoke', { client_id: revoked.clientId, token: revoked.refresh_token });

      await redis.admin.config('SET', 'maxmemory', '1mb');
      for (const [path, form] of requests) expect([path, (await server.post(path, form)).status]).toEqual([path, 503]);
      expect((await server.post('/token', formOf(revoked))).body['error']).toBe('invalid_grant');
      await redis.admin.config('SET', 'maxmemory', '0');

      const [fresh] = requests;
      expect((await server.post(fresh[0], fresh[1])).status).toBe(200);
      expect((await server.post('/token', formOf(held))).status).toBe(200);
      expect((await store.denylist.match([{ kind: 'grant', id: grantOf(revoked) }])).length).toBe(1);
    });

    test('a lost answer: who asks again gets the same successor; a code whose answer was lost is spent [F07] [I2]', async () => {
      const granted = await server.grant();
      const first = await server.post('/token', formOf(granted));
      const again = await server.post('/token', formOf(granted));
      expect(again.body['refresh_token']).toBe(first.body['refresh_token']);

      const answers = await Promise.all([1, 2, 3].map(() => server.post('/token', granted.authorized.exchange)));
      expect(answers.every(({ body }) => body['error'] === 'invalid_grant')).toBe(true);
      expect((await server.post('/token', formOf(granted))).body['error']).toBe('invalid_grant');
    });
  },
);

function grantOf({ access_token }: Granted): string {
  return String(decodeJwt(access_token)['gid']);
}
