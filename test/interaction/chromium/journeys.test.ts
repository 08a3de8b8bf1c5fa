import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { en } from '../../../src/interaction/messages/en.ts';
import { ko } from '../../../src/interaction/messages/ko.ts';
import { listenForAnswers } from '../../support/callback.ts';
import { chromiumMissing, launchChromium } from '../../support/chromium.ts';
import { RESOURCE, type RunningGuardmint, startGuardmint } from '../../support/guardmint.ts';
import { startOpenIdProvider } from '../../support/openid-provider.ts';
import { pkcePair } from '../../support/pkce.ts';
import { signIn } from '../../support/stage.ts';
import { openWindow } from '../../support/window.ts';

if (chromiumMissing !== undefined) console.warn(`skipped: journeys in Chromium (${chromiumMissing})`);

function ask(server: RunningGuardmint, clientId: string, redirectUri: string, more: Record<string, string> = {}) {
  const { verifier, challenge } = pkcePair();
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: clientId,
    redirect_uri: redirectUri,
    code_challenge: challenge,
    code_challenge_method: 'S256',
    state: 'the state',
    resource: RESOURCE,
    scope: 'mcp:read mcp:write',
    ...more,
  });
  return { url: `${server.issuer}/authorize?${query}`, verifier };
}

const decide = (page: Page, decision: 'allow' | 'deny') => page.locator(`button[value=${decision}]`).click();
const arrived = (page: Page) => page.getByRole('heading', { name: 'Connected' }).waitFor();
const heading = (page: Page, name: string) => page.getByRole('heading', { name, level: 1 }).waitFor();

describe.skipIf(chromiumMissing !== undefined)('a person with Chromium', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser.close());

  test.each([
    ['en', true, en],
    ['en', false, en],
    ['ko', true, ko],
    ['ko', false, ko],
  ] as const)(
    'signs in, allows, denies, disconnects and signs out (%s, scripts on: %s)',
    async (locale, javaScriptEnabled, say) => {
      await using server = await startGuardmint();
      await using callback = await listenForAnswers();
      await using window = await openWindow(browser, { locale, javaScriptEnabled });
      const { page } = window;
      const { client_id } = await server.register({ client_name: 'Notebook', redirect_uris: [callback.uri] });

      const first = ask(server, client_id, callback.uri);
      await page.goto(first.url);
      await heading(page, say.signIn.title);
      await signIn(page, server.credentials);
      await heading(page, new URL(callback.uri).host);
      await page.getByRole('checkbox', { name: 'mcp:write' }).uncheck();
      await decide(page, 'allow');
      await arrived(page);
      const granted = await server.post('/token', {
        grant_type: 'authorization_code',
        client_id,
        code: callback.answers[0]?.get('code') ?? '',
        code_verifier: first.verifier,
        redirect_uri: callback.uri,
      });
      expect(granted.body).toMatchObject({ token_type: 'Bearer', scope: 'mcp:read' });

      // Signed in by now: the next request is a question at once.
      await page.goto(ask(server, client_id, callback.uri).url);
      await decide(page, 'deny');
      await arrived(page);
      expect(callback.answers.map((answer) => answer.get('error'))).toEqual([null, 'access_denied']);

      await page.goto(server.issuer);
      await heading(page, say.apps.title);
      await page.getByRole('listitem').filter({ hasText: 'Notebook' }).getByRole('button').click();
      await page.getByRole('status').filter({ hasText: say.apps.ended }).waitFor();
      const refreshed = await server.post('/token', {
        grant_type: 'refresh_token',
        client_id,
        refresh_token: String(granted.body['refresh_token']),
      });
      expect(refreshed.body).toMatchObject({ error: 'invalid_grant' });

      await page.getByRole('link', { name: say.consent.signOut }).click();
      await page.getByRole('button', { name: say.signOut.submit }).click();
      await heading(page, say.signOut.doneTitle);
      await page.goto(ask(server, client_id, callback.uri).url);
      await heading(page, say.signIn.title);

      expect(window.complaints).toEqual([]);
      expect(new Set(window.requests.map((url) => new URL(url).origin))).toEqual(
        new Set([server.issuer, new URL(callback.uri).origin]),
      );
    },
  );

  test.each([true, false])(
    'is not asked again about an app that is remembered, not even right after signing in (scripts on: %s)',
    async (javaScriptEnabled) => {
      await using callback = await listenForAnswers('https://app.example.com');
      const app = { client_id: 'office', client_name: 'Back Office', redirect_uris: [callback.uri] };
      await using server = await startGuardmint({ settings: { clients: [app] } });
      await using window = await openWindow(browser, { javaScriptEnabled, ignoreHTTPSErrors: true });
      const { page } = window;
      const come = (more?: Record<string, string>) => page.goto(ask(server, 'office', callback.uri, more).url);

      await come();
      await signIn(page, server.credentials);
      await decide(page, 'allow');
      await arrived(page);
      await come();
      await arrived(page);
      await come({ prompt: 'login' });
      await signIn(page, server.credentials);
      await arrived(page);
      await come({ prompt: 'consent' });
      await decide(page, 'deny');
      await arrived(page);

      expect(callback.answers.map((answer) => answer.get('error') ?? [...answer.keys()][0])).toEqual([
        'code',
        'code',
        'code',
        'access_denied',
      ]);
      expect(window.complaints).toEqual([]);
    },
  );

  test.each([
    ['en', true, en],
    ['ko', false, ko],
  ] as const)(
    'signs in at a provider, allows, and signs out (%s, scripts on: %s)',
    async (locale, javaScriptEnabled, say) => {
      await using callback = await listenForAnswers();
      let issuer = '';
      await using provider = await startOpenIdProvider({
        redirectUri: () => `${issuer}/interaction/upstream/corp/callback`,
      });
      provider.claims.set('dana', { preferred_username: 'dana@corp.example' });
      await using server = await startGuardmint({
        settings: { signIn: { local: false, oidc: [provider.settings({ label: 'Corp' })] } },
      });
      issuer = server.issuer;
      await using window = await openWindow(browser, { locale, javaScriptEnabled }, [provider.issuer]);
      const { page } = window;
      const { client_id } = await server.register({ client_name: 'Notebook', redirect_uris: [callback.uri] });
      const { url, verifier } = ask(server, client_id, callback.uri);

      // Anybody can register an app, so who asks is said before the person is sent elsewhere.
      await page.goto(url);
      await heading(page, say.signIn.title);
      await page.getByText(new URL(callback.uri).host, { exact: true }).waitFor();
      await page.getByRole('button', { name: say.signIn.signInAt('Corp') }).click();
      await page.locator('[name=login]').fill('dana');
      await page.locator('[name=password]').fill('x');
      await page.locator('button[type=submit]').click();
      await heading(page, new URL(callback.uri).host);
      await page.getByText('dana@corp.example').waitFor();
      await decide(page, 'allow');
      await arrived(page);
      const granted = await server.post('/token', {
        grant_type: 'authorization_code',
        client_id,
        code: callback.answers[0]?.get('code') ?? '',
        code_verifier: verifier,
        redirect_uri: callback.uri,
      });
      expect(granted.status).toBe(200);

      await page.goto(server.issuer);
      await heading(page, say.apps.title);
      await page.getByRole('link', { name: say.consent.signOut }).click();
      await page.getByRole('button', { name: say.signOut.submit }).click();
      await heading(page, say.signOut.doneTitle);

      expect(window.complaints).toEqual([]);
      expect(new Set(window.requests.map((asked) => new URL(asked).origin))).toEqual(
        new Set([server.issuer, provider.issuer, new URL(callback.uri).origin]),
      );
    },
  );
});
