import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { decodeJwt } from 'jose';
import { describe, expect, test } from 'vitest';
import type { Client } from '../../src/clients/index.ts';
import { startGuardmint } from '../support/guardmint.ts';
import {
  ALICE,
  BOB,
  CONFIGURED,
  client,
  DOCUMENT,
  REGISTERED,
  startInteractionSite,
} from '../support/interaction-site.ts';
import { pkcePair } from '../support/pkce.ts';
import { createWalkingBrowser, type WalkedPage, type WalkingBrowser, wordsOf } from '../support/walking-browser.ts';

type Site = Awaited<ReturnType<typeof startInteractionSite>>;
type Asked = Parameters<Site['begin']>[1];

const COOKIE = 'guardmint-consent';
const DAY = 86_400;

/** Signs Alice in and allows the request. */
async function allow(site: Site, who: Client = DOCUMENT, request: Asked = {}, browser = createWalkingBrowser()) {
  const opened = await browser.open(await site.begin(who, request));
  const consent = opened.url.includes('/sign-in') ? await browser.submit(opened, ALICE) : opened;
  await browser.submit(consent, { decision: 'allow' });
  return browser;
}

const ask = async (site: Site, browser: WalkingBrowser, who: Client = DOCUMENT, request: Asked = {}) =>
  browser.open(await site.begin(who, request));

const isAsked = (page: WalkedPage) => page.html.includes('name="decision"') && page.leavesFor === undefined;

describe('a consent that was given', () => {
  test.each([
    ['a client of the configuration', CONFIGURED],
    ['a client with a metadata document', DOCUMENT],
  ])('to %s is remembered: the next request brings a code without a page, and says so to the audit', async (_, who) => {
    await using site = await startInteractionSite();
    const browser = await allow(site, who);
    site.audit.length = 0;

    const next = await ask(site, browser, who, { state: 'another' });

    expect([next.hops, next.status]).toEqual([[], 303]);
    const response = new URL(next.leavesFor ?? '');
    expect(`${response.origin}${response.pathname}`).toBe(who.redirectUris[0]);
    expect([...response.searchParams.keys()]).toEqual(['code', 'state', 'iss']);
    expect(response.searchParams.get('state')).toBe('another');
    expect(await site.openCode(response.href)).toMatchObject({ scope: ['files:read'], authTime: site.now() });
    expect(site.audit.map(({ event }) => event)).toEqual(['consent.remembered', 'code.issued']);
  });

  test.each<[string, Client]>([
    ['that registered itself', client('r', 'registered', 'https://app.example.com/callback', 'App')],
    ['on this computer', REGISTERED],
    ['of the configuration that answers on this computer', client('c', 'configured', 'http://127.0.0.1/cb', 'App')],
    ['of the configuration with TLS on this computer', client('c', 'configured', 'https://localhost:8443/cb', 'App')],
    ['of the configuration with a private-use scheme', client('c', 'configured', 'cursor://mcp/cb', 'App')],
  ])('to a client %s is never remembered: anybody can be it [AS-24]', async (_, who) => {
    await using site = await startInteractionSite();
    const browser = await allow(site, who);

    expect(browser.jar.has(COOKIE)).toBe(false);
    expect(isAsked(await ask(site, browser, who))).toBe(true);
  });

  test('is what the page says: for how long, and only where it is remembered', async () => {
    await using site = await startInteractionSite();
    const browser = createWalkingBrowser();
    await browser.submit(await browser.open(await site.begin()), ALICE);

    const sentence = 'you are not asked again in this browser for 30 days, unless the app wants more';
    expect(wordsOf(await ask(site, browser, DOCUMENT))).toContain(sentence);
    expect(wordsOf(await ask(site, browser, REGISTERED))).not.toContain('not asked again');
  });

  test('satisfies prompt=none, which is refused without it', async () => {
    await using site = await startInteractionSite();
    const browser = await allow(site);

    const silent = await ask(site, browser, DOCUMENT, { prompt: ['none'] });
    const other = await ask(site, browser, CONFIGURED, { prompt: ['none'] });

    expect(new URL(silent.leavesFor ?? '').searchParams.has('code')).toBe(true);
    expect(new URL(other.leavesFor ?? '').searchParams.get('error')).toBe('consent_required');
  });

  test('answers a request once, however often its address is opened', async () => {
    await using site = await startInteractionSite();
    const browser = await allow(site);
    const url = await site.begin(DOCUMENT);

    const pages = await Promise.all(Array.from({ length: 10 }, () => browser.open(url)));

    expect(pages.filter(({ leavesFor }) => leavesFor !== undefined)).toHaveLength(1);
    expect(wordsOf(await browser.open(url))).toContain('This was already answered');
  });

  test('decides nothing for who only asks for headers', async () => {
    await using site = await startInteractionSite();
    const browser = await allow(site);
    const url = await site.begin(DOCUMENT);
    const cookie = [...browser.jar].map(([name, value]) => `${name}=${value}`).join('; ');

    const head = await fetch(url, { method: 'HEAD', headers: { cookie }, redirect: 'manual' });

    expect(head.headers.get('location')).toMatch(/^\/interaction\/consent\?/);
    expect((await browser.open(url)).leavesFor).toContain('code=');
  });

  test('is kept in a sealed cookie that outlives the browser, and that no script reads', async () => {
    await using site = await startInteractionSite({ issuer: 'https://auth.example.com' });
    const local = (url: string) => url.replace('https://auth.example.com', site.origin);
    const browser = createWalkingBrowser();
    const consent = await browser.submit(await browser.open(local(await site.begin(DOCUMENT))), ALICE);
    const done = await browser.submit(consent, { decision: 'allow' });

    const line = done.headers.getSetCookie().find((one) => one.startsWith(`__Host-${COOKIE}=`)) ?? '';
    expect(line.slice(line.indexOf(';'))).toBe('; Max-Age=2592000; Path=/; HttpOnly; SameSite=Lax; Secure');
    expect(Buffer.from(line, 'base64').toString('latin1')).not.toContain('files:read');
  });
});

describe('a remembered consent is asked for again', () => {
  test('when the app wants more, and then covers both; less than was allowed is not asked for', async () => {
    await using site = await startInteractionSite();
    const browser = await allow(site, DOCUMENT, { scope: ['files:read'] });

    const more = await ask(site, browser, DOCUMENT, { scope: ['files:read', 'files:write'] });
    expect(isAsked(more)).toBe(true);
    await browser.submit(more, { decision: 'allow' });
    for (const scope of [['files:write'], ['files:read'], ['files:write', 'files:read'], []]) {
      const page = await ask(site, browser, DOCUMENT, { scope });
      expect((await site.openCode(page.leavesFor ?? '')).scope).toEqual(scope);
    }
  });

  const CALLBACKS = [
    'https://app.example.com/callback',
    'https://app.example.com/cb',
    'https://app.example.com:8443/cb',
  ];
  const at = (redirectUri: string): Client => ({
    ...DOCUMENT,
    redirectUris: [redirectUri, ...CALLBACKS.filter((uri) => uri !== redirectUri)],
  });
  const otherId = 'https://app.example.com/other.json';
  test.each<[string, Client, Asked, boolean]>([
    ['when the client asks for that (prompt=consent)', at(CALLBACKS[0] ?? ''), { prompt: ['consent'] }, true],
    ['at another resource', at(CALLBACKS[0] ?? ''), { resource: { resource: 'https://other.example.com/mcp' } }, true],
    ['for another client', { ...at(CALLBACKS[0] ?? ''), clientId: otherId }, {}, true],
    ['when the answer goes to another origin', at(CALLBACKS[2] ?? ''), {}, true],
    ['when the document says something else', { ...at(CALLBACKS[0] ?? ''), clientName: 'Claude 2' }, {}, true],
    ['but not where the answer goes to another path of the same origin', at(CALLBACKS[1] ?? ''), {}, false],
    ['but not for the same once more', at(CALLBACKS[0] ?? ''), {}, false],
  ])('%s', async (_, who, request, asked) => {
    await using site = await startInteractionSite();
    const browser = await allow(site, at(CALLBACKS[0] ?? ''));

    expect(isAsked(await ask(site, browser, who, request))).toBe(asked);
  });

  test('of another person, and the first one finds theirs again', async () => {
    await using site = await startInteractionSite();
    const browser = await allow(site);

    const login = await ask(site, browser, DOCUMENT, { prompt: ['login'] });
    expect(isAsked(await browser.submit(login, BOB))).toBe(true);
    const back = await browser.submit(await ask(site, browser, DOCUMENT, { prompt: ['login'] }), ALICE);
    expect(back.headers.get('refresh')).toContain('code=');
  });

  test('when it has lasted for its time, however often it was used', async () => {
    await using site = await startInteractionSite({
      lifetimes: { request: 900, sessionIdle: 30 * DAY, sessionAbsolute: 60 * DAY, consent: 10 * DAY },
    });
    const browser = await allow(site);

    site.advance(9 * DAY);
    expect(isAsked(await ask(site, browser))).toBe(false);
    site.advance(DAY - 1);
    expect(isAsked(await ask(site, browser))).toBe(false);
    site.advance(1);
    expect(isAsked(await ask(site, browser))).toBe(true);
  });

  test('every time, where the operator says so', async () => {
    const lifetimes = { request: 900, sessionIdle: 3600, sessionAbsolute: DAY, consent: 0 };
    await using site = await startInteractionSite({ lifetimes });
    const browser = await allow(site);

    const next = await ask(site, browser);
    expect(isAsked(next)).toBe(true);
    expect(wordsOf(next)).not.toContain('not asked again');
  });

  test.each(['subject', 'client', 'all'] as const)('when a watermark on the %s ended what it began', async (kind) => {
    await using site = await startInteractionSite();
    const browser = await allow(site);
    const { sub, client: clientHash } = await site.openCode((await ask(site, browser)).leavesFor ?? '');
    const id = { subject: sub, client: clientHash, all: '' }[kind];
    await site.store.denylist.deny({ kind, id, lifetime: DAY, issuedBefore: site.now() });
    site.advance(1);

    // A watermark on the person or on everybody ended the session too.
    const page = await ask(site, browser);
    expect(isAsked(page.url.includes('/sign-in') ? await browser.submit(page, ALICE) : page)).toBe(true);
  });

  test('when the password was changed', async () => {
    await using site = await startInteractionSite();
    const browser = await allow(site);
    site.advance(1);
    await site.users.setPassword('alice', 'another long password');
    site.advance(1);

    const page = await browser.submit(await ask(site, browser), {
      username: 'alice',
      password: 'another long password',
    });

    expect(isAsked(page)).toBe(true);
  });

  test('when the person refused it in the meantime', async () => {
    await using site = await startInteractionSite();
    const browser = await allow(site);
    await browser.submit(await ask(site, browser, DOCUMENT, { prompt: ['consent'] }), { decision: 'deny' });

    expect(isAsked(await ask(site, browser))).toBe(true);
  });

  test('where the cookie is another one, a changed one, or there twice', async () => {
    await using site = await startInteractionSite();
    const browser = await allow(site);
    const good = browser.jar.get(COOKIE) ?? '';
    const session = browser.jar.get('guardmint-session') ?? '';

    for (const cookie of [session, `${good.slice(0, -2)}AA`, 'x', `${good}; ${COOKIE}=x`]) {
      browser.jar.set(COOKIE, cookie);
      expect(isAsked(await ask(site, browser))).toBe(true);
    }
    browser.jar.set(COOKIE, good);
    expect(isAsked(await ask(site, browser))).toBe(false);
  });
});

describe('the cookie of consents', () => {
  test('stays small: of forty, the youngest are remembered', async () => {
    await using site = await startInteractionSite();
    const clients = Array.from({ length: 40 }, (_, index) =>
      client(`https://app${index}.example.com/c.json`, 'document', `https://app${index}.example.com/cb`, 'App'),
    );
    const browser = createWalkingBrowser();
    for (const who of clients) {
      await allow(site, who, {}, browser);
      site.advance(1);
      expect((browser.jar.get(COOKIE) ?? '').length).toBeLessThanOrEqual(3_800);
    }

    const asked: boolean[] = [];
    for (const who of clients.slice(0, 40).toReversed()) asked.push(isAsked(await ask(site, browser, who)));
    const kept = asked.indexOf(true);
    expect(kept).toBeGreaterThan(8);
    expect(asked.slice(kept)).not.toContain(false);
  });

  test('remembers nothing where one consent alone is too large', async () => {
    await using site = await startInteractionSite();
    const scope = Array.from({ length: 100 }, (_, index) => `files:${'x'.repeat(60)}${index}`);
    const browser = await allow(site, DOCUMENT, { scope, resource: { resource: 'https://files.example.com/mcp' } });

    expect(browser.jar.has(COOKIE)).toBe(false);
  });
});

describe('a grant that was ended ends the consent it began', () => {
  const CALLBACK = 'https://app.example.test/cb';

  /** A server with a configured client, and the parameters with which it asks. */
  async function startWithClient(metadata: Readonly<Record<string, unknown>> = {}) {
    const { verifier, challenge } = pkcePair();
    const server = await startGuardmint({
      settings: { clients: [{ client_id: 'app', client_name: 'App', redirect_uris: [CALLBACK], ...metadata }] },
    });
    const query = new URLSearchParams({ response_type: 'code', client_id: 'app', code_challenge: challenge });
    query.set('code_challenge_method', 'S256');
    const url = `${server.issuer}/authorize?${query}`;

    async function redeem({ leavesFor }: WalkedPage) {
      const code = new URL(leavesFor ?? '').searchParams.get('code') ?? '';
      const exchange = { grant_type: 'authorization_code', client_id: 'app', code, code_verifier: verifier };
      const { body } = await server.post('/token', exchange);
      return {
        refreshToken: String(body['refresh_token']),
        accessToken: String(body['access_token']),
        gid: String(decodeJwt(String(body['access_token']))['gid']),
      };
    }

    /** A browser of Alice's in which the client was allowed. */
    async function allowed() {
      const browser = createWalkingBrowser();
      const consent = await browser.submit(await browser.open(url), server.credentials);
      return { browser, granted: await redeem(await browser.submit(consent, { decision: 'allow' })) };
    }
    return { server, url, redeem, allowed, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
  }

  test('when the person disconnects the app, in whichever browser', async () => {
    await using world = await startWithClient();
    const { server, url } = world;
    const one = await world.allowed();
    const other = await world.allowed();
    expect((await one.browser.open(url)).leavesFor).toContain('code=');

    const list = await other.browser.open(`${server.issuer}/interaction/apps`);
    await other.browser.submit(list, { grant: one.granted.gid });
    // Its entry in the denylist has ended by then; that the grant was ended has not.
    server.advance(1_800);

    expect(isAsked(await one.browser.open(url))).toBe(true);
    expect(isAsked(await other.browser.open(url))).toBe(true);
  });

  test('when the app gave back what it got by it, be it the first time or the last', async () => {
    await using world = await startWithClient();
    const { server, url } = world;
    const [one, other] = [await world.allowed(), await world.allowed()];
    await server.post('/revoke', { client_id: 'app', token: one.granted.refreshToken });
    const again = await world.redeem(await other.browser.open(url));
    await server.post('/revoke', { client_id: 'app', token: again.refreshToken });
    server.advance(1_800);

    expect(isAsked(await one.browser.open(url))).toBe(true);
    expect(isAsked(await other.browser.open(url))).toBe(true);
  });

  test('of an app that may not refresh is not remembered: nobody could see it on the page of apps, and end it there', async () => {
    await using world = await startWithClient({ grant_types: ['authorization_code'] });
    const { browser, granted } = await world.allowed();
    await world.server.post('/revoke', { client_id: 'app', token: granted.accessToken });
    world.server.advance(1_800);

    expect(isAsked(await browser.open(world.url))).toBe(true);
  });

  test('and does not when nobody ended it: the token says what was asked for', async () => {
    await using world = await startWithClient();
    const { browser } = await world.allowed();

    const { gid } = await world.redeem(await browser.open(world.url));

    expect(gid).toMatch(/^[\w-]{22}$/);
    expect(world.server.events.filter(({ event }) => event === 'consent.remembered')).toHaveLength(1);
  });
});

describe('another spelling of a client_id', () => {
  test('of a metadata document is another client or none: what the first may do is not theirs [AS-UI-10]', async () => {
    await using server = await startGuardmint();
    const callback = 'https://app.example.test/cb';
    const published = createServer((request, response) => {
      response.setHeader('content-type', 'application/json');
      const client_id = `http://localhost:${port}${request.url}`;
      response.end(JSON.stringify({ client_id, client_name: 'App', redirect_uris: [callback] }));
    });
    await new Promise<void>((resolve) => published.listen(0, '127.0.0.1', resolve));
    const { port } = published.address() as AddressInfo;
    const clientId = `http://localhost:${port}/client.json`;
    const open = async (id: string) => {
      const query = new URLSearchParams({ response_type: 'code', client_id: id, redirect_uri: callback });
      query.set('code_challenge', pkcePair().challenge);
      query.set('code_challenge_method', 'S256');
      return browser.open(`${server.issuer}/authorize?${query}`);
    };
    const browser = createWalkingBrowser();
    const consent = await browser.submit(await open(clientId), server.credentials);
    await browser.submit(consent, { decision: 'allow' });
    expect((await open(clientId)).leavesFor).toContain('code=');

    for (const id of [
      clientId.replace('http:', 'HTTP:'),
      clientId.replace('localhost', 'LOCALHOST'),
      clientId.replace('localhost', 'localhost.'),
      clientId.replace('client', '%63lient'),
      clientId.replace('/client', '/./client'),
      clientId.replace('/client', '//client'),
      `${clientId}?`,
      `${clientId}?a=b`,
      `${clientId}#x`,
      `${clientId}/`,
      ` ${clientId}`,
    ])
      expect([id, (await open(id)).leavesFor]).toEqual([id, undefined]);
    published.closeAllConnections();
    await new Promise((resolve) => published.close(resolve));
  });

  test('of a registered client is no client at all, so a block of the first is not stepped around [AS-UI-10]', async () => {
    await using server = await startGuardmint();
    const { client_id: id } = await server.register();
    const open = async (client_id: string) => {
      const query = new URLSearchParams({ client_id, response_type: 'code' });
      return createWalkingBrowser().open(`${server.issuer}/authorize?${query}`, { accept: 'text/html' });
    };
    const last = id.slice(-1);
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    // The last character of 32 bytes has two bits that nobody reads: four spellings, one signature.
    const twin = alphabet[alphabet.indexOf(last) ^ 1] ?? '';

    expect((await open(id)).leavesFor).toContain('error=');
    for (const spelling of [`${id.slice(0, -1)}${twin}`, `${id}=`, `${id} `, id.replace('.', '.\n'), `${id}.`]) {
      const page = await open(spelling);
      expect([page.status, page.leavesFor]).toEqual([400, undefined]);
      expect(wordsOf(page)).toContain('This app is not known here');
    }
  });
});
