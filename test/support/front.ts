/**
 * What stands between an authorization server and everybody else, in one: a TCP front that gives each new connection to the
 * next replica and can be taken away. It is told the ports of the replicas by its arguments, and its ways by messages.
 *
 * `refuse`: every connection is cut and none is taken. `silent`: no byte comes through any more, in either direction, and
 * nobody is told; connections of that time stay dead when the way is back, as behind a router that forgot them.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { monotonicMicroseconds } from './monotonic.ts';

export type FrontMode = 'pass' | 'refuse' | 'silent';

/** What the front answers to a change of its ways: when it took place. */
export interface FrontChanged {
  readonly mode: FrontMode;
  readonly at: number;
}

const replicas = process.argv.slice(2).map(Number);
const sockets = new Set<Socket>();
let mode: FrontMode = 'pass';
let turn = 0;

function keep(socket: Socket): void {
  socket.setNoDelay(true);
  sockets.add(socket);
  socket.on('error', () => {});
  socket.on('close', () => sockets.delete(socket));
}

/** Whatever still comes is taken and forgotten. */
function silence(socket: Socket): void {
  socket.unpipe();
  socket.removeAllListeners('end');
  socket.resume();
}

const server = createServer({ allowHalfOpen: true }, (client) => {
  keep(client);
  if (mode === 'refuse') return void client.destroy();
  if (mode === 'silent') return silence(client);
  const replica = connect({ port: replicas[turn++ % replicas.length] ?? 0, host: '127.0.0.1', allowHalfOpen: true });
  keep(replica);
  client.pipe(replica).pipe(client);
  client.once('close', () => replica.destroy());
  replica.once('close', () => client.destroy());
});

function change(next: FrontMode): void {
  mode = next;
  if (mode === 'refuse') for (const socket of sockets) socket.destroy();
  if (mode === 'silent') for (const socket of sockets) silence(socket);
}

process.on('message', (next: FrontMode) => {
  change(next);
  process.send?.({ mode, at: monotonicMicroseconds() } satisfies FrontChanged);
});
process.on('disconnect', () => process.exit());

server.listen(0, '127.0.0.1');
await once(server, 'listening');
process.send?.((server.address() as AddressInfo).port);
