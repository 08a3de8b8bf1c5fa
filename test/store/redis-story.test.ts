import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createGuardedFetch, isPublicAddress } from '../../src/platform/index.ts';
import { createRedisStore } from '../../src/store/redis/index.ts';
import { createForeignSigner } from '../support/assertion.ts';
import { authority, publish } from '../support/document-host.ts';
import { type Granted, REDIRECT, type RunningGuardmint, startGuardmint } from '../support/guardmint.ts';
import { programMissing, reasonToSkip } from '../support/redis.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';

const missing = reasonToSkip(programMissing);
const MACHINE = 'a-machine-with-a-long-name';

describe.skipIf(missing !== undefined)(
  `a whole story over Redis${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  () => {
    let redis: RedisServer;
    beforeAll(async () => {
      redis = await startRedis();
    });
    afterAll(() => redis[Symbol.asyncDispose]());

    it('leaves families of at most 512 bytes, and no token, code, secret, password, cookie or client_id [AS-05] [F30] [I6]', async () => {
      const store = await createRedisStore({ url: redis.url });
      const signer = await createForeignSigner('ES256');
      await using host = await publish((request, response) => {
        response.setHeader('Content-Type', 'application/json');
        response.end(
          JSON.stringify({
            client_id: `https://${request.headers.host}${request.url}`,
            client_name: 'An app of the net',
            redirect_uris: [REDIRECT],
            token_endpoint_auth_method: 'none',
          }),
        );
      });
      await using server = await startGuardmint({
        store: () => store,
        settings: {
          clients: [
            { client_id: MACHINE, grant_types: ['client_credentials'], jwks: { keys: [{ ...signer.publicJwk }] } },
          ],
        },
        fetch: createGuardedFetch({
          lookup: async () => ['127.0.0.1'],
          isAdmitted: (address) => address === '127.0.0.1' || isPublicAddress(address),
          ca: authority.cert,
        }),
      });
      const secrets = new Set<string>([server.credentials.password]);
      const keep = (...values: readonly unknown[]) => {
        for (const value of values) if (typeof value === 'string' && value.length > 15) secrets.add(value);
      };
      const keepGrant = ({ authorized, clientId, access_token, refresh_token }: Granted) => {
        keep(authorized.code, authorized.verifier, clientId, access_token, refresh_token);
      };

      // A person lets three clients in, one of them known by its document, one with a secret.
      const person = server.person();
      const confidential = await server.register({ token_endpoint_auth_method: 'client_secret_post' });
      keep(confidential.client_id, confidential.client_secret);
      const withSecret = await server.authorize({ client: confidential, person });
      const issued = await server.post('/token', {
        ...withSecret.exchange,
        client_secret: confidential.client_secret ?? '',
      });
      keep(withSecret.code, withSecret.verifier, issued.body['access_token'], issued.body['refresh_token']);
      const document = `${host.origin}/client.json`;
      const published = await server.grant({ client: { client_id: document }, person });
      const granted = await server.grant({ person });
      for (const one of [published, granted]) keepGrant(one);
      expect([issued.status, published.clientId]).toEqual([200, document]);

      // They refresh; one loses an answer, one uses an old token, one is revoked, one sends its code twice.
      const [reused, revoked, replayed] = [await server.grant(), await server.grant(), await server.grant()];
      for (const one of [reused, revoked, replayed]) keepGrant(one);
      const next = await refresh(server, granted, keep);
      expect(await refresh(server, granted, keep)).toBe(next);
      await refresh(server, { ...reused, refresh_token: await refresh(server, reused, keep) }, keep);
      await server.post('/revoke', { client_id: revoked.clientId, token: revoked.access_token });
      expect((await server.post('/token', replayed.authorized.exchange)).status).toBe(400);

      // A machine authenticates by an assertion, which is good once; the person signs out.
      const assertion = await signer.sign({
        iss: MACHINE,
        sub: MACHINE,
        aud: server.issuer,
        jti: 'the id of an assertion',
        iat: server.now(),
        exp: server.now() + 60,
      });
      keep('the id of an assertion', MACHINE);
      const machine = {
        grant_type: 'client_credentials',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: assertion,
      };
      const token = await server.post('/token', machine);
      keep(assertion, token.body['access_token']);
      expect([token.status, (await server.post('/token', machine)).status]).toEqual([200, 401]);
      keep(...person.cookies.values());
      const page = await person.open(`${server.issuer}/interaction/sign-out`);
      const form = /name="form" value="([^"]+)"/.exec(page.html)?.[1] ?? '';
      keep(form);
      await person.open(`${server.issuer}/interaction/sign-out`, {
        method: 'POST',
        body: new URLSearchParams({ form }),
        headers: { origin: server.issuer },
      });

      const keys = await redis.admin.keys('*');
      const families = keys.filter((key) => key.includes(':family:'));
      expect(families).toHaveLength(6);
      for (const key of families) {
        expect(await redis.admin.object('ENCODING', key)).toBe('listpack');
        expect(Number(await redis.admin.call('memory', 'USAGE', key)), key).toBeLessThanOrEqual(512);
      }
      const denied = await redis.admin.zrange('guardmint:{denylist}:ends', '0', '-1');
      expect(denied.map((member) => member.slice(0, member.indexOf(':'))).sort()).toEqual(['grant', 'grant', 'jti']);
      // Families, spent codes and decided requests, an assertion, indexes, the denylist and its feed: nothing else.
      expect([...new Set(keys.map((key) => key.replaceAll(/[\w-]{20,}/g, '…')))].sort()).toEqual([
        'guardmint:client:{…}',
        'guardmint:family:{…}',
        'guardmint:spent:{…}',
        'guardmint:spent:{…}:…',
        'guardmint:subject:{…}',
        'guardmint:{denylist}:ends',
        'guardmint:{denylist}:feed',
      ]);

      const everything = JSON.stringify(await Promise.all(keys.map(async (key) => [key, await readKey(redis, key)])));
      expect(secrets.size).toBeGreaterThan(35);
      const parts = [...secrets]
        .flatMap((secret) => [secret, ...secret.split('.')])
        .filter(({ length }) => length > 15);
      expect(parts.filter((part) => everything.includes(part))).toEqual([]);
    });
  },
);

async function refresh(
  server: RunningGuardmint,
  { clientId, refresh_token }: Pick<Granted, 'clientId' | 'refresh_token'>,
  keep: (...values: readonly unknown[]) => void,
): Promise<string> {
  const { body } = await server.post('/token', { grant_type: 'refresh_token', client_id: clientId, refresh_token });
  keep(body['access_token'], body['refresh_token']);
  return String(body['refresh_token']);
}

async function readKey({ admin }: RedisServer, key: string): Promise<unknown> {
  switch (await admin.type(key)) {
    case 'hash':
      return admin.hgetall(key);
    case 'zset':
      return admin.zrange(key, '0', '-1');
    case 'stream':
      return admin.xrange(key, '-', '+');
    default:
      return admin.get(key);
  }
}
