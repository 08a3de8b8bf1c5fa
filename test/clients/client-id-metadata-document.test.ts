import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, vi } from 'vitest';
import { createMetadataDocumentClients, type DocumentLimits, type DocumentPolicy } from '../../src/clients/index.ts';
import { OAuthError, UnavailableError, verifyRedirectTarget } from '../../src/oauth/index.ts';
import {
  createGuardedFetch,
  type GuardedFetch,
  type GuardedFetchDeps,
  isPublicAddress,
} from '../../src/platform/index.ts';
import { certify } from '../support/certificates.ts';
import { authority, type DocumentHost, publish, publishRaw, watchDials } from '../support/document-host.ts';

const START = 1_800_000_000;
const REDIRECT = 'https://client.example/cb';

interface Setup {
  readonly fetch?: GuardedFetchDeps;
  readonly policy?: DocumentPolicy;
  readonly limits?: DocumentLimits;
}

/** Document clients over real HTTPS, for which 127.0.0.1 stands for a public address, and a clock to turn. */
function start(setup: Setup = {}) {
  let now = START;
  const clients = createMetadataDocumentClients({
    fetch: createGuardedFetch({
      lookup: async () => ['127.0.0.1'],
      isAdmitted: (address) => address === '127.0.0.1' || isPublicAddress(address),
      ca: authority.cert,
      timeout: 5,
      ...setup.fetch,
    }),
    clock: () => now,
    ...(setup.policy && { policy: setup.policy }),
    ...(setup.limits && { limits: setup.limits }),
  });
  const advance = (seconds: number) => {
    now += seconds;
  };
  return { ...clients, advance };
}

/** What a document host answers; a test changes it as it goes. */
interface Answer {
  status?: number;
  headers?: Record<string, string>;
  members?: Record<string, unknown>;
  text?: string;
}

/** Publishes `answer` at every path, as a document about the URL that was asked for. */
function publishing(answer: Answer): Promise<DocumentHost> {
  return publish((request, response) => {
    const clientId = `https://${request.headers.host}${request.url}`;
    const document = { client_id: clientId, client_name: 'X', redirect_uris: [REDIRECT], ...answer.members };
    response.writeHead(answer.status ?? 200, { 'Content-Type': 'application/json', ...answer.headers });
    response.end(answer.status === 304 ? undefined : (answer.text ?? JSON.stringify(document)));
  });
}

/** Why the client was not found: the reason, with what only the log sees. */
async function refusalOf(found: Promise<unknown>): Promise<{ reason: string; fault?: unknown; retryAfter?: number }> {
  const thrown = await found.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (thrown instanceof OAuthError) return { reason: thrown.reason };
  expect(thrown).toBeInstanceOf(UnavailableError);
  const { cause, retryAfter } = thrown as UnavailableError;
  expect(cause).toBeInstanceOf(OAuthError);
  const { reason, detail } = cause as OAuthError;
  return { reason, fault: detail['fault'], retryAfter };
}

const unreachable = (fault: string) => ({ reason: 'client_document_unreachable', fault });

describe('a client that is the URL of its document', () => {
  it('is found at that URL, over TLS [CI-01]', async () => {
    await using host = await publishing({});
    const clientId = `${host.origin}/oauth/client.json`;

    const client = await start().find(clientId);

    expect(client).toMatchObject({ clientId, origin: 'document', clientName: 'X', authenticationMethod: 'none' });
    expect(host.requests.map(({ url, headers }) => [url, headers.accept])).toEqual([
      ['/oauth/client.json', 'application/json'],
    ]);
  });

  it('sends people only where its document says, AS-CM-59 [CI-05]', async () => {
    await using host = await publishing({ members: { redirect_uris: ['https://other.example/cb'] } });
    const client = await start().find(`${host.origin}/c`);

    expect(() => verifyRedirectTarget(client?.redirectUris ?? [], REDIRECT, undefined)).toThrow(OAuthError);
  });

  it.each(['application/json', 'application/json; charset=utf-8', 'Application/JSON', 'application/client+json'])(
    'is taken from a document of the type %s',
    async (type) => {
      await using host = await publishing({ headers: { 'Content-Type': type } });
      expect(await start().find(`${host.origin}/c`)).toBeDefined();
    },
  );

  it('lives on this machine where the issuer does, by http', async () => {
    const server = createServer((request, response) => {
      const clientId = `http://${request.headers.host}${request.url}`;
      response.setHeader('Content-Type', 'application/json');
      response.end(JSON.stringify({ client_id: clientId, client_name: 'Dev', redirect_uris: ['http://localhost/cb'] }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const clientId = `http://localhost:${(server.address() as AddressInfo).port}/client.json`;
    try {
      const clients = start({ fetch: { allowLoopback: true }, policy: { allowLoopback: true } });
      expect(await clients.find(clientId)).toMatchObject({ clientName: 'Dev' });
      expect(await start().find(clientId)).toBeUndefined();
    } finally {
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    }
  });
});

describe('a host that gives no document', () => {
  const ANSWERS: readonly (readonly [string, Answer, string])[] = [
    ['AS-CM-71 status 201', { status: 201 }, 'status_not_200'],
    ['status 204', { status: 204 }, 'status_not_200'],
    ['status 206', { status: 206 }, 'status_not_200'],
    ['a redirect to a good document [CI-07]', { status: 302, headers: { Location: '/good' } }, 'status_not_200'],
    ['AS-CM-75 status 304 without condition', { status: 304 }, 'status_not_200'],
    ['AS-CM-73 status 404', { status: 404 }, 'status_not_200'],
    ['status 500', { status: 500 }, 'status_not_200'],
    ['a page', { headers: { 'Content-Type': 'text/html' } }, 'type_not_json'],
    ['JSON that calls itself text', { headers: { 'Content-Type': 'text/plain' } }, 'type_not_json'],
    ['JSON in a longer name', { headers: { 'Content-Type': 'application/jsonp' } }, 'type_not_json'],
    ['half a document', { text: '{"client_id":' }, 'not_json'],
    ['an array', { text: '[]' }, 'not_json'],
    ['nothing', { text: '' }, 'not_json'],
    ['a member given twice', { text: '{"client_id":"a","client_id":"b"}' }, 'not_json'],
    ['6 kB [CI-09]', { members: { padding: 'x'.repeat(6_000) } }, 'too_large'],
  ];
  it.each(ANSWERS)('%s', async (_case, answer, fault) => {
    await using host = await publishing(answer);
    const clients = start();
    const clientId = `${host.origin}/c`;

    expect(await refusalOf(clients.find(clientId))).toMatchObject(unreachable(fault));
    expect(host.requests).toHaveLength(1);

    // CI-11: neither the failure nor what came with it was kept.
    Object.assign(answer, { status: 200, headers: {}, members: {}, text: undefined });
    expect(await clients.find(clientId)).toMatchObject({ clientName: 'X' });
  });

  const pour: RequestListener = (_request, response) => {
    const go = () => {
      while (!response.destroyed && response.write('x'.repeat(1_024)));
      response.once('drain', go);
    };
    response.setHeader('Content-Type', 'application/json');
    go();
  };
  const bomb: RequestListener = (_request, response) =>
    response
      .writeHead(200, { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' })
      .end(gzipSync(Buffer.alloc(10_000_000, ' ')));
  const drip = (head: string) => (socket: Socket) => {
    socket.write(head);
    const timer = setInterval(() => void socket.write('x'), 20);
    socket.on('close', () => clearInterval(timer));
  };
  const lie = (socket: Socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n');
    const go = () => {
      while (!socket.destroyed && socket.write('x'.repeat(16_384)));
      socket.once('drain', go);
    };
    go();
  };
  const self = certify({ commonName: 'client.example', names: ['client.example'] });
  const expired = certify({ commonName: 'c', names: ['client.example'], issuer: authority, endsInYears: -1 });
  const HOSTILE: readonly (readonly [string, () => Promise<DocumentHost>, RegExp])[] = [
    ['AS-CM-82 content-length lie (small), body without end', () => publishRaw(lie), /^(not_json|broken_response)$/],
    ['AS-CM-83 chunked endless', () => publish(pour), /^too_large$/],
    ['AS-CM-84 gzip bomb', () => publish(bomb), /^encoded$/],
    ['AS-CM-86 bytes dripped', () => publishRaw(drip('HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n')), /^timed_out$/],
    ['AS-CM-87 headers dripped', () => publishRaw(drip('HTTP/1.1 200 OK\r\nX: ')), /^timed_out$/],
    ['AS-CM-89 TLS self-signed', () => publish(() => {}, self), /^tls_failed$/],
    ['AS-CM-91 TLS expired', () => publish(() => {}, expired), /^tls_failed$/],
    ['AS-CM-92 connection reset', () => publishRaw((socket) => void socket.destroy()), /^broken_response$/],
  ];
  it.each(HOSTILE)('%s', async (_case, hostile, fault) => {
    await using host = await hostile();
    // Only what never ends by itself has to wait for the limit.
    const clients = start({ fetch: { timeout: fault.test('timed_out') ? 0.3 : 20 } });

    const refusal = await refusalOf(clients.find(`${host.origin}/c`));

    expect(refusal.reason).toBe('client_document_unreachable');
    expect(refusal.fault).toMatch(fault);
  });

  const ADDRESSES: readonly (readonly [string, readonly string[]])[] = [
    ['AS-CM-94 DNS -> 127.0.0.1', ['127.0.0.1']],
    ['AS-CM-97 DNS AAAA -> ::1', ['::1']],
    ['a private address beside a public one', ['93.184.216.34', '10.0.0.1']],
    ['IPv4-mapped', ['::ffff:169.254.169.254']],
    ['6to4', ['2002:a9fe:a9fe::1']],
    ['NAT64', ['64:ff9b::a9fe:a9fe']],
  ];
  it.each(ADDRESSES)('%s: nothing is dialled [CI-08]', async (_case, addresses) => {
    await using host = await publishing({});
    using dials = watchDials();
    const clients = start({ fetch: { lookup: async () => addresses, isAdmitted: isPublicAddress } });

    expect(await refusalOf(clients.find(`${host.origin}/c`))).toMatchObject(unreachable('address_refused'));
    expect(dials.addresses).toEqual([]);
    expect(host.connections).toBe(0);
  });

  it.each([
    ['AS-CM-95 public then private (rebinding)', ['127.0.0.1', '10.0.0.1']],
    ['AS-CM-98 keep-alive socket reuse after rebinding', ['127.0.0.1', '::1']],
  ])('%s: what is dialled is what was checked', async (_case, sequence) => {
    await using host = await publishing({ headers: { 'Cache-Control': 'no-store', 'Keep-Alive': 'timeout=60' } });
    using dials = watchDials();
    const addresses = [...sequence];
    const clients = start({ fetch: { lookup: async () => [addresses.shift() ?? '10.0.0.1'] } });
    const clientId = `${host.origin}/c`;

    expect(await clients.find(clientId)).toBeDefined();
    expect(await refusalOf(clients.find(clientId))).toMatchObject(unreachable('address_refused'));
    expect(dials.addresses).toEqual(['127.0.0.1']);
    expect(host.connections).toBe(1);
  });

  it('looks the same to a caller whatever went wrong: no map of a network can be drawn [CI-14]', async () => {
    await using missing = await publishing({ status: 404 });
    await using html = await publishing({ headers: { 'Content-Type': 'text/html' } });
    await using secret = await publishing({ members: { client_secret: 'x' } });
    await using stranger = await publishing({ members: { client_id: 'https://claude.ai/c' } });
    const inward = start({ fetch: { lookup: async () => ['10.0.0.1'], isAdmitted: isPublicAddress } });
    const nameless = start({ fetch: { lookup: async () => [] } });
    const found = [missing, html, secret, stranger].map(({ origin }) => start().find(`${origin}/c`));
    found.push(inward.find('https://a.client.example/c'), nameless.find('https://b.client.example/c'));

    const answers = (await Promise.allSettled(found)).map((outcome) => {
      const thrown: unknown = outcome.status === 'rejected' ? outcome.reason : undefined;
      const { status, error, description } = (thrown instanceof UnavailableError ? thrown.cause : thrown) as OAuthError;
      return JSON.stringify([status, error, description]);
    });
    expect(answers).toHaveLength(6);
    expect(new Set(answers).size).toBe(1);
  });
});

describe('how long a document is kept', () => {
  const KEPT: readonly (readonly [string, Record<string, string>, number])[] = [
    ['without headers, five minutes', {}, 300],
    ['max-age=600, ten minutes [CI-10]', { 'Cache-Control': 'public, max-age=600' }, 600],
    ['max-age with Age, what is left', { 'Cache-Control': 'max-age=600', Age: '400' }, 200],
    ['max-age=1, the floor', { 'Cache-Control': 'max-age=1' }, 60],
    ['no-cache, the floor', { 'Cache-Control': 'no-cache' }, 60],
    ['AS-CM-103 max-age=31536000, a day', { 'Cache-Control': 'max-age=31536000' }, 86_400],
    ['a max-age that is no number, as without', { 'Cache-Control': 'max-age=forever' }, 300],
    ['two max-age, the shorter', { 'Cache-Control': 'max-age=600, max-age=120' }, 120],
  ];
  it.each(KEPT)('%s', async (_case, headers, lifetime) => {
    await using host = await publishing({ headers });
    const clients = start();
    const clientId = `${host.origin}/c`;

    await clients.find(clientId);
    clients.advance(lifetime - 1);
    await clients.find(clientId);
    expect(host.requests).toHaveLength(1);
    clients.advance(1);
    await clients.find(clientId);
    expect(host.requests).toHaveLength(2);
  });

  it('no-store, not at all [CI-10]', async () => {
    const answer: Answer = { headers: { 'Cache-Control': 'no-store' } };
    await using host = await publishing(answer);
    const clients = start();

    await clients.find(`${host.origin}/c`);
    await clients.find(`${host.origin}/c`);
    expect(host.requests).toHaveLength(2);
    answer.status = 500;
    expect(await refusalOf(clients.find(`${host.origin}/c`))).toMatchObject(unreachable('status_not_200'));
  });

  it('asks again with the entity tag, and 304 keeps the document for another turn', async () => {
    const answer: Answer = { headers: { ETag: '"v1"', 'Cache-Control': 'max-age=100' } };
    await using host = await publishing(answer);
    const clients = start();
    const clientId = `${host.origin}/c`;

    const client = await clients.find(clientId);
    clients.advance(100);
    answer.status = 304;
    expect(await clients.find(clientId)).toEqual(client);
    clients.advance(99);
    expect(await clients.find(clientId)).toEqual(client);
    expect(host.requests.map(({ headers }) => headers['if-none-match'])).toEqual([undefined, '"v1"']);
  });

  it('keeps the entity tag when a 304 does not repeat it', async () => {
    const answer: Answer = { headers: { ETag: '"v1"' } };
    await using host = await publishing(answer);
    const clients = start();
    await clients.find(`${host.origin}/c`);

    Object.assign(answer, { status: 304, headers: {} });
    for (let turn = 0; turn < 2; turn++) {
      clients.advance(300);
      await clients.find(`${host.origin}/c`);
    }
    expect(host.requests.map(({ headers }) => headers['if-none-match'])).toEqual([undefined, '"v1"', '"v1"']);
  });

  it('is not renewed by a 304 that nobody asked for', async () => {
    const answer: Answer = {};
    await using host = await publishing(answer);
    const clients = start();
    await clients.find(`${host.origin}/c`);

    answer.status = 304;
    clients.advance(300);
    expect(await clients.find(`${host.origin}/c`)).toBeDefined();
    expect(await clients.find(`${host.origin}/c`)).toBeDefined();
    expect(host.requests).toHaveLength(3);
  });

  it('ends when the next one must not be kept', async () => {
    const answer: Answer = { headers: { 'Cache-Control': 'max-age=60' } };
    await using host = await publishing(answer);
    const clients = start();
    await clients.find(`${host.origin}/c`);

    answer.headers = { 'Cache-Control': 'no-store' };
    clients.advance(60);
    await clients.find(`${host.origin}/c`);
    answer.status = 503;
    expect(await refusalOf(clients.find(`${host.origin}/c`))).toMatchObject(unreachable('status_not_200'));
  });

  it('shows a change once the old document is no longer fresh [CI-15]', async () => {
    const answer: Answer = { headers: { 'Cache-Control': 'max-age=60' } };
    await using host = await publishing(answer);
    const clients = start();

    await clients.find(`${host.origin}/c`);
    answer.members = { client_name: 'Y' };
    clients.advance(60);
    expect(await clients.find(`${host.origin}/c`)).toMatchObject({ clientName: 'Y' });
  });

  it('stands in for a host that fails, for a day and no longer', async () => {
    const answer: Answer = { headers: { 'Cache-Control': 'max-age=60' } };
    await using host = await publishing(answer);
    const clients = start();
    const clientId = `${host.origin}/c`;
    await clients.find(clientId);

    answer.status = 503;
    for (let hour = 0; hour < 23; hour++) {
      clients.advance(3_600);
      expect(await clients.find(clientId)).toMatchObject({ clientName: 'X' });
    }
    clients.advance(3_599);
    expect(await clients.find(clientId)).toMatchObject({ clientName: 'X' });
    clients.advance(1);
    expect(await refusalOf(clients.find(clientId))).toMatchObject({ reason: 'client_document_unreachable' });
  });

  it('ends at once when the publisher says something unacceptable: the old document is not brought back [CI-11]', async () => {
    const answer: Answer = { headers: { 'Cache-Control': 'max-age=60' } };
    await using host = await publishing(answer);
    const clients = start();
    const clientId = `${host.origin}/c`;
    await clients.find(clientId);
    clients.advance(60);

    answer.members = { client_secret: 'x' };
    expect(await refusalOf(clients.find(clientId))).toEqual({ reason: 'client_document_invalid' });
    answer.status = 503;
    expect(await refusalOf(clients.find(clientId))).toMatchObject(unreachable('status_not_200'));
  });

  it('is cut short by a policy that distrusts the host, though the document is fresh', async () => {
    await using host = await publishing({});
    const deny: string[] = [];
    const clients = start({ policy: { trust: { deny } } });
    await clients.find(`${host.origin}/c`);

    deny.push('client.example');
    expect(await refusalOf(clients.find(`${host.origin}/c`))).toEqual({ reason: 'client_document_refused' });
  });

  it('AS-CM-102: 1000 distinct URLs leave no more than the bound, the latest used ones', async () => {
    const fetched: string[] = [];
    const fetch: GuardedFetch = async (url) => {
      fetched.push(url);
      const text = JSON.stringify({ client_id: url, client_name: 'X', redirect_uris: [REDIRECT] });
      return { status: 200, headers: { 'content-type': 'application/json' }, text };
    };
    const limits = { maxDocuments: 100, perHostPerMinute: 2_000 };
    const clients = createMetadataDocumentClients({ fetch, clock: () => START, limits });
    const urls = Array.from({ length: 1_000 }, (_, number) => `https://client.example/${number}`);
    for (const url of urls) await clients.find(url);

    for (const url of urls.slice(-100)) await clients.find(url);
    expect(fetched).toHaveLength(1_000);
    for (const url of urls.slice(0, 100)) await clients.find(url);
    expect(fetched).toHaveLength(1_100);
  });
});

describe('how often a host is asked', () => {
  it('once for everybody who waits', async () => {
    await using host = await publishing({});
    const clients = start();

    const found = await Promise.all(Array.from({ length: 20 }, () => clients.find(`${host.origin}/c`)));

    expect(new Set(found).size).toBe(1);
    expect(host.requests).toHaveLength(1);
  });

  it('again at once after a few failures, so that a mended document works, then ever more rarely [CI-11]', async () => {
    const answer: Answer = { status: 404 };
    await using host = await publishing(answer);
    const clients = start();
    const find = () => refusalOf(clients.find(`${host.origin}/c`));

    for (let failure = 0; failure < 4; failure++) expect(await find()).toMatchObject(unreachable('status_not_200'));
    expect(await find()).toMatchObject({ ...unreachable('backed_off'), retryAfter: 5 });
    clients.advance(5);
    expect(await find()).toMatchObject(unreachable('status_not_200'));
    clients.advance(9);
    expect(await find()).toMatchObject({ ...unreachable('backed_off'), retryAfter: 1 });
    expect(host.requests).toHaveLength(5);

    clients.advance(1);
    answer.status = 200;
    expect(await clients.find(`${host.origin}/c`)).toBeDefined();
  });

  it('as if nothing had been, once it gave its document', async () => {
    const answer: Answer = { status: 404, headers: { 'Cache-Control': 'no-store' } };
    await using host = await publishing(answer);
    const clients = start();
    const find = () => refusalOf(clients.find(`${host.origin}/c`));

    for (let round = 0; round < 3; round++) {
      answer.status = 404;
      for (let failure = 0; failure < 3; failure++) expect(await find()).toMatchObject(unreachable('status_not_200'));
      answer.status = 200;
      expect(await clients.find(`${host.origin}/c`)).toBeDefined();
    }
  });

  it('as if nothing had been, ten minutes after the last failure', async () => {
    await using host = await publishing({ status: 404 });
    const clients = start();
    const find = () => refusalOf(clients.find(`${host.origin}/c`));

    for (let failure = 0; failure < 4; failure++) await find();
    clients.advance(601);
    for (let failure = 0; failure < 4; failure++) expect(await find()).toMatchObject(unreachable('status_not_200'));
    expect(await find()).toMatchObject(unreachable('backed_off'));
  });

  it('never less often than every five minutes, however long it failed', async () => {
    await using host = await publishing({ status: 404 });
    const clients = start();
    for (let failure = 0; failure < 40; failure++) {
      await refusalOf(clients.find(`${host.origin}/c`));
      clients.advance(300);
    }
    expect(host.requests).toHaveLength(40);
  });

  it('not at all for a while when the host itself cannot be reached, whatever the path', async () => {
    const lookup = vi.fn(async () => []);
    const clients = start({ fetch: { lookup } });
    const find = (path: number) => refusalOf(clients.find(`https://client.example/${path}`));

    for (let path = 0; path < 11; path++) expect(await find(path)).toMatchObject(unreachable('name_unresolved'));
    expect(await find(12)).toMatchObject(unreachable('backed_off'));
    expect(lookup).toHaveBeenCalledTimes(11);
  });

  it('again for every path, once the host is back', async () => {
    await using host = await publishing({});
    let addresses: string[] = [];
    const clients = start({ fetch: { lookup: async () => addresses } });
    const find = (path: string) => clients.find(`${host.origin}/${path}`);

    for (let round = 0; round < 2; round++) {
      addresses = [];
      for (let path = 0; path < 10; path++) {
        expect(await refusalOf(find(`${round}/${path}`))).toMatchObject(unreachable('name_unresolved'));
      }
      addresses = ['127.0.0.1'];
      expect(await find(`${round}/good`)).toBeDefined();
    }
  });

  it('is not brought down for good documents by bad ones beside them', async () => {
    await using host = await publish((request, response) => {
      const clientId = `https://${request.headers.host}${request.url}`;
      response.writeHead(request.url === '/good' ? 200 : 404, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify({ client_id: clientId, client_name: 'X', redirect_uris: [REDIRECT] }));
    });
    const clients = start();
    for (let path = 0; path < 30; path++) await refusalOf(clients.find(`${host.origin}/${path}`));

    expect(await clients.find(`${host.origin}/good`)).toBeDefined();
  });

  it('for so many unknown documents in a minute, while known ones are still asked for [CI-19]', async () => {
    await using host = await publishing({ headers: { 'Cache-Control': 'max-age=60' } });
    const clients = start({ limits: { perHostPerMinute: 5 } });
    await clients.find(`${host.origin}/known`);
    clients.advance(60);

    for (let path = 0; path < 5; path++) expect(await clients.find(`${host.origin}/${path}`)).toBeDefined();
    expect(await refusalOf(clients.find(`${host.origin}/6`))).toMatchObject(unreachable('rate_limited'));
    expect(await clients.find(`${host.origin}/known`)).toBeDefined();
    expect(host.requests).toHaveLength(7);
    clients.advance(60);
    expect(await clients.find(`${host.origin}/6`)).toBeDefined();
  });

  it('does not count it against a document that the machine was busy', async () => {
    const waiting: (() => void)[] = [];
    await using host = await publish((request, response) => {
      const clientId = `https://${request.headers.host}${request.url}`;
      response.setHeader('Content-Type', 'application/json');
      const document = JSON.stringify({ client_id: clientId, client_name: 'X', redirect_uris: [REDIRECT] });
      if (request.url === '/slow') waiting.push(() => response.end(document));
      else response.end(document);
    });
    const clients = start({ fetch: { concurrency: { total: 1, perHost: 1 } } });
    const slow = clients.find(`${host.origin}/slow`);
    for (let attempt = 0; attempt < 10; attempt++) {
      expect(await refusalOf(clients.find(`${host.origin}/c`))).toMatchObject(unreachable('busy'));
    }
    await vi.waitUntil(() => waiting.length === 1);
    waiting[0]?.();
    await slow;

    expect(await clients.find(`${host.origin}/c`)).toBeDefined();
  });
});
