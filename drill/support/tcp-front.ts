import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/**
 * One address before several servers, that passes bytes and nothing else: a connection goes to the next server in turn that
 * takes it, and ends with it. It repeats no request, because it knows of none.
 */
export interface TcpFront extends AsyncDisposable {
  readonly origin: string;
}

export async function startTcpFront(ports: readonly number[]): Promise<TcpFront> {
  const sockets = new Set<Socket>();
  let turn = 0;

  function track(socket: Socket): Socket {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
    return socket;
  }

  function passOn(client: Socket, attempt: number): void {
    const port = ports[turn++ % ports.length] ?? 0;
    if (attempt > ports.length) return void client.destroy();
    const server = track(connect(port, '127.0.0.1'));
    const retry = () => passOn(client, attempt + 1);
    server.once('error', retry);
    server.once('connect', () => {
      server.off('error', retry);
      client.pipe(server);
      server.pipe(client);
      client.once('close', () => server.destroy());
      server.once('close', () => client.destroy());
    });
  }

  const front = createServer((client) => passOn(track(client), 1));
  front.listen(0, '127.0.0.1');
  await once(front, 'listening');
  return {
    origin: `http://127.0.0.1:${(front.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      front.close();
      await once(front, 'close');
    },
  };
}
