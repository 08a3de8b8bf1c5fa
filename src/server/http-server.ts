import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How long a connection may take over what, in milliseconds. */
export interface HttpTimeouts {
  /** Until the headers of a request are there. */
  readonly headers: number;
  /** Until a request is there to its end. */
  readonly request: number;
  /** Between two requests of a connection; longer than a reverse proxy in front keeps its own. */
  readonly keepAlive: number;
  /** In which not a byte is sent or taken, an answer nobody reads included. */
  readonly idle: number;
  /** How often connections are looked at. */
  readonly check: number;
}

/** A slow client holds a connection for half a minute at most, never the server. */
export const HTTP_TIMEOUTS: HttpTimeouts = {
  headers: 10_000,
  request: 25_000,
  keepAlive: 65_000,
  idle: 70_000,
  check: 2_000,
};

const MAX_HEADERS = 200;

/**
 * The HTTP server of the public port. Node drops headers beyond a number in silence, the last first, and the last are
 * those a reverse proxy adds; so none is dropped, and a request with more than 200 is answered with 431 (RFC 6585 §5).
 */
export function createHttpServer(answer: RequestListener, timeouts: HttpTimeouts = HTTP_TIMEOUTS): Server {
  const server = createServer(
    {
      headersTimeout: timeouts.headers,
      requestTimeout: timeouts.request,
      keepAliveTimeout: timeouts.keepAlive,
      connectionsCheckingInterval: timeouts.check,
    },
    (request, response) => {
      if (request.rawHeaders.length > 2 * MAX_HEADERS) response.writeHead(431, { connection: 'close' }).end();
      else answer(request, response);
    },
  );
  server.maxHeadersCount = 0;
  server.setTimeout(timeouts.idle);
  return server;
}

/** Opens a port and answers its number. @throws Error with a sentence for the operator. */
export function openPort(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, fail) => {
    const explain = (error: NodeJS.ErrnoException) => fail(new Error(describe(error, port, host), { cause: error }));
    server.once('error', explain);
    server.listen(port, host, () => {
      server.off('error', explain);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

function describe(error: NodeJS.ErrnoException, port: number, host: string): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return `Port ${port} on ${host} is taken by another process.`;
    case 'EACCES':
      return `Port ${port} on ${host} may not be opened by this user.`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `This machine has no address ${host}.`;
    default:
      return `Port ${port} on ${host} cannot be opened (${error.code ?? error.message}).`;
  }
}

const DRAIN_MS = 8_000;

/** Takes no new connection, lets requests in flight finish for eight seconds, then closes what is left. */
export async function shutPort(server: Server): Promise<void> {
  if (!server.listening) return;
  await new Promise<void>((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
    server.closeIdleConnections();
  });
}
