import { describe, expect, test } from 'vitest';
import { UnavailableError } from '../../src/oauth/index.ts';
import { ALICE, startInteractionSite } from '../support/interaction-site.ts';
import { createWalkingBrowser, wordsOf } from '../support/walking-browser.ts';

const SESSION = 'guardmint-session';

async function signedIn(site: Awaited<ReturnType<typeof startInteractionSite>>) {
  const browser = createWalkingBrowser();
  await browser.submit(await browser.open(await site.begin()), ALICE);
  const reaches = async () => new URL((await browser.open(await site.begin())).url).pathname.split('/').pop();
  return { browser, reaches };
}

describe('the session', () => {
  test('ends after an hour without use, and use prolongs it', async () => {
    await using site = await startInteractionSite();
    const { reaches } = await signedIn(site);

    site.advance(3599);
    expect(await reaches()).toBe('consent');
    site.advance(3599);
    expect(await reaches()).toBe('consent');
    site.advance(3600);
    expect(await reaches()).toBe('sign-in');
  });

  test('ends a day after the sign-in, however much it is used', async () => {
    await using site = await startInteractionSite();
    const { reaches } = await signedIn(site);

    for (let hour = 0; hour < 24 * 60; hour += 40) {
      expect(await reaches()).toBe('consent');
      site.advance(40 * 60);
    }

    expect(await reaches()).toBe('sign-in');
  });

  test('is a new one at every sign-in: a cookie that was there before is not adopted and is worth nothing afterwards [AS-UI-13]', async () => {
    await using site = await startInteractionSite();
    const { browser: attacker } = await signedIn(site);
    const planted = attacker.jar.get(SESSION) ?? '';
    const victim = createWalkingBrowser(new Map([[SESSION, planted]]));
    const asked = await site.begin(undefined, { prompt: ['login'] });

    await victim.submit(await victim.open(asked), ALICE);
    const replayed = await createWalkingBrowser(new Map([[SESSION, planted]])).open(await site.begin());

    expect(victim.jar.get(SESSION)).not.toBe(planted);
    expect(new URL(replayed.url).pathname).toBe('/interaction/sign-in');
  });

  test.each([
    [
      'the person',
      async (site: Awaited<ReturnType<typeof startInteractionSite>>) => {
        const [alice] = await site.users.list();
        await site.store.denylist.deny({ kind: 'subject', id: alice?.subject ?? '', lifetime: 3600 });
      },
    ],
    [
      'the person, for sign-ins up to a minute ago',
      async (site: Awaited<ReturnType<typeof startInteractionSite>>) => {
        const [alice] = await site.users.list();
        const issuedBefore = site.now() - 60;
        await site.store.denylist.deny({ kind: 'subject', id: alice?.subject ?? '', lifetime: 3600, issuedBefore });
      },
    ],
    [
      'everybody',
      (site: Awaited<ReturnType<typeof startInteractionSite>>) =>
        site.store.denylist.deny({ kind: 'all', id: '', lifetime: 3600 }),
    ],
    [
      'a new password',
      async (site: Awaited<ReturnType<typeof startInteractionSite>>) => {
        site.advance(1);
        await site.users.setPassword('alice', 'another long one');
      },
    ],
    ['a disabled account', (site: Awaited<ReturnType<typeof startInteractionSite>>) => site.users.disable('alice')],
  ])('is ended by a watermark or a change on %s, also when it was renewed since', async (_, end) => {
    await using site = await startInteractionSite();
    const { reaches } = await signedIn(site);
    site.advance(120);
    expect(await reaches()).toBe('consent');

    await end(site);

    expect(await reaches()).toBe('sign-in');
  });

  test('two different session cookies are none, and so are cookies that were never ours [AS-UI-15]', async () => {
    await using site = await startInteractionSite();
    const one = (await signedIn(site)).browser.jar.get(SESSION);
    const other = (await signedIn(site)).browser.jar.get(SESSION);
    const url = await site.begin();

    for (const cookie of [
      `${SESSION}=${one}; ${SESSION}=${other}`,
      `${SESSION}=garbage; guardmint-browser=%00%ff`,
      `${SESSION}=; =x; ;;; ${SESSION}`,
      `${SESSION}=${'A'.repeat(6000)}`,
      `${SESSION}=${one?.slice(0, -1)}`,
    ]) {
      const page = await createWalkingBrowser().open(url, { cookie });
      expect([page.status, new URL(page.url).pathname]).toEqual([200, '/interaction/sign-in']);
    }
    expect(site.faults).toEqual([]);
  });

  test('no artefact of ours passes for a session: the ticket and the form do not', async () => {
    await using site = await startInteractionSite();
    const url = await site.begin();
    const page = await createWalkingBrowser().open(url);
    const ticket = new URL(url).searchParams.get('request') ?? '';
    const form = /name="form" value="([^"]*)"/.exec(page.html)?.[1] ?? '';

    for (const value of [ticket, form]) {
      const shown = await createWalkingBrowser(new Map([[SESSION, value]])).open(url);
      expect(new URL(shown.url).pathname).toBe('/interaction/sign-in');
    }
  });

  test('a store that does not answer is 503 with Retry-After and a page, not a sign-in page', async () => {
    let isDown = false;
    await using site = await startInteractionSite({
      store: (store) => ({
        ...store,
        denylist: {
          ...store.denylist,
          match: async (keys) => {
            if (isDown) throw new UnavailableError('store');
            return store.denylist.match(keys);
          },
        },
      }),
    });
    const { browser } = await signedIn(site);
    isDown = true;

    const page = await browser.open(await site.begin());

    expect([page.status, page.headers.get('retry-after')]).toEqual([503, '5']);
    expect(wordsOf(page)).toContain('Not available right now');
    expect(browser.jar.has(SESSION)).toBe(true);
  });
});

describe('cookies', () => {
  async function setCookies(issuer: string | undefined) {
    await using site = await startInteractionSite(issuer === undefined ? {} : { issuer });
    const path = (url: string) => {
      const { pathname, search } = new URL(url);
      return `${site.origin}${pathname}${search}`;
    };
    const shown = await fetch(path(await site.begin()).replace('/continue', '/sign-in'));
    const [browserCookie = ''] = shown.headers.getSetCookie();
    const form = /name="form" value="([^"]*)"/.exec(await shown.text())?.[1] ?? '';
    const posted = await fetch(shown.url, {
      method: 'POST',
      redirect: 'manual',
      headers: { cookie: browserCookie.split(';')[0] ?? '' },
      body: new URLSearchParams({ ...ALICE, form }),
    });
    return [browserCookie, ...posted.headers.getSetCookie()];
  }

  test('are __Host-, Secure, HttpOnly, SameSite=Lax and for every path under https [AS-UI-14]', async () => {
    const cookies = await setCookies('https://auth.example.com');

    expect(cookies.map((cookie) => cookie.replace(/=[^;]*/, ''))).toEqual([
      '__Host-guardmint-browser; Path=/; HttpOnly; SameSite=Lax; Secure',
      '__Host-guardmint-session; Path=/; HttpOnly; SameSite=Lax; Secure',
    ]);
  });

  test('have plain names and no Secure on an http loopback issuer', async () => {
    const cookies = await setCookies(undefined);

    expect(cookies.map((cookie) => cookie.replace(/=[^;]*/, ''))).toEqual([
      'guardmint-browser; Path=/; HttpOnly; SameSite=Lax',
      'guardmint-session; Path=/; HttpOnly; SameSite=Lax',
    ]);
  });

  test('are sealed: they show neither who nor when', async () => {
    const cookies = await setCookies(undefined);

    expect(cookies.at(-1)).toMatch(/^guardmint-session=[\w-]+\.\.[\w-]+\.[\w-]+\.[\w-]+;/);
    expect(cookies.join()).not.toContain(Buffer.from('alice').toString('base64url'));
  });
});
