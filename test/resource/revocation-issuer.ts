import { createServer, request } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import Koa from 'koa';
import { createAuthRoutes } from '../../src/endpoints/index.ts';
import { createVerifier, type RevocationSource, type Verifier } from '../../src/resource/index.ts';
import { createRemoteKeys } from '../../src/resource/keys/remote-keys.ts';
import { createDocumentReader } from '../../src/resource/revocations/revocation-document.ts';
import { createRevocationFeed as createReadFeed } from '../../src/resource/revocations/revocation-feed.ts';
import type { RevocationPlaces, SubscriptionTimings } from '../../src/resource/revocations/revocation-subscription.ts';
import { createUrlOpener } from '../../src/resource/runtime/open-url.ts';
import { createMemoryStore } from '../../src/store/memory/index.ts';
import { createRevocationDocuments, createRevocationFeed, type DenylistStore } from '../../src/tokens/index.ts';
import { createForeignProvider } from '../support/foreign-provider.ts';
import { createTestKeyRing, type TestSigner, testSigner } from '../support/keys.ts';
import { serve } from '../support/serve.ts';
import { forge, NOW, RESOURCE } from './issuer.ts';

/** An issuer that publishes what it revokes, at a clock the test moves, with a denylist the test may exchange. */
export interface RevocationIssuer extends AsyncDisposable {
  readonly issuer: string;
  /** Where this replica of it answers. */
  readonly origin: string;
  readonly clock: { now: number };
  denylist: DenylistStore;
  readonly asked: string[];
  signers: readonly TestSigner[];
  deny(id: string, kind?: 'jti' | 'grant' | 'key' | 'subject' | 'client'): Promise<void>;
  token(claims?: Record<string, unknown>, signer?: TestSigner): string;
  /** Ends every stream, as a server that shuts down does. */
  endStreams(): void;
  now(): number;
}

export async function startRevocationIssuer(
  options: { feed?: false; denylist?: DenylistStore; replicaOf?: RevocationIssuer } = {},
): Promise<RevocationIssuer> {
  const clock = { now: NOW };
  const read = () => clock.now;
  const asked: string[] = [];
  let counter = 0;
  let running: RevocationIssuer | undefined;
  const first = options.denylist ?? createMemoryStore({ clock: read }).denylist;
  const current = (): DenylistStore => running?.denylist ?? first;
  const signers = () => running?.signers ?? [testSigner()];
  let feed: ReturnType<typeof createRevocationFeed> | undefined;
  const app = await serve((origin) => {
    const issuer = options.replicaOf?.issuer ?? origin;
    const keys = { ...createTestKeyRing(), signer: () => createTestKeyRing({ signers: signers() }).signer() };
    const makeFeed = () =>
      createRevocationFeed({
        denylist: {
          ...first,
          deny: (entry) => current().deny(entry),
          snapshot: () => current().snapshot(),
          since: (position) => current().since(position),
          watch: (listener) => current().watch(listener),
        },
        documents: createRevocationDocuments({ keys, issuer, clock: read }),
        clock: read,
      });
    const currentFeed = () => {
      feed ??= makeFeed();
      return feed;
    };
    const routes = createAuthRoutes({
      provider: createForeignProvider(origin),
      issuerUrl: origin,
      jwkSet: () => createTestKeyRing({ signers: signers() }).jwkSet(),
      ...(options.feed !== false && {
        revocationFeed: {
          snapshot: () => currentFeed().snapshot(),
          since: (position) => currentFeed().since(position),
          follow: (position, reader) => currentFeed().follow(position, reader),
        },
      }),
    });
    const koa = new Koa();
    koa.silent = true;
    return koa
      .use(async (ctx, next) => {
        asked.push(ctx.url);
        await next();
      })
      .use(routes.routes());
  });
  const issuer = options.replicaOf?.issuer ?? app.origin;
  running = {
    issuer,
    origin: app.origin,
    clock,
    denylist: first,
    asked,
    signers: [testSigner()],
    deny: async (id, kind = 'jti') => void (await current().deny({ kind, id, lifetime: 600 })),
    token: (claims = {}, signer = testSigner()) =>
      forge({ claims: { iss: issuer, jti: `jti-${counter++}`, gid: `grant-${counter}`, ...claims } }, signer),
    endStreams: () => {
      feed?.close();
      feed = undefined;
    },
    now: read,
    async [Symbol.asyncDispose]() {
      feed?.close();
      await app[Symbol.asyncDispose]();
    },
  };
  return running;
}

/** A validator whose subscription is timed as the test needs it. */
export function createTimedVerifier(
  issuer: RevocationIssuer,
  options: {
    places?: RevocationPlaces;
    timings?: Partial<SubscriptionTimings>;
    onStale?: 'accept' | 'unavailable';
  } = {},
): { readonly verifier: Verifier; readonly feed: RevocationSource } {
  const { places = placesOf(issuer.issuer), timings = {} } = options;
  const keys = createRemoteKeys({
    locate: async () => `${issuer.issuer}/.well-known/jwks.json`,
    fetch,
    timeout: 5,
    background: () => undefined,
    onKeyGone: () => {},
  });
  const feed = createReadFeed({
    locate: async () => places,
    open: createUrlOpener(undefined),
    readDocument: createDocumentReader({
      issuer: issuer.issuer,
      algorithms: ['ES256'],
      keys,
      clock: issuer.now,
      clockTolerance: 5,
    }),
    clock: issuer.now,
    onKeyDenied: (kid) => keys.drop(kid, issuer.now()),
    timings,
  });
  const { onStale = 'accept' } = options;
  const verifier = createVerifier({
    issuer: issuer.issuer,
    resource: RESOURCE,
    jwks: `${issuer.issuer}/.well-known/jwks.json`,
    revocations: feed,
    clock: issuer.now,
    onStale,
  });
  return { verifier, feed };
}

export function placesOf(origin: string): { list: string; stream: string } {
  return { list: `${origin}/revocations`, stream: `${origin}/revocations/stream` };
}

/** Something between a validator and its issuer that can misbehave. */
export interface Proxy extends AsyncDisposable {
  readonly origin: string;
  readonly asked: string[];
  /** How requests that come from now on are treated. `hold`: the answer to a stream stays in the proxy. */
  mode: 'pass' | 'refuse' | 'silent' | 'hold' | 'unavailable';
  /** Ends every connection at once. */
  cut(): void;
}

export async function startProxy(target: string): Promise<Proxy> {
  const sockets = new Set<Socket>();
  const asked: string[] = [];
  const server = createServer((incoming, outgoing) => {
    asked.push(incoming.url ?? '');
    // As it was when the request came: one that is under way when it changes goes on as it began.
    const isHeld = proxy.mode === 'hold' && incoming.url?.includes('/stream') === true;
    if (proxy.mode === 'refuse') return void incoming.socket.destroy();
    if (proxy.mode === 'silent') return;
    if (proxy.mode === 'unavailable') return void outgoing.writeHead(503).end();
    const { method = 'GET', headers } = incoming;
    const asking = request(
      new URL(incoming.url ?? '', target),
      { method, headers: { ...headers, host: '' } },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        if (isHeld) {
          outgoing.flushHeaders();
          answer.resume();
          return;
        }
        answer.pipe(outgoing);
      },
    );
    asking.on('error', () => outgoing.destroy());
    outgoing.on('close', () => asking.destroy());
    asking.end();
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy: Proxy = {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    mode: 'pass',
    cut: () => {
      for (const socket of sockets) socket.destroy();
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      proxy.cut();
      await closed;
    },
  };
  return proxy;
}
