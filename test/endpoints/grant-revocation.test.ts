import { decodeJwt } from 'jose';
import { describe, expect, test } from 'vitest';
import { UnavailableError } from '../../src/oauth/index.ts';
import { createMemoryStore } from '../../src/store/memory/index.ts';
import type { TokenStore } from '../../src/tokens/index.ts';
import { type Granted, type RunningGuardmint, startGuardmint } from '../support/guardmint.ts';

/** A store whose denylist can be made to fail, as if the server had died between the two steps of a revocation. */
function breakableStore(clock: () => number) {
  const store = createMemoryStore({ clock });
  const state = { isBroken: false, denials: 0 };
  const broken: TokenStore = {
    ...store,
    denylist: {
      ...store.denylist,
      async deny(entry) {
        if (state.isBroken) throw new UnavailableError('store');
        state.denials += 1;
        return store.denylist.deny(entry);
      },
    },
  };
  return { store: broken, state };
}

const refresh = (server: RunningGuardmint, { clientId, refresh_token }: Granted) =>
  server.post('/token', { grant_type: 'refresh_token', refresh_token, client_id: clientId });

describe('a revocation that stopped half way', () => {
  test('is completed by the next use of a refresh token, once, and only while access tokens may live [I1]', async () => {
    const { store, state } = await openBroken();
    await using server = await startGuardmint({ store: () => store });
    const granted = await server.grant();
    const { gid } = decodeJwt(granted.access_token);
    state.isBroken = true;
    const attempt = await server.post('/revoke', { client_id: granted.clientId, token: granted.refresh_token });
    expect([attempt.status, attempt.headers.get('retry-after')]).toEqual([503, expect.stringMatching(/^\d+$/)]);
    expect((await refresh(server, granted)).status).toBe(503);
    state.isBroken = false;

    for (let round = 0; round < 3; round += 1)
      expect((await refresh(server, granted)).body['error']).toBe('invalid_grant');

    expect(state.denials).toBe(1);
    expect((await store.denylist.snapshot()).entries).toMatchObject([{ kind: 'grant', id: gid }]);
    expect(server.events.filter(({ event }) => event === 'grant.revoked')).toHaveLength(1);
  });

  test('needs no completing once every access token of the grant has ended', async () => {
    let offset = 0;
    const { store, state } = await openBroken(() => offset);
    await using server = await startGuardmint({ store: () => store });
    const granted = await server.grant();
    state.isBroken = true;
    expect((await server.post('/revoke', { client_id: granted.clientId, token: granted.refresh_token })).status).toBe(
      503,
    );
    state.isBroken = false;
    offset = 3_600;

    expect((await refresh(server, granted)).body['error']).toBe('invalid_grant');

    expect(state.denials).toBe(0);
  });

  async function openBroken(offset: () => number = () => 0) {
    return breakableStore(() => Math.floor((performance.timeOrigin + performance.now()) / 1000) + offset());
  }
});

describe('a refresh token whose family the store lost', () => {
  /** As after a failover to a replica that never had the family. */
  function forgetfulStore(clock: () => number) {
    const store = createMemoryStore({ clock });
    const state = { isForgetful: false };
    const find: TokenStore['refreshFamilies']['find'] = (familyId) =>
      state.isForgetful ? Promise.resolve(undefined) : store.refreshFamilies.find(familyId);
    return { store: { ...store, refreshFamilies: { ...store.refreshFamilies, find } }, state };
  }

  test('is revoked all the same: the access tokens of its grant end [I1]', async () => {
    const { store, state } = forgetfulStore(() => Math.floor((performance.timeOrigin + performance.now()) / 1000));
    await using server = await startGuardmint({ store: () => store });
    const granted = await server.grant();
    const { gid } = decodeJwt(granted.access_token);
    state.isForgetful = true;

    const answer = await server.post('/revoke', { client_id: granted.clientId, token: granted.refresh_token });

    expect([answer.status, answer.body]).toEqual([200, {}]);
    expect((await store.denylist.snapshot()).entries).toMatchObject([{ kind: 'grant', id: gid }]);
  });

  test('is not revoked by another client while the family is there, nor is anything we did not make', async () => {
    const { store } = forgetfulStore(() => Math.floor((performance.timeOrigin + performance.now()) / 1000));
    await using server = await startGuardmint({ store: () => store });
    const granted = await server.grant();
    const { client_id } = await server.register();
    const { refresh_token: token } = granted;
    const forged = `${token.slice(0, -1)}${token.endsWith('A') ? 'E' : 'A'}`;

    expect((await server.post('/revoke', { client_id, token })).status).toBe(200);
    for (const made of [forged, 'gmr_', 'x'])
      expect((await server.post('/revoke', { client_id: granted.clientId, token: made })).status).toBe(200);

    expect((await store.denylist.snapshot()).entries).toEqual([]);
    expect((await refresh(server, granted)).status).toBe(200);
  });
});

describe('the time of issue is that of the store', () => {
  test.each([
    ['with a refresh token', ['authorization_code', 'refresh_token']],
    ['without one', ['authorization_code']],
  ])('%s [I1]', async (_name, grant_types) => {
    // The store is half a minute behind: a moment of its denylist would else not reach what was issued before it.
    await using server = await startGuardmint({ store: (clock) => createMemoryStore({ clock: () => clock() - 30 }) });
    const client = await server.register({ grant_types });

    const granted = await server.grant({ client });

    expect(granted.refresh_token === undefined).toBe(grant_types.length === 1);
    expect(server.now() - (decodeJwt(granted.access_token).iat ?? 0)).toBeGreaterThanOrEqual(30);
  });
});
