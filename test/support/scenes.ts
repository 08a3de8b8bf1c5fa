import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Page } from 'playwright-core';
import { UnavailableError } from '../../src/oauth/index.ts';
import { ANNA, BEN, CARLA, SALES, type Stage, signIn } from './stage.ts';

/** A page a person can meet, and the way there in a browser without scripts. */
export interface Scene {
  readonly name: string;
  /** HTTP status of the page. */
  readonly status: number;
  /** Whether it is one of those a person sees when all goes well. */
  readonly isMain?: boolean;
  /** What the URLs of other sites begin with that the way there leads over. */
  readonly visits?: string;
  /** Goes there in a tab of a window that has been nowhere yet. */
  open(page: Page, stage: Stage): Promise<void>;
}

const PAGES: readonly Scene[] = [
  {
    name: 'sign-in',
    status: 200,
    isMain: true,
    open: async (page, { request, apps }) => void (await page.goto(request(apps.document))),
  },
  {
    name: 'sign-in-wrong',
    status: 403,
    isMain: true,
    async open(page, { request, apps }) {
      await page.goto(request(apps.document));
      await signIn(page, { ...ANNA, password: 'not this one' });
    },
  },
  {
    name: 'sign-in-throttled',
    status: 429,
    async open(page, { strict }) {
      await page.goto(`${strict.issuer}/interaction/apps`);
      const alert = page.getByRole('alert');
      for (let attempt = 0; attempt <= 10; attempt++) {
        await signIn(page, { username: 'mallory', password: `guess ${attempt}` });
        if (/[?&]request=/.test(page.url()) && /minute|분/.test((await alert.textContent()) ?? '')) return;
      }
    },
  },
  {
    name: 'sign-in-stale',
    status: 403,
    async open(page, { request, apps }) {
      await page.goto(request(apps.document));
      await page.context().clearCookies();
      await signIn(page, ANNA);
    },
  },
  {
    name: 'sign-in-providers',
    status: 200,
    isMain: true,
    open: async (page, { request, apps, company }) => void (await page.goto(request(apps.document, {}, company))),
  },
  {
    name: 'sign-in-elsewhere',
    status: 200,
    open: async (page, { request, apps, federated }) => void (await page.goto(request(apps.document, {}, federated))),
  },
  {
    name: 'sign-in-own-page',
    status: 200,
    open: async (page, { server }) => void (await page.goto(server.issuer)),
  },
  ...(
    [
      ['consent-document', 'document', {}, true],
      ['consent-configured', 'configured', { scope: 'files:read files:write offline_access' }, false],
      ['consent-loopback', 'loopback', { scope: 'files:read files:write' }, true],
      ['consent-web', 'web', {}, false],
      ['consent-scheme', 'scheme', {}, false],
      ['consent-nameless', 'nameless', {}, false],
      ['consent-lengthy', 'lengthy', { resource: SALES, scope: '' }, false],
    ] as const
  ).map(
    ([name, app, parameters, isMain]): Scene => ({
      name,
      status: 200,
      isMain,
      async open(page, { request, apps }) {
        await page.goto(request(apps[app], parameters));
        await signIn(page, ANNA);
      },
    }),
  ),
  {
    name: 'consent-branded',
    status: 200,
    async open(page, { request, apps, company }) {
      await page.goto(request(apps.document, { scope: 'files:read files:write' }, company));
      await signIn(page, ANNA);
    },
  },
  {
    name: 'consent-nothing-ticked',
    status: 400,
    async open(page, { request, apps }) {
      await page.goto(request(apps.loopback, { scope: 'files:read files:write' }));
      await signIn(page, ANNA);
      for (const box of await page.getByRole('checkbox').all()) await box.uncheck();
      await page.locator('button[value=allow]').click();
    },
  },
  {
    name: 'onward',
    status: 200,
    visits: 'https://office.example.com/',
    async open(page, { request, apps }) {
      // The app cannot be reached, so the browser stays where it was.
      await page.route('https://office.example.com/**', (route) => route.abort('aborted'));
      const before = await page.context().newPage();
      await before.goto(request(apps.configured));
      await signIn(before, ANNA);
      const left = before.waitForEvent('requestfailed', (failed) =>
        failed.url().startsWith(apps.configured.redirectUri),
      );
      await before.locator('button[value=allow]').click();
      await left;
      await page.goto(request(apps.configured, { prompt: 'login' }));
      const stayed = page.waitForEvent('requestfailed');
      await signIn(page, ANNA);
      await stayed;
    },
  },
  {
    name: 'leave',
    status: 200,
    open: async (page, { request, apps }) => void (await page.goto(request(apps.loopback, { prompt: 'none' }))),
  },
  {
    name: 'sign-out',
    status: 200,
    isMain: true,
    async open(page, { request, apps }) {
      await page.goto(request(apps.document));
      await signIn(page, ANNA);
      await page.locator('a[href*="/sign-out"]').click();
    },
  },
  {
    name: 'sign-out-done',
    status: 200,
    async open(page, { server }) {
      await page.goto(`${server.issuer}/interaction/apps`);
      await signIn(page, BEN);
      await page.goto(`${server.issuer}/interaction/sign-out`);
      await page.locator('form button').click();
    },
  },
  {
    name: 'apps',
    status: 200,
    isMain: true,
    open: (page, stage) => openApps(page, stage, CARLA),
  },
  {
    name: 'apps-none',
    status: 200,
    open: (page, stage) => openApps(page, stage, BEN),
  },
  {
    name: 'apps-disconnected',
    status: 200,
    async open(page, stage) {
      await stage.connect('Old Notes');
      await openApps(page, stage, CARLA);
      await page.locator('li', { hasText: 'Old Notes' }).locator('button').click();
    },
  },
];

async function openApps(page: Page, { server }: Stage, who: { username: string; password: string }): Promise<void> {
  await page.goto(`${server.issuer}/interaction/apps`);
  await signIn(page, who);
}

const FAULTS: readonly Scene[] = [
  {
    name: 'error-sign-in-denied',
    status: 403,
    async open(page, stage) {
      await page.goto(stage.request(stage.apps.document, {}, stage.federated));
      await page.locator('button[name=provider]').click();
      // Where its page says "Cancel".
      await page.locator('a[href$="/abort"]').click();
    },
    visits: 'http://localhost:',
  },
  {
    name: 'error-sign-in-outage',
    status: 503,
    async open(page, { provider, request, apps, company }) {
      await page.goto(request(apps.document, {}, company));
      provider.outage = 503;
      await page.locator('button[name=provider][value=corp]').click();
      await page.locator('details').waitFor();
      provider.outage = undefined;
    },
  },
  {
    name: 'error-expired',
    status: 400,
    open: async (page, { server }) => void (await page.goto(`${server.issuer}/interaction/continue?request=cut-off`)),
  },
  {
    name: 'error-spent',
    status: 400,
    visits: 'https://notebook.example.com/',
    async open(page, { request, apps }) {
      await page.goto(request(apps.document));
      await signIn(page, ANNA);
      const other = await page.context().newPage();
      await other.goto(page.url());
      // The answer leads to a host that is not there; the decision counts.
      await other.locator('button[value=deny]').click({ noWaitAfter: true });
      await other.waitForURL((url) => url.hostname !== 'localhost').catch(() => {});
      await page.bringToFront();
      await page.locator('button[value=allow]').click();
    },
  },
  {
    name: 'error-other-browser',
    status: 403,
    async open(page, { request, apps }) {
      await page.goto(request(apps.document));
      await signIn(page, ANNA);
      await page.context().clearCookies({ name: /browser/ });
      await page.locator('button[value=allow]').click();
    },
  },
  {
    name: 'error-other-person',
    status: 403,
    async open(page, { request, apps }) {
      await page.goto(request(apps.document));
      await signIn(page, ANNA);
      const other = await page.context().newPage();
      await other.goto(request(apps.document, { prompt: 'login' }));
      await signIn(other, BEN);
      await other.locator('button[value=allow]').waitFor();
      await page.bringToFront();
      await page.locator('button[value=allow]').click();
    },
  },
  {
    name: 'error-cross-site',
    status: 403,
    visits: 'http://127.0.0.1:',
    async open(page, { server }) {
      const site = createServer((_request, response) => {
        response.setHeader('content-type', 'text/html');
        response.end(
          `<form method="post" action="${server.issuer}/interaction/sign-in"><button>Win a car</button></form>`,
        );
      });
      await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
      await page.goto(`http://127.0.0.1:${(site.address() as AddressInfo).port}/`);
      await page.locator('button').click();
      site.close();
    },
  },
  {
    name: 'error-client-unknown',
    status: 400,
    open: async (page, { request, apps }) =>
      void (await page.goto(request({ ...apps.configured, clientId: 'nobody' }))),
  },
  {
    name: 'error-redirect-uri',
    status: 400,
    open: async (page, { request, apps }) =>
      void (await page.goto(request({ ...apps.configured, redirectUri: 'https://evil.example/cb' }))),
  },
  {
    name: 'error-request',
    status: 400,
    open: async (page, { request, apps }) => void (await page.goto(`${request(apps.configured)}&client_id=again`)),
  },
  {
    name: 'error-404',
    status: 404,
    open: async (page, { server }) => void (await page.goto(`${server.issuer}/nowhere`)),
  },
  {
    name: 'error-405',
    status: 405,
    async open(page, { server }) {
      await page.goto(server.issuer);
      await page.locator('form').evaluate((form) => form.setAttribute('action', '/interaction/continue'));
      await signIn(page, BEN);
    },
  },
  {
    name: 'error-413',
    status: 413,
    async open(page, { server }) {
      await page.goto(server.issuer);
      await page.locator('[name=form]').evaluate((field) => field.setAttribute('value', 'x'.repeat(40_000)));
      await signIn(page, BEN);
    },
  },
  {
    name: 'error-429',
    status: 429,
    async open(page, { strict, request, apps }) {
      const asked = request(apps.configured).replace(/^[^/]+\/\/[^/]+/, strict.issuer);
      await page.goto(asked);
      await page.goto(asked);
    },
  },
  ...(
    [
      ['error-500', 500, new TypeError('a bug')],
      ['error-503', 503, new UnavailableError('the store')],
    ] as const
  ).map(
    ([name, status, error]): Scene => ({
      name,
      status,
      async open(page, stage) {
        await page.goto(stage.server.issuer);
        stage.trouble = error;
        await signIn(page, BEN);
        await page.locator('details').waitFor();
        stage.trouble = undefined;
      },
    }),
  ),
];

/** Every page there is. */
export const SCENES: readonly Scene[] = [...PAGES, ...FAULTS];
