import { describe, expect, test } from 'vitest';
import { ALICE, startInteractionSite } from '../support/interaction-site.ts';
import { createWalkingBrowser, wordsOf } from '../support/walking-browser.ts';

const SESSION = 'guardmint-session';

async function signIn(site: Awaited<ReturnType<typeof startInteractionSite>>) {
  const browser = createWalkingBrowser();
  const consent = await browser.submit(await browser.open(await site.begin()), ALICE);
  return { browser, consent };
}

describe('signing out', () => {
  test('ends the session on the server: the cookie is worth nothing afterwards [AS-UI-17]', async () => {
    await using site = await startInteractionSite();
    const { browser } = await signIn(site);
    const cookie = browser.jar.get(SESSION) ?? '';

    const done = await browser.submit(await browser.open(`${site.origin}/interaction/sign-out`), {});
    const replayed = await createWalkingBrowser(new Map([[SESSION, cookie]])).open(await site.begin());

    expect(wordsOf(done)).toContain('You are not signed in here.');
    expect(browser.jar.has(SESSION)).toBe(false);
    expect(new URL(replayed.url).pathname).toBe('/interaction/sign-in');
  });

  test('is only asked about by GET [AS-UI-18]', async () => {
    await using site = await startInteractionSite();
    const { browser } = await signIn(site);

    const asked = await browser.open(`${site.origin}/interaction/sign-out`);
    const after = await browser.open(await site.begin());

    expect(wordsOf(asked)).toContain('You are signed in as alice.');
    expect(new URL(after.url).pathname).toBe('/interaction/consent');
  });

  test.each([
    ['without its form', { form: null }, {}],
    ['from another site', {}, { origin: 'https://evil.example' }],
  ])('does nothing %s', async (_, fields, headers) => {
    await using site = await startInteractionSite();
    const { browser } = await signIn(site);

    const page = await browser.submit(await browser.open(`${site.origin}/interaction/sign-out`), fields, headers);
    const after = await browser.open(await site.begin());

    expect(page.status).toBe(403);
    expect(new URL(after.url).pathname).toBe('/interaction/consent');
  });

  test('from the consent page goes on with the request, for whoever signs in next', async () => {
    await using site = await startInteractionSite();
    const { browser, consent } = await signIn(site);

    const asked = await browser.open(consent.url.replace('/consent', '/sign-out'));
    const done = await browser.submit(asked, {});

    expect(new URL(done.url).pathname).toBe('/interaction/sign-in');
  });

  test('sends nobody anywhere: a post_logout_redirect_uri is refused [AS-UI-19]', async () => {
    await using site = await startInteractionSite();
    const { browser } = await signIn(site);

    const page = await browser.open(
      `${site.origin}/interaction/sign-out?post_logout_redirect_uri=https%3A%2F%2Fevil.example`,
    );

    expect([page.status, page.leavesFor, page.headers.get('cache-control')]).toEqual([400, undefined, 'no-store']);
  });

  test('of somebody who is not signed in says so', async () => {
    await using site = await startInteractionSite();

    const page = await createWalkingBrowser().open(`${site.origin}/interaction/sign-out`);

    expect(wordsOf(page)).toContain('You are not signed in here.');
    expect(page.html).not.toContain('<form');
  });
});
