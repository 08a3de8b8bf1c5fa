import { beforeAll, describe, expect, it } from 'vitest';
import { createRemoteJwkSets, type JwkSetLimits } from '../../src/clients/index.ts';
import { UnavailableError } from '../../src/oauth/index.ts';
import { createGuardedFetch, type GuardedFetchDeps, isPublicAddress } from '../../src/platform/index.ts';
import { createForeignSigner, type ForeignSigner } from '../support/assertion.ts';
import { authority, type DocumentHost, publish, watchDials } from '../support/document-host.ts';

const START = 1_800_000_000;

let signer: ForeignSigner;
let other: ForeignSigner;
beforeAll(async () => {
  signer = await createForeignSigner();
  other = await createForeignSigner();
});

/** What a host answers; a test changes it as it goes. */
interface Answer {
  status?: number;
  headers?: Record<string, string>;
  keys?: readonly object[];
  text?: string;
}

function publishing(answer: Answer): Promise<DocumentHost> {
  return publish((_request, response) => {
    response.writeHead(answer.status ?? 200, { 'Content-Type': 'application/json', ...answer.headers });
    response.end(answer.text ?? JSON.stringify({ keys: answer.keys ?? [signer.publicJwk] }));
  });
}

/** Remote sets over real HTTPS, for which 127.0.0.1 stands for a public address, and a clock to turn. */
function start(setup: { readonly fetch?: GuardedFetchDeps; readonly limits?: JwkSetLimits } = {}) {
  let now = START;
  const sets = createRemoteJwkSets({
    fetch: createGuardedFetch({
      lookup: async () => ['127.0.0.1'],
      isAdmitted: (address) => address === '127.0.0.1' || isPublicAddress(address),
      ca: authority.cert,
      timeout: 5,
      ...setup.fetch,
    }),
    clock: () => now,
    ...(setup.limits && { limits: setup.limits }),
  });
  const advance = (seconds: number) => {
    now += seconds;
  };
  return { ...sets, advance };
}

const header = (key: ForeignSigner) => ({ alg: key.alg, kid: key.kid });

async function retryAfterOf(found: Promise<unknown>): Promise<number> {
  const thrown = await found.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(UnavailableError);
  return (thrown as UnavailableError).retryAfter;
}

describe('a JWK Set at a jwks_uri', () => {
  it('is fetched when first needed, once for everybody who asks meanwhile, and kept', async () => {
    await using host = await publishing({});
    const { at, advance } = start();
    const set = at(`${host.origin}/jwks`);
    expect(host.connections).toBe(0);

    const found = await Promise.all([set.find(header(signer)), at(`${host.origin}/jwks`).find(header(signer))]);
    advance(299);
    await set.find(header(signer));

    expect(found.map(([key]) => key?.kid)).toEqual([signer.kid, signer.kid]);
    expect(host.requests).toHaveLength(1);
    expect(host.requests[0]?.headers.accept).toBe('application/jwk-set+json, application/json');
  });

  it.each<[string, Record<string, string>, number]>([
    ['its max-age', { 'Cache-Control': 'max-age=120' }, 120],
    ['at least a minute', { 'Cache-Control': 'max-age=0' }, 60],
    ['at least a minute, with no-store too', { 'Cache-Control': 'no-store' }, 60],
    ['at most an hour', { 'Cache-Control': 'max-age=999999' }, 3_600],
    ['five minutes without a word', {}, 300],
  ])('is used for %s', async (_case, headers, lifetime) => {
    await using host = await publishing({ headers });
    const { at, advance } = start();
    const set = at(`${host.origin}/jwks`);

    await set.find(header(signer));
    advance(lifetime - 1);
    await set.find(header(signer));
    expect(host.requests).toHaveLength(1);

    advance(1);
    await set.find(header(signer));
    expect(host.requests).toHaveLength(2);
  });

  it('is asked for again because of an unknown kid, at most every 30 seconds', async () => {
    const answer: Answer = {};
    await using host = await publishing(answer);
    const { at, advance } = start();
    const set = at(`${host.origin}/jwks`);
    await set.find(header(signer));

    answer.keys = [other.publicJwk];
    expect(await set.find(header(other))).toEqual([]);
    expect(host.requests).toHaveLength(1);

    advance(30);
    expect((await set.find(header(other)))[0]?.kid).toBe(other.kid);
    for (let index = 0; index < 5; index++) await set.find({ alg: 'ES256', kid: `made up ${index}` });
    expect(host.requests).toHaveLength(2);
    expect(await set.find(header(signer))).toEqual([]);
  });

  it('loses its keys when the publisher takes them away', async () => {
    const answer: Answer = {};
    await using host = await publishing(answer);
    const { at, advance } = start();
    await at(`${host.origin}/jwks`).find(header(signer));

    answer.keys = [];
    advance(300);

    expect(await at(`${host.origin}/jwks`).find(header(signer))).toEqual([]);
  });

  it('stands in for a host that fails, for a day', async () => {
    const answer: Answer = {};
    await using host = await publishing(answer);
    const { at, advance } = start();
    await at(`${host.origin}/jwks`).find(header(signer));

    answer.status = 500;
    advance(86_399);
    expect(await at(`${host.origin}/jwks`).find(header(signer))).toHaveLength(1);

    advance(1);
    expect(await retryAfterOf(at(`${host.origin}/jwks`).find(header(signer)))).toBeGreaterThanOrEqual(5);
  });
});

describe('a JWK Set that cannot be had', () => {
  it.each<[string, Answer]>([
    ['status 404', { status: 404 }],
    ['a redirect', { status: 302, headers: { Location: 'https://elsewhere.example/jwks' } }],
    ['204', { status: 204 }],
    ['another type', { headers: { 'Content-Type': 'text/html' } }],
    ['no JSON', { text: '<html>' }],
    ['no set', { text: '{"keys":1}' }],
    ['a repeated member', { text: '{"keys":[],"keys":[]}' }],
    ['more than 64 kB', { text: `{"keys":[],"x":"${'x'.repeat(65_536)}"}` }],
  ])('for %s: everybody gets the same answer, and nothing is kept', async (_case, spoilt) => {
    const answer: Answer = { ...spoilt };
    await using host = await publishing(answer);
    const { at } = start();
    const set = at(`${host.origin}/jwks`);

    expect(await retryAfterOf(set.find(header(signer)))).toBe(5);

    answer.status = 200;
    answer.headers = {};
    delete answer.text;
    expect(await set.find(header(signer))).toHaveLength(1);
  });

  it('gets its host left alone after failures in a row', async () => {
    const answer: Answer = { status: 500 };
    await using host = await publishing(answer);
    const { at, advance } = start();
    const set = at(`${host.origin}/jwks`);

    for (let index = 0; index < 6; index++) await retryAfterOf(set.find(header(signer)));
    expect(host.requests).toHaveLength(4);

    delete answer.status;
    advance(5);
    expect(await set.find(header(signer))).toHaveLength(1);
  });

  it('lies behind one host with too many others', async () => {
    await using host = await publishing({});
    const { at } = start({ limits: { perHostPerMinute: 2 } });

    await at(`${host.origin}/1`).find(header(signer));
    await at(`${host.origin}/2`).find(header(signer));

    expect(await retryAfterOf(at(`${host.origin}/3`).find(header(signer)))).toBe(60);
    expect(host.requests).toHaveLength(2);
  });

  it.each(['http://keys.example/jwks', 'https://127.0.0.1/jwks', 'https://localhost/jwks', 'file:///etc/passwd', 'x'])(
    'at %s, which is never dialled [CI-08]',
    async (jwksUri) => {
      using dials = watchDials();
      const { at } = start();

      expect(await retryAfterOf(at(jwksUri).find(header(signer)))).toBe(5);
      expect(dials.addresses).toEqual([]);
    },
  );
});
