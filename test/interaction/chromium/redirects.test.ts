import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listenForAnswers } from '../../support/callback.ts';
import { chromiumMissing, launchChromium } from '../../support/chromium.ts';
import { ALICE, client, type InteractionSite, startInteractionSite } from '../../support/interaction-site.ts';
import { signIn } from '../../support/stage.ts';
import { openWindow } from '../../support/window.ts';

if (chromiumMissing !== undefined) console.warn(`skipped: redirects in Chromium (${chromiumMissing})`);

describe.skipIf(chromiumMissing !== undefined)('after the decision, Chromium', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser.close());

  async function openConsent(site: InteractionSite, page: Page, redirectUri: string): Promise<void> {
    await page.goto(await site.begin(client('c', 'registered', redirectUri, 'App')));
    await signIn(page, ALICE);
    await page.getByRole('button', { name: 'Allow' }).waitFor();
  }

  test.each([
    ['http://127.0.0.1', 'Allow', true, ['code', 'state', 'iss']],
    ['http://127.0.0.1', 'Deny', true, ['error', 'error_description', 'state', 'iss']],
    ['http://localhost', 'Allow', true, ['code', 'state', 'iss']],
    ['http://localhost', 'Allow', false, ['code', 'state', 'iss']],
    ['http://[::1]', 'Allow', true, ['code', 'state', 'iss']],
    ['http://[::1]', 'Deny', false, ['error', 'error_description', 'state', 'iss']],
    ['https://app.example.com', 'Allow', true, ['code', 'state', 'iss']],
    ['https://app.example.com', 'Deny', false, ['error', 'error_description', 'state', 'iss']],
  ])(
    'brings the answer to %s (%s, scripts on: %s), and asks nothing of anybody else',
    async (origin, decision, javaScriptEnabled, members) => {
      await using site = await startInteractionSite();
      await using callback = await listenForAnswers(origin);
      await using window = await openWindow(browser, { javaScriptEnabled, ignoreHTTPSErrors: true });
      const { page } = window;

      await openConsent(site, page, callback.uri);
      await page.getByRole('button', { name: decision }).click();
      await page.getByRole('heading', { name: 'Connected' }).waitFor();

      expect(callback.answers.map((answer) => [...answer.keys()])).toEqual([members]);
      expect(window.complaints).toEqual([]);
      expect(new Set(window.requests.map((url) => new URL(url).origin))).toEqual(
        new Set([site.origin, new URL(callback.uri).origin]),
      );
    },
  );

  test.each(['http://127.0.0.1', 'https://app.example.com'])(
    'follows a callback at %s that redirects on to a page of its own',
    async (origin) => {
      await using site = await startInteractionSite();
      await using done = await listenForAnswers('https://done.example.com');
      await using callback = await listenForAnswers(origin, done.uri);
      await using window = await openWindow(browser, { ignoreHTTPSErrors: true });
      const { page } = window;

      await openConsent(site, page, callback.uri);
      await page.getByRole('button', { name: 'Allow' }).click();
      await page.getByRole('heading', { name: 'Connected' }).waitFor();

      expect(page.url()).toBe(done.uri);
      expect(window.complaints).toEqual([]);
    },
  );

  test.each([
    ['cursor://anysphere.cursor-mcp/oauth/callback', 'Allow', 'code='],
    ['cursor://anysphere.cursor-mcp/oauth/callback', 'Deny', 'error=access_denied'],
    ['vscode://vscode.github-authentication/did-authenticate', 'Allow', 'code='],
    ['com.example.app:/oauth', 'Allow', 'code='],
  ])('hands %s to its program (%s)', async (redirectUri, decision, member) => {
    await using site = await startInteractionSite();
    await using window = await openWindow(browser);
    const { page } = window;

    await openConsent(site, page, redirectUri);
    // There is no such program here, so the navigation begins and goes no further.
    const left = page.waitForEvent('requestfailed', (request) => request.url().startsWith(redirectUri));
    await page.getByRole('button', { name: decision }).click();

    expect((await left).url()).toContain(`?${member}`);
    expect(window.complaints).toEqual([]);
  });

  test.each(['cursor://anysphere.cursor-mcp/oauth/callback', 'https://app.example.com/callback', 'http://[::1]:9/cb'])(
    'would have stopped at a policy that does not name %s',
    async (redirectUri) => {
      await using site = await startInteractionSite({
        around: async (ctx, next) => {
          await next();
          const policy = ctx.response.get('Content-Security-Policy');
          ctx.set('Content-Security-Policy', policy.replace(/form-action [^;]*/, "form-action 'self'"));
        },
      });
      await using window = await openWindow(browser);

      await openConsent(site, window.page, redirectUri);
      const complaint = window.page.waitForEvent('console');
      await window.page.getByRole('button', { name: 'Allow' }).click();

      expect((await complaint).text()).toContain('form-action');
    },
  );

  test('goes back to a consent that was answered: allowing once more brings no second code [AS-UI-31]', async () => {
    await using site = await startInteractionSite();
    await using callback = await listenForAnswers();
    await using window = await openWindow(browser);
    const { page } = window;

    await openConsent(site, page, callback.uri);
    await page.getByRole('button', { name: 'Allow' }).click();
    await page.getByRole('heading', { name: 'Connected' }).waitFor();
    await page.goBack();
    await page.getByRole('button', { name: 'Allow' }).click();
    await page.getByRole('heading', { name: 'This was already answered' }).waitFor();

    expect(callback.answers).toHaveLength(1);
  });
});
