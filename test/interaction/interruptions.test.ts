import { describe, expect, test } from 'vitest';
import { ALICE, BOB, DOCUMENT, REGISTERED, startInteractionSite } from '../support/interaction-site.ts';
import { createWalkingBrowser, wordsOf } from '../support/walking-browser.ts';

type Site = Awaited<ReturnType<typeof startInteractionSite>>;

async function openConsent(site: Site) {
  const browser = createWalkingBrowser();
  const consent = await browser.submit(await browser.open(await site.begin(REGISTERED)), ALICE);
  return { browser, consent };
}

describe('a decision', () => {
  test('after signing out in another tab leads to the sign-in, and then back to the question', async () => {
    await using site = await startInteractionSite();
    const { browser, consent } = await openConsent(site);
    await browser.submit(await browser.open(`${site.origin}/interaction/sign-out`), {});

    const signIn = await browser.submit(consent, { decision: 'allow' });
    expect(new URL(signIn.url).pathname).toBe('/interaction/sign-in');
    expect(site.audit.filter(({ event }) => event === 'code.issued')).toEqual([]);
    const again = await browser.submit(signIn, ALICE);
    const done = await browser.submit(again, { decision: 'allow' });

    expect(done.leavesFor).toContain('code=');
  });

  test.each([
    ['the request is too old', async (site: Site) => site.advance(901), 400, 'This page has expired'],
    [
      'an operator ended the sessions of everybody',
      async (site: Site) => {
        await site.store.denylist.deny({ kind: 'all', id: '', lifetime: 86_400, issuedBefore: site.now() });
      },
      200,
      'Sign in',
    ],
    ['the person was disabled', (site: Site) => site.users.disable('alice'), 200, 'Sign in'],
  ])('after %s brings no code and says what to do', async (_, happen, status, words) => {
    await using site = await startInteractionSite();
    const { browser, consent } = await openConsent(site);
    await happen(site);

    const page = await browser.submit(consent, { decision: 'allow' });

    expect([page.status, page.leavesFor]).toEqual([status, undefined]);
    expect(wordsOf(page)).toContain(words);
    expect(site.audit.filter(({ event }) => event === 'code.issued')).toEqual([]);
  });
});

describe('the address of a page, opened in another browser', () => {
  test('asks whoever is there to sign in, and is theirs to decide; the form of the first is worth nothing', async () => {
    await using site = await startInteractionSite();
    const { consent } = await openConsent(site);
    const other = createWalkingBrowser();

    const signIn = await other.open(consent.url);
    const stolen = await other.submit(consent, { decision: 'allow' });
    const asBob = await other.submit(signIn, BOB);

    expect(new URL(signIn.url).pathname).toBe('/interaction/sign-in');
    expect([stolen.leavesFor, new URL(stolen.url).pathname]).toEqual([undefined, '/interaction/sign-in']);
    expect(wordsOf(asBob)).toContain('Signed in as bob');
    const done = await other.submit(asBob, { decision: 'allow' });
    const bob = (await site.users.list()).find(({ username }) => username === 'bob');
    expect((await site.openCode(done.leavesFor ?? '')).sub).toBe(bob?.subject);
  });

  test('is answered once, be it here or there', async () => {
    await using site = await startInteractionSite();
    const { browser, consent } = await openConsent(site);
    const other = createWalkingBrowser();
    const theirs = await other.submit(await other.open(consent.url), BOB);
    await other.submit(theirs, { decision: 'allow' });

    const mine = await browser.submit(consent, { decision: 'allow' });

    expect([mine.status, mine.leavesFor]).toEqual([400, undefined]);
    expect(wordsOf(mine)).toContain('This was already answered');
  });
});

test('going back to the sign-in page after signing in, and sending it again, leads on as before', async () => {
  await using site = await startInteractionSite();
  const browser = createWalkingBrowser();
  const signIn = await browser.open(await site.begin(DOCUMENT));
  await browser.submit(signIn, ALICE);

  const again = await browser.submit(signIn, BOB);

  expect(wordsOf(again)).toContain('Signed in as bob');
});
