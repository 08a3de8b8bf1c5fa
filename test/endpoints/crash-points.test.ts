import { decodeJwt } from 'jose';
import { describe, expect, test } from 'vitest';
import { UnavailableError } from '../../src/oauth/index.ts';
import { createMemoryStore } from '../../src/store/memory/index.ts';
import type { TokenStore } from '../../src/tokens/index.ts';
import { type Answer, type RunningGuardmint, startGuardmint } from '../support/guardmint.ts';

/** A step of the store before or after whose work the request ends, as if its server had died there. */
type Crash = {
  readonly step: 'begin' | 'rotate' | 'revoke' | 'deny' | 'consumeOnce';
  readonly when: 'before' | 'after';
};

/** A store in which one step crashes once, when told to. */
function crashingStore(clock: () => number) {
  const store = createMemoryStore({ clock });
  const state: { crash: Crash | undefined } = { crash: undefined };

  function at<Args extends readonly unknown[], Result>(
    step: Crash['step'],
    work: (...args: Args) => Promise<Result>,
  ): (...args: Args) => Promise<Result> {
    return async (...args) => {
      const crash = state.crash?.step === step ? state.crash : undefined;
      if (crash !== undefined) state.crash = undefined;
      if (crash?.when === 'before') throw new UnavailableError('store');
      const result = await work(...args);
      if (crash?.when === 'after') throw new UnavailableError('store');
      return result;
    };
  }

  const { refreshFamilies, denylist, oneTime } = store;
  const crashing: TokenStore = {
    ...store,
    oneTime: { ...oneTime, consumeOnce: at('consumeOnce', oneTime.consumeOnce) },
    denylist: { ...denylist, deny: at('deny', denylist.deny) },
    refreshFamilies: {
      ...refreshFamilies,
      begin: at('begin', refreshFamilies.begin),
      rotate: at('rotate', refreshFamilies.rotate),
      revoke: at('revoke', refreshFamilies.revoke),
    },
  };
  return { store: crashing, state };
}

async function start() {
  let made: ReturnType<typeof crashingStore> | undefined;
  const server = await startGuardmint({
    store: (clock) => {
      made = crashingStore(clock);
      return made.store;
    },
  });
  if (made === undefined) throw new Error('the store was not made');
  const { state } = made;
  const crashAt = (step: Crash['step'], when: Crash['when']) => {
    state.crash = { step, when };
  };
  return { server, crashAt };
}

const said = ({ status, body }: Answer) => (status === 200 ? 200 : `${status} ${String(body['error'])}`);
const BUSY = '503 temporarily_unavailable';

async function isDenied(server: RunningGuardmint, accessToken: string): Promise<boolean> {
  const grant = { kind: 'grant', id: String(decodeJwt(accessToken)['gid']) } as const;
  return (await server.guardmint.store.denylist.match([grant])).length > 0;
}

describe('a server that dies between two steps leaves nothing that is good twice, and nothing half revoked [F09] [I2] [I12]', () => {
  test.each<[Crash['when'], string]>([
    ['before', 'the code is good'],
    ['after', 'the code is spent'],
  ])('%s a code is spent: %s', async (when) => {
    const { server, crashAt } = await start();
    await using _ = server;
    const { exchange } = await server.authorize();

    crashAt('begin', when);
    expect(said(await server.post('/token', exchange))).toBe(BUSY);

    expect(said(await server.post('/token', exchange))).toBe(when === 'before' ? 200 : '400 invalid_grant');
    expect(said(await server.post('/token', exchange))).toBe('400 invalid_grant');
    expect(await server.guardmint.store.refreshFamilies.list({})).toEqual([]);
  });

  test.each<Crash['when']>(['before', 'after'])(
    '%s a rotation: the same token is good, with one successor',
    async (when) => {
      const { server, crashAt } = await start();
      await using _ = server;
      const granted = await server.grant();
      const refresh = (token: unknown) =>
        server.post('/token', {
          grant_type: 'refresh_token',
          client_id: granted.clientId,
          refresh_token: String(token),
        });

      crashAt('rotate', when);
      expect(said(await refresh(granted.refresh_token))).toBe(BUSY);

      const [first, second] = [await refresh(granted.refresh_token), await refresh(granted.refresh_token)];
      expect([said(first), said(second)]).toEqual([200, 200]);
      expect(second.body['refresh_token']).toBe(first.body['refresh_token']);
      expect(said(await refresh(first.body['refresh_token']))).toBe(200);
    },
  );

  test.each<[Crash['step'], Crash['when'], boolean]>([
    ['revoke', 'before', false],
    ['revoke', 'after', true],
    ['deny', 'before', true],
    ['deny', 'after', true],
  ])('in a revocation, at %s, %s its work: asked again it is done', async (step, when, isEnded) => {
    const { server, crashAt } = await start();
    await using _ = server;
    const { clientId: client_id, access_token, refresh_token } = await server.grant();

    crashAt(step, when);
    expect(said(await server.post('/revoke', { client_id, token: refresh_token }))).toBe(BUSY);
    const { familyId = '' } = (await server.guardmint.store.refreshFamilies.list({}))[0] ?? {};
    expect(familyId === '').toBe(isEnded);

    expect(said(await server.post('/revoke', { client_id, token: refresh_token }))).toBe(200);
    expect(await isDenied(server, access_token)).toBe(true);
    const form = { grant_type: 'refresh_token', client_id, refresh_token };
    expect(said(await server.post('/token', form))).toBe('400 invalid_grant');
  });

  test.each<Crash['when']>(['before', 'after'])(
    '%s a decision is spent: no code, and another request gives one',
    async (when) => {
      const { server, crashAt } = await start();
      await using _ = server;
      const person = server.person();

      crashAt('consumeOnce', when);
      await expect(server.authorize({ person })).rejects.toThrow('(503)');

      const { exchange } = await server.authorize({ person });
      expect(said(await server.post('/token', exchange))).toBe(200);
    },
  );

  test('when reuse is found: the next use of any token denies the grant', async () => {
    const { server, crashAt } = await start();
    await using _ = server;
    const granted = await server.grant();
    const { clientId: client_id, access_token, refresh_token } = granted;
    const refresh = (token: unknown) =>
      server.post('/token', { grant_type: 'refresh_token', client_id, refresh_token: String(token) });
    const newest = await refresh((await refresh(refresh_token)).body['refresh_token']);
    server.advance(11);

    crashAt('revoke', 'before');
    expect(said(await refresh(refresh_token))).toBe(BUSY);
    expect(await isDenied(server, access_token)).toBe(false);

    expect(said(await refresh(newest.body['refresh_token']))).toBe('400 invalid_grant');
    expect(await isDenied(server, access_token)).toBe(true);
  });
});
