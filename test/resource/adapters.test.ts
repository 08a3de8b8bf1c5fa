import express from 'express';
import { Hono } from 'hono';
import { describe, expect, expectTypeOf, test } from 'vitest';
import * as forExpress from '../../src/resource/express.ts';
import * as forFetch from '../../src/resource/fetch.ts';
import * as forHono from '../../src/resource/hono.ts';
import type { AccessToken } from '../../src/resource/index.ts';
import * as forNode from '../../src/resource/node.ts';
import { createDpopKey } from '../support/dpop.ts';
import { testSigner } from '../support/keys.ts';
import { serve } from '../support/serve.ts';
import { forge, ISSUER, NOW, RESOURCE, verifierOf } from './issuer.ts';

const verifier = verifierOf([testSigner()]);
const asking = (token = forge()) => ({ headers: { authorization: `Bearer ${token}` } });

describe('in Express', () => {
  test('nothing about a token reaches the error handlers', async () => {
    const errors: unknown[] = [];
    const app = express();
    app.use(forExpress.bearerAuth({ verifier }), forExpress.requireScopes('mcp:delete'));
    app.use(((error, _request, response, _next) => {
      errors.push(error);
      response.sendStatus(500);
    }) satisfies express.ErrorRequestHandler);
    await using served = await serve(() => ({ callback: () => app }));

    const statuses = await Promise.all(
      [{}, asking('x'), asking()].map(async (init) => (await fetch(served.origin, init)).status),
    );

    expect([statuses, errors]).toEqual([[401, 401, 403], []]);
  });

  test('a router below a path sees proofs for the whole path, and the token behind a body parser', async () => {
    const key = await createDpopKey();
    const token = forge({ claims: { cnf: { jkt: key.jkt } } });
    const router = express.Router();
    router.use(forExpress.bearerAuth({ verifier }), express.json(), forExpress.requireScopes('mcp:read'));
    router.post('/', (request, response) => {
      response.json({
        body: request.body as unknown,
        jti: forExpress.getAccessToken()?.jti,
        clientId: forExpress.getAuthInfo(request)?.clientId,
      });
    });
    const app = express();
    app.use('/mcp', router);
    await using served = await serve(() => ({ callback: () => app }));
    const dpop = await key.prove({ method: 'POST', url: RESOURCE, now: NOW, accessToken: token });

    const response = await fetch(`${served.origin}/mcp`, {
      method: 'POST',
      headers: { authorization: `DPoP ${token}`, dpop, 'content-type': 'application/json' },
      body: '{"a":1}',
    });

    expect(await response.json()).toEqual({ body: { a: 1 }, jti: 'jti-1', clientId: 'client-1' });
  });

  test('a step that lets go of the chain of calls loses neither the gate nor the token behind it', async () => {
    const waiting: (() => void)[] = [];
    // Begun outside of any request, so what it calls is in none.
    const elsewhere = setInterval(() => waiting.shift()?.(), 1);
    const app = express();
    app.use(forExpress.bearerAuth({ verifier }), (_request, _response, next) => void waiting.push(next));
    app.use('/lost', (_request, response) => void response.json(forExpress.getAccessToken()?.jti ?? null));
    app.use(forExpress.requireScopes('mcp:read'), (_request, response) => {
      response.json(forExpress.getAccessToken()?.jti ?? null);
    });
    await using served = await serve(() => ({ callback: () => app }));

    const ask = async (path: string, init = {}) => (await fetch(served.origin + path, init)).json();
    const answers = [await ask('/lost', asking()), await ask('/', asking()), await ask('/')];
    clearInterval(elsewhere);

    expect(answers).toEqual([null, 'jti-1', expect.objectContaining({ error_description: expect.any(String) })]);
  });

  test('what is found out about one request is not left to a second bearerAuth that finds nobody', async () => {
    const other = verifierOf([testSigner()], { resource: 'https://other.example.test/mcp' });
    const app = express();
    app.use(forExpress.bearerAuth({ verifier }), forExpress.bearerAuth({ verifier: other }));
    app.use((request, response) => {
      const jti = forExpress.getAccessToken()?.jti ?? null;
      response.json([jti, request.auth ?? null, forExpress.getAuthInfo(request) ?? null]);
    });
    await using served = await serve(() => ({ callback: () => app }));

    expect(await (await fetch(served.origin, asking())).json()).toEqual([null, null, null]);
  });
});

describe('in Hono', () => {
  test('a handler has the token and what the MCP SDKs want as typed variables', async () => {
    const app = new Hono().use(forHono.bearerAuth({ verifier }), forHono.requireScopes('mcp:read')).get('/mcp', (c) => {
      expectTypeOf(c.get('accessToken')).toEqualTypeOf<AccessToken | undefined>();
      expectTypeOf(c.var.auth).toEqualTypeOf<forHono.AuthInfo | undefined>();
      return c.json([c.get('accessToken')?.jti, c.var.auth?.clientId, forHono.getAccessToken()?.jti]);
    });

    expect(await (await app.request('/mcp', asking())).json()).toEqual(['jti-1', 'client-1', 'jti-1']);
  });

  test('one route may ask for more than the others', async () => {
    const app = new Hono<forHono.AuthEnv>();
    app.use(forHono.bearerAuth({ verifier }));
    app.get('/free', (c) => c.text('free'));
    app.get('/held', forHono.requireScopes('mcp:delete'), (c) => c.text('held'));

    expect([(await app.request('/free')).status, (await app.request('/held', asking())).status]).toEqual([200, 403]);
  });
});

describe('around a fetch handler', () => {
  const request = (token?: string) => new Request(RESOURCE, token === undefined ? {} : asking(token));

  test('what the runtime hands over beside the request goes through', async () => {
    const handler = forFetch.protect(
      (_request: Request, env: { name: string }, context: { ended: boolean }) => Response.json({ env, context }),
      forFetch.bearerAuth({ verifier }),
    );

    const response = await handler(request(), { name: 'worker' }, { ended: false });

    expect(await response.json()).toEqual({ env: { name: 'worker' }, context: { ended: false } });
  });

  test('the token is had from the request too, as it is where a runtime has no context of calls', async () => {
    const seen: unknown[] = [];
    const handler = forFetch.protect((asked: Request) => {
      seen.push(forFetch.getAccessToken(asked)?.jti, forFetch.getAuthInfo(asked)?.clientId);
      return new Response();
    }, forFetch.bearerAuth({ verifier }));

    await handler(request(forge()));
    await handler(request());

    expect(seen).toEqual(['jti-1', 'client-1', undefined, undefined]);
    expect(forFetch.getAccessToken(request(forge()))).toBeUndefined();
  });

  test('an answer that cannot be written to gets the nonce all the same', async () => {
    const key = await createDpopKey();
    const withNonces = verifierOf([testSigner()], { dpop: { nonceSecret: 'x'.repeat(32) } });
    const token = forge({ claims: { cnf: { jkt: key.jkt } } });
    const nonce = withNonces.dpopNonce();
    const proof = { method: 'GET', url: RESOURCE, now: NOW, accessToken: token };
    const dpop = await key.prove(proof, { claims: { nonce: nonce ?? '' } });
    const handler = forFetch.protect(
      () => Response.redirect('https://elsewhere.example.test/', 303),
      forFetch.bearerAuth({ verifier: withNonces }),
    );

    const response = await handler(new Request(RESOURCE, { headers: { authorization: `DPoP ${token}`, dpop } }));

    expect([response.status, response.headers.get('location'), response.headers.get('dpop-nonce')]).toEqual([
      303,
      'https://elsewhere.example.test/',
      nonce,
    ]);
  });

  test('what the handler throws stays its own', async () => {
    const handler = forFetch.protect(() => {
      throw new RangeError('a bug');
    }, forFetch.bearerAuth({ verifier }));

    await expect(handler(request(forge()))).rejects.toThrow(RangeError);
  });
});

describe('around a listener of node:http', () => {
  test('steps are taken in order, and the listener finds the token by all ways', async () => {
    const listener = forNode.protect(
      (request, response) => {
        const auth: unknown = Reflect.get(request, 'auth');
        response.end(
          JSON.stringify([
            forNode.getAccessToken()?.jti,
            forNode.getAuthInfo(request)?.clientId,
            auth === forNode.getAuthInfo(request),
          ]),
        );
      },
      forNode.protectedResourceMetadata({ resource: RESOURCE, authorizationServers: [ISSUER] }),
      forNode.bearerAuth({ verifier }),
      forNode.requireScopes('mcp:read'),
    );
    await using served = await serve(() => ({ callback: () => listener }));

    expect(await (await fetch(`${served.origin}/mcp`, asking())).json()).toEqual(['jti-1', 'client-1', true]);
  });

  test('a step that cannot answer ends in 500 with nothing in it, and the process is told why', async () => {
    const listener = forNode.protect((_request, response) => void response.end('inside'), forNode.requireScopes());
    await using served = await serve(() => ({ callback: () => listener }));
    const told = Promise.withResolvers<void>();
    const see = ({ message }: Error) => void (/^requireScopes needs bearerAuth/.test(message) && told.resolve());
    process.on('warning', see);

    const response = await fetch(served.origin);

    expect([response.status, await response.text()]).toEqual([500, '']);
    await told.promise;
    process.off('warning', see);
  });
});
