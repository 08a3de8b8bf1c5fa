import { request } from 'node:http';
import { decodeJwt } from 'jose';
import Koa from 'koa';
import { describe, expect, test } from 'vitest';
import { createAuthRoutes } from '../../src/endpoints/index.ts';
import { createMemoryStore } from '../../src/store/memory/index.ts';
import { createRevocationDocuments, createRevocationFeed } from '../../src/tokens/index.ts';
import { createForeignProvider } from '../support/foreign-provider.ts';
import { startGuardmint } from '../support/guardmint.ts';
import { createTestKeyRing } from '../support/keys.ts';
import { openEvents } from '../support/revocation-events.ts';
import { serve } from '../support/serve.ts';

const deny = (id: string) => ({ kind: 'jti', id, lifetime: 600 }) as const;

describe('GET /revocations', () => {
  test('the metadata names the list and the stream, and the list says what was revoked', async () => {
    await using server = await startGuardmint({ issuerPath: '/tenant' });
    const { origin } = new URL(server.issuer);
    const metadata = (await (await fetch(`${origin}/.well-known/oauth-authorization-server/tenant`)).json()) as Record<
      string,
      string
    >;
    expect(metadata).toMatchObject({
      revocation_list_endpoint: `${server.issuer}/revocations`,
      revocation_stream_endpoint: `${server.issuer}/revocations/stream`,
    });
    const granted = await server.grant();
    const { gid } = decodeJwt(granted.access_token);
    await server.post('/revoke', { client_id: granted.clientId, token: granted.refresh_token });

    const response = await fetch(metadata['revocation_list_endpoint'] ?? '', { headers: { origin: 'https://x.test' } });

    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/revocations+jwt']);
    expect(response.headers.get('cache-control')).toBe('public, max-age=2');
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    expect(decodeJwt(await response.text())).toMatchObject({
      iss: server.issuer,
      grant: [[gid, expect.any(Number)]],
    });
  });

  test('a reader that has the document is answered with 304 until something changes', async () => {
    await using server = await startGuardmint();
    const url = `${server.issuer}/revocations`;
    const first = await fetch(url);
    const etag = first.headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[^"]+"$/);

    const again = await fetch(url, { headers: { 'if-none-match': etag } });
    expect([again.status, await again.text()]).toEqual([304, '']);

    await server.guardmint.store.denylist.deny(deny('jti-1'));
    const changed = await fetch(url, { headers: { 'if-none-match': etag } });
    expect(changed.status).toBe(200);
    expect(changed.headers.get('etag')).not.toBe(etag);
  });

  test('`since` gives what came after, and 410 for a position that is not known', async () => {
    await using server = await startGuardmint();
    const { denylist } = server.guardmint.store;
    await denylist.deny(deny('before'));
    const { epoch, seq } = decodeJwt(await (await fetch(`${server.issuer}/revocations`)).text());
    await denylist.deny(deny('after'));
    const since = (position: string) => fetch(`${server.issuer}/revocations?since=${encodeURIComponent(position)}`);

    expect(decodeJwt(await (await since(`${epoch}.${seq}`)).text())).toMatchObject({
      epoch,
      prev: seq,
      jti: [['after', expect.any(Number)]],
    });
    for (const position of [`other.${seq}`, `${epoch}.999999`, 'nonsense', '%00', '../../etc', `${epoch}.1.2`]) {
      const answer = await since(position);
      expect([position, answer.status, await answer.json()]).toEqual([
        position,
        410,
        { error: 'invalid_request', error_description: 'The position is not known. Read the whole list.' },
      ]);
    }
    expect((await fetch(`${server.issuer}/revocations?since=a&since=b`)).status).toBe(400);
    expect((await fetch(`${server.issuer}/revocations`, { method: 'POST' })).status).toBe(405);
  });

  test('without a feed there is neither endpoint nor metadata', async () => {
    await using app = await serve((origin) => {
      const routes = createAuthRoutes({ provider: createForeignProvider(origin), issuerUrl: origin });
      return new Koa().use(routes.routes());
    });
    const metadata = await (await fetch(`${app.origin}/.well-known/oauth-authorization-server`)).json();

    expect(Object.keys(metadata as object).filter((name) => name.startsWith('revocation_'))).toEqual([]);
    expect((await fetch(`${app.origin}/revocations`)).status).toBe(404);
    expect((await fetch(`${app.origin}/revocations/stream`)).status).toBe(404);
  });
});

describe('GET /revocations/stream', () => {
  test('begins with a snapshot and goes on with what is revoked', async () => {
    await using server = await startGuardmint();
    const { denylist } = server.guardmint.store;
    await denylist.deny(deny('before'));
    await using events = await openEvents(`${server.issuer}/revocations/stream`);
    expect(Object.fromEntries(events.response.headers)).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
      'access-control-allow-origin': '*',
    });

    const snapshot = await events.next();
    const { clientId, refresh_token: token } = await server.grant();
    await server.post('/revoke', { client_id: clientId, token });
    const delta = await events.next();

    expect(snapshot?.claims.jti.map(([id]) => id)).toEqual(['before']);
    expect(snapshot?.id).toBe(`${snapshot?.claims.epoch}.${snapshot?.claims.seq}`);
    expect(delta?.claims).toMatchObject({
      prev: snapshot?.claims.seq,
      jti: [],
      grant: [[expect.any(String), expect.any(Number)]],
    });
  });

  test.each(['Last-Event-ID', 'since'])('resumes after the position of `%s`, at once', async (how) => {
    await using server = await startGuardmint();
    const { denylist } = server.guardmint.store;
    await denylist.deny(deny('before'));
    await using first = await openEvents(`${server.issuer}/revocations/stream`);
    const { id = '' } = (await first.next()) ?? {};
    await first[Symbol.asyncDispose]();
    await denylist.deny(deny('meanwhile'));

    const stream = `${server.issuer}/revocations/stream`;
    await using second = await (how === 'since'
      ? openEvents(`${stream}?since=${id}`)
      : openEvents(`${stream}?since=long-ago.1`, { 'last-event-id': id }));

    expect((await second.next())?.claims.jti.map(([jti]) => jti)).toEqual(['meanwhile']);
  });

  test('a position that is not known is answered with 410', async () => {
    await using server = await startGuardmint();

    const response = await fetch(`${server.issuer}/revocations/stream?since=long-ago.1`);

    expect([response.status, response.headers.get('content-type')]).toEqual([410, 'application/json; charset=utf-8']);
  });

  test('closing the server ends every stream at once', async () => {
    await using server = await startGuardmint();
    await using events = await openEvents(`${server.issuer}/revocations/stream`);
    await events.next();

    await server.guardmint.close();

    expect(await events.next()).toBeUndefined();
  });

  test('HEAD tells the headers and holds no connection', async () => {
    await using server = await startGuardmint();

    const response = await fetch(`${server.issuer}/revocations/stream`, { method: 'HEAD' });

    expect([response.status, await response.text()]).toEqual([200, '']);
  });

  test('only so many may read at once from one address; whoever leaves makes room', async () => {
    await using server = await startGuardmint();
    const url = `${server.issuer}/revocations/stream`;
    const readers = await Promise.all(Array.from({ length: 512 }, () => openEvents(url)));

    const refused = await fetch(url);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '30']);

    for (const reader of readers) await reader[Symbol.asyncDispose]();
    const roomAgain = async (): Promise<number> => {
      const response = await fetch(url, { method: 'HEAD' });
      return response.status === 429 ? roomAgain() : response.status;
    };
    expect(await roomAgain()).toBe(200);
  });

  test('one IPv6 network is one address, whatever it has of them', async () => {
    await using server = await startGuardmint({ settings: { trustProxy: 1 } });
    const url = `${server.issuer}/revocations/stream`;
    const from = (address: string) => ({ headers: { 'x-forwarded-for': address } });
    const readers = await Promise.all(
      Array.from({ length: 512 }, (_, index) => openEvents(url, from(`2001:db8:1:2::${index.toString(16)}`).headers)),
    );

    expect((await fetch(url, from('2001:db8:1:2:ffff::1'))).status).toBe(429);
    expect((await fetch(url, { method: 'HEAD', ...from('2001:db8:1:3::1') })).status).toBe(200);
    for (const reader of readers) await reader[Symbol.asyncDispose]();
  });

  test('a reader that takes nothing is held back, not buffered for, and cut off', async () => {
    const store = createMemoryStore({ clock: () => 1_800_000_000 });
    const clock = () => 1_800_000_000;
    const feed = createRevocationFeed({
      denylist: store.denylist,
      documents: createRevocationDocuments({ keys: createTestKeyRing(), issuer: 'https://as.example.test', clock }),
      clock,
    });
    const ended = Promise.withResolvers<number>();
    let taken = 0;
    await using app = await serve((origin) => {
      const routes = createAuthRoutes({
        provider: createForeignProvider(origin),
        issuerUrl: origin,
        revocationFeed: {
          ...feed,
          follow: (position, reader) => {
            const following = feed.follow(position, {
              take: (document) => {
                taken++;
                return reader.take(document);
              },
              end: reader.end,
            });
            // The feed ends a reader that is too slow; here the test does.
            queueMicrotask(() => void stall().then(() => reader.end()));
            return following;
          },
        },
      });
      return new Koa()
        .use(async (ctx, next) => {
          ctx.res.once('close', () => ended.resolve(ctx.res.writableLength));
          await next();
        })
        .use(routes.routes());
    });
    async function stall(): Promise<void> {
      for (let round = 0; round < 200; round++) {
        const id = `${round}`.padEnd(100_000, 'x');
        await store.denylist.deny(deny(id));
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    const asking = request(`${app.origin}/revocations/stream`, (response) => response.pause());
    asking.on('error', () => {});
    asking.end();

    expect(await ended.promise).toBeLessThan(200 * 100_000);
    expect(taken).toBeLessThan(100);
    asking.destroy();
    feed.close();
  });
});
