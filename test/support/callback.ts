import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { certify } from './certificates.ts';

/** A client that waits for answers in the browser. */
export interface Callback extends AsyncDisposable {
  /** `http://127.0.0.1:PORT/callback`, or as it was asked for. */
  readonly uri: string;
  /** What came to it, in order. */
  readonly answers: URLSearchParams[];
}

const CONNECTED = '<!doctype html><title>Connected</title><link rel="icon" href="data:,"><h1>Connected</h1>';

/**
 * Listens at the host of `origin` (a URL without a port), over TLS for `https`. Shows the heading "Connected", or sends on to
 * `next`.
 */
export async function listenForAnswers(origin = 'http://127.0.0.1', next?: string): Promise<Callback> {
  const { protocol, hostname } = new URL(origin);
  const answers: URLSearchParams[] = [];
  const { key, cert } = certify({ commonName: hostname, names: [hostname] });
  const server = protocol === 'https:' ? createTlsServer({ key, cert }) : createServer();
  server.on('request', (request, response) => {
    const url = new URL(request.url ?? '/', 'http://client');
    if (url.pathname === '/callback') answers.push(url.searchParams);
    if (next !== undefined) response.writeHead(302, { location: next }).end();
    else response.setHeader('content-type', 'text/html').end(CONNECTED);
  });
  await new Promise<void>((resolve) => server.listen(0, hostname === '[::1]' ? '::1' : '127.0.0.1', resolve));
  return {
    uri: `${origin}:${(server.address() as AddressInfo).port}/callback`,
    answers,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
