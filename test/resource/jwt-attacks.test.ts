import { request } from 'node:http';
import Koa from 'koa';
import { describe, expect, test } from 'vitest';
import type { Verifier } from '../../src/resource/index.ts';
import { bearerAuth, requireScopes } from '../../src/resource/koa.ts';
import { type TestSigner, testSigner } from '../support/keys.ts';
import { serve } from '../support/serve.ts';
import { answerKeys, forge, startHost, verifierOf } from './issuer.ts';
import { type Attack, TOKEN_ATTACKS, TRANSPORT_ATTACKS } from './jwt-attacks.table.ts';

interface Answer {
  readonly status: number;
  readonly challenge: string;
}

function guardedApp(verifier: Verifier): Koa {
  const app = new Koa();
  app.use(bearerAuth({ verifier }));
  app.use(requireScopes('mcp:read'));
  app.use((ctx) => {
    ctx.body = 'inside';
  });
  return app;
}

/** Sends header lines as they are, repeated names too. */
function send(origin: string, headers: readonly string[], query = ''): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const raw = headers.flatMap((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]);
    const sent = request(`${origin}/mcp${query}`, { headers: ['Host', 'mcp.example.test', ...raw] }, (response) => {
      response.resume();
      resolve({ status: response.statusCode ?? 0, challenge: String(response.headers['www-authenticate'] ?? '') });
    });
    sent.on('error', reject);
    sent.end();
  });
}

const keysOf = (alg: 'ES256' | 'EdDSA' | 'RS256' | 'PS256') => ({
  legit: testSigner(alg),
  other: testSigner('RS256', 'other'),
  attacker: attackerOf(testSigner(alg, 'attacker'), testSigner(alg)),
});

/** The attacker's key, announced under the kid of ours. */
function attackerOf(attacker: TestSigner, legit: TestSigner): TestSigner {
  return { ...attacker, kid: legit.kid };
}

/** Whether the token can stand in a header at all; others are shown to the verifier only. */
function isHeaderValue(token: string): boolean {
  return token.length < 12_000 && /^[\x21-\x7e]+(?: [\x21-\x7e]+)*$/.test(token);
}

const EXPECTED: Record<Attack['outcome'], Answer> = {
  refused: { status: 401, challenge: expect.stringContaining('Bearer error="invalid_token"') },
  accepted: { status: 200, challenge: '' },
  forbidden: { status: 403, challenge: expect.stringContaining('Bearer error="insufficient_scope"') },
};

/** A header with a comma is taken for several that were joined. */
const isList = (token: string) => token.includes(',');
const SEVERAL: Answer = { status: 400, challenge: expect.stringContaining('Bearer error="invalid_request"') };

describe.each(['ES256', 'EdDSA', 'RS256', 'PS256'] as const)('tokens against an issuer that signs with %s', (alg) => {
  const keys = keysOf(alg);
  const attacks = TOKEN_ATTACKS.filter(({ only = alg }) => only === alg);

  test('a good token passes', async () => {
    using verifier = verifierOf([keys.legit, keys.other]);
    await using served = await serve(() => guardedApp(verifier));

    const answer = await send(served.origin, [`Authorization: Bearer ${forge({}, keys.legit)}`]);

    expect(answer).toEqual(EXPECTED.accepted);
  });

  test.each(attacks.map((attack) => [attack.title, attack.outcome, attack.id, attack] as const))(
    '%s is %s [%s]',
    async (_title, outcome, _id, attack) => {
      using verifier = verifierOf([keys.legit, keys.other]);
      await using served = await serve(() => guardedApp(verifier));
      const token = attack.token(keys);

      const loaded = await verifier.loadAccessToken(token);
      const again = await verifier.loadAccessToken(token);
      const answer = isHeaderValue(token) ? await send(served.origin, [`Authorization: Bearer ${token}`]) : undefined;

      expect(loaded !== undefined).toBe(outcome !== 'refused');
      expect(again).toBe(loaded);
      if (answer !== undefined) expect(answer).toEqual(isList(token) ? SEVERAL : EXPECTED[outcome]);
    },
  );

  test('whatever a header names, only the JWK Set of the issuer is fetched, and once', async () => {
    await using host = await startHost(answerKeys([keys.legit, keys.other]));
    const asked: string[] = [];
    const watched: typeof fetch = (url, init) => {
      asked.push(String(url));
      return fetch(url, init);
    };
    using verifier = verifierOf([], { jwks: `${host.origin}/jwks.json`, fetch: watched });

    for (const attack of attacks) await verifier.loadAccessToken(attack.token(keys));

    expect(asked).toEqual([`${host.origin}/jwks.json`]);
  });

  test('a refused spelling of a remembered token stays refused', async () => {
    using verifier = verifierOf([keys.legit]);
    const token = forge({}, keys.legit);
    const good = await verifier.loadAccessToken(token);

    const respelled = await Promise.all(
      [`${token}=`, `${token} `, `${token}\n`, ` ${token}`, token.replace('.', '..')].map((text) =>
        verifier.loadAccessToken(text),
      ),
    );

    expect(good).toBeDefined();
    expect(respelled).toEqual([undefined, undefined, undefined, undefined, undefined]);
  });
});

describe('requests around a good token', () => {
  test.each(TRANSPORT_ATTACKS.map((attack) => [attack.title, attack.id, attack] as const))(
    '%s is refused [%s]',
    async (_title, _id, { request: make, statuses }) => {
      const { legit } = keysOf('ES256');
      using verifier = verifierOf([legit]);
      await using served = await serve(() => guardedApp(verifier));
      const { headers, query } = make(forge({}, legit));

      const answer = await send(served.origin, headers, query);

      expect(statuses).toContain(answer.status);
    },
  );
});
