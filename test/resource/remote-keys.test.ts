import { describe, expect, test } from 'vitest';
import { createVerifier, UnavailableError, type Verifier } from '../../src/resource/index.ts';
import { testSigner } from '../support/keys.ts';
import {
  answerJson,
  answerKeys,
  answerStatus,
  createTestClock,
  forge,
  type Host,
  NOW,
  RESOURCE,
  startHost,
  verifierOf,
} from './issuer.ts';

const one = testSigner('ES256', 'one');
const two = testSigner('ES256', 'two');

const LASTING = { exp: NOW + 1_000_000 };
let counter = 0;
/** A token that no verifier has met. */
const token = (signer = one) => forge({ claims: { ...LASTING, jti: `jti-${counter++}` } }, signer);

function remoteVerifier(host: Host) {
  const clock = createTestClock();
  const verifier = verifierOf([], { jwks: `${host.origin}/jwks.json`, clock: clock.read });
  return { clock, verifier, load: (text: string) => verifier.loadAccessToken(text) };
}

async function reason(answer: Promise<unknown>): Promise<unknown> {
  return answer.then(
    (value) => value,
    (error: unknown) => error,
  );
}

/** Waits until a background fetch has ended: a token of an unknown kid waits for it too. */
async function settle(verifier: Verifier): Promise<void> {
  await reason(verifier.loadAccessToken(forge({ header: { kid: 'nobody' } })));
}

describe('keys from a URL', () => {
  test('many first requests share one fetch', async () => {
    await using host = await startHost(answerKeys([one]));
    const { verifier, load } = remoteVerifier(host);
    using _ = verifier;

    const answers = await Promise.all(Array.from({ length: 50 }, () => load(token())));

    expect(answers.every((answer) => answer !== undefined)).toBe(true);
    expect(host.requests).toHaveLength(1);
  });

  test('are asked for again after five minutes, without anybody waiting, and only if they changed', async () => {
    await using host = await startHost(answerKeys([one], { etag: '"v1"' }));
    const { verifier, clock, load } = remoteVerifier(host);
    using _ = verifier;
    await load(token());
    host.answer = answerStatus(304);
    clock.now += 300;

    await load(token());
    await settle(verifier);

    expect(host.requests.map(({ etag }) => etag)).toEqual([undefined, '"v1"']);
    expect(verifier.state().keys).toMatchObject({ status: 'fresh', confirmedAt: NOW + 300, failures: 0 });
  });

  test('are asked for sooner when the issuer says so, but not more than every ten seconds', async () => {
    await using host = await startHost(answerKeys([one], { 'cache-control': 'public, max-age=1' }));
    const { verifier, clock, load } = remoteVerifier(host);
    using _ = verifier;
    await load(token());

    clock.now += 9;
    await load(token());
    const early = host.requests.length;
    clock.now += 1;
    await load(token());
    await settle(verifier);

    expect([early, host.requests.length]).toEqual([1, 2]);
  });

  test('remembered tokens keep the keys fresh too', async () => {
    await using host = await startHost(answerKeys([one]));
    const { verifier, clock, load } = remoteVerifier(host);
    using _ = verifier;
    const known = token();
    await load(known);
    clock.now += 300;

    await load(known);
    await settle(verifier);

    expect(host.requests).toHaveLength(2);
  });

  test('an unknown kid asks again, at most every ten seconds, and is refused', async () => {
    await using host = await startHost(answerKeys([one]));
    const { verifier, clock, load } = remoteVerifier(host);
    using _ = verifier;
    await load(token());
    const asked: number[] = [];

    for (const seconds of [0, 9, 1, 0, 9, 1]) {
      clock.now += seconds;
      expect(await load(token(two))).toBeUndefined();
      asked.push(host.requests.length);
    }

    expect(asked).toEqual([1, 1, 2, 2, 2, 3]);
  });

  test('a new key is found at once when the last look is long enough ago', async () => {
    await using host = await startHost(answerKeys([one]));
    const { verifier, clock, load } = remoteVerifier(host);
    using _ = verifier;
    await load(token());
    host.answer = answerKeys([one, two]);
    clock.now += 10;

    expect(await load(token(two))).toBeDefined();
  });

  test('none could be had: nothing is known, and the server is asked ever more rarely', async () => {
    await using host = await startHost(answerStatus(503));
    const { verifier, clock, load } = remoteVerifier(host);
    using _ = verifier;
    const asked: number[] = [];

    for (let second = 0; second <= 20; second++) {
      const error = await reason(load(token()));
      expect(error).toBeInstanceOf(UnavailableError);
      expect((error as UnavailableError).retryAfter).toBeGreaterThanOrEqual(1);
      if (host.requests.length > asked.length) asked.push(second);
      clock.now += 1;
    }

    expect(asked).toEqual([0, 1, 3, 7, 15]);
  });

  test('a server that is back is believed again', async () => {
    await using host = await startHost(answerStatus(503));
    const { verifier, clock, load } = remoteVerifier(host);
    using _ = verifier;
    await reason(load(token()));
    host.answer = answerKeys([one]);
    clock.now += 1;

    expect(await load(token())).toBeDefined();
    expect(verifier.state().keys).toMatchObject({ status: 'fresh', failures: 0 });
  });

  test('the last good set stands for a day and no longer, for remembered tokens too', async () => {
    await using host = await startHost(answerKeys([one]));
    const { verifier, clock, load } = remoteVerifier(host);
    using _ = verifier;
    const known = token();
    await load(known);
    host.answer = answerStatus(500);

    clock.now = NOW + 86_399;
    const lastSecond = [await load(known), await load(token())];
    await settle(verifier);
    clock.now = NOW + 86_400;
    const after = [await reason(load(known)), await reason(load(token()))];

    expect(lastSecond.every((answer) => answer !== undefined)).toBe(true);
    expect(after.every((answer) => answer instanceof UnavailableError)).toBe(true);
    expect(verifier.state().keys.status).toBe('none');
  });

  test.each([
    [1_000_000, 'fresh'],
    [1_100_000, 'none'],
  ])('a good set in %i bytes leaves the keys %s', async (size, status) => {
    const body = JSON.stringify({ keys: [one.publicJwk] }).padEnd(size);
    await using host = await startHost((_request, response) => void response.end(body));
    const { verifier, load } = remoteVerifier(host);
    using _ = verifier;

    await reason(load(token()));

    expect(verifier.state().keys.status).toBe(status);
  });

  test('closing ends a fetch that is under way', async () => {
    const asked = Promise.withResolvers<void>();
    await using host = await startHost(() => asked.resolve());
    const { verifier, load } = remoteVerifier(host);
    const answer = reason(load(token()));
    await asked.promise;

    verifier.close();

    expect(await answer).toBeInstanceOf(UnavailableError);
  });
});

describe('keys from the metadata of the issuer', () => {
  const metadata = (issuer: string, host: Host, more: object = {}) => ({
    issuer,
    jwks_uri: `${host.origin}/keys`,
    ...more,
  });

  async function discover(path: string, document: (issuer: string, host: Host) => unknown) {
    const host = await startHost();
    const issuer = `${host.origin}${path}`;
    host.answer = (request, response) => {
      const answer = request.url === '/keys' ? answerKeys([one]) : answerJson(document(issuer, host));
      answer(request, response);
    };
    const verifier = createVerifier({ issuer, resource: RESOURCE, clock: () => NOW });
    const answer = await reason(verifier.loadAccessToken(forge({ claims: { iss: issuer } })));
    verifier.close();
    await host[Symbol.asyncDispose]();
    return { answer, urls: host.requests.map(({ url }) => url) };
  }

  test.each([
    ['', '/.well-known/oauth-authorization-server'],
    ['/tenant/a', '/.well-known/oauth-authorization-server/tenant/a'],
  ])('are found for the issuer path "%s"', async (path, wellKnown) => {
    const { answer, urls } = await discover(path, metadata);

    expect(answer).toMatchObject({ jti: 'jti-1' });
    expect(urls).toEqual([wellKnown, '/keys']);
  });

  test.each<[string, (issuer: string, host: Host) => unknown]>([
    ['names another issuer', (_, host) => metadata('https://evil.example', host)],
    ['names the issuer with a slash more', (issuer, host) => metadata(`${issuer}/`, host)],
    ['has no jwks_uri', (issuer) => ({ issuer })],
    [
      'has a jwks_uri over plain HTTP',
      (issuer, host) => metadata(issuer, host, { jwks_uri: 'http://as.example.test/keys' }),
    ],
    ['has a jwks_uri that is a file', (issuer, host) => metadata(issuer, host, { jwks_uri: 'file:///keys' })],
    ['is a list', (issuer, host) => [metadata(issuer, host)]],
  ])('are unavailable when it %s', async (_title, document) => {
    const { answer, urls } = await discover('', document);

    expect(answer).toBeInstanceOf(UnavailableError);
    expect(urls).not.toContain('/keys');
  });

  test('is asked again after a failure, since the keys may have moved', async () => {
    await using host = await startHost();
    const issuer = host.origin;
    let place = '/old';
    host.answer = (request, response) => {
      const isMetadata = request.url?.startsWith('/.well-known/');
      const answer = isMetadata
        ? answerJson({ issuer, jwks_uri: `${issuer}${place}` })
        : request.url === '/new'
          ? answerKeys([one])
          : answerStatus(404);
      answer(request, response);
    };
    const clock = createTestClock();
    using verifier = createVerifier({ issuer, resource: RESOURCE, clock: clock.read });
    const before = await reason(verifier.loadAccessToken(forge({ claims: { iss: issuer } })));
    place = '/new';
    clock.now += 1;

    expect(before).toBeInstanceOf(UnavailableError);
    expect(await verifier.loadAccessToken(forge({ claims: { iss: issuer } }))).toBeDefined();
  });
});
