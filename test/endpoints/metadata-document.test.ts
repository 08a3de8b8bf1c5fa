import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { startGuardmint } from '../support/guardmint.ts';
import { pkcePair } from '../support/pkce.ts';
import { createWalkingBrowser, wordsOf } from '../support/walking-browser.ts';

const REDIRECT = 'http://127.0.0.1/callback';

/** A site on this machine with a metadata document, which counts how often it is asked. */
async function publishDocument(change: object = {}, status = 200) {
  let asked = 0;
  let clientId = '';
  const server = createServer((_request, response) => {
    asked++;
    const document = { client_id: clientId, client_name: 'A client', redirect_uris: [REDIRECT], ...change };
    response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'max-age=600' });
    response.end(JSON.stringify(document));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  clientId = `http://localhost:${(server.address() as AddressInfo).port}/client.json`;
  return {
    clientId,
    host: new URL(clientId).host,
    asked: () => asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function authorizeUrl(issuer: string, clientId: string, more: Record<string, string> = {}) {
  const { verifier, challenge } = pkcePair();
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: clientId,
    redirect_uri: 'http://127.0.0.1:7777/callback',
    code_challenge: challenge,
    code_challenge_method: 'S256',
    state: 'the state',
    ...more,
  });
  return { verifier, url: `${issuer}/authorize?${query}` };
}

describe('a client that is the URL of a metadata document', () => {
  test('is fetched once the person has signed in and not before, then gets its tokens [CI-01, CI-19, AS-45]', async () => {
    await using server = await startGuardmint();
    await using site = await publishDocument();
    const { url, verifier } = authorizeUrl(server.issuer, site.clientId);
    const person = server.person();

    const signIn = await person.open(url);
    expect(signIn.html).toContain('name="password"');
    expect(site.asked()).toBe(0);

    const redirect = await person.authorize(url);
    expect(site.asked()).toBe(1);
    expect(redirect.searchParams.get('state')).toBe('the state');
    const answer = await server.post('/token', {
      grant_type: 'authorization_code',
      client_id: site.clientId,
      code: redirect.searchParams.get('code') ?? '',
      code_verifier: verifier,
    });
    expect(answer.status).toBe(200);
    const refreshed = await server.post('/token', {
      grant_type: 'refresh_token',
      client_id: site.clientId,
      refresh_token: String(answer.body['refresh_token']),
    });
    expect(refreshed.status).toBe(200);
    expect(site.asked()).toBe(1);
  });

  test('is shown by the host of its URL, not by the name it chose [AS-35, AS-38]', async () => {
    await using server = await startGuardmint();
    await using site = await publishDocument({ client_name: 'Your Bank' });
    const person = server.person();
    await person.authorize(authorizeUrl(server.issuer, site.clientId).url);
    const consent = await person.open(authorizeUrl(server.issuer, site.clientId).url);
    expect(consent.html).toContain('name="decision"');
    expect(consent.html.indexOf(site.host)).toBeGreaterThan(0);
    expect(consent.html.indexOf(site.host)).toBeLessThan(consent.html.indexOf('Your Bank'));
  });

  test.each([{ prompt: 'login' }, { max_age: '0' }, { prompt: 'login consent' }])(
    'signs the person in once for %j',
    async (parameters) => {
      await using server = await startGuardmint();
      await using site = await publishDocument();
      const redirect = await server.person().authorize(authorizeUrl(server.issuer, site.clientId, parameters).url);
      expect(redirect.searchParams.get('code')).not.toBeNull();
    },
  );

  test('is allowed once, and goes straight on after the next sign-in: by a page, for a form began it', async () => {
    await using server = await startGuardmint();
    const callback = 'https://app.example.test/cb';
    await using site = await publishDocument({ redirect_uris: [callback] });
    const { url } = authorizeUrl(server.issuer, site.clientId, { redirect_uri: callback });
    const browser = createWalkingBrowser();
    const consent = await browser.submit(await browser.open(url), server.credentials);
    await browser.submit(consent, { decision: 'allow' });

    const again = await browser.open(url);
    browser.jar.delete('guardmint-session');
    const signedIn = await browser.submit(await browser.open(url), server.credentials);
    browser.jar.delete('guardmint-session');
    const { url: wrong } = authorizeUrl(server.issuer, site.clientId, {
      redirect_uri: callback,
      resource: 'https://no.test',
    });
    const refused = await browser.submit(await browser.open(wrong), server.credentials);

    expect(again.leavesFor).toContain(`${callback}?code=`);
    for (const [page, answer] of [
      [signedIn, 'code='],
      [refused, 'error=invalid_target'],
    ] as const) {
      expect([page.status, page.leavesFor]).toEqual([200, undefined]);
      expect(page.headers.get('refresh')).toContain(`0;url=${callback}?${answer}`);
      expect(wordsOf(page)).toContain('Your browser goes on to app.example.test');
    }
  });

  test('without anybody signed in, prompt=none ends on a page, because nothing is known of the client yet', async () => {
    await using server = await startGuardmint();
    await using site = await publishDocument();
    const page = await server.person().open(authorizeUrl(server.issuer, site.clientId, { prompt: 'none' }).url);
    expect({ status: page.status, leaves: page.leavesFor, asked: site.asked() }).toEqual({
      status: 400,
      leaves: undefined,
      asked: 0,
    });
  });

  test.each([
    { what: 'names another URL', change: { client_id: 'http://localhost:1/other.json' }, status: 200 },
    { what: 'has no redirect URIs', change: { redirect_uris: undefined }, status: 200 },
    { what: 'does not list this redirect URI', change: { redirect_uris: ['http://127.0.0.1/other'] }, status: 200 },
    { what: 'is not there', change: {}, status: 404 },
  ])(
    'whose document $what is refused on a page, never by redirect [CI-03, CI-04, CI-05, CI-14]',
    async ({ change, status }) => {
      await using server = await startGuardmint();
      await using site = await publishDocument(change, status);
      const person = server.person();
      await server.authorize({ person });
      const page = await person.open(authorizeUrl(server.issuer, site.clientId).url);
      expect(page.status).toBeGreaterThanOrEqual(400);
      expect(page.status).toBeLessThan(500);
      expect(page.leavesFor).toBeUndefined();
      expect(page.html).not.toContain('name="decision"');
    },
  );

  test('is not asked for on behalf of a stranger at the token and revocation endpoints [CI-19]', async () => {
    await using server = await startGuardmint();
    await using site = await publishDocument();
    const { refresh_token, access_token } = await server.grant();
    for (const [path, form] of [
      ['/token', { grant_type: 'authorization_code', code: 'nonsense', code_verifier: 'x'.repeat(43) }],
      ['/token', { grant_type: 'refresh_token', refresh_token }],
      ['/token', { grant_type: 'refresh_token' }],
      ['/revoke', { token: access_token }],
      ['/revoke', {}],
    ] as const) {
      const answer = await server.post(path, { ...form, client_id: site.clientId });
      expect([answer.status, answer.body['error']]).toEqual([401, 'invalid_client']);
    }
    expect(site.asked()).toBe(0);
  });

  test('is nobody when documents are switched off, and metadata says so [AS-16]', async () => {
    await using server = await startGuardmint({ settings: { clientDocuments: { enabled: false } } });
    await using site = await publishDocument();
    const metadata = await (await fetch(`${server.issuer}/.well-known/oauth-authorization-server`)).json();
    expect(metadata).not.toHaveProperty('client_id_metadata_document_supported');
    const page = await server.person().open(authorizeUrl(server.issuer, site.clientId).url);
    expect(page.status).toBe(400);
    expect(site.asked()).toBe(0);
  });

  test('of a host that is not trusted is refused without asking it [CI-16]', async () => {
    await using server = await startGuardmint({ settings: { clientDocuments: { allow: ['claude.ai'] } } });
    await using site = await publishDocument();
    const page = await server.person().open(authorizeUrl(server.issuer, site.clientId).url);
    expect(page.status).toBe(401);
    expect(site.asked()).toBe(0);
  });
});
