import { decodeJwt } from 'jose';
import { describe, expect, test } from 'vitest';
import { createPerson } from '../../examples/person.ts';
import { type Granted, RESOURCE, type RunningGuardmint, startGuardmint } from '../support/guardmint.ts';
import { createWalkingBrowser, type WalkedPage, type WalkingBrowser, wordsOf } from '../support/walking-browser.ts';

const gidOf = ({ access_token }: Granted) => String(decodeJwt(access_token)['gid']);
const grantsOn = ({ html }: WalkedPage) => [...html.matchAll(/name="grant" value="([^"]*)"/g)].map(([, id]) => id);

async function signIn(
  server: RunningGuardmint,
  browser: WalkingBrowser,
  who = server.credentials,
): Promise<WalkedPage> {
  return browser.submit(await browser.open(`${server.issuer}/interaction/apps`), who);
}

const refresh = (server: RunningGuardmint, { clientId, refresh_token }: Granted) =>
  server.post('/token', { grant_type: 'refresh_token', client_id: clientId, refresh_token });

describe('the page of the apps a person allowed', () => {
  test('asks to sign in first, for nobody but itself, and then lists them with what they may do', async () => {
    await using server = await startGuardmint();
    const named = await server.grant({ client: await server.register({ client_name: '<b>Notebook</b>' }) });
    const nameless = await server.grant();
    const browser = createWalkingBrowser();

    const asked = await browser.open(`${server.issuer}/interaction/apps`);
    const listed = await browser.submit(asked, server.credentials);

    expect(wordsOf(asked)).toContain('Sign in to see the apps you allowed.');
    expect(listed.url).toBe(`${server.issuer}/interaction/apps`);
    expect(new Set(grantsOn(listed))).toEqual(new Set([gidOf(named), gidOf(nameless)]));
    expect(wordsOf(listed)).toMatch(/<b>Notebook<\/b> .*Notes .*Read your notes Change your notes Allowed on/);
    expect(wordsOf(listed)).toContain('An app without a name');
    expect(listed.html).toContain(RESOURCE);
    expect(listed.headers.get('cache-control')).toBe('no-store');
  });

  test('disconnects one at once: its refresh token and its access token, and nothing else', async () => {
    await using server = await startGuardmint();
    const [one, other] = [await server.grant(), await server.grant()];
    const browser = createWalkingBrowser();
    const listed = await signIn(server, browser);

    const after = await browser.submit(listed, { grant: gidOf(one) });

    expect(after.hops).toEqual([303]);
    expect(grantsOn(after)).toEqual([gidOf(other)]);
    expect(wordsOf(after)).toContain('Disconnected.');
    expect((await refresh(server, one)).body).toMatchObject({ error: 'invalid_grant' });
    expect((await refresh(server, other)).status).toBe(200);
    const { entries } = await server.guardmint.store.denylist.snapshot();
    expect(entries).toEqual([expect.objectContaining({ kind: 'grant', id: gidOf(one) })]);
    expect(server.events.filter(({ event }) => event === 'consent.withdrawn')).toEqual([
      expect.objectContaining({ grantId: gidOf(one) }),
    ]);

    await browser.submit(after, { grant: gidOf(other) });
    expect(wordsOf(await browser.open(`${server.issuer}/interaction/apps`))).toContain('No app is connected');
  });

  test('leaves out what has ended by itself', async () => {
    await using server = await startGuardmint({ settings: { lifetimes: { refreshIdle: 3600 } } });
    await server.grant();
    server.advance(3601);
    const kept = await server.grant();

    expect(grantsOn(await signIn(server, createWalkingBrowser()))).toEqual([gidOf(kept)]);
  });

  test('neither shows nor ends what somebody else allowed', async () => {
    await using server = await startGuardmint();
    const alices = await server.grant();
    const bob = { username: 'bob', password: 'another long password' };
    await server.guardmint.users.add(bob.username, bob.password);
    const bobs = await server.grant({ person: createPerson(bob) });
    const browser = createWalkingBrowser();
    const listed = await signIn(server, browser, bob);
    expect(grantsOn(listed)).toEqual([gidOf(bobs)]);

    // Bob's own form, with a grant of Alice's in it: told the same as for one that is gone.
    const after = await browser.submit(listed, { grant: gidOf(alices) });

    expect(wordsOf(after)).toContain('Disconnected.');
    expect((await refresh(server, alices)).status).toBe(200);
    expect((await server.guardmint.store.denylist.snapshot()).entries).toEqual([]);
  });

  test('takes no form of another browser, another site or another person', async () => {
    await using server = await startGuardmint();
    const granted = await server.grant();
    const [mine, other] = [createWalkingBrowser(), createWalkingBrowser()];
    const listed = await signIn(server, mine);
    await signIn(server, other);
    const grant = { grant: gidOf(granted) };

    expect((await other.submit(listed, grant)).status).toBe(403);
    expect((await mine.submit(listed, grant, { 'sec-fetch-site': 'cross-site' })).status).toBe(403);
    expect((await mine.submit(listed, grant, { origin: 'https://evil.example' })).status).toBe(403);
    expect((await mine.submit(listed, { grant: null })).status).toBe(400);
    expect((await refresh(server, granted)).status).toBe(200);
  });

  test('is no way to a consent: its ticket opens nothing else', async () => {
    await using server = await startGuardmint();
    const browser = createWalkingBrowser();
    const asked = await browser.open(`${server.issuer}/interaction/apps`);
    const ticket = new URL(asked.url).searchParams.get('request');
    await browser.submit(asked, server.credentials);

    for (const page of ['consent', 'sign-out'])
      expect((await browser.open(`${server.issuer}/interaction/${page}?request=${ticket}`)).status).toBe(400);
    expect((await browser.open(`${server.issuer}/interaction/continue?request=${ticket}`)).url).toBe(
      `${server.issuer}/interaction/apps`,
    );
  });
});
