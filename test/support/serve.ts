import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A Koa app, or anything that can answer requests as one. */
export interface App {
  callback(): RequestListener;
}

/** A Koa app on a free loopback port, for the length of a test. */
export interface Served extends AsyncDisposable {
  /** `http://localhost:PORT`, without a slash at the end. */
  readonly origin: string;
  readonly server: Server;
}

/** Listens first, so that the app can be made for the origin it is reached at. */
export async function serve(createApp: (origin: string) => App | Promise<App>): Promise<Served> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://localhost:${(server.address() as AddressInfo).port}`;
  server.on('request', (await createApp(origin)).callback());
  return {
    origin,
    server,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}
