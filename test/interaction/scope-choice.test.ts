import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { optionalScope, readChosenScope } from '../../src/interaction/scope-choice.ts';
import { parseForm, type Resource } from '../../src/oauth/index.ts';
import { startGuardmint } from '../support/guardmint.ts';
import { ALICE, DOCUMENT, FILES, startInteractionSite } from '../support/interaction-site.ts';
import { createWalkingBrowser, type WalkedPage, wordsOf } from '../support/walking-browser.ts';

type Site = Awaited<ReturnType<typeof startInteractionSite>>;

const REQUIRING: Resource = { ...FILES, requiredScopes: ['files:read'] };

async function openConsent(site: Site, scope: readonly string[]) {
  const browser = createWalkingBrowser();
  const url = await site.begin(DOCUMENT, { scope });
  return { browser, consent: await browser.submit(await browser.open(url), ALICE) };
}

const boxesOn = ({ html }: WalkedPage) =>
  [...html.matchAll(/<input type="checkbox" name="scope:([^"]*)" value="allow" checked/g)].map(([, name]) => name);
const untick = (...names: string[]) => Object.fromEntries(names.map((name) => [`scope:${name}`, null]));

describe('a person who is asked for several scopes', () => {
  test('finds all of them ticked, and leaves out what they do not want: the code says what is left', async () => {
    await using site = await startInteractionSite();
    const { browser, consent } = await openConsent(site, ['files:read', 'files:write']);

    expect(boxesOn(consent)).toEqual(['files:read', 'files:write']);
    const done = await browser.submit(consent, { decision: 'allow', ...untick('files:write') });

    expect((await site.openCode(done.leavesFor ?? '')).scope).toEqual(['files:read']);
    const granted = site.audit.filter(({ event }) => event === 'consent.granted');
    expect(granted).toEqual([expect.objectContaining({ scope: 'files:read' })]);
  });

  test.each([
    ['one scope, for leaving it out is Deny', ['files:read'], []],
    ['one scope and to stay connected', ['files:read', 'offline_access'], []],
    ['no scope', [], []],
    ['several, but for offline_access', ['files:read', 'offline_access', 'files:write'], ['files:read', 'files:write']],
  ])('has a choice only where there is one: %s', async (_, scope, boxes) => {
    await using site = await startInteractionSite();

    const { browser, consent } = await openConsent(site, scope);
    const done = await browser.submit(consent, { decision: 'allow' });

    expect(boxesOn(consent)).toEqual(boxes);
    expect(wordsOf(consent).includes('Untick')).toBe(boxes.length > 0);
    expect((await site.openCode(done.leavesFor ?? '')).scope).toEqual(scope);
  });

  test('cannot leave out what the resource requires, whatever the form says', async () => {
    await using site = await startInteractionSite({ resources: [REQUIRING] });
    const { browser, consent } = await openConsent(site, ['files:write', 'files:read']);

    expect(boxesOn(consent)).toEqual(['files:write']);
    const done = await browser.submit(consent, { decision: 'allow', ...untick('files:write', 'files:read') });

    expect((await site.openCode(done.leavesFor ?? '')).scope).toEqual(['files:read']);
  });

  test('who ticks nothing is told so and may choose again: there is no empty grant', async () => {
    await using site = await startInteractionSite();
    const { browser, consent } = await openConsent(site, ['files:read', 'offline_access', 'files:write']);

    const shown = await browser.submit(consent, { decision: 'allow', ...untick('files:read', 'files:write') });
    expect([shown.status, shown.leavesFor]).toEqual([400, undefined]);
    expect(shown.html).toMatch(/<p class="alert" role="alert" id="alert" tabindex="-1" autofocus>Nothing is ticked/);
    const done = await browser.submit(shown, { decision: 'allow', ...untick('files:read') });

    expect((await site.openCode(done.leavesFor ?? '')).scope).toEqual(['offline_access', 'files:write']);
  });

  test('who ticks nothing and denies has denied', async () => {
    await using site = await startInteractionSite();
    const { browser, consent } = await openConsent(site, ['files:read', 'files:write']);

    const done = await browser.submit(consent, { decision: 'deny', ...untick('files:read', 'files:write') });

    expect(done.leavesFor).toContain('error=access_denied');
  });

  test('gets nobody more than was asked for', async () => {
    await using site = await startInteractionSite();
    const { browser, consent } = await openConsent(site, ['files:read', 'files:write']);

    const more = { 'scope:admin': 'allow', 'scope:files:read': 'allow', scope: 'admin' };
    const done = await browser.submit(consent, { decision: 'allow', ...untick('files:write'), ...more });

    expect((await site.openCode(done.leavesFor ?? '')).scope).toEqual(['files:read']);
  });

  test('a program that sends the decision alone allows what the page lists', async () => {
    await using site = await startInteractionSite();
    const { browser, consent } = await openConsent(site, ['files:read', 'files:write']);

    const alone = { scopes: null, ...untick('files:read', 'files:write') };
    const done = await browser.submit(consent, { decision: 'allow', ...alone });

    expect((await site.openCode(done.leavesFor ?? '')).scope).toEqual(['files:read', 'files:write']);
  });

  test('is remembered with what was ticked, and asked again for the rest', async () => {
    await using site = await startInteractionSite();
    const { browser, consent } = await openConsent(site, ['files:read', 'files:write']);
    await browser.submit(consent, { decision: 'allow', ...untick('files:write') });

    const less = await browser.open(await site.begin(DOCUMENT, { scope: ['files:read'] }));
    const more = await browser.open(await site.begin(DOCUMENT, { scope: ['files:read', 'files:write'] }));
    expect([less.leavesFor, more.leavesFor]).toEqual([expect.stringContaining('code='), undefined]);

    await browser.submit(more, { decision: 'allow', ...untick('files:read') });
    const first = await browser.open(await site.begin(DOCUMENT, { scope: ['files:read'] }));
    expect(first.leavesFor).toBeUndefined();
  });
});

test('the token answer and the tokens tell the scope that is left (RFC 6749 §3.3)', async () => {
  await using server = await startGuardmint();
  const browser = createWalkingBrowser();
  const person = {
    ...server.person(),
    async authorize(url: string) {
      const consent = await browser.submit(await browser.open(url), server.credentials);
      const done = await browser.submit(consent, { decision: 'allow', ...untick('mcp:write') });
      return new URL(done.leavesFor ?? '');
    },
  };

  const granted = await server.grant({ person });
  const refreshed = await server.post('/token', {
    grant_type: 'refresh_token',
    client_id: granted.clientId,
    refresh_token: granted.refresh_token,
    scope: 'mcp:read mcp:write',
  });

  expect(granted.scope).toBe('mcp:read');
  expect(refreshed.body).toMatchObject({ error: 'invalid_scope' });
});

test('whatever a form says, what is allowed was asked for, what is required is in it, and it is not nothing', () => {
  const name: fc.Arbitrary<string> = fc.constantFrom('a', 'b', 'c', 'd', 'offline_access');
  const names = fc.uniqueArray(name);
  fc.assert(
    fc.property(names, names, names, fc.boolean(), (scope, requiredScopes, ticked, isBrowser) => {
      const asked = { resource: 'https://a.example', scope };
      const resources = [{ resource: 'https://a.example', requiredScopes }];
      const fields = [...ticked.map((one) => [`scope:${one}`, 'allow']), ...(isBrowser ? [['scopes', 'chosen']] : [])];
      const chosen = readChosenScope(parseForm(new URLSearchParams(fields).toString()), asked, resources);

      const optional = optionalScope(asked, resources);
      if (chosen === undefined) {
        expect(optional.some((one) => ticked.includes(one))).toBe(false);
        return;
      }
      expect(scope).toEqual(expect.arrayContaining([...chosen]));
      expect(chosen).toEqual(expect.arrayContaining(scope.filter((one) => !optional.includes(one))));
      if (scope.some((one) => one !== 'offline_access'))
        expect(chosen.some((one) => one !== 'offline_access')).toBe(true);
      if (isBrowser) expect(chosen.filter((one) => optional.includes(one) && !ticked.includes(one))).toEqual([]);
    }),
  );
});
