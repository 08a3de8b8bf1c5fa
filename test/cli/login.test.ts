import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openArrivals } from '../../src/cli/login-arrivals.ts';
import { createLoginClient } from '../../src/cli/login-client.ts';
import { OTHER_RESOURCE, RESOURCE, type RunningGuardmint, startGuardmint } from '../support/guardmint.ts';
import { serve } from '../support/serve.ts';
import { startProgram } from '../support/started-program.ts';

const MAIN = new URL('../../src/cli/main.ts', import.meta.url).pathname;
const LINK = /^(http\S+\/authorize\?\S+)$/m;

let server: RunningGuardmint;
let folder: string;
let severalResources: string;
beforeAll(async () => {
  server = await startGuardmint({
    settings: {
      clients: [
        {
          client_id: 'terminal',
          redirect_uris: ['http://127.0.0.1/callback'],
          token_endpoint_auth_method: 'none',
        },
      ],
    },
  });
  folder = await mkdtemp(join(tmpdir(), 'guardmint-login-'));
  severalResources = join(folder, 'several.json');
  const resources = [RESOURCE, OTHER_RESOURCE].map((resource) => ({ resource, name: 'One', scopes: {} }));
  await writeFile(severalResources, JSON.stringify({ issuer: server.issuer, resources }));
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const startLogin = (args: readonly string[], env: Record<string, string> = {}) =>
  startProgram([MAIN, 'login', ...args], { cwd: folder, env });

async function signInAt(link: string, decision: 'allow' | 'deny' = 'allow'): Promise<string> {
  return (await server.person({ decision }).authorize(link)).href;
}

const at = (...more: string[]) => ['--issuer', server.issuer, '--resource', RESOURCE, ...more];

describe('guardmint login', () => {
  test('registers, takes the answer at its port and nothing else that comes there, shows the verified claims, and keeps nothing', async () => {
    const login = startLogin(at());
    const [, link = ''] = await login.told(LINK);
    const query = new URL(link).searchParams;
    expect(query.get('code_challenge_method')).toBe('S256');
    expect(query.get('resource')).toBe(RESOURCE);

    const callback = await signInAt(link);
    const strangers = [
      await fetch(new URL('/favicon.ico', callback)),
      await fetch(callback, { method: 'POST' }),
      await fetch(new URL('/callback?code=planted&state=guessed', callback)),
    ];
    expect(strangers.map(({ status }) => status)).toEqual([404, 404, 400]);
    await login.told(/Something came to the port that is not the answer/);
    const page = await fetch(callback);
    const { code, out, err } = await login.ended();

    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('You can close this page')]);
    expect(page.headers.get('content-security-policy')).toBe("default-src 'none'");
    expect(code).toBe(0);
    expect(out).toContain(`the token is accepted at ${RESOURCE}`);
    expect(out).toMatch(/^scope +mcp:read$/m);
    expect(out).toMatch(/^exp +\d+ \(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\)$/m);
    const eachJws = (out + err).match(/eyJ[\w-]+\.[\w-]+\.[\w-]+/g) ?? [];
    expect(new Set(eachJws)).toEqual(new Set([query.get('client_id')]));
    expect(server.events.at(-1)).toMatchObject({ event: 'token.revoked' });
  });

  test('asks the issuer of the settings, takes the address from standard input where nobody listens, and prints the token when asked', async () => {
    const args = [
      '--no-listen',
      '--print-token',
      '--scope',
      'calc:use',
      '--port',
      '4712',
      '--resource',
      OTHER_RESOURCE,
    ];
    const login = startLogin(args, { GUARDMINT_ISSUER: server.issuer });
    const [, link = ''] = await login.told(LINK);
    const callback = await signInAt(link);
    expect(callback).toMatch(/^http:\/\/127\.0\.0\.1:4712\/callback\?/);
    await expect(fetch(callback)).rejects.toThrow('fetch failed');

    login.paste(callback);
    const { code, out, err } = await login.ended();

    expect([code, out]).toEqual([0, expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+\n$/)]);
    expect(err).toMatch(/^scope +calc:use$/m);
    const [, claims = ''] = out.split('.');
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({ aud: OTHER_RESOURCE });
    expect(server.events.at(-1)).toMatchObject({ event: 'token.issued' });
  });

  test('says what is wrong with what was pasted, and takes the next', async () => {
    const login = startLogin(at('--no-listen', '--json', '--client-id', 'terminal'));
    const [, link = ''] = await login.told(LINK);
    login.paste('http://127.0.0.1/callback?code=x&state=other');
    await login.told(/answers another link.*Paste the address again/);
    login.paste(link);
    await login.told(/That is the link itself/);
    login.paste(await signInAt(link, 'deny'));
    await login.told(/Access was denied/);
    const answer = await signInAt(link);
    login.paste(answer.replace(/code=[^&]+/, 'code=made-up'));
    const [, newLink = ''] = await login.told(/Here is a new link\.\n[^\n]*\n\n(http\S+)\n/);
    expect(newLink).not.toBe(link);
    login.paste(await signInAt(newLink));
    const { code, out } = await login.ended();

    expect(code).toBe(0);
    const outcome = JSON.parse(out) as Record<string, unknown>;
    expect(Object.keys(outcome)).toEqual(['issuer', 'resource', 'client_id', 'scope', 'expires_in', 'claims']);
    expect(outcome).toMatchObject({
      issuer: server.issuer,
      client_id: 'terminal',
      claims: { iss: server.issuer, aud: RESOURCE, client_id: 'terminal' },
    });
  });

  test('ends with 1 when access is denied in the browser', async () => {
    const login = startLogin(at());
    const [, link = ''] = await login.told(LINK);
    await fetch(await signInAt(link, 'deny'));

    expect(await login.ended()).toMatchObject({ code: 1, out: '', err: expect.stringContaining('Access was denied') });
  });

  test('ends with 1 when the time is over', async () => {
    expect(await startLogin(at('--timeout', '0')).ended()).toMatchObject({
      code: 1,
      err: expect.stringMatching(/Nobody came back within 0 s\.\n$/),
    });
  });

  test('asks for a resource where the settings name several', async () => {
    expect(await startLogin([], { GUARDMINT_CONFIG: severalResources }).ended()).toEqual({
      code: 64,
      out: '',
      err: 'Name the MCP server with --resource.\n',
    });
  });
});

describe('the client of guardmint login', () => {
  const open = (issuer: string, clientId?: string) =>
    createLoginClient({
      issuer,
      clientId,
      redirectUri: 'http://127.0.0.1:4711/callback',
      resource: RESOURCE,
      scope: undefined,
    });

  test.each([
    ['is not there', 404, {}, /does not say how to sign in: unexpected HTTP response status code \(404\)/],
    ['is of another issuer', 200, { issuer: 'https://other.example.test' }, /issuer does not match/],
    ['names no PKCE', 200, {}, /does not offer PKCE/],
    ['has no registration', 200, { code_challenge_methods_supported: ['S256'] }, /lets nobody register/],
  ])('says so when the metadata of the issuer %s', async (_title, status, members, problem) => {
    await using host = await serve((issuer) => {
      const metadata = { issuer, authorization_endpoint: `${issuer}/a`, token_endpoint: `${issuer}/t`, ...members };
      return {
        callback: () => (_request, response) =>
          void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(metadata)),
      };
    });

    await expect(open(host.origin)).rejects.toMatchObject({ exitCode: 1, message: expect.stringMatching(problem) });
  });

  test('takes the issuer as it names itself, to the last slash', async () => {
    await expect(open(`${server.issuer}/`)).rejects.toMatchObject({
      message: `${server.issuer}/ calls itself ${server.issuer}. Name it as it names itself, with --issuer.`,
    });
  });

  test('says that nobody answers at the issuer, and that http is for this machine', async () => {
    const gone = await serve(() => ({ callback: () => () => {} }));
    await gone[Symbol.asyncDispose]();

    await expect(open(gone.origin)).rejects.toMatchObject({
      message: `${gone.origin} does not say how to sign in: it cannot be reached (ECONNREFUSED).`,
    });
    await expect(open('http://auth.example.test')).rejects.toMatchObject({ exitCode: 64 });
  });

  test('pushes its request where that is required', async () => {
    await using pushing = await startGuardmint({ settings: { pushedRequests: { required: true } } });
    const request = await (await open(pushing.issuer)).begin();
    expect([...new URL(request.url).searchParams.keys()].sort()).toEqual(['client_id', 'request_uri']);

    const answer = await pushing.person().authorize(request.url);

    expect(answer.searchParams.get('state')).toBe(request.state);
    expect(await request.redeem(answer.searchParams)).toMatchObject({ scope: 'mcp:read', refreshToken: undefined });
  });

  test('shows what a stranger says without its effects', async () => {
    await using host = await serve((issuer) => ({
      callback: () => (request, response) => {
        const metadata = {
          issuer,
          authorization_endpoint: `${issuer}/a`,
          token_endpoint: `${issuer}/t`,
          registration_endpoint: `${issuer}/register`,
          code_challenge_methods_supported: ['S256'],
        };
        const isRegistration = request.url === '/register';
        const body = isRegistration ? { error: 'no', error_description: '\u001b[2J' } : metadata;
        response.writeHead(isRegistration ? 400 : 200, { 'content-type': 'application/json' });
        response.end(JSON.stringify(body));
      },
    }));

    await expect(open(host.origin)).rejects.toMatchObject({ message: expect.stringMatching(/: no, \ufffd\[2J\.$/) });
  });

  test('takes no token that would move the cursor of who prints it', async () => {
    await using host = await serve((issuer) => ({
      callback: () => (request, response) => {
        const metadata = {
          issuer,
          authorization_endpoint: `${issuer}/a`,
          token_endpoint: `${issuer}/t`,
          code_challenge_methods_supported: ['S256'],
        };
        const body = request.url === '/t' ? { access_token: 'a\u001b[2Jb', token_type: 'Bearer' } : metadata;
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      },
    }));
    const request = await (await open(host.origin, 'terminal')).begin();

    const redeeming = request.redeem(new URLSearchParams({ code: 'x', state: request.state }));

    await expect(redeeming).rejects.toMatchObject({
      message: `${host.origin} gave no token: the token has characters that none may have.`,
    });
  });

  test('says why it was not registered, and why it was given no token', async () => {
    await using closed = await startGuardmint({
      settings: { registration: { initialAccessTokenHashes: ['A'.repeat(43)] } },
    });
    await expect(open(closed.issuer)).rejects.toMatchObject({
      message: expect.stringMatching(/does not register this client; --client-id names one it knows: /),
    });

    const request = await (await open(server.issuer)).begin();
    await expect(request.redeem(new URLSearchParams({ code: 'x', state: 'other' }))).rejects.toThrow(/gave no token/);
    const answer = new URLSearchParams({ code: 'x', state: request.state, iss: server.issuer });
    expect(await request.redeem(answer)).toBeUndefined();
  });
});

describe('the ways in for answers of guardmint login', () => {
  test('close also on browsers that came and are waited for no more', async () => {
    const arrivals = await openArrivals({ listens: true, port: 0, input: new PassThrough() });
    const once = fetch(`${arrivals.redirectUri}?code=x`);
    const twice = fetch(`${arrivals.redirectUri}?code=x`);
    (await arrivals.next(new AbortController().signal)).reply(true);
    expect((await Promise.race([once, twice])).status).toBe(200);
    expect((await fetch(new URL('/elsewhere', arrivals.redirectUri))).status).toBe(404);

    await arrivals[Symbol.asyncDispose]();

    expect(
      (await Promise.all([once, twice])).map(({ status }) => status).toSorted((one, other) => one - other),
    ).toEqual([200, 400]);
  });

  test('a port that is taken is refused', async () => {
    await using holder = await serve(() => ({ callback: () => () => {} }));
    const port = Number(new URL(holder.origin).port);

    await expect(openArrivals({ listens: true, port, input: new PassThrough() })).rejects.toThrow(
      `Port ${port} cannot be listened on (EADDRINUSE). Try --port 0 or --no-listen.`,
    );
  });

  test('where nobody listens, the end of the input is the end; where somebody does, the browser may still come', async () => {
    const input = new PassThrough();
    await using deaf = await openArrivals({ listens: false, port: 0, input });
    const late = new PassThrough();
    await using hearing = await openArrivals({ listens: true, port: 0, input: late });
    const { signal } = new AbortController();

    input.end('\n  first \nsecond');
    late.end();

    expect((await deaf.next(signal)).text).toBe('  first ');
    expect((await deaf.next(signal)).text).toBe('second');
    await expect(deaf.next(signal)).rejects.toThrow('Standard input ended');
    const arrival = hearing.next(signal);
    const page = fetch(`${hearing.redirectUri}?code=x`);
    expect(await arrival).toMatchObject({ text: '/callback?code=x', isPasted: false });
    (await arrival).reply(true);
    expect((await page).status).toBe(200);
  });
});
