import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listenForAnswers } from '../../support/callback.ts';
import { chromiumMissing, launchChromium } from '../../support/chromium.ts';
import {
  ALICE,
  BOB,
  client,
  DOCUMENT,
  type InteractionSite,
  startInteractionSite,
} from '../../support/interaction-site.ts';
import { signIn } from '../../support/stage.ts';
import { openWindow } from '../../support/window.ts';

if (chromiumMissing !== undefined) console.warn(`skipped: attacks in Chromium (${chromiumMissing})`);

/** A page of somebody else at this host, on a port of its own. */
async function publishPage(host: string, html: string) {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html').end(`<!doctype html><link rel="icon" href="data:,">${html}`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('"', '&quot;');
const grantsOf = (site: InteractionSite) =>
  site.audit.filter(({ event }) => /consent\.granted|code\.issued/.test(event));

// The site is at localhost: another port of it is another origin of the same site, which gets its cookies.
const STRANGERS = [
  ['another site', '127.0.0.1'],
  ['another port of the same host', 'localhost'],
] as const;

describe.skipIf(chromiumMissing !== undefined)('in Chromium', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser.close());

  /** Alice, before her consent page. */
  async function openConsent(page: Page, url: string, who = ALICE): Promise<void> {
    await page.goto(url);
    await signIn(page, who);
    await page.getByRole('button', { name: 'Allow' }).waitFor();
  }

  test.each(STRANGERS)('no page can be framed by %s [AS-31]', async (_, host) => {
    await using site = await startInteractionSite();
    await using window = await openWindow(browser);
    const { page } = window;
    await openConsent(page, await site.begin());
    const framed = [page.url(), `${site.origin}/interaction/sign-out`];
    await using stranger = await publishPage(host, framed.map((url) => `<iframe src="${url}"></iframe>`).join(''));

    await page.goto(stranger.url);

    const frames = () => page.frames().slice(1);
    await expect
      .poll(() => frames().map((frame) => frame.url()))
      .toEqual(framed.map(() => 'chrome-error://chromewebdata/'));
    expect(window.complaints).toEqual(framed.map(() => expect.stringContaining("frame-ancestors 'none'")));
    for (const frame of frames()) expect(await frame.getByRole('button').count()).toBe(0);
  });

  test.each([
    ...STRANGERS.map(([who, host]) => [who, host, ''] as const),
    ['a sandboxed frame, which has no origin', '127.0.0.1', 'sandbox'] as const,
  ])('a decision sent by %s, with a form of its own making, is refused', async (_, host, sandbox) => {
    await using site = await startInteractionSite();
    await using callback = await listenForAnswers();
    await using victim = await openWindow(browser);
    await using attacker = await openWindow(browser);
    const url = await site.begin(client('evil', 'registered', callback.uri, 'App'));
    await openConsent(attacker.page, url, BOB);
    const form = await attacker.page.locator('[name=form]').inputValue();
    await openConsent(victim.page, await site.begin());
    const html =
      `<form method="post" target="_top" action="${attacker.page.url()}"><input name="form" value="${form}">` +
      '<button name="decision" value="allow">Win a car</button></form>';
    await using stranger = await publishPage(
      host,
      sandbox ? `<iframe sandbox="allow-forms allow-top-navigation" srcdoc="${escaped(html)}"></iframe>` : html,
    );

    await victim.page.goto(stranger.url);
    await (sandbox ? victim.page.frameLocator('iframe') : victim.page).getByRole('button').click();
    await victim.page.getByRole('heading', { name: 'This form came from another site' }).waitFor();

    expect(grantsOf(site)).toEqual([]);
    expect(callback.answers).toEqual([]);
  });

  test.each(STRANGERS)('nobody is signed in as somebody else by a form of %s', async (_, host) => {
    await using site = await startInteractionSite();
    await using attacker = await openWindow(browser);
    await using victim = await openWindow(browser);
    await attacker.page.goto(await site.begin());
    const form = await attacker.page.locator('[name=form]').inputValue();
    await using stranger = await publishPage(
      host,
      `<form method="post" action="${attacker.page.url()}"><input name="form" value="${form}">` +
        `<input name="username" value="${BOB.username}"><input name="password" value="${BOB.password}"><button>Go</button></form>`,
    );

    await victim.page.goto(stranger.url);
    await victim.page.getByRole('button').click();
    await victim.page.getByRole('heading', { name: 'This form came from another site' }).waitFor();

    expect(site.audit.filter(({ event }) => event === 'sign_in.succeeded')).toEqual([]);
    expect(await victim.page.context().cookies()).toEqual([]);
  });

  test('the form of one request cannot decide about another', async () => {
    await using site = await startInteractionSite();
    await using window = await openWindow(browser);
    const { page } = window;
    await openConsent(page, await site.begin(DOCUMENT));
    const asked = page.url();
    await page.goto(await site.begin(client('evil', 'registered', 'http://127.0.0.1:9/cb', 'App')));

    await page.locator('form').evaluate((form, action) => form.setAttribute('action', action), asked);
    await page.getByRole('button', { name: 'Allow' }).click();
    await page.getByRole('heading', { name: 'This page does not belong to this browser' }).waitFor();

    expect(grantsOf(site)).toEqual([]);
  });

  test.each([
    ['of the same person', ALICE],
    ['of somebody else', BOB],
  ])('the form of another browser %s decides nothing here, and its address asks who one is', async (_, who) => {
    await using site = await startInteractionSite();
    await using mine = await openWindow(browser);
    await using other = await openWindow(browser);
    const url = await site.begin(DOCUMENT);
    await openConsent(other.page, url, who);
    const form = await other.page.locator('[name=form]').inputValue();

    await mine.page.goto(other.page.url());
    await mine.page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await openConsent(mine.page, url);
    await mine.page.locator('[name=form]').evaluate((field, value) => field.setAttribute('value', value), form);
    await mine.page.getByRole('button', { name: 'Allow' }).click();
    await mine.page.getByRole('heading', { name: 'This page does not belong to this browser' }).waitFor();

    expect(grantsOf(site)).toEqual([]);
  });

  test('whatever a client or a link says, no script of it runs [AS-UI-28]', async () => {
    await using site = await startInteractionSite();
    await using window = await openWindow(browser);
    const evil = "\"><img src=x onerror=alert(1)><script>alert(2)</script>' onfocus=alert(3) autofocus x='";

    await openConsent(
      window.page,
      await site.begin(client('c', 'registered', 'http://localhost:9/cb', evil), {
        loginHint: evil,
        state: evil,
        scope: ["x<img/src=x/onerror=alert(4)>'"],
        resource: { resource: 'https://files.example.com/mcp', name: evil },
      }),
    );

    expect(window.complaints).toEqual([]);
    expect(await window.page.locator('img, script').count()).toBe(0);
  });
});
