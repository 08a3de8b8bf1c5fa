import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { certify } from '../support/certificates.ts';
import { chromiumMissing, launchChromium } from '../support/chromium.ts';
import { ALICE, client, DOCUMENT, REGISTERED, startInteractionSite } from '../support/interaction-site.ts';

if (chromiumMissing !== undefined) console.warn(`skipped: the pages in Chromium (${chromiumMissing})`);

/** A client that waits for its answer on 127.0.0.1. */
async function listenForAnswer() {
  const answers: URLSearchParams[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://client');
    if (url.pathname === '/callback') answers.push(url.searchParams);
    response.setHeader('content-type', 'text/html').end('<link rel="icon" href="data:,"><h1>Connected</h1>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    answers,
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe.skipIf(chromiumMissing !== undefined)('in Chromium', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser.close());

  /** A window, and everything a person would see go wrong or leave in it. */
  async function openWindow(options: BrowserContextOptions = {}) {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    const complaints: string[] = [];
    const requests: string[] = [];
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('dialog', (dialog) => {
      complaints.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on('request', (request) => requests.push(request.url()));
    return { page, complaints, requests, [Symbol.asyncDispose]: () => context.close() };
  }

  async function signIn(page: Page, url: string) {
    await page.goto(url);
    await page.getByLabel('Username').fill(ALICE.username);
    await page.getByLabel('Password').fill(ALICE.password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('button', { name: 'Allow' }).waitFor();
  }

  test.each([
    ['127.0.0.1', true],
    ['localhost', true],
    ['localhost', false],
  ])(
    'the answer arrives at a client on %s (scripts on: %s); nothing complains, nothing else is asked of anybody',
    async (host, javaScriptEnabled) => {
      await using site = await startInteractionSite();
      await using waiting = await listenForAnswer();
      await using window = await openWindow({ javaScriptEnabled });
      const redirectUri = `http://${host}:${waiting.port}/callback`;

      await signIn(window.page, await site.begin(client('c', 'registered', redirectUri, 'App')));
      await window.page.getByRole('button', { name: 'Allow' }).click();
      await window.page.getByRole('heading', { name: 'Connected' }).waitFor();

      expect(waiting.answers.map((answer) => [...answer.keys()])).toEqual([['code', 'state', 'iss']]);
      expect(window.complaints).toEqual([]);
      expect(new Set(window.requests.map((url) => new URL(url).origin))).toEqual(
        new Set([site.origin, new URL(redirectUri).origin]),
      );
    },
  );

  test('a refusal arrives there too', async () => {
    await using site = await startInteractionSite();
    await using waiting = await listenForAnswer();
    await using window = await openWindow();
    const redirectUri = `http://127.0.0.1:${waiting.port}/callback`;

    await signIn(window.page, await site.begin(client('c', 'registered', redirectUri, 'App')));
    await window.page.getByRole('button', { name: 'Deny' }).click();
    await window.page.getByRole('heading', { name: 'Connected' }).waitFor();

    expect(waiting.answers.map((answer) => answer.get('error'))).toEqual(['access_denied']);
    expect(window.complaints).toEqual([]);
  });

  test('a callback that redirects on to a page of its own gets the person there', async () => {
    await using site = await startInteractionSite();
    const { key, cert } = certify({ commonName: 'done', names: ['localhost'] });
    const done = createTlsServer({ key, cert }, (_request, response) => {
      response.setHeader('content-type', 'text/html').end('<link rel="icon" href="data:,"><h1>Done</h1>');
    });
    const waiting = createServer((_request, response) => {
      response.writeHead(302, { location: `https://localhost:${(done.address() as AddressInfo).port}/done` }).end();
    });
    for (const server of [done, waiting]) {
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    }
    await using window = await openWindow({ ignoreHTTPSErrors: true });
    const redirectUri = `http://127.0.0.1:${(waiting.address() as AddressInfo).port}/callback`;

    await signIn(window.page, await site.begin(client('c', 'registered', redirectUri, 'App')));
    await window.page.getByRole('button', { name: 'Allow' }).click();
    await window.page.getByRole('heading', { name: 'Done' }).waitFor();

    expect(window.complaints).toEqual([]);
    for (const server of [done, waiting]) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });

  test.each([
    ['is opened under our policy', "form-action 'self' cursor:", []],
    ['is blocked where the policy does not name it', "form-action 'self'", [expect.stringContaining('form-action')]],
  ])('a custom scheme %s', async (_, formAction, complaints) => {
    await using site = await startInteractionSite({
      around: async (ctx, next) => {
        await next();
        if (ctx.method !== 'GET' || !ctx.path.endsWith('/consent')) return;
        const policy = ctx.response.get('Content-Security-Policy');
        ctx.set('Content-Security-Policy', policy.replace(/form-action [^;]*cursor:/, formAction));
      },
    });
    await using window = await openWindow();

    await signIn(window.page, await site.begin(client('c', 'registered', 'cursor://anysphere.mcp/cb', 'Editor')));
    const settled = Promise.race([
      window.page.waitForEvent('requestfailed', (request) => request.url().startsWith('cursor:')),
      window.page.waitForEvent('console'),
    ]);
    await window.page.getByRole('button', { name: 'Allow' }).click();
    await settled;

    expect(window.complaints).toEqual(complaints);
  });

  test('going back and allowing once more says that it was answered, and brings no second code [AS-UI-31]', async () => {
    await using site = await startInteractionSite();
    await using waiting = await listenForAnswer();
    await using window = await openWindow();
    const redirectUri = `http://127.0.0.1:${waiting.port}/callback`;

    await signIn(window.page, await site.begin(client('c', 'registered', redirectUri, 'App')));
    await window.page.getByRole('button', { name: 'Allow' }).click();
    await window.page.getByRole('heading', { name: 'Connected' }).waitFor();
    await window.page.goBack();
    await window.page.getByRole('button', { name: 'Allow' }).click();
    await window.page.getByRole('heading', { name: 'This was already answered' }).waitFor();

    expect(waiting.answers).toHaveLength(1);
  });

  test('a consent that is remembered gets the person to the client right after signing in, although a form began it', async () => {
    await using site = await startInteractionSite();
    const { key, cert } = certify({ commonName: 'app', names: ['app.example.com'] });
    const arrived: string[] = [];
    const app = createTlsServer({ key, cert }, (request, response) => {
      arrived.push(request.url ?? '');
      response.setHeader('content-type', 'text/html').end('<link rel="icon" href="data:,"><h1>Connected</h1>');
    });
    await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
    await using window = await openWindow({ ignoreHTTPSErrors: true });
    const { page } = window;
    const callback = `https://app.example.com:${(app.address() as AddressInfo).port}/callback`;
    const who = client('https://app.example.com/client.json', 'document', callback, 'App');
    await signIn(page, await site.begin(who));
    await page.getByRole('button', { name: 'Allow' }).click();
    await page.getByRole('heading', { name: 'Connected' }).waitFor();

    await page.goto(await site.begin(who));
    await page.getByRole('heading', { name: 'Connected' }).waitFor();
    await page.goto(await site.begin(who, { prompt: ['login'] }));
    await page.getByLabel('Username').fill(ALICE.username);
    await page.getByLabel('Password').fill(ALICE.password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { name: 'Connected' }).waitFor();

    expect(arrived).toHaveLength(3);
    expect(window.complaints).toEqual([]);
    app.closeAllConnections();
    await new Promise((resolve) => app.close(resolve));
  });

  test('whatever a client or a link says, no script of it runs [AS-UI-28]', async () => {
    await using site = await startInteractionSite();
    await using window = await openWindow();
    const evil = "\"><img src=x onerror=alert(1)><script>alert(2)</script>' onfocus=alert(3) autofocus x='";

    await signIn(
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

  test.each([
    ['light', 1280],
    ['dark', 1280],
    ['light', 320],
    ['dark', 320],
  ] as const)('text and buttons are readable and large enough: %s, %d pixels wide', async (colorScheme, width) => {
    await using site = await startInteractionSite();
    await using window = await openWindow({ colorScheme, viewport: { width, height: 700 } });
    const { page } = window;
    const faults: unknown[] = [];

    await page.goto(await site.begin());
    await page.getByLabel('Username').fill('alice');
    await page.getByLabel('Password').fill('wrong');
    await page.getByRole('button').click();
    await page.getByRole('alert').waitFor();
    faults.push(...(await page.evaluate(findVisualFaults)));
    for (const who of [REGISTERED, DOCUMENT]) {
      await signIn(page, await site.begin(who, { prompt: ['login'], scope: ['files:read', 'files:write'] }));
      faults.push(...(await page.evaluate(findVisualFaults)));
    }
    await page.goto(`${site.origin}/interaction/nowhere`);
    faults.push(...(await page.evaluate(findVisualFaults)));

    expect(faults).toEqual([]);
  });

  test('the keyboard reaches everything in order, and Deny before Allow', async () => {
    await using site = await startInteractionSite();
    await using window = await openWindow();
    await signIn(window.page, await site.begin());
    const focused = () => window.page.evaluate(() => document.activeElement?.textContent?.trim() ?? '');
    const reached = [await window.page.evaluate(() => document.activeElement?.tagName)];

    for (let step = 0; step < 4; step++) {
      await window.page.keyboard.press('Tab');
      reached.push(await focused());
    }

    expect(reached).toEqual(['BODY', 'Not you? Use another account', 'Sign out', 'Deny', 'Allow']);
  });
});

/** In the page: text below 4.5:1 (WCAG 1.4.3), targets below 44 pixels (2.5.5), anything wider than the window. */
function findVisualFaults(): string[] {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = (color: string): [number, number, number, number] => {
    if (canvas === null) return [0, 0, 0, 0];
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [red = 0, green = 0, blue = 0, alpha = 0] = canvas.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha];
  };
  const luminance = (color: string): number => {
    const linear = rgba(color)
      .slice(0, 3)
      .map((part) => (part / 255 <= 0.03928 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * (linear[0] ?? 0) + 0.7152 * (linear[1] ?? 0) + 0.0722 * (linear[2] ?? 0);
  };
  const groundOf = (element: Element): string => {
    for (let at: Element | null = element; at !== null; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (rgba(color)[3] === 255) return color;
    }
    return 'white';
  };
  const faults: string[] = [];
  for (const element of document.querySelectorAll('main *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent?.trim() !== '');
    const box = element.getBoundingClientRect();
    const name = `${element.tagName} ${element.textContent?.trim().slice(0, 30)}`;
    if (own && box.height > 0) {
      const [one, other] = [luminance(getComputedStyle(element).color), luminance(groundOf(element))];
      const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
      if (contrast < 4.5) faults.push(`${name}: contrast ${contrast.toFixed(2)}`);
    }
    if (
      element.matches('a, button, input:not([type=hidden], [type=checkbox]), .choice label, summary') &&
      box.height < 44
    ) {
      faults.push(`${name}: ${box.height} pixels high`);
    }
    if (box.right > document.documentElement.clientWidth + 0.5) faults.push(`${name}: wider than the window`);
  }
  return faults;
}
