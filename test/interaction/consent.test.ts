import { describe, expect, test } from 'vitest';
import type { Client } from '../../src/clients/index.ts';
import { UnavailableError } from '../../src/oauth/index.ts';
import {
  ALICE,
  BOB,
  CONFIGURED,
  client,
  DOCUMENT,
  FILES,
  REGISTERED,
  startInteractionSite,
} from '../support/interaction-site.ts';
import { createWalkingBrowser, wordsOf } from '../support/walking-browser.ts';

type Site = Awaited<ReturnType<typeof startInteractionSite>>;

async function openConsent(site: Site, who: Client = REGISTERED, request: Parameters<Site['begin']>[1] = {}) {
  const browser = createWalkingBrowser();
  const consent = await browser.submit(await browser.open(await site.begin(who, request)), ALICE);
  return { browser, consent };
}

const headingOf = (html: string) => /<h1><bdi>(.*?)<\/bdi><\/h1>/.exec(html)?.[1]?.replaceAll('<wbr>', '');

describe('what the consent page says', () => {
  test('of a client with a metadata document the host is large, its own name small and called unverified [AS-38]', async () => {
    await using site = await startInteractionSite();

    const { consent } = await openConsent(site, DOCUMENT);

    expect(headingOf(consent.html)).toBe('app.example.com');
    expect(wordsOf(consent)).toContain(
      'It calls itself “Claude”. This name was chosen by the app and is not verified.',
    );
  });

  test('of a configured client the name the operator gave is large, and nothing is called unverified', async () => {
    await using site = await startInteractionSite();

    const { consent } = await openConsent(site, CONFIGURED);
    const { consent: nameless } = await openConsent(
      site,
      client('backoffice', 'configured', 'https://office.example.com/callback', undefined),
    );

    expect(headingOf(consent.html)).toBe('Back Office');
    expect(headingOf(nameless.html)).toBe('backoffice');
    expect(wordsOf(consent)).not.toContain('not verified');
  });

  test('of a registered client only where the answer goes is large: it cannot put on another name [AS-40]', async () => {
    await using site = await startInteractionSite();

    const { consent } = await openConsent(
      site,
      client('r', 'registered', 'https://evil.example/cb', 'Claude by Anthropic'),
    );

    expect(headingOf(consent.html)).toBe('evil.example');
    expect(wordsOf(consent)).toContain('It calls itself “Claude by Anthropic”. This name was chosen by the app');
  });

  test.each([
    ['https://app.example.com:8443/cb', 'app.example.com:8443', 'Continue only if you came from there.'],
    ['http://localhost:33418/callback', 'localhost:33418', 'This is on this computer.'],
    ['http://127.0.0.1:4000/', '127.0.0.1:4000', 'This is on this computer.'],
    ['http://[::1]:4000/', '[::1]:4000', 'This is on this computer.'],
    ['cursor://anysphere.cursor-mcp/oauth/callback', 'cursor:', 'This opens the program that answers “cursor” links'],
  ])('the browser of %s is said to go to %s: %s [AS-35, AS-36]', async (redirectUri, host, warning) => {
    await using site = await startInteractionSite();

    const { consent } = await openConsent(site, client('c', 'configured', redirectUri, 'App'));

    expect(wordsOf(consent)).toContain(`Your browser goes next to ${host} ${warning}`);
  });

  test('it names the person, the server and each scope as a sentence with the raw name [AS-40]', async () => {
    await using site = await startInteractionSite();

    const { consent } = await openConsent(site, REGISTERED, { scope: ['files:write', 'offline_access', 'odd:one'] });

    const words = wordsOf(consent);
    expect(words).toContain('Signed in as alice');
    expect(words).toContain(`To the server ${FILES.name} ${FILES.resource}`);
    expect(words).toContain(
      'The app will be able to Change and delete your files files:write ' +
        'Stay connected while you are away offline_access Use the permission “odd:one” odd:one ' +
        'Untick what you do not want to allow. Your browser',
    );
  });

  test('the scopes on the page are those in the code, no more and no fewer [AS-UI-35]', async () => {
    await using site = await startInteractionSite();

    for (const scope of [[], ['files:read'], ['files:write', 'files:read']]) {
      const { browser, consent } = await openConsent(site, REGISTERED, { scope });
      const listed = [...consent.html.matchAll(/<li[^>]*>.*?<code>(.*?)<\/code>/g)].map(([, name]) => name);
      const done = await browser.submit(consent, { decision: 'allow' });
      expect((await site.openCode(done.leavesFor ?? '')).scope).toEqual(listed);
      expect(listed).toEqual(scope);
    }
  });

  test('Deny comes first and is as large as Allow, and neither is chosen beforehand', async () => {
    await using site = await startInteractionSite();

    const { consent } = await openConsent(site);

    const buttons = [...consent.html.matchAll(/<button[^>]*>/g)].map(([button]) => button);
    expect(buttons).toEqual([
      '<button type="submit" name="decision" value="deny" class="slate">',
      '<button type="submit" name="decision" value="allow">',
    ]);
    expect(consent.html).not.toContain('autofocus');
    expect(consent.html).not.toMatch(/<img|<script| style=| on\w+=/);
  });

  test('what a client says of itself is only text, and cannot hide or turn what stands beside it [AS-UI-28]', async () => {
    await using site = await startInteractionSite();
    const name = `<b onmouseover=alert(1)>\u202eevil\u2066\u0000\n"'&${'x'.repeat(100)}`;

    const { consent } = await openConsent(site, client('r', 'registered', 'https://a.example/cb', name), {
      resource: { resource: 'https://files.example.com/mcp', name: '</dd><script>alert(2)</script>' },
      scope: ['<i>'],
    });

    expect(consent.html).not.toMatch(/<b |<script|<i>|\u202e|\u2066/);
    expect(wordsOf(consent)).toContain(`“<b onmouseover=alert(1)> evil "'&${'x'.repeat(26)}…”`);
  });
});

describe('who may decide', () => {
  test('nobody who is not signed in sees it', async () => {
    await using site = await startInteractionSite();
    const url = (await site.begin()).replace('/continue', '/consent');

    const shown = await createWalkingBrowser().open(url);
    const posted = await fetch(url, {
      method: 'POST',
      redirect: 'manual',
      body: new URLSearchParams({ decision: 'allow' }),
    });

    expect(new URL(shown.url).pathname).toBe('/interaction/sign-in');
    expect([posted.status, posted.headers.get('location')]).toEqual([
      303,
      `${new URL(url).pathname.replace('/consent', '/continue')}${new URL(url).search}`,
    ]);
  });

  test('a decision without the form of the page is refused [AS-UI-02]', async () => {
    await using site = await startInteractionSite();
    const { browser, consent } = await openConsent(site);

    const without = await browser.submit(consent, { decision: 'allow', form: null });
    const garbage = await browser.submit(consent, { decision: 'allow', form: 'a.b.c.d.e' });

    for (const page of [without, garbage]) {
      expect([page.status, page.leavesFor]).toEqual([403, undefined]);
      expect(wordsOf(page)).toContain('Look at the request again');
    }
  });

  test('the form of another page, another request or another browser is refused', async () => {
    await using site = await startInteractionSite();
    const { browser, consent } = await openConsent(site);
    const formOf = (html: string) => /name="form" value="([^"]*)"/.exec(html)?.[1] ?? '';
    const signIn = await browser.open(consent.url.replace('/consent', '/sign-in'));
    const signOut = await browser.open(consent.url.replace('/consent', '/sign-out'));
    const otherRequest = await browser.open(await site.begin(DOCUMENT));
    const other = await openConsent(site);

    for (const form of [signIn, signOut, otherRequest, other.consent].map((page) => formOf(page.html))) {
      const page = await browser.submit(consent, { decision: 'allow', form });
      expect([page.status, page.leavesFor]).toEqual([403, undefined]);
    }
  });

  test('a page made for one person is refused in the session of another [AS-UI-07]', async () => {
    await using site = await startInteractionSite();
    const { browser, consent } = await openConsent(site);
    await browser.submit(await browser.open(await site.begin(REGISTERED, { prompt: ['login'] })), BOB);

    const page = await browser.submit(consent, { decision: 'allow' });

    expect([page.status, page.leavesFor]).toEqual([403, undefined]);
    expect(wordsOf(page)).toContain('Somebody else is signed in now');
  });

  test('a form another site sends is refused', async () => {
    await using site = await startInteractionSite();
    const { browser, consent } = await openConsent(site);

    const page = await browser.submit(consent, { decision: 'allow' }, { origin: 'https://evil.example' });

    expect([page.status, page.leavesFor]).toEqual([403, undefined]);
  });

  test.each([[null], [''], ['ALLOW'], ['yes']])(
    'a decision of %j is no decision, and may be made again',
    async (decision) => {
      await using site = await startInteractionSite();
      const { browser, consent } = await openConsent(site);

      const page = await browser.submit(consent, { decision });
      const done = await browser.submit(consent, { decision: 'allow' });

      expect([page.status, page.leavesFor]).toEqual([400, undefined]);
      expect(done.leavesFor).toContain('code=');
    },
  );
});

describe('one decision', () => {
  test.each([
    ['allow', 'allow'],
    ['allow', 'deny'],
    ['deny', 'allow'],
  ])('after %s, going back and choosing %s makes nothing more and says so [AS-UI-31]', async (first, second) => {
    await using site = await startInteractionSite();
    const { browser, consent } = await openConsent(site);
    await browser.submit(consent, { decision: first });

    const samePage = await browser.submit(consent, { decision: second });
    const reloaded = await browser.submit(await browser.open(consent.url), { decision: second });

    for (const page of [samePage, reloaded]) {
      expect([page.status, page.leavesFor]).toEqual([400, undefined]);
      expect(wordsOf(page)).toContain('This was already answered');
    }
    expect(site.audit.filter(({ event }) => event === 'code.issued')).toHaveLength(first === 'allow' ? 1 : 0);
  });

  test('of twenty at once, one brings a code', async () => {
    await using site = await startInteractionSite();
    const { browser, consent } = await openConsent(site);

    const pages = await Promise.all(Array.from({ length: 20 }, () => browser.submit(consent, { decision: 'allow' })));

    expect(pages.filter((page) => page.leavesFor !== undefined)).toHaveLength(1);
  });

  test('a store that does not answer gives no code: 503, and the decision can be made when it is back', async () => {
    let isDown = true;
    await using site = await startInteractionSite({
      store: (store) => ({
        ...store,
        oneTime: {
          consumeOnce: async (marker) => {
            if (isDown) throw new UnavailableError('store');
            return store.oneTime.consumeOnce(marker);
          },
        },
      }),
    });
    const { browser, consent } = await openConsent(site);

    const page = await browser.submit(consent, { decision: 'allow' });
    isDown = false;
    const done = await browser.submit(consent, { decision: 'allow' });

    expect([page.status, page.headers.get('retry-after'), page.leavesFor]).toEqual([503, '5', undefined]);
    expect(done.leavesFor).toContain('code=');
  });

  test('it is told to the audit without the code and without the client_id', async () => {
    await using site = await startInteractionSite();
    const { browser, consent } = await openConsent(site, DOCUMENT);
    site.audit.length = 0;

    const done = await browser.submit(consent, { decision: 'allow' });

    expect(site.audit.map(({ event }) => event)).toEqual(['consent.granted', 'code.issued']);
    const code = new URL(done.leavesFor ?? '').searchParams.get('code') ?? '';
    expect(JSON.stringify(site.audit)).not.toContain(code);
    expect(JSON.stringify(site.audit)).not.toContain(DOCUMENT.clientId);
  });
});
