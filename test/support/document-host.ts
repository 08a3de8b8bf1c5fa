import { channel } from 'node:diagnostics_channel';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { type Certified, certify } from './certificates.ts';

/** The authority every document host of the tests is certified by. */
export const authority = certify({ commonName: 'Test authority' });

const CERTIFIED = certify({
  commonName: 'client.example',
  names: ['client.example', '*.client.example'],
  issuer: authority,
});

/** A server on loopback that publishes whatever a test wants, and knows how often it was reached. */
export interface DocumentHost extends AsyncDisposable {
  readonly port: number;
  /** `https://client.example:PORT` */
  readonly origin: string;
  connections: number;
  readonly requests: { readonly url: string; readonly headers: NodeJS.Dict<string | string[]> }[];
}

/** An HTTPS server; `certified` replaces the good certificate. */
export async function publish(listener: RequestListener, certified: Certified = CERTIFIED): Promise<DocumentHost> {
  const server = createServer({ key: certified.key, cert: certified.cert });
  const host = await listen(server);
  server.on('request', (request, response) => {
    host.requests.push({ url: request.url ?? '', headers: request.headers });
    listener(request, response);
  });
  return host;
}

/** A TLS server below HTTP: `listener` writes the bytes of the answer itself. */
export function publishRaw(listener: (socket: Socket) => void): Promise<DocumentHost> {
  const server = createTlsServer({ key: CERTIFIED.key, cert: CERTIFIED.cert });
  server.on('secureConnection', listener);
  return listen(server);
}

/** A TCP server below TLS. */
export function publishTcp(listener: (socket: Socket) => void): Promise<DocumentHost> {
  return listen(createTcpServer(listener));
}

async function listen(server: ReturnType<typeof createTcpServer>): Promise<DocumentHost> {
  const sockets = new Set<Socket>();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const host: DocumentHost = {
    port,
    origin: `https://client.example:${port}`,
    connections: 0,
    requests: [],
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
  server.on('connection', (socket) => {
    host.connections++;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', () => {});
  server.on('secureConnection', (socket: Socket) => socket.on('error', () => {}));
  return host;
}

/** Every address this process dials, seen at the socket. */
export interface Dials extends Disposable {
  readonly addresses: string[];
}

/** `onSocket` gets each socket before it is dialled. */
export function watchDials(onSocket: (socket: Socket) => void = () => {}): Dials {
  const addresses: string[] = [];
  const watched = channel('net.client.socket');
  const record = (message: unknown) => {
    const { socket } = message as { socket: Socket };
    socket.on('connectionAttempt', (address) => addresses.push(address));
    onSocket(socket);
  };
  watched.subscribe(record);
  return { addresses, [Symbol.dispose]: () => void watched.unsubscribe(record) };
}
