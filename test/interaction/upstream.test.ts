import { describe, expect, test } from 'vitest';
import { derivedSubject } from '../../src/clients/index.ts';
import { startOpenIdProvider } from '../support/openid-provider.ts';
import { pkcePair } from '../support/pkce.ts';
import { OFFICE, startUpstreamWalk } from '../support/upstream-walk.ts';
import { type WalkedPage, wordsOf } from '../support/walking-browser.ts';

const LOCAL_AND_CORP = { local: true };

/** A server with one OpenID provider, which knows where to send people back. */
async function startWithProvider(
  changes: Readonly<Record<string, unknown>> = {},
  signIn: Readonly<Record<string, unknown>> = {},
) {
  await using started = new AsyncDisposableStack();
  let callback = '';
  const provider = started.use(await startOpenIdProvider({ redirectUri: () => callback }));
  const walk = started.use(await startUpstreamWalk({ local: false, oidc: [provider.settings(changes)], ...signIn }));
  callback = `${walk.server.issuer}/interaction/upstream/corp/callback`;
  const kept = started.move();

  /** From a page of ours to the provider, and as far as it goes without a question. */
  async function press(page: WalkedPage): Promise<WalkedPage> {
    return walk.follow(page.leavesFor === undefined ? await walk.browser.submit(page, { provider: 'corp' }) : page);
  }
  /** The same, with an answer to the question of the provider. */
  async function signInAs(login: string, page: WalkedPage): Promise<WalkedPage> {
    const answered = await walk.browser.submit(await press(page), { login, password: 'x' });
    // Who was somebody else before is signed out over there first, by a page that sends itself.
    const isBetween = answered.leavesFor === undefined && answered.url.startsWith(provider.issuer);
    return walk.follow(isBetween ? await walk.browser.submit(answered, {}) : answered);
  }
  return { provider, ...walk, press, signInAs, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

const pathOf = (page: WalkedPage) => new URL(page.url).pathname;

describe('signing in at an OpenID provider', () => {
  test('from the app of the operator to a token: who the person is, and when they proved it [AS-FD-14]', async () => {
    await using walk = await startWithProvider();
    walk.provider.claims.set('dana', { preferred_username: 'dana@corp.example', name: 'Dana' });
    const { verifier, challenge } = pkcePair();

    const left = await walk.begin({ ui_locales: 'ko en', login_hint: 'dana', code_challenge: challenge });
    const consent = await walk.signInAs('dana', left);

    expect(pathOf(consent)).toBe('/interaction/consent');
    expect(wordsOf(consent)).toContain('dana@corp.example');
    const [sent] = walk.provider.requests;
    expect(Object.fromEntries(sent ?? [])).toMatchObject({
      client_id: 'guardmint',
      response_type: 'code',
      redirect_uri: `${walk.server.issuer}/interaction/upstream/corp/callback`,
      scope: 'openid profile email',
      code_challenge_method: 'S256',
      login_hint: 'dana',
      ui_locales: 'ko en',
      nonce: expect.stringMatching(/^[\w-]{43}$/),
    });
    expect(sent?.has('prompt')).toBe(false);

    const answer = new URL((await walk.browser.submit(consent, { decision: 'allow' })).leavesFor ?? '');
    const tokens = await walk.server.post('/token', {
      grant_type: 'authorization_code',
      client_id: OFFICE.client_id,
      redirect_uri: OFFICE.redirect_uris[0] ?? '',
      code: answer.searchParams.get('code') ?? '',
      code_verifier: verifier,
    });
    const payload = String(tokens.body['access_token']).split('.')[1] ?? '';
    expect(JSON.parse(Buffer.from(payload, 'base64url').toString())).toMatchObject({
      sub: derivedSubject({ issuer: walk.provider.issuer, sub: 'dana' }),
      auth_time: expect.any(Number),
    });
    expect(walk.server.events.find(({ event }) => event === 'sign_in.succeeded')).toMatchObject({
      provider: 'corp',
      subject: derivedSubject({ issuer: walk.provider.issuer, sub: 'dana' }),
    });
  });

  test('beside passwords there is a button', async () => {
    await using walk = await startWithProvider({}, LOCAL_AND_CORP);

    const page = await walk.begin();
    const consent = await walk.signInAs('dana', page);

    expect(pathOf(page)).toBe('/interaction/sign-in');
    expect(page.html).toMatch(/<input id="password"[\s\S]*<button type="submit" name="provider" value="corp"/);
    expect(page.headers.get('content-security-policy')).toContain(`form-action 'self' ${walk.provider.issuer} https:;`);
    expect(pathOf(consent)).toBe('/interaction/consent');
  });

  test('without passwords there is no field for one, and none is taken', async () => {
    await using walk = await startWithProvider();

    const page = await walk.begin({ prompt: 'login' });
    const refused = await walk.browser.submit(page, { username: 'alice', password: walk.server.credentials.password });

    expect(page.html).not.toContain('password');
    expect([refused.status, walk.browser.jar.has('guardmint-session')]).toEqual([400, false]);
  });

  test('a press of the button that another site sends is refused [AS-FD-04]', async () => {
    await using walk = await startWithProvider({}, LOCAL_AND_CORP);
    const page = await walk.begin();

    const refused = await walk.browser.submit(page, { provider: 'corp' }, { origin: 'https://evil.example' });
    const unknown = await walk.browser.submit(page, { provider: 'gone' });

    expect([refused.status, unknown.status, refused.leavesFor]).toEqual([403, 404, undefined]);
  });

  test('prompt=none never leaves for the provider', async () => {
    await using walk = await startWithProvider();

    const page = await walk.begin({ prompt: 'none' });

    expect(new URL(page.leavesFor ?? '').searchParams.get('error')).toBe('login_required');
    expect(walk.provider.requests).toEqual([]);
  });
});

describe('an app that nobody vouches for', () => {
  const callback = 'http://127.0.0.1:7777/callback';

  test('is named before anybody is forwarded, and consent follows whatever the provider remembers [AS-39]', async () => {
    await using walk = await startWithProvider();
    await walk.signInAs('dana', await walk.begin());
    const known = new Map([...walk.browser.jar].filter(([name]) => !name.startsWith('guardmint')));
    walk.browser.jar.clear();
    for (const [name, value] of known) walk.browser.jar.set(name, value);
    const { client_id } = await walk.server.register({ client_name: 'Corp Mail' });

    const page = await walk.begin({ client_id, redirect_uri: callback });

    expect([pathOf(page), page.leavesFor, walk.provider.requests.length]).toEqual([
      '/interaction/sign-in',
      undefined,
      1,
    ]);
    expect(wordsOf(page)).toContain('Its answer will go to 127.0.0.1:7777');
    expect(wordsOf(page)).not.toContain('Corp Mail');
    const consent = await walk.press(page);
    expect(walk.provider.requests).toHaveLength(2);
    expect(pathOf(consent)).toBe('/interaction/consent');
    expect(wordsOf(consent)).toContain('It calls itself “Corp Mail”.');
  });

  test('a metadata document is named by its host, before it is looked at [AS-39]', async () => {
    await using walk = await startWithProvider();

    const page = await walk.begin({ client_id: 'https://app.example.com/client.json', redirect_uri: callback });

    expect([pathOf(page), page.leavesFor]).toEqual(['/interaction/sign-in', undefined]);
    expect(wordsOf(page)).toContain('The app is from app.example.com Its answer will go to 127.0.0.1:7777');
  });
});

describe('who wants to be somebody else', () => {
  /** Where the page of a provider is left, as seen in what it was asked. */
  const promptOf = (walk: Awaited<ReturnType<typeof startWithProvider>>) =>
    walk.provider.requests.at(-1)?.get('prompt');
  // The provider knows no `select_account`, so it is asked for what it knows.
  const ASKED = 'login';

  test('after signing out nobody is sent back in by the provider', async () => {
    await using walk = await startWithProvider();
    const consent = await walk.signInAs('dana', await walk.begin());
    const signOut = await walk.browser.open(
      `${walk.server.issuer}/interaction/sign-out?${new URL(consent.url).searchParams}`,
    );

    const page = await walk.browser.submit(signOut, {});
    const later = await walk.begin();

    expect([pathOf(page), pathOf(later)]).toEqual(['/interaction/sign-in', '/interaction/sign-in']);
    expect([page.leavesFor, later.leavesFor]).toEqual([undefined, undefined]);
    await walk.signInAs('erin', page);
    expect(promptOf(walk)).toBe(ASKED);
    walk.browser.jar.delete('guardmint-session');
    expect((await walk.begin()).leavesFor).toContain(walk.provider.issuer);
  });

  test('"use another account" shows the page, and the provider asks', async () => {
    await using walk = await startWithProvider();
    const consent = await walk.signInAs('dana', await walk.begin());

    const page = await walk.browser.open(consent.url.replace('/consent', '/sign-in'));
    const other = await walk.signInAs('erin', page);

    expect([page.leavesFor, promptOf(walk)]).toEqual([undefined, ASKED]);
    expect(wordsOf(other)).toContain('Signed in as erin (Corp)');
  });

  test.each(['login', 'select_account'])('prompt=%s shows the page, and is passed on', async (prompt) => {
    await using walk = await startWithProvider();
    await walk.signInAs('dana', await walk.begin());

    const page = await walk.begin({ prompt });
    const consent = await walk.signInAs('dana', page);

    expect([pathOf(page), promptOf(walk), pathOf(consent)]).toEqual([
      '/interaction/sign-in',
      ASKED,
      '/interaction/consent',
    ]);
  });

  test('max_age is passed on, and a provider that did not ask again is not believed', async () => {
    await using walk = await startWithProvider();
    await walk.signInAs('dana', await walk.begin());
    walk.server.advance(100);

    const page = await walk.begin({ max_age: '20' });
    // It goes by its own clock, by which the person signed in just now.
    const refused = await walk.press(page);

    expect(walk.provider.requests.at(-1)?.get('max_age')).toBe('20');
    expect([refused.status, walk.server.events.at(-1)?.['reason']]).toEqual([403, 'upstream_not_fresh']);
  });
});

describe('the session of a person of a provider', () => {
  async function signedIn(changes?: Readonly<Record<string, unknown>>) {
    const walk = await startWithProvider(changes);
    await walk.signInAs('dana', await walk.begin());
    const isSignedIn = async () => pathOf(await walk.begin()) === '/interaction/consent';
    return { walk, isSignedIn, [Symbol.asyncDispose]: () => walk[Symbol.asyncDispose]() };
  }

  test('lasts, shows their name, and lists the apps they allowed', async () => {
    await using at = await signedIn();

    at.walk.server.advance(3_000);
    expect(await at.isSignedIn()).toBe(true);
    at.walk.server.advance(3_000);
    expect(await at.isSignedIn()).toBe(true);
    const apps = await at.walk.browser.open(`${at.walk.server.issuer}/interaction/apps`);
    expect(wordsOf(apps)).toContain('Signed in as dana (Corp)');
  });

  test.each(['subject', 'all'] as const)('is ended everywhere by a denial of the %s', async (kind) => {
    await using at = await signedIn();
    const id = kind === 'all' ? '' : derivedSubject({ issuer: at.walk.provider.issuer, sub: 'dana' });

    await at.walk.server.guardmint.store.denylist.deny({
      kind,
      id,
      lifetime: 3_600,
      issuedBefore: at.walk.server.now(),
    });

    expect(await at.isSignedIn()).toBe(false);
  });
});

describe('who may sign in, and what they may grant', () => {
  const SECRET_CLAIMS = { groups: ['staff'], email: 'dana@Corp.example', email_verified: true };

  test.each<[string, Record<string, unknown>, Record<string, unknown>, boolean]>([
    ['of an allowed group', { allowedGroups: ['staff'] }, SECRET_CLAIMS, true],
    ['of another group', { allowedGroups: ['ops'] }, SECRET_CLAIMS, false],
    ['of no group', { allowedGroups: ['ops'] }, {}, false],
    ['of a group inside another claim', { allowedGroups: ['staff'], groupsClaim: '/groups' }, SECRET_CLAIMS, true],
    ['with a verified address', { allowedDomains: ['corp.example'] }, SECRET_CLAIMS, true],
    [
      'with an address that is not verified',
      { allowedDomains: ['corp.example'] },
      { ...SECRET_CLAIMS, email_verified: false },
      false,
    ],
    ['with an address elsewhere', { allowedDomains: ['example'] }, SECRET_CLAIMS, false],
    ['without the claim of the domain', { allowedDomains: ['corp.example'], domainClaim: 'hd' }, SECRET_CLAIMS, false],
  ])('a person %s', async (_, changes, claims, isAdmitted) => {
    await using walk = await startWithProvider(changes);
    walk.provider.claims.set('dana', claims);

    const page = await walk.signInAs('dana', await walk.begin());

    expect(pathOf(page)).toBe(isAdmitted ? '/interaction/consent' : '/interaction/upstream/corp/callback');
    if (isAdmitted) return;
    expect(wordsOf(page)).toContain('This account may not sign in here');
    expect(walk.server.events.at(-1)).toMatchObject({
      event: 'sign_in.failed',
      reason: 'upstream_account_not_admitted',
    });
    // Whoever was refused gets to choose another account.
    expect((await walk.begin()).leavesFor).toBeUndefined();
  });
});
