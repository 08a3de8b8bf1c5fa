import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { chromiumMissing, launchChromium } from '../../support/chromium.ts';
import { startOpenIdProvider } from '../../support/openid-provider.ts';
import { findPageFaults } from '../../support/page-faults.ts';
import { startUpstreamWalk, type UpstreamWalk } from '../../support/upstream-walk.ts';
import { openWindow } from '../../support/window.ts';

if (chromiumMissing !== undefined) console.warn(`skipped: signing in elsewhere in Chromium (${chromiumMissing})`);

const CALLBACK = 'http://127.0.0.1:7777/callback';

describe.skipIf(chromiumMissing !== undefined)('in Chromium, at a real OpenID provider', () => {
  let browser: Browser;
  let callback = '';
  /** Where there are passwords beside the provider, and where it is the only way. */
  let servers: { readonly beside: UpstreamWalk; readonly only: UpstreamWalk };
  const comeBackTo = ({ server }: UpstreamWalk) => {
    callback = `${server.issuer}/interaction/upstream/corp/callback`;
  };
  let provider: Awaited<ReturnType<typeof startOpenIdProvider>>;
  beforeAll(async () => {
    [browser, provider] = await Promise.all([launchChromium(), startOpenIdProvider({ redirectUri: () => callback })]);
    const [beside, only] = await Promise.all(
      [true, false].map((local) => startUpstreamWalk({ local, oidc: [provider.settings()] })),
    );
    if (beside === undefined || only === undefined) throw new Error('two servers are started');
    servers = { beside, only };
  });
  beforeEach(() => comeBackTo(servers.beside));
  afterAll(async () => {
    await browser.close();
    await servers.beside[Symbol.asyncDispose]();
    await servers.only[Symbol.asyncDispose]();
    await provider[Symbol.asyncDispose]();
  });

  test.each([true, false])(
    'the button leads there and back to the consent page, with a question and without (scripts on: %s)',
    async (javaScriptEnabled) => {
      const walk = servers.beside;
      await using window = await openWindow(browser, { javaScriptEnabled });
      const { page } = window;
      const { client_id } = await walk.server.register({ client_name: 'Helper' });
      const request = walk.request({ client_id, redirect_uri: CALLBACK });

      await page.goto(request);
      await page.getByRole('button', { name: 'Sign in with Corp' }).click();
      await page.getByPlaceholder('Enter any login').fill('dana');
      await page.getByPlaceholder('and password').fill('x');
      await page.getByRole('button', { name: 'Sign-in' }).click();
      await page.getByRole('button', { name: 'Allow' }).waitFor();
      expect(await page.getByText('dana (Corp)', { exact: true }).count()).toBe(1);

      // Another window of the same browser: signed in over there, and not here any more.
      await page.context().clearCookies({ name: 'guardmint-session' });
      await page.goto(request);
      await page.getByRole('button', { name: 'Sign in with Corp' }).click();
      await page.getByRole('button', { name: 'Allow' }).waitFor();

      // The provider's own page complains of itself; of ours nothing may be refused on the way.
      expect(window.complaints.filter((line) => /Content Security Policy|refused/i.test(line))).toEqual([]);
    },
  );

  test('where it is the only way, the app of the operator leads there at once', async () => {
    comeBackTo(servers.only);
    await using window = await openWindow(browser);

    await window.page.goto(servers.only.request());
    await window.page.getByPlaceholder('Enter any login').waitFor();

    expect(window.page.url()).toMatch(new RegExp(`^${provider.issuer}/interaction/`));
  });

  test.each([
    ['en', true],
    ['en', false],
    ['ko', true],
    ['ko', false],
  ])('the sign-in page with its button (%s, passwords: %s), by axe and by measure', async (locale, local) => {
    const walk = local ? servers.beside : servers.only;
    await using window = await openWindow(browser, { locale, viewport: { width: 390, height: 760 } });
    const { page } = window;
    await page.goto(walk.request({ client_id: 'https://app.example.com/client.json', redirect_uri: CALLBACK }));

    expect(await findPageFaults(page)).toEqual([]);
  });
});
