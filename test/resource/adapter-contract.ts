import { once } from 'node:events';
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { getAccessToken, getAuthenticatedUser, type VerifierOptions } from '../../src/resource/index.ts';
import { createDpopKey } from '../support/dpop.ts';
import { testSigner } from '../support/keys.ts';
import { type Served, serve } from '../support/serve.ts';
import { type Adapter, type Application, type Gate, seeing } from './adapters.ts';
import { answerKeys, answerStatus, forge, NOW, RESOURCE, startHost, verifierOf } from './issuer.ts';

const METADATA = 'resource_metadata="https://mcp.example.test/.well-known/oauth-protected-resource/mcp"';
const INVALID_TOKEN = {
  status: 401,
  challenge: `Bearer error="invalid_token", error_description="The access token is not valid.", scope="mcp:read", ${METADATA}`,
  body: { error: 'invalid_token', error_description: 'The access token is not valid.' },
};
const NO_CREDENTIALS = {
  status: 401,
  challenge: `Bearer scope="mcp:read", ${METADATA}`,
  body: { error_description: 'Authentication is required.' },
};
const SEVERAL_CREDENTIALS = {
  status: 400,
  challenge: `Bearer error="invalid_request", error_description="The request carries more than one credential.", scope="mcp:read", ${METADATA}`,
  body: { error: 'invalid_request', error_description: 'The request carries more than one credential.' },
};

const key = await createDpopKey();
const bound = forge({ claims: { cnf: { jkt: key.jkt } } });

/** A request as a test writes it. */
export interface Sent {
  readonly method?: string;
  readonly path?: string;
  /** A list is sent as so many headers of the name. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string;
  readonly agent?: Agent;
}

export interface Heard {
  readonly status: number | undefined;
  readonly challenge: string | undefined;
  readonly body: unknown;
}

interface Guarded extends Served {
  /** Sends a request as it is written, header by header. */
  send(sent?: Sent): Promise<Heard & { readonly message: IncomingMessage }>;
  /** Sends a request and answers what a client decides by. */
  ask(sent?: Sent): Promise<Heard>;
}

const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

/** What every adapter keeps, whatever framework it is for. */
export function testAdapter(adapter: Adapter): void {
  /** The application says who it saw, unless it is given. */
  async function guarded(
    gate: Omit<Gate, 'verifier'> & { verifying?: Partial<VerifierOptions>; verifier?: Gate['verifier'] } = {},
    application: Application = seeing(({ body, authInfo }) => ({
      jti: authInfo?.extra.jti ?? null,
      ...(body !== '' && { body }),
    })),
  ): Promise<Guarded> {
    const { verifying, verifier = verifierOf([testSigner()], verifying), ...rest } = gate;
    const listener = adapter.listen({ verifier, ...rest }, application);
    const served = await serve(() => ({ callback: () => listener }));
    const send = (sent: Sent = {}) => sendTo(served.origin, sent);
    return {
      ...served,
      send,
      async ask(sent) {
        const { status, challenge, body } = await send(sent);
        return { status, challenge, body };
      },
    };
  }

  const reading = { scopes: ['mcp:read'] };

  describe('credentials', () => {
    test.each(['Bearer', 'bearer', 'bEaReR'])('are read with the scheme %s [RS-18]', async (scheme) => {
      await using app = await guarded(reading);

      const answer = await app.ask({ headers: { authorization: `${scheme} ${forge()}` } });

      expect(answer).toEqual({ status: 200, challenge: undefined, body: { jti: 'jti-1' } });
    });

    test.each<[string, Sent]>([
      ['no Authorization header', {}],
      ['a body that is no JSON', { method: 'POST', body: 'no JSON at all' }],
      ['another scheme', { headers: { authorization: 'Basic eDp5' } }],
      ['a scheme that starts like Bearer', { headers: { authorization: `Bearers ${forge()}` } }],
      ['a token without scheme', { headers: { authorization: forge() } }],
      ['a token in the query [RS-17]', { path: `/mcp?access_token=${forge()}` }],
      [
        'a token in a form',
        {
          method: 'POST',
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
          body: `access_token=${forge()}`,
        },
      ],
    ])('of a request with %s are none: 401, and no error is named [RS-03, RS-10]', async (_title, sent) => {
      await using app = await guarded(reading);

      expect(await app.ask(sent)).toEqual(NO_CREDENTIALS);
    });

    test('in the header count, whatever the query says [RS-17]', async () => {
      await using app = await guarded(reading);

      expect((await app.ask({ path: '/mcp?access_token=x', ...bearer(forge()) })).status).toBe(200);
    });

    test.each([
      ['two tokens', [`Bearer ${forge()}`, 'Bearer x']],
      ['one token twice', [`Bearer ${forge()}`, `Bearer ${forge()}`]],
      ['a token behind a password', ['Basic eDp5', `Bearer ${forge()}`]],
      ['a password behind a token', [`Bearer ${forge()}`, 'Basic eDp5']],
      ['nothing, and a token', ['', `Bearer ${forge()}`]],
      ['two schemes for a token', [`Bearer ${forge()}`, `DPoP ${forge()}`]],
    ])('that are several are refused, in as many headers or in one: %s [RS-16]', async (_title, authorization) => {
      await using app = await guarded(reading);

      const apart = await app.ask({ headers: { authorization } });
      const joined = await app.ask({ headers: { authorization: authorization.join(', ') } });

      expect(apart).toEqual(SEVERAL_CREDENTIALS);
      expect(joined).toEqual(SEVERAL_CREDENTIALS);
    });
  });

  describe('a token', () => {
    test.each([
      ['garbage', 'foo'],
      ['nothing', ''],
      ['for another resource', forge({ claims: { aud: 'https://other.example.test/mcp' } })],
      ['of another issuer', forge({ claims: { iss: 'https://other.example.test' } })],
      ['that has expired', forge({ claims: { exp: NOW - 60 } })],
      ['signed with another key', forge({ signing: testSigner('ES256', 'another') })],
      ['unsigned', forge({ header: { alg: 'none' }, signing: { bytes: Buffer.alloc(0) } })],
      ['that was revoked', forge({ claims: { jti: 'revoked' } })],
      ['that is bound to a key', bound],
    ])('%s is refused as invalid_token [RS-15]', async (_title, token) => {
      const revocations = {
        isDenied: ({ jti }: { jti: string }) => jti === 'revoked',
        version: () => 1,
        state: () => ({ freshness: 'fresh', entries: 1 }) as const,
        close: () => undefined,
      };
      await using app = await guarded({ ...reading, verifying: { revocations } });

      const { message, ...answer } = await app.send(bearer(token));

      expect(answer).toEqual(INVALID_TOKEN);
      expect(message.headers).toMatchObject({ 'cache-control': 'no-store', 'content-type': 'application/json' });
    });

    test.each(['mcp:read', 'mcp:read mcp:list', ''])(
      'with the scope "%s" is told every scope of the operation [RS-30, RS-31, RS-32, RS-33]',
      async (scope) => {
        await using app = await guarded({ scopes: ['mcp:write', 'mcp:delete'] });

        expect(await app.ask(bearer(forge({ claims: { scope } })))).toEqual({
          status: 403,
          challenge: `Bearer error="insufficient_scope", error_description="The access token does not allow this.", scope="mcp:write mcp:delete", ${METADATA}`,
          body: { error: 'insufficient_scope', error_description: 'The access token does not allow this.' },
        });
      },
    );

    test('with a broader scope passes [RS-34]', async () => {
      await using app = await guarded({
        scopes: ['mcp:delete'],
        verifying: { implies: { 'mcp:write': ['mcp:all'], 'mcp:all': ['mcp:delete'] } },
      });

      expect((await app.ask(bearer(forge()))).status).toBe(200);
    });

    test('is verified anew in every request of a connection [RS-19, RS-44]', async () => {
      await using app = await guarded(reading);
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      const sockets = new Set<unknown>();
      const answers: unknown[] = [];
      for (const headers of [
        { authorization: `Bearer ${forge({ claims: { jti: 'a' } })}` },
        {},
        { authorization: `Bearer ${forge({ claims: { jti: 'b' } })}` },
        { authorization: 'Bearer x' },
      ]) {
        const { status, body, message } = await app.send({ agent, headers });
        sockets.add(message.socket);
        answers.push(status === 200 ? body : status);
      }
      agent.destroy();

      expect(answers).toEqual([{ jti: 'a' }, 401, { jti: 'b' }, 401]);
      expect(sockets.size).toBe(1);
    });
  });

  describe('an outage', () => {
    test('of the keys is 503 with a time to come back, and neither 401 nor 500', async () => {
      await using host = await startHost(answerStatus(500));
      await using app = await guarded({ ...reading, verifying: { jwks: `${host.origin}/jwks.json` } });

      const { message, ...answer } = await app.send(bearer(forge()));

      expect(answer).toEqual({
        status: 503,
        challenge: undefined,
        body: {
          error: 'temporarily_unavailable',
          error_description: 'The access token cannot be checked right now. Try again later.',
        },
      });
      expect(message.headers).toMatchObject({ 'retry-after': '1', 'cache-control': 'no-store' });
    });

    test('is nothing to a request without a token, which asks nobody', async () => {
      await using host = await startHost(answerKeys([]));
      await using app = await guarded({ ...reading, verifying: { jwks: `${host.origin}/jwks.json` } });

      expect(await app.ask()).toEqual(NO_CREDENTIALS);
      expect(host.requests).toEqual([]);
    });

    test('of the program is 500 and blames no token', async () => {
      const loadAccessToken = () => Promise.reject(new RangeError('a bug at line 7'));
      await using app = await guarded({ ...reading, verifier: { ...verifierOf([testSigner()]), loadAccessToken } });
      const warned = adapter.name === 'node:http' ? once(process, 'warning') : undefined;

      expect(await app.ask(bearer(forge()))).toMatchObject({ status: 500, challenge: undefined });
      await warned;
    });
  });

  describe('proof of possession', () => {
    const proofFor = (url: string, changes: { claims?: { nonce: string } } = {}) =>
      key.prove({ method: 'POST', url, now: NOW, accessToken: bound }, changes);
    const asking = (proof: string | readonly string[], path = '/mcp'): Sent => ({
      method: 'POST',
      path,
      headers: { authorization: `DPoP ${bound}`, dpop: proof },
    });

    test('names the URL that clients know, whatever host and port the server has', async () => {
      await using app = await guarded(reading);

      expect((await app.ask(asking(await proofFor(RESOURCE)))).status).toBe(200);
      expect((await app.ask(asking(await proofFor(`${RESOURCE}/deeper`), '/mcp/deeper?query=1'))).status).toBe(200);
    });

    test('for another path is refused, and in two headers', async () => {
      await using app = await guarded(reading);
      const refused = {
        status: 401,
        challenge: expect.stringMatching(/^DPoP error="invalid_dpop_proof".*resource_metadata=/),
      };

      expect(await app.ask(asking(await proofFor(`${RESOURCE}/x`)))).toMatchObject(refused);
      const twice = [await proofFor(RESOURCE), await proofFor(RESOURCE)];
      expect(await app.ask(asking(twice))).toMatchObject(refused);
    });

    test('names what the application says, where a proxy changes paths', async () => {
      await using app = await guarded({ ...reading, requestUrl: () => RESOURCE });

      expect((await app.ask(asking(await proofFor(RESOURCE), '/rewritten'))).status).toBe(200);
    });

    test('is asked to carry a nonce', async () => {
      const dpop = { nonceSecret: 'a secret that all replicas of one server share' };
      await using app = await guarded({ ...reading, verifying: { dpop } });

      const { message, ...asked } = await app.send(asking(await proofFor(RESOURCE)));
      const nonce = String(message.headers['dpop-nonce']);
      const taken = await app.send(asking(await proofFor(RESOURCE, { claims: { nonce } })));

      expect(asked).toMatchObject({ status: 401, challenge: expect.stringContaining('error="use_dpop_nonce"') });
      expect(taken.status).toBe(200);
      if (adapter.hasContext) expect(taken.message.headers['dpop-nonce']).toBe(nonce);
    });

    test('without the scope is told so in its own scheme', async () => {
      await using app = await guarded({ scopes: ['admin'] });

      expect(await app.ask(asking(await proofFor(RESOURCE)))).toMatchObject({
        status: 403,
        challenge: expect.stringMatching(/^DPoP error="insufficient_scope".*scope="admin"/),
      });
    });
  });

  describe('an answer', () => {
    test('keeps its quotes closed', async () => {
      await using app = await guarded({ ...reading, resourceMetadataUrl: 'https://x.test/"\\, Basic realm="é' });

      expect((await app.ask()).challenge).toBe(
        'Bearer scope="mcp:read", resource_metadata="https://x.test/\\"\\\\, Basic realm=\\" "',
      );
    });

    test('to HEAD has no body', async () => {
      await using app = await guarded(reading);

      expect(await app.ask({ method: 'HEAD' })).toEqual({ ...NO_CREDENTIALS, body: '' });
    });
  });

  describe('the body of a request', () => {
    test('reaches the application whole', async () => {
      await using app = await guarded(reading);
      const body = JSON.stringify({ words: 'ä'.repeat(100_000) });

      const answer = await app.ask({ method: 'POST', body, ...bearer(forge()) });

      expect(answer.body).toEqual({ jti: 'jti-1', body });
    });

    test('is not waited for where the request is refused', async () => {
      await using app = await guarded(reading);
      const socket = connect(Number(new URL(app.origin).port), '127.0.0.1');
      socket.write('POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n{');

      const [answer] = (await once(socket, 'data')) as [Buffer];
      socket.destroy();

      expect(answer.toString()).toMatch(/^HTTP\/1\.1 401 /);
    });
  });

  describe.runIf(adapter.hasContext)(contextTitle('the auth context', adapter), () => {
    const looking = seeing(({ authInfo }) => ({
      jti: getAccessToken()?.jti ?? null,
      clientId: getAuthenticatedUser()?.clientId ?? null,
      authInfo: authInfo?.extra.jti ?? null,
    }));
    const NOBODY = { jti: null, clientId: null, authInfo: null };

    test('is the sender of the request', async () => {
      await using app = await guarded({}, looking);

      expect((await app.ask(bearer(forge()))).body).toEqual({ jti: 'jti-1', clientId: 'client-1', authInfo: 'jti-1' });
    });

    test.each<[string, Sent]>([
      ['no token', {}],
      ['a bad token', bearer('x')],
      ['an expired token', bearer(forge({ claims: { exp: NOW - 60 } }))],
      ['another scheme', { headers: { authorization: 'Basic eDp5' } }],
      ['two tokens', { headers: { authorization: [`Bearer ${forge()}`, 'Bearer x'] } }],
    ])('is nobody for a request with %s, where nobody may go on', async (_title, sent) => {
      await using app = await guarded({}, looking);

      expect(await app.ask(sent)).toMatchObject({ status: 200, body: NOBODY });
    });

    test('tells the MCP SDKs all that the scope implies', async () => {
      const application = seeing(({ authInfo }) => ({ ...authInfo, extra: null }));
      await using app = await guarded({ verifying: { implies: { 'mcp:write': ['mcp:delete'] } } }, application);

      expect((await app.ask(bearer(forge()))).body).toMatchObject({
        clientId: 'client-1',
        scopes: ['mcp:read', 'mcp:write', 'mcp:delete'],
        expiresAt: NOW + 600,
        resource: RESOURCE,
        resourceMetadataUrl: expect.stringContaining('/.well-known/oauth-protected-resource/mcp'),
      });
    });

    test('keeps a hundred interleaved requests apart, and is nobody outside of them', async () => {
      const together = Promise.withResolvers<void>();
      let waiting = 0;
      const application = seeing(async () => {
        const before = getAccessToken()?.jti;
        if (++waiting === 100) together.resolve();
        await together.promise;
        await setImmediate();
        return { before, after: getAccessToken()?.jti };
      });
      await using app = await guarded({}, application);

      const answers = await Promise.all(
        Array.from({ length: 100 }, async (_, index) => {
          const token = forge({ claims: { jti: `jti-${index}` } });
          return (await app.ask({ method: 'POST', body: 'x', ...(index % 4 === 0 ? {} : bearer(token)) })).body;
        }),
      );

      expect(answers).toEqual(
        Array.from({ length: 100 }, (_, index) =>
          index % 4 === 0 ? {} : { before: `jti-${index}`, after: `jti-${index}` },
        ),
      );
      expect([getAccessToken(), getAuthenticatedUser()]).toEqual([undefined, undefined]);
    });
  });

  describe.runIf(adapter.hasContext)(contextTitle('requireScopes', adapter), () => {
    test('lets nobody pass where bearerAuth was forgotten', async () => {
      const listener = adapter.listenUnguarded(seeing(() => ({ inside: true })));
      await using served = await serve(() => ({ callback: () => listener }));
      const warned = adapter.name === 'node:http' ? once(process, 'warning') : undefined;

      const { status, body } = await sendTo(served.origin, bearer(forge()));

      expect(status).toBe(500);
      expect(body).not.toEqual({ inside: true });
      await warned;
    });

    test('without scopes lets in whoever is authenticated', async () => {
      await using app = await guarded({ scopes: [] });

      expect((await app.ask(bearer(forge({ claims: { scope: '' } })))).status).toBe(200);
      expect((await app.ask()).challenge).toBe(`Bearer ${METADATA}`);
    });
  });

  test.each(['offline_access', 'two words', ''])('refuses to ask for the scope "%s" when it is made', async (scope) => {
    await expect(guarded({ scopes: [scope] })).rejects.toThrow(TypeError);
  });
}

/** Sends a request header by header, as `fetch` would not. */
export function sendTo(origin: string, sent: Sent): Promise<Heard & { readonly message: IncomingMessage }> {
  const { method = 'GET', path = '/mcp', headers = {}, body, agent } = sent;
  return new Promise((resolve, reject) => {
    const request = httpRequest(origin + path, { method, ...(agent !== undefined && { agent }) });
    for (const name in headers) request.setHeader(name, headers[name] ?? '');
    request.on('error', reject);
    request.on('response', async (message) => {
      const answer = await text(message);
      const isJson = message.headers['content-type'] === 'application/json' && answer !== '';
      resolve({
        status: message.statusCode,
        challenge: message.headers['www-authenticate'],
        body: isJson ? JSON.parse(answer) : answer,
        message,
      });
    });
    request.end(body);
  });
}

function contextTitle(title: string, { hasContext }: { readonly hasContext: boolean }): string {
  return hasContext ? title : `${title} (skipped: this gate runs nothing below it)`;
}
