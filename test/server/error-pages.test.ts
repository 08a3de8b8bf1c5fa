import { describe, expect, test } from 'vitest';
import { REJECTIONS, type RejectionReason, UnavailableError } from '../../src/oauth/index.ts';
import { createMemoryStore } from '../../src/store/memory/index.ts';
import { REDIRECT, type RunningGuardmint, startGuardmint } from '../support/guardmint.ts';
import { createWalkingBrowser, wordsOf } from '../support/walking-browser.ts';

// What Chromium and Firefox send when somebody opens an address.
const PEOPLE = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' };
const PROGRAM = { accept: 'application/json' };
const FORM = 'application/x-www-form-urlencoded';

/** A server whose store does what the test says once it is told to. */
async function startFailing(settings = {}) {
  let fault: Error | undefined;
  const server = await startGuardmint({
    settings,
    store: (clock) => {
      const store = createMemoryStore({ clock });
      const match: typeof store.denylist.match = async (keys) => {
        if (fault !== undefined) throw fault;
        return store.denylist.match(keys);
      };
      return { ...store, denylist: { ...store.denylist, match } };
    },
  });
  return {
    server,
    fail: (wanted: Error) => {
      fault = wanted;
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

type Ask = (server: RunningGuardmint, headers: Record<string, string>) => Promise<Response>;
const get =
  (path: string, method = 'GET'): Ask =>
  ({ issuer }, headers) =>
    fetch(issuer + path, { method, headers, redirect: 'manual' });
const post =
  (path: string, body: string): Ask =>
  ({ issuer }, headers) =>
    fetch(issuer + path, { method: 'POST', headers: { 'content-type': FORM, ...headers }, body, redirect: 'manual' });

const CASES: readonly (readonly [string, Ask, RejectionReason, string])[] = [
  ['an address that is none', get('/nowhere'), 'not_found', 'There is nothing here'],
  ['a form sent to an address that is none', post('/nowhere', 'a=b'), 'not_found', 'There is nothing here'],
  ['a page that is none', get('/interaction/nowhere'), 'not_found', 'There is nothing here'],
  ['an endpoint for programs', get('/token'), 'method_not_allowed', 'That does not work here'],
  ['a page by another method', get('/interaction/consent', 'DELETE'), 'method_not_allowed', 'That does not work here'],
  ['an app nobody knows', get('/authorize?client_id=x'), 'client_unknown_at_authorize', 'This app is not known here'],
  ['a request that is too large', post('/authorize', 'a'.repeat(70_000)), 'body_too_large', 'That was too much'],
  [
    'a form that is too large',
    post('/interaction/sign-out', 'a'.repeat(40_000)),
    'body_too_large',
    'That was too much',
  ],
  ['a page without its request', get('/interaction/consent'), 'interaction_expired', 'This page has expired'],
];

describe('who is refused', () => {
  test.each(CASES)('at %s sees a page with what to do and the request id', async (_, ask, reason, title) => {
    await using server = await startGuardmint();

    const answer = await ask(server, PEOPLE);

    const html = await answer.text();
    expect([answer.status, answer.headers.get('location')]).toEqual([REJECTIONS[reason].status, null]);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'content-security-policy': expect.stringContaining("default-src 'none'; style-src 'self'"),
      'x-frame-options': 'DENY',
    });
    expect(answer.headers.has('access-control-allow-origin')).toBe(false);
    expect(html).toMatch(new RegExp(`<h1[^>]*>${title}</h1>`));
    expect(wordsOf({ html })).toContain(`Request: ${answer.headers.get('x-request-id')}`);
    expect(server.events.filter(({ event }) => event === 'request.refused')).toEqual([
      expect.objectContaining({ reason, requestId: answer.headers.get('x-request-id') }),
    ]);
  });

  test.each(CASES)('at %s and is a program gets JSON', async (_, ask, reason) => {
    await using server = await startGuardmint();

    const answer = await ask(server, PROGRAM);

    const { status, error, description } = REJECTIONS[reason];
    expect([answer.status, answer.headers.get('location')]).toEqual([status, null]);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(await answer.json()).toEqual({ error, error_description: description });
  });

  test('for a redirect URI that is not registered is never sent there', async () => {
    await using server = await startGuardmint();
    const { client_id } = await server.register();
    const query = new URLSearchParams({ client_id, redirect_uri: `${REDIRECT}x`, response_type: 'code' });

    for (const headers of [PEOPLE, PROGRAM]) {
      const answer = await get(`/authorize?${query}`)(server, headers);
      expect([answer.status, answer.headers.get('location')]).toEqual([400, null]);
      expect(await answer.text()).not.toContain(`${REDIRECT}x`);
    }
  });

  test('at the token endpoint gets JSON, whatever the HTTP library says it likes by itself (RFC 6749 §5.2)', async () => {
    await using server = await startGuardmint();

    // What HttpURLConnection of Java sends unless told otherwise.
    const accept = 'text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2';
    const answer = await server.post('/token', { grant_type: 'authorization_code' }, { accept });

    expect(answer.body).toMatchObject({ error: 'invalid_request' });
  });

  test('by another method is told which there are', async () => {
    await using server = await startGuardmint();
    const allowed = async (path: string, method: string) =>
      (await get(path, method)(server, PEOPLE)).headers.get('allow')?.split(', ').sort();
    const style = /href="([^"]*style-[^"]*)"/.exec(await (await get('/nowhere')(server, PEOPLE)).text())?.[1] ?? '';

    expect(await allowed('/interaction/consent', 'DELETE')).toEqual(['GET', 'HEAD', 'POST']);
    expect(await allowed('/interaction/consent', 'OPTIONS')).toEqual(['GET', 'HEAD', 'POST']);
    expect(await allowed('/interaction/continue', 'POST')).toEqual(['GET', 'HEAD']);
    expect(await allowed(style, 'POST')).toEqual(['GET', 'HEAD']);
    expect(await allowed('/token', 'GET')).toEqual(['OPTIONS', 'POST']);
    expect(await allowed('/authorize', 'OPTIONS')).toEqual(['GET', 'HEAD', 'POST']);
  });

  test('and asks for headers only gets those of the page', async () => {
    await using server = await startGuardmint();

    for (const path of ['/nowhere', '/token', '/interaction/consent']) {
      const [page, head] = [await get(path)(server, PEOPLE), await get(path, 'HEAD')(server, PEOPLE)];
      expect([head.status, await head.text()]).toEqual([page.status, '']);
      expect(head.headers.get('content-type')).toBe('text/html; charset=utf-8');
    }
  });
});

describe('who asks too often', () => {
  test('sees a page, or JSON, and is told when to come back', async () => {
    await using server = await startGuardmint({ settings: { rateLimits: { authorize: 2 } } });
    const ask = get('/authorize?client_id=x');
    for (let request = 0; request < 2; request++) await ask(server, PEOPLE);

    const [page, json] = [await ask(server, PEOPLE), await ask(server, PROGRAM)];

    for (const answer of [page, json]) {
      expect(answer.status).toBe(429);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    }
    expect(wordsOf({ html: await page.text() })).toContain('Too many requests');
    expect(await json.json()).toMatchObject({ error: 'temporarily_unavailable' });
  });
});

describe('when something does not work', () => {
  test.each([
    ['a bug', new TypeError('secret detail'), 500, null, 'Something went wrong on our side'],
    ['the store', new UnavailableError('redis-7', { retryAfter: 9 }), 503, '9', 'Not available right now'],
  ])('%s: people see a page that tells nothing of it, programs get JSON', async (_, fault, status, retry, title) => {
    await using world = await startFailing();
    const { server } = world;
    const browser = createWalkingBrowser();
    const apps = `${server.issuer}/interaction/apps`;
    await browser.submit(await browser.open(apps), server.credentials);
    world.fail(fault);

    const page = await browser.open(apps, PEOPLE);
    const json = await browser.open(apps, PROGRAM);

    for (const answer of [page, json]) {
      expect([answer.status, answer.headers.get('retry-after'), answer.leavesFor]).toEqual([status, retry, undefined]);
      expect(answer.html).not.toMatch(/secret|redis/);
    }
    expect(wordsOf(page)).toContain(title);
    expect(wordsOf(page)).toContain(`Request: ${page.headers.get('x-request-id')}`);
    expect(JSON.parse(json.html)).toMatchObject({
      error: status === 500 ? 'server_error' : 'temporarily_unavailable',
    });
  });
});
