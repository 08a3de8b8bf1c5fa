import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { REJECTIONS, type RejectionReason, UnavailableError } from '../../src/oauth/index.ts';
import { createMemoryStore } from '../../src/store/memory/index.ts';
import { type AuthorizationCodeClaims, createSealer } from '../../src/tokens/index.ts';
import { createForeignSigner } from '../support/assertion.ts';
import { type HostileOpenIdProvider, startHostileOpenIdProvider } from '../support/hostile-openid-provider.ts';
import { startUpstreamWalk, type UpstreamWalk } from '../support/upstream-walk.ts';
import { createWalkingBrowser, type WalkedPage } from '../support/walking-browser.ts';

// One of each for the tests that change nothing at the server: every test has a browser of its own.
let shared: Awaited<ReturnType<typeof start>>;
let provider: HostileOpenIdProvider;
let walk: UpstreamWalk;
beforeAll(async () => {
  shared = await start({ userInfo: true });
  ({ provider } = shared);
});
beforeEach(() => {
  provider.reset();
  walk = shared.walk.withNewBrowser();
  walk.server.events.length = 0;
});
afterAll(() => shared[Symbol.asyncDispose]());

async function start(changes: Record<string, unknown> = {}, more: Parameters<typeof startUpstreamWalk>[1] = {}) {
  await using started = new AsyncDisposableStack();
  const provider = started.use(await startHostileOpenIdProvider());
  const walk = started.use(await startUpstreamWalk({ local: false, oidc: [provider.settings(changes)] }, more));
  const kept = started.move();
  return { provider, walk, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** The whole way there and back. */
async function signIn(walk: UpstreamWalk, parameters?: Record<string, string>): Promise<WalkedPage> {
  return walk.follow(await walk.begin(parameters));
}

/** Where the provider sends the browser back to, not opened. */
async function findAnswer(walk: UpstreamWalk): Promise<string> {
  const { leavesFor = '' } = await walk.begin();
  return (await fetch(leavesFor, { redirect: 'manual' })).headers.get('location') ?? '';
}

/** What the code in an answer of ours says. */
function openCode({ server }: UpstreamWalk, answer: URL) {
  const sealer = createSealer({ keys: server.guardmint.keys, clock: () => server.now() });
  return sealer.open<AuthorizationCodeClaims>('code+jwe', answer.searchParams.get('code') ?? '');
}

/** The page says why, nobody is signed in, and the audit has it. */
function expectRefused(walk: UpstreamWalk, page: WalkedPage, reason: RejectionReason, fault?: string): void {
  const { status, error, description } = REJECTIONS[reason];
  expect(page.status).toBe(status);
  expect(page.html).toContain(`<code>${error}</code>`);
  expect(page.html.replaceAll('&#39;', "'")).toContain(description);
  expect(walk.browser.jar.has('guardmint-session')).toBe(false);
  const event = walk.server.events.findLast(({ reason: why }) => why === reason);
  expect(event?.event).toMatch(/^(sign_in\.failed|request\.refused)$/);
  if (fault !== undefined) expect(event?.['fault']).toBe(fault);
}

const CLAIM = 'OAUTH_JWT_CLAIM_COMPARISON_FAILED';
const INVALID = 'OAUTH_INVALID_RESPONSE';

describe('a provider that lies', () => {
  test('the truth is believed [JWT-UPSTREAM-01]', async () => {
    expect(new URL((await signIn(walk)).url).pathname).toBe('/interaction/consent');
    expect(provider.redeemed[0]?.get('code_verifier')).toMatch(/^[\w-]{43}$/);
  });

  test('how the person proved who they are goes into the token, as far as it can be trusted to be short', async () => {
    const stuffed = ['pwd', 'otp', 7, 'x'.repeat(65), 'two words', ...Array.from({ length: 20 }, (_, at) => `m${at}`)];
    provider.claims = { amr: stuffed, auth_time: 1_700_000_000 };

    const consent = await signIn(walk);
    const left = new URL((await walk.browser.submit(consent, { decision: 'allow' })).leavesFor ?? '');
    const code = await openCode(walk, left);

    expect(code).toMatchObject({
      authTime: 1_700_000_000,
      amr: ['pwd', 'otp', 'm0', 'm1', 'm2', 'm3', 'm4', 'm5', 'm6', 'm7'],
    });
  });

  test.each<[string, Record<string, unknown>, string]>([
    ['another issuer [JWT-UPSTREAM-02]', { iss: 'https://evil.example' }, CLAIM],
    ['another audience [JWT-UPSTREAM-03]', { aud: 'someone-else' }, CLAIM],
    ['no sub [JWT-UPSTREAM-05]', { sub: undefined }, INVALID],
    ['an empty sub', { sub: '' }, 'sub'],
    ['no iat [JWT-UPSTREAM-06]', { iat: undefined }, INVALID],
    ['an iat in the future', { iat: 4_000_000_000 }, 'iat'],
    ['another nonce [JWT-UPSTREAM-07]', { nonce: 'x' }, CLAIM],
    ['no nonce [JWT-UPSTREAM-08]', { nonce: undefined }, INVALID],
    ['an end long ago', { exp: 1_700_000_000 }, 'OAUTH_JWT_TIMESTAMP_CHECK_FAILED'],
    ['several audiences and no azp [JWT-UPSTREAM-14]', { aud: ['guardmint', 'other'] }, CLAIM],
    ['another azp [JWT-UPSTREAM-15]', { azp: 'other' }, 'azp'],
  ])('an ID token with %s is refused', async (_, claims, fault) => {
    provider.claims = claims;

    expectRefused(walk, await signIn(walk), 'upstream_answer_invalid', fault);
  });

  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  test.each<[string, (provider: HostileOpenIdProvider) => HostileOpenIdProvider['makeIdToken']]>([
    ['alg none [JWT-UPSTREAM-10]', () => (claims) => `${encode({ alg: 'none' })}.${encode(claims)}.`],
    [
      'HS256 under the client secret [JWT-UPSTREAM-12]',
      () => (claims) => {
        const input = `${encode({ alg: 'HS256' })}.${encode(claims)}`;
        return `${input}.${createHmac('sha256', 'secret').update(input).digest('base64url')}`;
      },
    ],
    [
      'the key of somebody else',
      ({ signer }) =>
        async (claims) =>
          (await createForeignSigner('RS256')).sign(claims, { kid: signer.kid }),
    ],
    ['a key that is not published', () => async (claims) => (await createForeignSigner('RS256')).sign(claims)],
    ['an algorithm that is not allowed', () => async (claims) => (await createForeignSigner('ES512')).sign(claims)],
    [
      'a signature cut off',
      ({ signer }) =>
        async (claims) =>
          (await signer.sign(claims)).replace(/\.[^.]*$/, '.'),
    ],
    [
      'the type of an access token [JWT-UPSTREAM-24]',
      ({ signer }) =>
        (claims) =>
          signer.sign(claims, { typ: 'at+jwt' }),
    ],
    [
      'an extension it must not be read without',
      () => (claims) => `${encode({ alg: 'RS256', crit: ['x'], x: 1 })}.${encode(claims)}.AA`,
    ],
  ])('an ID token with %s is refused', async (_, make) => {
    provider.makeIdToken = make(provider);

    expectRefused(walk, await signIn(walk), 'upstream_answer_invalid');
  });

  test('tokens without an ID token say nothing about anybody [AS-FD-09]', async () => {
    provider.makeIdToken = () => undefined;

    expectRefused(walk, await signIn(walk), 'upstream_answer_invalid');
  });

  test('a local user of the same name and address stays somebody else [JWT-UPSTREAM-21]', async () => {
    await using at = await start({}, {});
    const { username } = at.walk.server.credentials;
    const [local] = await at.walk.server.guardmint.users.list();
    at.provider.claims = { preferred_username: username, email: username, email_verified: true, sub: local?.subject };

    await signIn(at.walk);

    const subject = at.walk.server.events.find(({ event }) => event === 'sign_in.succeeded')?.['subject'];
    expect(subject).toMatch(/^[\w-]{43}$/);
    expect(subject).not.toBe(local?.subject);
  });

  test('a UserInfo answer about somebody else is refused [JWT-UPSTREAM-19]', async () => {
    provider.userInfo = { sub: 'mallory', preferred_username: 'dana' };

    expectRefused(walk, await signIn(walk), 'upstream_answer_invalid', 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED');
  });

  test('names are shown as text, without what disguises them [JWT-UPSTREAM-25]', async () => {
    provider.claims = { preferred_username: '<script>alert(1)</script>\u202etxt', picture: 'javascript:alert(1)' };

    const { html } = await signIn(walk);

    expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt; txt');
    expect(html).not.toMatch(/<script|javascript:|\u202e/);
  });

  test.each<[string, (answer: URLSearchParams) => void, RejectionReason]>([
    ['another iss', (answer) => answer.set('iss', 'https://evil.example'), 'upstream_issuer_wrong'],
    ['no iss, although it says it sends one', (answer) => answer.delete('iss'), 'upstream_issuer_wrong'],
    ['no code', (answer) => answer.delete('code'), 'upstream_answer_invalid'],
    ['no state', (answer) => answer.delete('state'), 'upstream_state_invalid'],
    ['a state of its own', (answer) => answer.set('state', 'x'), 'upstream_state_invalid'],
    ['two states', (answer) => answer.append('state', 'x'), 'upstream_state_invalid'],
    ['two codes', (answer) => answer.append('code', 'x'), 'upstream_state_invalid'],
  ])('an answer with %s is refused', async (_, change, reason) => {
    provider.answer = change;

    expectRefused(walk, await signIn(walk), reason);
    expect(provider.redeemed).toEqual([]);
  });

  test.each<[string, RejectionReason]>([
    ['access_denied', 'upstream_denied'],
    ['login_required', 'upstream_refused'],
    ['<script>', 'upstream_refused'],
  ])('the answer error=%s ends the sign-in, and leads back to it', async (error, reason) => {
    provider.answer = (answer) => {
      answer.delete('code');
      answer.set('error', error);
    };

    const page = await signIn(walk);

    expectRefused(walk, page, reason);
    expect(page.html).not.toContain('<script');
    const again = /<a class="button slate" href="([^"]*)"/.exec(page.html)?.[1] ?? '';
    const signInPage = await walk.browser.open(new URL(again, page.url).href);
    expect([signInPage.status, new URL(signInPage.url).pathname]).toEqual([200, '/interaction/sign-in']);
    provider.answer = () => {};
    const consent = await walk.follow(await walk.browser.submit(signInPage, { provider: 'corp' }));
    expect(new URL(consent.url).pathname).toBe('/interaction/consent');
  });
});

describe('an answer in wrong hands', () => {
  test('one that was made for another browser signs nobody in', async () => {
    const answer = await findAnswer(walk);
    const victim = createWalkingBrowser();

    const page = await victim.open(answer);

    expect([page.status, victim.jar.has('guardmint-session')]).toEqual([403, false]);
    expect(walk.server.events.at(-1)).toMatchObject({ reason: 'interaction_of_other_browser' });
    expect(provider.redeemed).toEqual([]);
  });

  test('one is worth one sign-in, however often and however fast it comes [AS-FD-07]', async () => {
    const answer = await findAnswer(walk);
    const browsers = Array.from({ length: 8 }, () => createWalkingBrowser(new Map(walk.browser.jar)));

    const pages = await Promise.all(browsers.map((browser) => browser.open(answer)));

    expect(browsers.filter(({ jar }) => jar.has('guardmint-session'))).toHaveLength(1);
    expect(pages.filter(({ status }) => status === 400)).toHaveLength(7);
    expect(provider.redeemed).toHaveLength(1);
    expect(walk.server.events.filter(({ reason }) => reason === 'upstream_spent')).toHaveLength(7);
  });

  test('whatever comes to the address of a callback is refused, and never a fault of ours', async () => {
    const good = new URL(await findAnswer(walk)).searchParams;
    const known = fc.constantFrom('code', 'state', 'iss', 'error', 'response', 'id_token', 'scope');
    const value = fc.oneof(fc.string(), fc.constantFrom('', ...good.values(), 'access_denied', provider.issuer));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.oneof(known, fc.string()), value), { maxLength: 6 }), async (pairs) => {
        const query = new URLSearchParams(pairs);
        fc.pre(query.get('state') !== good.get('state') || query.get('code') !== good.get('code'));
        const url = `${walk.server.issuer}/interaction/upstream/corp/callback?${query}`;
        const { status, jar } = { ...(await walk.browser.open(url)), jar: walk.browser.jar };
        expect([400, 403]).toContain(status);
        expect(jar.has('guardmint-session')).toBe(false);
      }),
      { numRuns: 60 },
    );
  });

  test('a look at the headers alone does not spend it', async () => {
    const answer = await findAnswer(walk);
    const cookie = [...walk.browser.jar].map(([name, value]) => `${name}=${value}`).join('; ');

    expect((await fetch(answer, { method: 'HEAD', headers: { cookie } })).status).toBe(405);
    expect(new URL((await walk.browser.open(answer)).url).pathname).toBe('/interaction/consent');
  });

  test('one that comes ten minutes later has expired', async () => {
    const answer = await findAnswer(walk);

    walk.server.advance(600);

    expectRefused(walk, await walk.browser.open(answer), 'interaction_expired');
  });

  test('one provider cannot be passed off as another: each has its own address, whatever iss says', async () => {
    await using honest = await startHostileOpenIdProvider('honest');
    await using evil = await startHostileOpenIdProvider('evil');
    evil.metadata = { authorization_response_iss_parameter_supported: undefined };
    await using walk = await startUpstreamWalk({ local: false, oidc: [honest.settings(), evil.settings()] });
    const page = await walk.begin();
    const { leavesFor = '' } = await walk.browser.submit(page, { provider: 'evil' });
    const back = new URL((await fetch(leavesFor, { redirect: 'manual' })).headers.get('location') ?? '');
    back.searchParams.delete('iss');

    back.pathname = back.pathname.replace('evil', 'honest');

    expectRefused(walk, await walk.browser.open(back.href), 'upstream_of_other_provider');
    expect([honest.redeemed, evil.redeemed]).toEqual([[], []]);
  });

  test('a provider that was taken out of the configuration signs nobody in [JWT-UPSTREAM-23]', async () => {
    const answer = new URL(await findAnswer(walk));
    answer.pathname = '/interaction/upstream/gone/callback';

    expectRefused(walk, await walk.browser.open(answer.href), 'upstream_unknown');
  });

  test('too many answers from one network are not even looked at', async () => {
    await using at = await start({}, { rateLimits: { enabled: true, authorize: 1_000 } });
    at.provider.claims = { nonce: 'x' };
    const statuses: number[] = [];
    for (let attempt = 0; attempt < 61; attempt++) {
      const jar = createWalkingBrowser();
      const first = await jar.open(at.walk.request());
      statuses.push(
        (await jar.open((await fetch(first.leavesFor ?? '', { redirect: 'manual' })).headers.get('location') ?? ''))
          .status,
      );
    }

    expect(new Set(statuses.slice(0, 60))).toEqual(new Set([400]));
    expect(statuses.at(-1)).toBe(429);
    expect(at.provider.redeemed).toHaveLength(60);
  });
});

test('a sign-in after a denial counts, although the provider had asked the person before it', async () => {
  const { denylist } = walk.server.guardmint.store;
  const now = walk.server.now();
  provider.claims = { sub: 'erin', auth_time: now - 3_600 };
  provider.userInfo = { sub: 'erin' };
  const denied = async (issuedBefore: number) => {
    const subject = String(walk.server.events.find(({ event }) => event === 'sign_in.succeeded')?.['subject']);
    await denylist.deny({ kind: 'subject', id: subject, lifetime: 86_400, issuedBefore });
    return new URL((await walk.browser.open(walk.request())).url).pathname;
  };

  await signIn(walk);

  expect(await denied(now - 60)).toBe('/interaction/consent');
  expect(await denied(walk.server.now())).not.toBe('/interaction/consent');
});

describe('scope names that are guarded by claims', () => {
  const guard = { scopesByClaim: [{ scopes: ['mcp:write'], claim: 'groups', values: ['ops'] }] };

  /** What the consent page offers, and what the code carries after it. */
  async function grant(at: Awaited<ReturnType<typeof start>>, scope: string) {
    const own = at.walk.withNewBrowser();
    const consent = await signIn(own, { scope });
    const offered = ['mcp:read', 'mcp:write', 'admin'].filter((name) => consent.html.includes(`<code>${name}</code>`));
    const page = await own.browser.submit(consent, { decision: 'allow' });
    return { offered, issued: (await openCode(own, new URL(page.leavesFor ?? '')))?.scope };
  }

  test('are neither offered nor issued to who has not got the claim, and both to who has', async () => {
    await using at = await start(guard);

    expect(await grant(at, 'mcp:read mcp:write')).toEqual({ offered: ['mcp:read'], issued: ['mcp:read'] });
    at.provider.claims = { groups: ['staff', 'ops'] };
    const both = ['mcp:read', 'mcp:write'];
    expect(await grant(at, 'mcp:read mcp:write')).toEqual({ offered: both, issued: both });
  });

  test('an app that asks for nothing else is told that the person may not grant it', async () => {
    await using at = await start(guard);

    const page = await signIn(at.walk, { scope: 'mcp:write' });
    const silent = await signIn(at.walk, { scope: 'mcp:write offline_access', prompt: 'none' });

    expect(page.html).toMatch(/error=access_denied/);
    expect(silent.leavesFor).toMatch(/error=(?:consent_required|access_denied)/);
    expect(at.walk.server.events.map(({ reason }) => reason)).toContain('scope_not_grantable');
  });
});

describe('a provider that is out of order', () => {
  test.each<[string, string, number | 'silence']>([
    ['its metadata cannot be had', '/.well-known/openid-configuration', 503],
    ['codes cannot be redeemed', '/token', 500],
    ['its keys cannot be had', '/jwks', 502],
    ['it has too much to do', '/token', 429],
  ])('%s: a page says so, with a way to try again', async (_, path, fault) => {
    await using at = await start();
    at.provider.broken.set(path, fault);

    const page = await signIn(at.walk);
    expect([page.status, page.headers.get('retry-after')]).toEqual([503, '5']);
    expect(page.html).toContain('Back to signing in');
    expect(at.walk.server.events.at(-1)).toMatchObject({
      event: 'sign_in.failed',
      reason: 'unavailable',
      provider: 'corp',
    });

    at.provider.broken.clear();
    at.walk.server.advance(10);
    expect(new URL((await signIn(at.walk)).url).pathname).toBe('/interaction/consent');
  });

  test('metadata is asked for once by many at a time, and stands when it cannot be had again', async () => {
    await using at = await start();
    const count = () => at.provider.requests.filter((path) => path.includes('openid-configuration')).length;

    await Promise.all(Array.from({ length: 5 }, () => createWalkingBrowser().open(at.walk.request())));
    expect(count()).toBe(1);
    at.walk.server.advance(3_601);
    at.provider.broken.set('/.well-known/openid-configuration', 503);
    const { leavesFor } = await createWalkingBrowser().open(at.walk.request());

    expect(count()).toBe(2);
    expect(leavesFor).toContain(`${at.provider.issuer}/authorize?`);
  });

  test.each([
    ['says another issuer', { issuer: 'https://evil.example' }],
    ['has no authorization endpoint', { authorization_endpoint: undefined }],
    ['sends people to no web page', { authorization_endpoint: 'javascript:alert(1)' }],
  ])('metadata that %s is not used', async (_, metadata) => {
    await using at = await start();
    at.provider.metadata = metadata;

    const page = await at.walk.begin();

    expect([page.status, page.leavesFor]).toEqual([503, undefined]);
  });

  test('a server whose provider is away starts all the same', async () => {
    await using walk = await startUpstreamWalk({
      local: false,
      oidc: [{ id: 'corp', label: 'Corp', issuer: 'http://localhost:1', clientId: 'guardmint' }],
    });

    expect((await walk.begin()).status).toBe(503);
  });

  test('a wrong client secret is our fault: the page says it is not working, the log says why', async () => {
    await using at = await start();
    at.provider.broken.set('/token', (_request, response) => {
      response.writeHead(401, { 'content-type': 'application/json' }).end('{"error":"invalid_client"}');
    });

    expect((await signIn(at.walk)).status).toBe(503);
    expect(at.walk.server.lines.join('')).toContain('invalid_client');
  });
});

test('while the store cannot say whether an answer was used, it is not taken, and not lost', async () => {
  let isDown = false;
  await using own = await startHostileOpenIdProvider();
  await using at = await startUpstreamWalk(
    { local: false, oidc: [own.settings()] },
    {},
    {
      store(clock) {
        const memory = createMemoryStore({ clock });
        const consumeOnce: typeof memory.oneTime.consumeOnce = async (marker) => {
          if (isDown) throw new UnavailableError('store');
          return memory.oneTime.consumeOnce(marker);
        };
        return { ...memory, oneTime: { ...memory.oneTime, consumeOnce } };
      },
    },
  );
  const answer = await findAnswer(at);

  isDown = true;
  const page = await at.browser.open(answer);
  expect([page.status, own.redeemed.length, at.browser.jar.has('guardmint-session')]).toEqual([503, 0, false]);
  isDown = false;
  expect(new URL((await at.browser.open(answer)).url).pathname).toBe('/interaction/consent');
});

test('no secret of a sign-in elsewhere is in the log', async () => {
  const answer = new URL(await findAnswer(walk));
  await walk.browser.open(answer.href);
  await walk.browser.open(answer.href);
  provider.claims = { nonce: 'x' };
  await signIn(walk, { prompt: 'login' });

  const log = walk.server.lines.join('');
  const [redeemed] = provider.redeemed;
  for (const name of ['code', 'code_verifier']) {
    expect(redeemed?.get(name)?.length).toBeGreaterThan(20);
    expect(log).not.toContain(redeemed?.get(name) ?? '-');
  }
  expect(log).not.toContain(answer.searchParams.get('state') ?? '-');
  expect(log).not.toMatch(/eyJ[\w-]{20,}/);
});
