import { decodeJwt } from 'jose';
import { expect, test } from 'vitest';
import { createRedisStore } from '../../src/store/redis/index.ts';
import { startGuardmint } from '../support/guardmint.ts';
import { programMissing, reasonToSkip } from '../support/redis.ts';
import { startRedis, until } from '../support/redis-server.ts';
import { openEvents } from '../support/revocation-events.ts';
import { startToldSentinel } from '../support/told-sentinel.ts';

const missing = reasonToSkip(programMissing);

test.skipIf(missing !== undefined)(
  `a grant that a server revoked which died together with the primary is ended by the others [F02] [F03] [I1] [I3]${
    missing === undefined ? '' : ` (skipped: ${missing})`
  }`,
  async () => {
    await using primary = await startRedis();
    await using replica = await startRedis();
    await using sentinel = await startToldSentinel(primary.port);
    const store = await createRedisStore({ url: sentinel.url, timeouts: { command: 500 } });
    await using server = await startGuardmint({ store: () => store });
    const granted = await server.grant();
    const gid = String(decodeJwt(granted.access_token)['gid']);
    // What another server does, of which this one hears by the feed.
    await using events = await openEvents(`${server.issuer}/revocations/stream`);
    await events.next();
    const other = await createRedisStore({ url: sentinel.url });
    await other.refreshFamilies.revoke(gid, 7_776_000);
    await other.denylist.deny({ kind: 'grant', id: gid, lifetime: 700 });
    expect((await events.next())?.claims.grant).toMatchObject([[gid, expect.any(Number)]]);
    await other.close();

    sentinel.name(replica.port);
    await primary.stop('SIGKILL');

    await until(async () => {
      const family = await store.refreshFamilies.find(gid).catch(() => undefined);
      return family?.revokedAt !== undefined;
    });
    await until(async () => (await store.denylist.match([{ kind: 'grant', id: gid }])).length === 1);
    const form = { grant_type: 'refresh_token', client_id: granted.clientId, refresh_token: granted.refresh_token };
    expect((await server.post('/token', form)).body['error']).toBe('invalid_grant');
  },
);
