import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, vi } from 'vitest';
import {
  createGuardedFetch,
  type FetchFault,
  type GuardedFetchDeps,
  GuardedFetchError,
  isPublicAddress,
} from '../../src/platform/index.ts';
import { certify } from '../support/certificates.ts';
import { authority, publish, publishRaw, publishTcp, watchDials } from '../support/document-host.ts';

const MAX_BYTES = 5_120;

/** A guarded fetch for which 127.0.0.1 stands for a public address; every other rule is the real one. */
function fetchWith(deps: GuardedFetchDeps = {}) {
  return createGuardedFetch({
    lookup: async () => ['127.0.0.1'],
    isAdmitted: (address) => address === '127.0.0.1' || isPublicAddress(address),
    ca: authority.cert,
    timeout: 5,
    ...deps,
  });
}

async function faultOf(fetched: Promise<unknown>): Promise<FetchFault | undefined> {
  const thrown = await fetched.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (thrown === undefined) return undefined;
  expect(thrown).toBeInstanceOf(GuardedFetchError);
  return (thrown as GuardedFetchError).fault;
}

const json =
  (text: string): RequestListener =>
  (_request, response) =>
    response.setHeader('Content-Type', 'application/json').end(text);

describe('the guarded fetch', () => {
  it('brings status, headers and text of an https answer', async () => {
    await using host = await publish(json('{"a":"ü"}'));

    const answer = await fetchWith()(`${host.origin}/c.json?v=1`, { maxBytes: MAX_BYTES, headers: { accept: 'x/y' } });

    expect(answer).toMatchObject({ status: 200, text: '{"a":"ü"}' });
    expect(answer.headers['content-type']).toBe('application/json');
    expect(host.requests[0]?.url).toBe('/c.json?v=1');
    expect(host.requests[0]?.headers).toMatchObject({
      host: `client.example:${host.port}`,
      accept: 'x/y',
      'accept-encoding': 'identity',
      connection: 'close',
    });
    expect(host.requests[0]?.headers).not.toHaveProperty('cookie');
  });

  it.each([201, 204, 301, 302, 304, 307, 404, 500])(
    'reports status %i and reads no body [CI-06, CI-07]',
    async (status) => {
      await using elsewhere = await publish(json('{}'));
      await using host = await publish((_request, response) => {
        response
          .writeHead(status, { Location: `${elsewhere.origin}/c.json` })
          .end(status === 204 ? undefined : 'secret');
      });

      const answer = await fetchWith()(`${host.origin}/c`, { maxBytes: MAX_BYTES });

      expect(answer).toMatchObject({ status, text: '' });
      expect(elsewhere.connections).toBe(0);
    },
  );

  it('uses a connection once, so that every fetch is checked anew [AS-CM-98]', async () => {
    await using host = await publish(json('{}'));
    const fetch = fetchWith();

    await fetch(`${host.origin}/1`, { maxBytes: MAX_BYTES });
    await fetch(`${host.origin}/2`, { maxBytes: MAX_BYTES });

    expect(host.connections).toBe(2);
  });

  it('tries the next address when nobody listens at the first', async () => {
    await using host = await publish(json('{}'));
    const fetch = fetchWith({ lookup: async () => ['::1', '127.0.0.1'], isAdmitted: () => true });

    expect(await fetch(`${host.origin}/c`, { maxBytes: MAX_BYTES })).toMatchObject({ status: 200 });
  });
});

describe('addresses the guarded fetch never dials [CI-08]', () => {
  const FORBIDDEN: readonly (readonly [string, readonly string[]])[] = [
    ['AS-CM-94 loopback', ['127.0.0.1']],
    ['AS-CM-97 IPv6 loopback', ['::1']],
    ['private', ['10.0.0.1']],
    ['cloud metadata', ['169.254.169.254']],
    ['IPv4-mapped', ['::ffff:127.0.0.1']],
    ['IPv4-compatible', ['::7f00:1']],
    ['NAT64', ['64:ff9b::7f00:1']],
    ['6to4', ['2002:7f00:1::1']],
    ['unique local', ['fd00:ec2::254']],
    ['one private among public ones', ['93.184.216.34', '192.168.0.1']],
    ['IPv6 loopback beside a public IPv4', ['93.184.216.34', '::1']],
    ['text that is no address', ['localhost']],
  ];

  it.each(FORBIDDEN)('%s', async (_case, addresses) => {
    await using host = await publish(json('{}'));
    using dials = watchDials();
    const fetch = createGuardedFetch({ lookup: async () => addresses, ca: authority.cert });

    expect(await faultOf(fetch(`${host.origin}/c`, { maxBytes: MAX_BYTES }))).toBe('address_refused');
    expect(dials.addresses).toEqual([]);
    expect(host.connections).toBe(0);
  });

  it.each([
    'https://127.0.0.1/c',
    'https://2130706433/c',
    'https://0177.0.0.1/c',
    'https://[::1]/c',
    'https://[::ffff:127.0.0.1]/c',
    'https://93.184.216.34/c',
    'https://localhost/c',
    'https://localhost./c',
    'https://metadata.google.internal/c',
    'http://client.example/c',
    'https://user:password@client.example/c',
    'https://client.example/c#fragment',
    'https://client.example:25/c',
  ])('%s, without asking a name server', async (url) => {
    const lookup = vi.fn(async () => ['127.0.0.1']);
    using dials = watchDials();

    expect(await faultOf(fetchWith({ lookup })(url, { maxBytes: MAX_BYTES }))).toBe('url_refused');
    expect(lookup).not.toHaveBeenCalled();
    expect(dials.addresses).toEqual([]);
  });

  it('dials what it checked, however the name resolves a moment later [AS-CM-95]', async () => {
    await using host = await publish(json('{"from":"the checked address"}'));
    const answers = [['127.0.0.1'], ['::1'], ['169.254.169.254']];
    const lookup = vi.fn(async () => answers.shift() ?? []);
    using dials = watchDials();
    const fetch = fetchWith({ lookup });

    expect(await fetch(`${host.origin}/c`, { maxBytes: MAX_BYTES })).toMatchObject({ status: 200 });
    expect(lookup).toHaveBeenCalledTimes(1);
    expect(await faultOf(fetch(`${host.origin}/c`, { maxBytes: MAX_BYTES }))).toBe('address_refused');
    expect(dials.addresses).toEqual(['127.0.0.1']);
  });

  it('sends nothing when the peer is not at the address that was checked', async () => {
    const received = vi.fn();
    await using host = await publishTcp((socket) => socket.on('data', received));
    using _dials = watchDials((socket) => Object.defineProperty(socket, 'remoteAddress', { value: '10.0.0.1' }));

    expect(await faultOf(fetchWith()(`${host.origin}/c`, { maxBytes: MAX_BYTES }))).toBe('address_refused');
    expect(received).not.toHaveBeenCalled();
  });
});

describe('answers the guarded fetch does not take', () => {
  it('a body beyond the cap, though Content-Length admits it', async () => {
    await using host = await publish(json('x'.repeat(MAX_BYTES + 1)));
    expect(await faultOf(fetchWith()(`${host.origin}/c`, { maxBytes: MAX_BYTES }))).toBe('too_large');
  });

  it('takes a body of exactly the cap', async () => {
    await using host = await publish(json('x'.repeat(MAX_BYTES)));
    expect((await fetchWith()(`${host.origin}/c`, { maxBytes: MAX_BYTES })).text).toHaveLength(MAX_BYTES);
  });

  it('an endless chunked body, of which it reads little [AS-CM-83]', async () => {
    let sent = 0;
    let closed: Promise<unknown> = Promise.resolve();
    await using host = await publish((_request, response) => {
      closed = once(response, 'close');
      const pour = () => {
        while (!response.destroyed && response.write('x'.repeat(1_024))) sent += 1_024;
        response.once('drain', pour);
      };
      pour();
    });

    expect(await faultOf(fetchWith()(`${host.origin}/c`, { maxBytes: MAX_BYTES }))).toBe('too_large');
    await closed;
    expect(sent).toBeLessThan(8 * 1_024 * 1_024);
  });

  it('a body longer than its Content-Length says, of which it reads what was announced [AS-CM-82]', async () => {
    await using host = await publishRaw((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}');
      socket.write('x'.repeat(1_000_000));
    });

    const outcome = await fetchWith()(`${host.origin}/c`, { maxBytes: MAX_BYTES }).catch((error: unknown) => error);

    if (outcome instanceof GuardedFetchError) expect(outcome.fault).toBe('broken_response');
    else expect(outcome).toMatchObject({ text: '{}' });
  });

  it('a compressed body, though none was accepted: a gzip bomb is never inflated [AS-CM-84]', async () => {
    const bomb = gzipSync(Buffer.alloc(10_000_000));
    await using host = await publish((_request, response) => {
      response.writeHead(200, { 'Content-Encoding': 'gzip', 'Content-Type': 'application/json' }).end(bomb);
    });

    expect(await faultOf(fetchWith()(`${host.origin}/c`, { maxBytes: MAX_BYTES }))).toBe('encoded');
  });

  it('a body that is not UTF-8', async () => {
    await using host = await publish((_request, response) => response.end(Buffer.from([0x7b, 0xff, 0x7d])));
    expect(await faultOf(fetchWith()(`${host.origin}/c`, { maxBytes: MAX_BYTES }))).toBe('not_text');
  });

  it('headers without end', async () => {
    await using host = await publishRaw((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n');
      for (let line = 0; line < 1_000; line++) socket.write(`X-${line}: ${'y'.repeat(100)}\r\n`);
    });
    expect(await faultOf(fetchWith()(`${host.origin}/c`, { maxBytes: MAX_BYTES }))).toBe('broken_response');
  });

  it('what is not HTTP, and tells nobody what it was', async () => {
    await using host = await publishRaw((socket) => socket.end('220 internal.corp SMTP secret-banner\r\n'));
    const thrown = await fetchWith()(`${host.origin}/c`, { maxBytes: MAX_BYTES }).catch((error: unknown) => error);

    expect(thrown).toMatchObject({ fault: 'broken_response' });
    expect(JSON.stringify(thrown, Object.getOwnPropertyNames(thrown))).not.toContain('secret-banner');
    expect((thrown as Error).cause).toBeUndefined();
  });

  it('a connection that is reset [AS-CM-92]', async () => {
    await using host = await publishRaw((socket) => socket.destroy());
    expect(await faultOf(fetchWith()(`${host.origin}/c`, { maxBytes: MAX_BYTES }))).toBe('broken_response');
  });
});

describe('the deadline covers the whole fetch', () => {
  const impatient = (deps: GuardedFetchDeps = {}) => fetchWith({ timeout: 0.2, ...deps });

  it('a name server that never answers', async () => {
    const fetch = impatient({ lookup: () => new Promise(() => {}) });
    expect(await faultOf(fetch('https://client.example/c', { maxBytes: MAX_BYTES }))).toBe('name_unresolved');
  });

  it('a TLS handshake that never ends', async () => {
    await using host = await publishTcp(() => {});
    expect(await faultOf(impatient()(`${host.origin}/c`, { maxBytes: MAX_BYTES }))).toBe('tls_failed');
  });

  it('headers that never come', async () => {
    await using host = await publish(() => {});
    expect(await faultOf(impatient()(`${host.origin}/c`, { maxBytes: MAX_BYTES }))).toBe('timed_out');
  });

  it('headers byte by byte [AS-CM-87]', async () => {
    await using host = await publishRaw((socket) =>
      drip(socket, 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n'),
    );
    expect(await faultOf(impatient()(`${host.origin}/c`, { maxBytes: MAX_BYTES }))).toBe('timed_out');
  });

  it('a body byte by byte [AS-CM-86]', async () => {
    await using host = await publishRaw((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n');
      drip(socket, 'x'.repeat(1_000));
    });
    expect(await faultOf(impatient()(`${host.origin}/c`, { maxBytes: MAX_BYTES }))).toBe('timed_out');
  });

  function drip(socket: Socket, text: string): void {
    let sent = 0;
    const timer = setInterval(() => void socket.write(text[sent++ % text.length] ?? ''), 20);
    socket.on('close', () => clearInterval(timer));
  }
});

describe('TLS', () => {
  const strange = certify({ commonName: 'client.example', names: ['client.example'] });
  const expired = certify({
    commonName: 'client.example',
    names: ['client.example'],
    issuer: authority,
    endsInYears: -1,
  });
  const elsewhere = certify({ commonName: 'other.example', names: ['other.example'], issuer: authority });

  it.each([
    ['a certificate that signed itself [AS-CM-89]', strange, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    ['an expired certificate [AS-CM-91]', expired, 'CERT_HAS_EXPIRED'],
    ['a certificate of another name', elsewhere, 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ])('refuses %s', async (_case, certified, code) => {
    await using host = await publish(json('{}'), certified);

    const fetched = fetchWith()(`${host.origin}/c`, { maxBytes: MAX_BYTES });

    await expect(fetched).rejects.toMatchObject({ fault: 'tls_failed', code });
    expect(host.requests).toEqual([]);
  });

  it('refuses it although the environment of the process says otherwise', async () => {
    await using host = await publish(json('{}'), strange);
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    try {
      expect(await faultOf(fetchWith()(`${host.origin}/c`, { maxBytes: MAX_BYTES }))).toBe('tls_failed');
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('trusts no authority but those of Node, unless told', async () => {
    await using host = await publish(json('{}'));
    const fetch = createGuardedFetch({ lookup: async () => ['127.0.0.1'], isAdmitted: () => true });

    expect(await faultOf(fetch(`${host.origin}/c`, { maxBytes: MAX_BYTES }))).toBe('tls_failed');
  });

  it('reports a host that is not there', async () => {
    const host = await publish(json('{}'));
    await host[Symbol.asyncDispose]();
    expect(await faultOf(fetchWith()(`${host.origin}/c`, { maxBytes: MAX_BYTES }))).toBe('connect_failed');
  });
});

describe('how much it does at once', () => {
  it('refuses more fetches than allowed to one host and in all, and goes on when some have ended', async () => {
    const waiting: (() => void)[] = [];
    await using host = await publish((_request, response) => void waiting.push(() => response.end('{}')));
    const fetch = fetchWith({ concurrency: { total: 3, perHost: 2 } });
    const get = (name: string) => fetch(`https://${name}.client.example:${host.port}/c`, { maxBytes: MAX_BYTES });

    const underWay = [get('a'), get('a'), get('b')];
    expect(await faultOf(get('a'))).toBe('busy');
    expect(await faultOf(get('c'))).toBe('busy');

    await vi.waitUntil(() => waiting.length === 3);
    for (const answer of waiting) answer();
    await Promise.all(underWay);
    const next = get('c');
    await vi.waitUntil(() => waiting.length === 4);
    waiting[3]?.();
    expect(await next).toMatchObject({ status: 200 });
  });

  it('frees the place of a fetch that failed', async () => {
    const fetch = fetchWith({ lookup: async () => [], concurrency: { total: 1, perHost: 1 } });
    for (let attempt = 0; attempt < 3; attempt++) {
      expect(await faultOf(fetch('https://client.example/c', { maxBytes: MAX_BYTES }))).toBe('name_unresolved');
    }
  });
});

describe('where loopback is allowed', () => {
  async function plainHost() {
    const server = createServer((_request, response) => response.end('{}'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return {
      port: (server.address() as AddressInfo).port,
      [Symbol.asyncDispose]: () => new Promise<void>((resolve) => void server.close(() => resolve())),
    };
  }

  it('fetches http from this machine by name and by address, and asks no name server', async () => {
    await using host = await plainHost();
    const lookup = vi.fn(async () => ['10.0.0.1']);
    const fetch = createGuardedFetch({ allowLoopback: true, lookup });

    for (const hostname of ['localhost', '127.0.0.1']) {
      const answer = await fetch(`http://${hostname}:${host.port}/c`, { maxBytes: MAX_BYTES });
      expect(answer).toMatchObject({ status: 200, text: '{}' });
    }
    expect(lookup).not.toHaveBeenCalled();
  });

  it('still refuses a public name that points to this machine', async () => {
    await using host = await publish(json('{}'));
    using dials = watchDials();
    const fetch = createGuardedFetch({
      allowLoopback: true,
      lookup: async () => ['127.0.0.1'],
      ca: authority.cert,
    });

    expect(await faultOf(fetch(`${host.origin}/c`, { maxBytes: MAX_BYTES }))).toBe('address_refused');
    expect(dials.addresses).toEqual([]);
  });
});

it('reaches any address over https where an operator wrote it down, with the certificates they gave', async () => {
  await using host = await publish(json('{"keys":[]}'));
  const lookup = async () => ['127.0.0.1'];
  const [open, closed] = [{ allowPrivate: true }, {}].map((more) =>
    createGuardedFetch({ lookup, ca: authority.cert, ...more }),
  );

  expect(await open?.(`${host.origin}/jwks`, { maxBytes: MAX_BYTES })).toMatchObject({ status: 200 });
  expect(await faultOf(closed?.(`${host.origin}/jwks`, { maxBytes: MAX_BYTES }) ?? Promise.resolve())).toBe(
    'address_refused',
  );
});
