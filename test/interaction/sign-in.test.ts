import { afterEach, describe, expect, test, vi } from 'vitest';
import { ALICE, BOB, REGISTERED, startInteractionSite } from '../support/interaction-site.ts';
import { createWalkingBrowser, type WalkedPage, wordsOf } from '../support/walking-browser.ts';

const WRONG = { username: 'alice', password: 'not her password' };

afterEach(() => {
  vi.useRealTimers();
});

describe('the sign-in page', () => {
  test('a wrong password and an unknown name get the same answer [AS-UI-20]', async () => {
    await using site = await startInteractionSite();
    const browser = createWalkingBrowser();
    const signIn = await browser.open(await site.begin());

    const wrong = await browser.submit(signIn, WRONG);
    const unknown = await browser.submit(signIn, { username: 'nobody', password: 'whatever it is' });
    const empty = await browser.submit(signIn, { username: 'alice', password: '' });
    const endless = await browser.submit(signIn, { username: 'alice', password: 'x'.repeat(1025) });

    const bare = (page: WalkedPage) =>
      page.html.replace(/name="form" value="[^"]*"/, '').replaceAll('value="nobody"', 'value="alice"');
    expect([wrong.status, unknown.status]).toEqual([403, 403]);
    expect([bare(unknown), bare(empty), bare(endless)]).toEqual([bare(wrong), bare(wrong), bare(wrong)]);
    expect(wordsOf(wrong)).toContain('The username or the password is not right.');
  });

  test('after a mistake the username stays, the password does not', async () => {
    await using site = await startInteractionSite();
    const browser = createWalkingBrowser();

    const page = await browser.submit(await browser.open(await site.begin()), WRONG);

    expect(page.html).toContain('value="alice"');
    expect(page.html).not.toContain(WRONG.password);
    expect(page.html).toMatch(/<p class="alert" role="alert" id="alert">/);
    expect(page.html).toMatch(/<input id="password"[^>]*aria-describedby="alert"[^>]*autofocus/);
  });

  test('the name may be written in capitals, in wide letters or with a space behind it', async () => {
    await using site = await startInteractionSite();

    for (const username of ['ALICE', ' alice ', 'ａｌｉｃｅ']) {
      const browser = createWalkingBrowser();
      const page = await browser.submit(await browser.open(await site.begin()), { ...ALICE, username });
      expect(new URL(page.url).pathname).toBe('/interaction/consent');
    }
  });

  test('its fields are labelled and can be filled by a password manager', async () => {
    await using site = await startInteractionSite();

    const { html } = await createWalkingBrowser().open(await site.begin());

    expect(html).toContain('<html lang="en">');
    expect(html).toMatch(/<label for="username">[\s\S]*<input id="username"[^>]*autocomplete="username"/);
    expect(html).toMatch(/<label for="password">[\s\S]*<input id="password"[^>]*autocomplete="current-password"/);
    expect(html).not.toContain('<script');
  });

  test('a sign-in is told to the audit by identifiers, never with the password or the name typed', async () => {
    await using site = await startInteractionSite();
    const browser = createWalkingBrowser();
    const signIn = await browser.open(await site.begin());
    site.audit.length = 0;

    await browser.submit(signIn, { username: 'my secret typed in the wrong field', password: 'hunter2hunter2' });
    await browser.submit(signIn, ALICE);

    expect(site.audit.map(({ event }) => event)).toEqual(['sign_in.failed', 'sign_in.succeeded']);
    expect(JSON.stringify(site.audit)).not.toMatch(/hunter2|secret typed|correct horse/);
  });

  test('a form of another browser is not used: the page is shown anew and the password was not tried', async () => {
    await using site = await startInteractionSite();
    const url = await site.begin();
    const attacker = createWalkingBrowser();
    const victim = createWalkingBrowser();
    const theirs = await attacker.open(url);
    const own = await victim.open(url);
    site.audit.length = 0;

    const page = await victim.submit(theirs, ALICE);
    const without = await createWalkingBrowser().submit(own, ALICE);

    expect([page.status, without.status]).toEqual([403, 403]);
    expect(wordsOf(page)).toContain('This page was out of date.');
    expect(victim.jar.has('guardmint-session')).toBe(false);
    expect(site.audit).toEqual([]);
  });

  test.each([
    ['an Origin of another site', { origin: 'https://evil.example' }],
    ['Sec-Fetch-Site: cross-site', { 'sec-fetch-site': 'cross-site' }],
    ['Sec-Fetch-Site: same-site', { origin: 'null', 'sec-fetch-site': 'same-site' }],
  ])('a form sent with %s is refused', async (_, headers) => {
    await using site = await startInteractionSite();
    const browser = createWalkingBrowser();

    const page = await browser.submit(await browser.open(await site.begin()), ALICE, headers);

    expect(page.status).toBe(403);
    expect(wordsOf(page)).toContain('This form came from another site');
    expect(browser.jar.has('guardmint-session')).toBe(false);
  });

  test.each([
    ['a browser that names our own origin', (origin: string) => ({ origin, 'sec-fetch-site': 'same-origin' })],
    ['a browser that hides the origin under no-referrer', () => ({ origin: 'null', 'sec-fetch-site': 'same-origin' })],
  ])('a form is accepted from %s', async (_, headers) => {
    await using site = await startInteractionSite();
    const browser = createWalkingBrowser();

    const page = await browser.submit(await browser.open(await site.begin()), ALICE, headers(site.origin));

    expect(new URL(page.url).pathname).toBe('/interaction/consent');
  });

  test.each([
    ['JSON', { 'content-type': 'application/json' }, '{"username":"alice"}', 400],
    ['a repeated field', {}, 'username=alice&username=bob', 400],
    ['40 kB', {}, `username=${'a'.repeat(40_000)}`, 413],
    ['bytes that are no text', {}, Buffer.from([0x61, 0x3d, 0xff, 0xfe]), 400],
  ])('a body of %s is refused with a page', async (_, headers, body, status) => {
    await using site = await startInteractionSite();
    const url = (await site.begin()).replace('/continue', '/sign-in');

    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      body,
    });

    expect([response.status, response.headers.get('content-type')]).toEqual([status, 'text/html; charset=utf-8']);
    expect(site.faults).toEqual([]);
  });
});

describe('slowing down guesses', () => {
  async function guess(
    site: Awaited<ReturnType<typeof startInteractionSite>>,
    times: number,
    forwarded?: () => string,
  ) {
    const browser = createWalkingBrowser();
    const signIn = await browser.open(await site.begin());
    const statuses: number[] = [];
    for (let time = 0; time < times; time++) {
      const headers: Record<string, string> = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded() };
      statuses.push((await browser.submit(signIn, WRONG, headers)).status);
    }
    return { browser, signIn, statuses };
  }

  test('after ten wrong passwords the account has to wait, and is open again afterwards', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    await using site = await startInteractionSite({ rateLimits: true });

    const { browser, signIn, statuses } = await guess(site, 11);
    const waiting = await browser.submit(signIn, ALICE);
    vi.setSystemTime(Date.now() + 300_000);
    const afterwards = await browser.submit(signIn, ALICE);

    expect(statuses).toEqual([...Array(10).fill(403), 429]);
    expect(waiting.status).toBe(429);
    expect(Number(waiting.headers.get('retry-after'))).toBe(300);
    expect(wordsOf(waiting)).toContain('Too many attempts. Wait 5 minutes');
    expect(new URL(afterwards.url).pathname).toBe('/interaction/consent');
  });

  test('an account that does not exist is slowed down alike', async () => {
    await using site = await startInteractionSite({ rateLimits: true });
    const browser = createWalkingBrowser();
    const signIn = await browser.open(await site.begin());

    const statuses: number[] = [];
    for (let time = 0; time < 11; time++) {
      statuses.push((await browser.submit(signIn, { username: 'nobody', password: 'guess guess' })).status);
    }

    expect(statuses).toEqual([...Array(10).fill(403), 429]);
  });

  test('one password against many accounts ends at the address [AS-UI-22]', async () => {
    await using site = await startInteractionSite({ rateLimits: true });
    const browser = createWalkingBrowser();
    const signIn = await browser.open(await site.begin());

    let admitted = 0;
    for (let account = 0; account < 70; account++) {
      const page = await browser.submit(signIn, { username: `user${account}`, password: 'Summer2026!' });
      if (page.status === 403) admitted++;
    }

    expect(admitted).toBe(60);
  });

  test('a made-up X-Forwarded-For starts no new count [AS-UI-23]', async () => {
    await using site = await startInteractionSite({ rateLimits: true });
    let next = 0;

    const { statuses } = await guess(site, 11, () => `203.0.113.${next++}`);

    expect(statuses.at(-1)).toBe(429);
  });

  test('guesses from elsewhere do not keep the owner of an account out', async () => {
    await using site = await startInteractionSite({ rateLimits: true, trustProxy: true });

    const { statuses } = await guess(site, 11, () => '198.51.100.7');
    const owner = createWalkingBrowser();
    const page = await owner.submit(await owner.open(await site.begin()), ALICE, { 'x-forwarded-for': '192.0.2.1' });

    expect(statuses.at(-1)).toBe(429);
    expect(new URL(page.url).pathname).toBe('/interaction/consent');
  });

  test('signing in takes back what the mistakes before it counted', async () => {
    await using site = await startInteractionSite({ rateLimits: true });

    const { browser, signIn } = await guess(site, 9);
    await browser.submit(signIn, ALICE);
    const again = await guess(site, 10);

    expect(again.statuses).toEqual(Array(10).fill(403));
  });

  test('it can be switched off', async () => {
    await using site = await startInteractionSite({ rateLimits: false });

    const { statuses } = await guess(site, 12);

    expect(statuses).toEqual(Array(12).fill(403));
  });
});

describe('another account', () => {
  test('the consent page lets somebody else sign in, who then decides', async () => {
    await using site = await startInteractionSite();
    const browser = createWalkingBrowser();
    const consent = await browser.submit(await browser.open(await site.begin()), ALICE);
    const link = /<a class="hit" href="([^"]*\/sign-in[^"]*)"/.exec(consent.html)?.[1] ?? '';

    const asBob = await browser.submit(await browser.open(new URL(link, consent.url).href), BOB);
    const done = await browser.submit(asBob, { decision: 'allow' });

    expect(wordsOf(asBob)).toContain('Signed in as bob');
    const bob = (await site.users.list()).find((user) => user.username === 'bob');
    expect((await site.openCode(done.leavesFor ?? '')).sub).toBe(bob?.subject);
  });

  test('a login_hint is offered as the username, and is only text [AS-AZ-53]', async () => {
    await using site = await startInteractionSite();
    const loginHint = '"><script>alert(1)</script>';

    const page = await createWalkingBrowser().open(await site.begin(REGISTERED, { loginHint }));

    expect(page.html).not.toContain('<script');
    expect(page.html).toContain('value="&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"');
  });
});
