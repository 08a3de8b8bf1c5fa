import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RESOURCE, type RunningGuardmint, startGuardmint } from '../support/guardmint.ts';
import { testSigner } from '../support/keys.ts';
import { type RunningWorker, startWorker, WORKERD } from '../support/workerd.ts';
import { CLAIMS, RESOURCE as FIXED_RESOURCE, forge, ISSUER, NOW } from './issuer.ts';

/** An MCP server in a worker: everything that is imported from our sources is what guardmint/resource exports. */
const MAIN = `
import { env, waitUntil } from 'cloudflare:workers';
import { createVerifier, getAccessToken } from './src/resource/index.ts';
import { bearerAuth, getAccessToken as tokenOf, protect, requireScopes } from './src/resource/fetch.ts';

let ahead = 0;
const verifier = createVerifier({
  issuer: env.ISSUER,
  resource: env.RESOURCE,
  clock: () => Math.floor(Date.now() / 1000) + ahead,
  ...(env.WAIT_UNTIL === 'yes' && { waitUntil }),
});

const answer = (request) => Response.json({ subject: tokenOf(request)?.subject, context: contextSubject() });
const guarded = protect(answer, bearerAuth({ verifier }), requireScopes('mcp:read'));
const forAdmins = protect(answer, bearerAuth({ verifier }), requireScopes('admin'));

function contextSubject() {
  try {
    return getAccessToken()?.subject;
  } catch (error) {
    return error.message.slice(0, 36);
  }
}

async function verifyAll(request) {
  const { options, tokens } = await request.json();
  try {
    const fixed = createVerifier({ ...options, clock: () => options.now });
    return Response.json(await Promise.all(tokens.map(async (token) => (await fixed.loadAccessToken(token))?.jti ?? null)));
  } catch (error) {
    return Response.json(error.message);
  }
}

export default {
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === '/verify') return verifyAll(request);
    if (pathname === '/state') return Response.json(verifier.state());
    if (pathname === '/ahead') ahead = Number(searchParams.get('seconds'));
    return pathname === '/admin' ? forAdmins(request) : guarded(request);
  },
};
`;

const ALGORITHMS = ['ES256', 'ES384', 'EdDSA', 'RS256', 'PS256'] as const;

describe.skipIf(WORKERD === undefined).each([
  ['web standards only', false, 'no'],
  ['web standards only, and waitUntil', false, 'yes'],
  ['the modules of Node', true, 'no'],
] as const)(
  `a worker with %s${WORKERD === undefined ? ' (skipped: workerd is not installed)' : ''}`,
  (_, isNode, background) => {
    let guardmint: RunningGuardmint;
    let worker: RunningWorker;

    beforeAll(async () => {
      guardmint = await startGuardmint();
      worker = await startWorker({
        main: MAIN,
        bindings: { ISSUER: guardmint.issuer, RESOURCE, WAIT_UNTIL: background },
        nodeCompatible: isNode,
      });
    });

    afterAll(async () => {
      await worker?.[Symbol.asyncDispose]();
      await guardmint?.[Symbol.asyncDispose]();
    });

    async function call(token: string | undefined, path = '/mcp') {
      const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
      const response = await fetch(worker.origin + path, { headers });
      return {
        status: response.status,
        challenge: response.headers.get('www-authenticate'),
        body: (await response.json()) as Record<string, unknown>,
      };
    }

    test('takes the tokens of a real guardmint, refuses bad ones, and asks for scopes', async () => {
      const { access_token: token } = await guardmint.grant();
      const [head, payload = '', signature] = token.split('.');
      const forged = `${head}.${payload.replace(/^.{8}/, 'eyJpc3Mi')}A.${signature}`;

      const good = await call(token);
      const again = await call(token);

      expect(good.status).toBe(200);
      expect(good.body['subject']).toBeTypeOf('string');
      expect(good.body['context']).toBe(isNode ? good.body['subject'] : 'This runtime has no AsyncLocalStorag');
      expect(again).toEqual(good);
      expect(await call(forged)).toMatchObject({ status: 401, challenge: expect.stringContaining('invalid_token') });
      expect(await call(undefined)).toMatchObject({ status: 401, challenge: expect.not.stringContaining('error=') });
      expect(await call(token, '/admin')).toMatchObject({
        status: 403,
        challenge: expect.stringContaining('scope="admin"'),
      });
    });

    test('hears of revocations from the list, five seconds later at the latest', async () => {
      const { access_token: token, refresh_token, clientId } = await guardmint.grant();
      const other = await guardmint.grant();
      const before = await call(token);
      await guardmint.post('/revoke', { token: refresh_token, client_id: clientId });
      guardmint.advance(6);

      // With waitUntil the first one that comes after five seconds does not wait.
      await call(other.access_token, '/ahead?seconds=6');
      await expect.poll(async () => (await call(token)).status, { timeout: 20_000 }).toBe(401);
      const untouched = await call(other.access_token);
      const state = (await call(undefined, '/state')).body['revocations'];

      expect([before.status, untouched.status]).toEqual([200, 200]);
      expect(state).toMatchObject({ freshness: 'fresh', entries: 1 });
      expect(state).not.toHaveProperty('lastFailure');
    });

    test('requests at the same time, and those given up by their sender, leave the others alone', async () => {
      const { access_token: token } = await guardmint.grant();
      const giveUp = new AbortController();
      const given = fetch(`${worker.origin}/mcp`, {
        headers: { authorization: `Bearer ${token}` },
        signal: giveUp.signal,
      }).catch(() => undefined);
      giveUp.abort();
      await given;

      const statuses = await Promise.all(Array.from({ length: 20 }, async () => (await call(token)).status));

      expect(new Set(statuses)).toEqual(new Set([200]));
    });

    test('verifies every algorithm, and refuses the one it does not know by name', async () => {
      const verify = async (options: object, tokens: readonly string[]): Promise<unknown> => {
        const body = JSON.stringify({
          options: { issuer: ISSUER, resource: FIXED_RESOURCE, now: NOW, ...options },
          tokens,
        });
        return (await fetch(`${worker.origin}/verify`, { method: 'POST', body })).json();
      };
      const signers = ALGORITHMS.map((alg) => testSigner(alg));
      const good = signers.map((signer) => forge({ claims: { jti: signer.alg } }, signer));
      const bad = signers.map((signer) => {
        const [head, , signature] = forge({ claims: { ...CLAIMS, sub: 'x' } }, signer).split('.');
        return [head, forge({}, signer).split('.')[1], signature].join('.');
      });
      const jwks = { keys: signers.map(({ publicJwk }) => publicJwk) };

      expect(await verify({ jwks }, good)).toEqual([...ALGORITHMS]);
      expect(await verify({ jwks }, bad)).toEqual(ALGORITHMS.map(() => null));
      expect(await verify({ jwks, algorithms: ['ES256', 'ML-DSA-44'] }, [])).toBe(
        'algorithms: this runtime cannot verify ML-DSA-44',
      );
    });
  },
);
