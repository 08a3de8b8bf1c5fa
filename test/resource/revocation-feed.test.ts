import { decodeJwt } from 'jose';
import { describe, expect, test, vi } from 'vitest';
import { createVerifier, UnavailableError, type Verifier } from '../../src/resource/index.ts';
import { createMemoryStore } from '../../src/store/memory/index.ts';
import { RESOURCE as GUARDMINT_RESOURCE, startGuardmint } from '../support/guardmint.ts';
import { testSigner } from '../support/keys.ts';
import { answerJson, forge, RESOURCE, startHost } from './issuer.ts';
import {
  createTimedVerifier,
  placesOf,
  type RevocationIssuer,
  startProxy,
  startRevocationIssuer,
} from './revocation-issuer.ts';

const WAIT = { timeout: 20_000, interval: 5 };

const isAccepted = async (verifier: Verifier, token: string) => (await verifier.loadAccessToken(token)) !== undefined;

function refused(verifier: Verifier, token: string): Promise<void> {
  return vi.waitFor(async () => expect(await isAccepted(verifier, token)).toBe(false), WAIT);
}

function positionKnown(verifier: Verifier): Promise<void> {
  return vi.waitFor(() => expect(verifier.state().revocations?.position).toBeDefined(), WAIT);
}

function verifierOf(issuer: RevocationIssuer): Verifier {
  return createVerifier({ issuer: issuer.issuer, resource: RESOURCE, clock: issuer.now });
}

describe('a validator that knows nothing but its issuer', () => {
  test('refuses a token once its grant was revoked at a real server, and so does every other validator [I1]', async () => {
    await using server = await startGuardmint();
    const options = { issuer: server.issuer, resource: GUARDMINT_RESOURCE, clock: server.now };
    using one = createVerifier(options);
    using other = createVerifier(options);
    const [granted, kept] = [await server.grant(), await server.grant()];
    for (const verifier of [one, other])
      for (const { access_token } of [granted, kept]) expect(await isAccepted(verifier, access_token)).toBe(true);

    await server.post('/revoke', { client_id: granted.clientId, token: granted.refresh_token });

    await Promise.all([one, other].map((verifier) => refused(verifier, granted.access_token)));
    for (const verifier of [one, other]) expect(await isAccepted(verifier, kept.access_token)).toBe(true);
    expect(one.state().revocations).toMatchObject({ freshness: 'fresh', entries: 1 });
  });

  test('refuses what was revoked before it started, from the first token on', async () => {
    await using server = await startGuardmint();
    const granted = await server.grant();
    await server.post('/revoke', { client_id: granted.clientId, token: granted.refresh_token });

    using verifier = createVerifier({ issuer: server.issuer, resource: GUARDMINT_RESOURCE, clock: server.now });

    expect(await isAccepted(verifier, granted.access_token)).toBe(false);
  });

  test.each([
    ['jti', ({ jti }: Record<string, string>) => jti],
    ['grant', ({ gid }: Record<string, string>) => gid],
    ['subject', ({ sub }: Record<string, string>) => sub],
  ] as const)('obeys an entry about a %s and leaves others alone', async (kind, idOf) => {
    await using issuer = await startRevocationIssuer();
    using verifier = verifierOf(issuer);
    const [token, other] = [issuer.token({ sub: 'alice' }), issuer.token({ sub: 'bob' })];
    expect([await isAccepted(verifier, token), await isAccepted(verifier, other)]).toEqual([true, true]);

    await issuer.deny(idOf(decodeJwt(token) as Record<string, string>) ?? '', kind);

    await refused(verifier, token);
    expect(await isAccepted(verifier, other)).toBe(true);
  });

  test('obeys watermarks of clients and of everything by when a token was issued, the strongest winning', async () => {
    await using issuer = await startRevocationIssuer();
    using verifier = verifierOf(issuer);
    const { now } = issuer.clock;
    const old = issuer.token({ client_id: 'client-1', iat: now - 20 });
    const young = issuer.token({ client_id: 'client-1', iat: now - 5 });
    const others = issuer.token({ client_id: 'client-2', iat: now - 20 });
    for (const token of [old, young, others]) expect(await isAccepted(verifier, token)).toBe(true);
    const { sha256 } = await import('../../src/platform/index.ts');

    await issuer.denylist.deny({ kind: 'client', id: sha256('client-1'), lifetime: 600, issuedBefore: now - 10 });
    await refused(verifier, old);
    expect([await isAccepted(verifier, young), await isAccepted(verifier, others)]).toEqual([true, true]);

    await issuer.denylist.deny({ kind: 'all', id: '', lifetime: 600, issuedBefore: now - 15 });
    await refused(verifier, others);
    expect([await isAccepted(verifier, young), await isAccepted(verifier, old)]).toEqual([true, false]);
  });

  test('drops a key that is denied at once, and asks for the JWK Set anew', async () => {
    await using issuer = await startRevocationIssuer();
    const [bad, good] = [testSigner('ES256', 'one'), testSigner('ES256', 'two')];
    issuer.signers = [bad, good];
    using verifier = verifierOf(issuer);
    const token = issuer.token({}, bad);
    expect(await isAccepted(verifier, token)).toBe(true);
    await positionKnown(verifier);
    const jwksAsked = () => issuer.asked.filter((url) => url.endsWith('jwks.json')).length;
    expect(jwksAsked()).toBe(1);

    issuer.signers = [good];
    await issuer.deny(bad.kid, 'key');

    await refused(verifier, token);
    await vi.waitFor(() => expect(jwksAsked()).toBe(2), WAIT);
    expect(await isAccepted(verifier, issuer.token({}, bad))).toBe(false);
    expect(await isAccepted(verifier, issuer.token({}, good))).toBe(true);
    expect(verifier.state().keys.kids).toEqual([good.kid]);
  });

  test('accepts tokens of an issuer that publishes no revocations, whatever it does about stale ones', async () => {
    await using issuer = await startRevocationIssuer({ feed: false });
    using verifier = createVerifier({
      issuer: issuer.issuer,
      resource: RESOURCE,
      clock: issuer.now,
      onStale: 'unavailable',
    });

    expect(await isAccepted(verifier, issuer.token())).toBe(true);
    expect(verifier.state().revocations).toEqual({ freshness: 'absent', entries: 0 });
    expect(issuer.asked.filter((url) => url.includes('metadata') || url.includes('well-known/oauth'))).toHaveLength(1);
  });

  test('asks nobody anything with `revocations: false`, or with a JWK Set at hand', async () => {
    await using issuer = await startRevocationIssuer();
    const jwks = { keys: [testSigner().publicJwk] };
    const options = { issuer: issuer.issuer, resource: RESOURCE, clock: issuer.now };
    using given = createVerifier({ ...options, jwks });
    using without = createVerifier({ ...options, revocations: false });
    await issuer.deny('denied');
    const token = issuer.token({ jti: 'denied' });

    expect([await isAccepted(given, token), await isAccepted(without, token)]).toEqual([true, true]);
    expect([given.state().revocations, without.state().revocations]).toEqual([undefined, undefined]);
    expect(issuer.asked.filter((url) => url.startsWith('/revocations'))).toEqual([]);
  });

  test('hears of revocations at a URL it is given, with a JWK Set at hand, and through a `fetch` of its own', async () => {
    await using issuer = await startRevocationIssuer();
    const jwks = { keys: [testSigner().publicJwk] };
    const options = { issuer: issuer.issuer, resource: RESOURCE, clock: issuer.now, jwks };
    const fetched: string[] = [];
    const ownFetch: typeof fetch = (url, init) => {
      fetched.push(String(url));
      return fetch(url, init);
    };
    using one = createVerifier({ ...options, revocations: `${issuer.issuer}/revocations` });
    using other = createVerifier({ ...options, revocations: `${issuer.issuer}/revocations`, fetch: ownFetch });
    const token = issuer.token({ jti: 'jti' });
    expect([await isAccepted(one, token), await isAccepted(other, token)]).toEqual([true, true]);

    await issuer.deny('jti');

    await Promise.all([refused(one, token), refused(other, token)]);
    await vi.waitFor(() => expect(fetched.map((url) => new URL(url).pathname)).toContain('/revocations/stream'), WAIT);
  });

  test('tells how well informed it is as soon as it is asked, before any token', async () => {
    await using issuer = await startRevocationIssuer();
    using verifier = verifierOf(issuer);
    await issuer.deny('jti');

    expect(verifier.state().revocations).toEqual({ freshness: 'stale', entries: 0 });
    await positionKnown(verifier);

    const { epoch, sequence } = await issuer.denylist.snapshot();
    expect(verifier.state().revocations).toEqual({
      freshness: 'fresh',
      entries: 1,
      heardAt: issuer.now(),
      ageSeconds: 0,
      position: `${epoch}.${sequence}`,
    });
  });

  test('closing ends the subscription', async () => {
    await using issuer = await startRevocationIssuer();
    const verifier = verifierOf(issuer);
    const token = issuer.token({ jti: 'jti' });
    await isAccepted(verifier, token);
    await vi.waitFor(() => expect(issuer.asked.some((url) => url.startsWith('/revocations/stream'))).toBe(true), WAIT);

    verifier.close();
    const before = issuer.asked.length;
    issuer.endStreams();
    await issuer.deny('jti');

    expect(await isAccepted(verifier, token)).toBe(true);
    expect(issuer.asked).toHaveLength(before);
  });
});

describe('through outages', () => {
  test('a stream that is cut is resumed, and nothing that was revoked meanwhile is missed', async () => {
    await using issuer = await startRevocationIssuer();
    await using proxy = await startProxy(issuer.issuer);
    const { verifier } = createTimedVerifier(issuer, { places: placesOf(proxy.origin) });
    using _ = verifier;
    const tokens = Array.from({ length: 40 }, (_, index) => issuer.token({ jti: `cut-${index}` }));
    for (const token of tokens) await isAccepted(verifier, token);

    for (const [index] of tokens.entries()) {
      await issuer.deny(`cut-${index}`);
      if (index % 8 === 3) proxy.cut();
      if (index === 20) proxy.mode = 'refuse';
      if (index === 30) proxy.mode = 'pass';
    }

    await Promise.all(tokens.map((token) => refused(verifier, token)));
    expect(verifier.state().revocations).toMatchObject({ freshness: 'fresh', entries: 40 });
  });

  test('an issuer that is away is asked until it is back; tokens go on, or wait where the operator wants that [I9]', async () => {
    await using issuer = await startRevocationIssuer();
    await using proxy = await startProxy(issuer.issuer);
    const places = placesOf(proxy.origin);
    const { verifier: accepting } = createTimedVerifier(issuer, { places });
    const { verifier: strict } = createTimedVerifier(issuer, { places, onStale: 'unavailable' });
    using _one = accepting;
    using _other = strict;
    const token = issuer.token({ jti: 'revoked in the outage', exp: issuer.now() + 1_000 });
    for (const verifier of [accepting, strict]) expect(await isAccepted(verifier, token)).toBe(true);

    proxy.mode = 'refuse';
    proxy.cut();
    await issuer.deny('revoked in the outage');
    await vi.waitFor(() => expect(accepting.state().revocations?.lastFailure).toBeDefined(), WAIT);
    const states: unknown[] = [];
    for (const seconds of [15, 1, 44, 1]) {
      issuer.clock.now += seconds;
      states.push([accepting.state().revocations?.ageSeconds, accepting.state().revocations?.freshness]);
    }
    expect(states).toEqual([
      [15, 'fresh'],
      [16, 'degraded'],
      [60, 'degraded'],
      [61, 'stale'],
    ]);
    expect(await isAccepted(accepting, token)).toBe(true);
    const error = await strict.loadAccessToken(token).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UnavailableError);
    expect((error as UnavailableError).retryAfter).toBeGreaterThan(0);

    proxy.mode = 'pass';
    await Promise.all(
      [accepting, strict].map((verifier) =>
        vi.waitFor(() => expect(verifier.state().revocations?.freshness).toBe('fresh'), WAIT),
      ),
    );
    for (const verifier of [accepting, strict]) expect(await isAccepted(verifier, token)).toBe(false);
    expect(accepting.state().revocations?.lastFailure).toBeUndefined();
  });

  test('a connection that was begun in the outage and never answers holds nothing up', async () => {
    await using issuer = await startRevocationIssuer();
    await using proxy = await startProxy(issuer.issuer);
    const { verifier } = createTimedVerifier(issuer, {
      places: placesOf(proxy.origin),
      timings: { answer: 3_600_000 },
    });
    using _ = verifier;
    const token = issuer.token({ jti: 'jti' });
    await isAccepted(verifier, token);
    proxy.mode = 'refuse';
    proxy.cut();
    await vi.waitFor(() => expect(verifier.state().revocations?.lastFailure).toBeDefined(), WAIT);
    proxy.mode = 'silent';
    const before = proxy.asked.length;
    await vi.waitFor(() => expect(proxy.asked.length).toBeGreaterThan(before), WAIT);

    proxy.mode = 'pass';
    await issuer.deny('jti');

    await refused(verifier, token);
  });

  test('a server that shuts down ends the stream; the validator goes on where it was', async () => {
    await using issuer = await startRevocationIssuer();
    const { verifier } = createTimedVerifier(issuer);
    using _ = verifier;
    const token = issuer.token({ jti: 'jti' });
    await isAccepted(verifier, token);
    const streams = () => issuer.asked.filter((url) => url.startsWith('/revocations/stream')).length;
    await vi.waitFor(() => expect(streams()).toBe(1), WAIT);

    issuer.endStreams();
    await issuer.deny('jti');

    await refused(verifier, token);
    await vi.waitFor(() => expect(streams()).toBeGreaterThan(1), WAIT);
    const { epoch } = await issuer.denylist.snapshot();
    expect(issuer.asked.filter((url) => url === '/revocations')).toHaveLength(1);
    expect(issuer.asked.at(-1)).toContain(`since=${epoch}.`);
  });

  test('streams that end soon, as those of servers that are replaced, are bridged by asking often', async () => {
    await using issuer = await startRevocationIssuer();
    const timings = { poll: 3_600_000, streamAgain: 100 };
    const { verifier } = createTimedVerifier(issuer, { timings });
    using _ = verifier;
    const token = issuer.token({ jti: 'jti' });
    await isAccepted(verifier, token);
    const paths = () => issuer.asked.map((url) => url.split('?')[0]).filter((path) => path?.startsWith('/revocations'));
    const streams = () => paths().filter((path) => path === '/revocations/stream').length;
    for (const count of [1, 2, 3]) {
      await vi.waitFor(() => expect(streams()).toBe(count), WAIT);
      issuer.endStreams();
    }

    // After the third the next one is 1.6 s away.
    await vi.waitFor(() => expect(streams()).toBe(4), WAIT);
    const afterTheThird = paths().join(' ').split('/revocations/stream')[3] ?? '';
    expect(afterTheThird.split('/revocations').length - 1).toBeGreaterThan(2);
    await issuer.deny('jti');
    await refused(verifier, token);
  });

  test('where a proxy keeps streams to itself the list is polled, and the stream tried again ever more rarely', async () => {
    await using issuer = await startRevocationIssuer();
    await using proxy = await startProxy(issuer.issuer);
    proxy.mode = 'hold';
    const timings = { poll: 10, firstEvent: 20, streamAgain: 50 };
    const { verifier } = createTimedVerifier(issuer, { places: placesOf(proxy.origin), timings });
    using _ = verifier;
    const token = issuer.token({ jti: 'jti' });
    await isAccepted(verifier, token);
    const count = (path: string) => proxy.asked.filter((url) => url.split('?')[0] === path).length;
    await vi.waitFor(() => expect(count('/revocations')).toBeGreaterThan(12), WAIT);
    expect(count('/revocations/stream')).toBeLessThan(count('/revocations') / 2);

    await issuer.deny('jti');
    await refused(verifier, token);
    expect(verifier.state().revocations).toMatchObject({ freshness: 'fresh', entries: 1 });

    proxy.mode = 'pass';
    const streams = count('/revocations/stream');
    await vi.waitFor(() => expect(count('/revocations/stream')).toBeGreaterThan(streams), WAIT);
  });

  test('a list that is not there for a while (503) is asked again', async () => {
    await using issuer = await startRevocationIssuer();
    await using proxy = await startProxy(issuer.issuer);
    proxy.mode = 'unavailable';
    const { verifier } = createTimedVerifier(issuer, { places: placesOf(proxy.origin) });
    using _ = verifier;
    await issuer.deny('jti');
    const token = issuer.token({ jti: 'jti' });

    expect(await isAccepted(verifier, token)).toBe(true);
    expect(verifier.state().revocations).toMatchObject({
      freshness: 'stale',
      lastFailure: 'the answer has status 503',
    });
    proxy.mode = 'pass';

    await refused(verifier, token);
  });

  test('the first token waits for the first answer, but not for long', async () => {
    await using issuer = await startRevocationIssuer();
    await using proxy = await startProxy(issuer.issuer);
    proxy.mode = 'silent';
    const { verifier } = createTimedVerifier(issuer, { places: placesOf(proxy.origin) });
    using _ = verifier;

    expect(await isAccepted(verifier, issuer.token())).toBe(true);
    expect(verifier.state().revocations?.position).toBeUndefined();
  });
});

describe('when the issuer has lost its place', () => {
  test('a change of epoch keeps what was denied before and adds what is denied now', async () => {
    await using issuer = await startRevocationIssuer();
    const { verifier } = createTimedVerifier(issuer);
    using _ = verifier;
    const [before, after] = [issuer.token({ sub: 'before' }), issuer.token({ sub: 'after' })];
    for (const token of [before, after]) expect(await isAccepted(verifier, token)).toBe(true);
    await issuer.deny('before', 'subject');
    await refused(verifier, before);
    const { position } = verifier.state().revocations ?? {};

    issuer.denylist = createMemoryStore({ clock: issuer.now }).denylist;
    issuer.endStreams();
    await issuer.deny('after', 'subject');

    await refused(verifier, after);
    expect(await isAccepted(verifier, before)).toBe(false);
    expect(verifier.state().revocations).toMatchObject({ entries: 2 });
    expect(verifier.state().revocations?.position?.split('.')[0]).not.toBe(position?.split('.')[0]);
  });

  test('a change of epoch comes through a stream that stays open, too', async () => {
    await using issuer = await startRevocationIssuer();
    const { verifier } = createTimedVerifier(issuer);
    using _ = verifier;
    const token = issuer.token({ jti: 'jti' });
    await isAccepted(verifier, token);
    await vi.waitFor(() => expect(issuer.asked.some((url) => url.startsWith('/revocations/stream'))).toBe(true), WAIT);
    const old = issuer.denylist;

    issuer.denylist = createMemoryStore({ clock: issuer.now }).denylist;
    await issuer.deny('jti');
    await old.deny({ kind: 'jti', id: 'what tells the readers', lifetime: 600 });

    await refused(verifier, token);
  });

  test('410 on the list is answered by taking the whole of it', async () => {
    await using issuer = await startRevocationIssuer();
    const { verifier } = createTimedVerifier(issuer, {
      places: { list: `${issuer.issuer}/revocations` },
      timings: { poll: 5 },
    });
    using _ = verifier;
    const token = issuer.token({ jti: 'jti' });
    await isAccepted(verifier, token);
    const inner = issuer.denylist;

    issuer.denylist = { ...inner, since: async () => 'gone' };
    await issuer.deny('jti');

    await refused(verifier, token);
    expect(issuer.asked.filter((url) => url === '/revocations').length).toBeGreaterThan(1);
  });
});

describe('what a validator holds', () => {
  test('goes when it has ended', async () => {
    await using issuer = await startRevocationIssuer();
    const { verifier } = createTimedVerifier(issuer, {
      places: { list: `${issuer.issuer}/revocations` },
      timings: { poll: 5 },
    });
    using _ = verifier;
    for (let index = 0; index < 50; index++) await issuer.deny(`jti-${index}`, index % 2 === 0 ? 'jti' : 'subject');
    await vi.waitFor(() => expect(verifier.state().revocations?.entries).toBe(50), WAIT);

    issuer.clock.now += 600;

    await vi.waitFor(() => expect(verifier.state().revocations?.entries).toBe(0), WAIT);
  });

  test('has a version that changes with what is denied, and not with every document', async () => {
    await using issuer = await startRevocationIssuer();
    const { verifier, feed } = createTimedVerifier(issuer, {
      places: { list: `${issuer.issuer}/revocations` },
      timings: { poll: 5 },
    });
    using _ = verifier;
    await issuer.deny('jti');
    await vi.waitFor(() => expect(verifier.state().revocations?.entries).toBe(1), WAIT);
    const version = feed.version();
    const asked = issuer.asked.length;

    await vi.waitFor(() => expect(issuer.asked.length).toBeGreaterThan(asked + 5), WAIT);
    expect(feed.version()).toBe(version);

    await issuer.deny('jti-2');
    await vi.waitFor(() => expect(feed.version()).toBeGreaterThan(version), WAIT);
  });
});

describe('places that are not to be believed', () => {
  test.each([
    ['http on another machine', { revocation_list_endpoint: 'http://as.example.test/revocations' }],
    ['a file', { revocation_list_endpoint: 'file:///etc/passwd' }],
    ['no text', { revocation_list_endpoint: 7 }],
  ])('%s', async (_title, places) => {
    await using host = await startHost();
    const issuer = host.origin;
    host.answer = (request, response) =>
      (request.url === '/keys'
        ? answerJson({ keys: [testSigner().publicJwk] })
        : answerJson({ issuer, jwks_uri: `${issuer}/keys`, ...places }))(request, response);
    using verifier = createVerifier({ issuer, resource: RESOURCE, clock: () => 1_800_000_000 });

    expect(await isAccepted(verifier, forge({ claims: { iss: issuer } }))).toBe(true);

    expect(verifier.state().revocations?.lastFailure).toMatch(/revocation_list_endpoint/);
    expect(host.requests.map(({ url }) => url)).not.toContain('/revocations');
  });

  test('a URL that is given and neither https nor on this machine is refused at once', () => {
    const options = { issuer: 'https://as.example.test', resource: RESOURCE };

    for (const revocations of ['http://as.example.test/revocations', 'revocations', 'ftp://x'])
      expect(() => createVerifier({ ...options, revocations })).toThrow(/revocations/);
  });
});
