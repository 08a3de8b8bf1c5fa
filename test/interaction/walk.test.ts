import { describe, expect, test } from 'vitest';
import { sha256 } from '../../src/platform/index.ts';
import { ALICE, CONFIGURED, DOCUMENT, FILES, REGISTERED, startInteractionSite } from '../support/interaction-site.ts';
import { createWalkingBrowser, wordsOf } from '../support/walking-browser.ts';

describe('from a request to a code', () => {
  test('a person who signs in and allows brings the code, the state and the issuer to the client [AS-26, AS-28]', async () => {
    await using site = await startInteractionSite();
    const browser = createWalkingBrowser();

    const signIn = await browser.open(await site.begin());
    const consent = await browser.submit(signIn, ALICE);
    const done = await browser.submit(consent, { decision: 'allow' });

    const response = new URL(done.leavesFor ?? '');
    expect(`${response.origin}${response.pathname}`).toBe('http://localhost:33418/callback');
    expect([...response.searchParams.keys()]).toEqual(['code', 'state', 'iss']);
    expect(response.searchParams.get('state')).toBe('a state');
    expect(response.searchParams.get('iss')).toBe(site.origin);
    expect(await site.openCode(response.href)).toMatchObject({
      client: sha256(REGISTERED.clientId),
      clientName: 'Handy Helper',
      redirectUri: 'http://localhost:33418/callback',
      redirectUriProvided: true,
      challenge: sha256('verifier'),
      scope: ['files:read'],
      resource: FILES.resource,
      sub: (await site.users.list()).find((user) => user.username === 'alice')?.subject,
      authTime: site.now(),
      amr: ['pwd'],
    });
  });

  test('a person who denies sends access_denied, the state and the issuer to the client, and no code', async () => {
    await using site = await startInteractionSite();
    const browser = createWalkingBrowser();

    const consent = await browser.submit(await browser.open(await site.begin()), ALICE);
    const done = await browser.submit(consent, { decision: 'deny' });

    expect(Object.fromEntries(new URL(done.leavesFor ?? '').searchParams)).toEqual({
      error: 'access_denied',
      error_description: 'The request was denied.',
      state: 'a state',
      iss: site.origin,
    });
  });

  test('every redirect is a 303, also the ones after a POST [AS-30]', async () => {
    await using site = await startInteractionSite();
    const browser = createWalkingBrowser();

    const signIn = await browser.open(await site.begin());
    const consent = await browser.submit(signIn, ALICE);
    const done = await browser.submit(consent, { decision: 'allow' });

    expect([signIn.hops, consent.hops, done.hops, done.status]).toEqual([[303], [303, 303], [], 303]);
  });

  test('somebody who is signed in already sees the consent page at once', async () => {
    await using site = await startInteractionSite();
    const browser = createWalkingBrowser();
    await browser.submit(await browser.open(await site.begin()), ALICE);

    const next = await browser.open(await site.begin(DOCUMENT));

    expect(new URL(next.url).pathname).toBe('/interaction/consent');
    expect(wordsOf(next)).toContain('app.example.com');
  });

  test('a state is echoed byte for byte, and none is made up where none was sent [AS-28]', async () => {
    await using site = await startInteractionSite();
    const browser = createWalkingBrowser();
    const state = 'ü /?&=%#"\'<>+ \u{1f511}';

    const consent = await browser.submit(await browser.open(await site.begin(REGISTERED, { state })), ALICE);
    const done = await browser.submit(consent, { decision: 'allow' });

    expect(new URL(done.leavesFor ?? '').searchParams.get('state')).toBe(state);
  });

  test.each([
    ['a custom scheme', 'cursor://anysphere.cursor-mcp/oauth/callback'],
    ['a URL without a path', 'https://client.example.com'],
    ['an IPv6 loopback address', 'http://[::1]:4000/cb'],
    ['a query of its own', 'https://client.example.com/cb?tenant=A%2fb'],
  ])('the redirect URI reaches the client as it was registered: %s', async (_, redirectUri) => {
    await using site = await startInteractionSite();
    const browser = createWalkingBrowser();
    const who = { ...REGISTERED, redirectUris: [redirectUri] };

    const consent = await browser.submit(await browser.open(await site.begin(who)), ALICE);
    const done = await browser.submit(consent, { decision: 'allow' });

    const separator = redirectUri.includes('?') ? '&' : '?';
    expect(done.leavesFor?.startsWith(`${redirectUri}${separator}code=`)).toBe(true);
  });

  test('a ticket that is too old, changed or missing shows a page that says so, and goes nowhere', async () => {
    await using site = await startInteractionSite();
    const browser = createWalkingBrowser();
    const url = await site.begin();
    site.advance(901);

    const pages = [url, `${url}x`, `${site.origin}/interaction/continue`, `${url}&request=other`];
    for (const page of pages) {
      const shown = await browser.open(page);
      expect([shown.status, shown.leavesFor]).toEqual([400, undefined]);
      expect(wordsOf(shown)).toContain('This page has expired');
    }
  });

  test('two requests in two tabs end at their own clients [AS-UI-32]', async () => {
    await using site = await startInteractionSite();
    const browser = createWalkingBrowser();
    const one = await browser.open(await site.begin(REGISTERED, { state: 'one' }));
    const other = await browser.open(await site.begin(DOCUMENT, { state: 'other', scope: ['files:write'] }));

    const consentOne = await browser.submit(one, ALICE);
    const consentOther = await browser.open(other.url.replace('/sign-in', '/continue'));
    const doneOther = await browser.submit(consentOther, { decision: 'allow' });
    const doneOne = await browser.submit(consentOne, { decision: 'allow' });

    expect(doneOne.leavesFor).toContain('http://localhost:33418/callback');
    expect(doneOne.leavesFor).toContain('state=one');
    expect(doneOther.leavesFor).toContain('https://app.example.com/callback');
    expect(doneOther.leavesFor).toContain('state=other');
    expect((await site.openCode(doneOther.leavesFor ?? '')).scope).toEqual(['files:write']);
  });
});

describe('prompt and max_age', () => {
  test.each([
    ['prompt=login', { prompt: ['login'] }],
    ['prompt=select_account', { prompt: ['select_account'] }],
    ['max_age=0', { maxAge: 0 }],
    ['max_age=60 after 61 seconds', { maxAge: 60 }],
  ])('%s asks for the password again, and cannot be stepped around', async (_, asked) => {
    await using site = await startInteractionSite();
    const browser = createWalkingBrowser();
    await browser.submit(await browser.open(await site.begin()), ALICE);
    site.advance(61);

    const url = await site.begin(REGISTERED, asked);
    const shown = await browser.open(url);
    const around = await browser.open(url.replace('/continue', '/consent'));
    const after = await browser.submit(shown, ALICE);

    expect(new URL(shown.url).pathname).toBe('/interaction/sign-in');
    expect(new URL(around.url).pathname).toBe('/interaction/sign-in');
    expect(new URL(after.url).pathname).toBe('/interaction/consent');
  });

  test('max_age accepts a sign-in that is young enough', async () => {
    await using site = await startInteractionSite();
    const browser = createWalkingBrowser();
    await browser.submit(await browser.open(await site.begin()), ALICE);
    site.advance(60);

    expect(new URL((await browser.open(await site.begin(REGISTERED, { maxAge: 60 }))).url).pathname).toBe(
      '/interaction/consent',
    );
  });

  test('prompt=none never shows a page to sign in or to consent: the client the operator knows is told why', async () => {
    await using site = await startInteractionSite();
    const browser = createWalkingBrowser();
    const request = { prompt: ['none'] };

    const nobody = await browser.open(await site.begin(CONFIGURED, request));
    await browser.submit(await browser.open(await site.begin()), ALICE);
    const somebody = await browser.open(await site.begin(CONFIGURED, request));

    expect(new URL(nobody.leavesFor ?? '').searchParams.get('error')).toBe('login_required');
    expect(new URL(somebody.leavesFor ?? '').searchParams.get('error')).toBe('consent_required');
    expect(new URL(somebody.leavesFor ?? '').searchParams.get('iss')).toBe(site.origin);
  });

  test.each([
    ['registered', REGISTERED],
    ['document', DOCUMENT],
  ])(
    'a %s client cannot use prompt=none to send a stranger away at once: the person decides [AS-24]',
    async (_, who) => {
      await using site = await startInteractionSite();
      const browser = createWalkingBrowser();

      const shown = await browser.open(await site.begin(who, { prompt: ['none'] }));

      expect([shown.status, shown.leavesFor]).toEqual([200, undefined]);
      expect(wordsOf(shown)).toContain(new URL(who.redirectUris[0] ?? '').host);
      expect(shown.html).toContain('error=login_required');
    },
  );
});
