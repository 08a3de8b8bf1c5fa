import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';

/**
 * A sentinel that says what the test tells it to, when the test wants it: the moments between a failover and its becoming
 * known, which real ones pass too quickly to be met on purpose.
 */
export interface ToldSentinel extends AsyncDisposable {
  readonly url: string;
  /** The port of the master it names from now on. */
  name(port: number): void;
  /** Keeps questions for the master until `answer`. */
  hold(): void;
  /** How many questions for the master are being kept. */
  held(): number;
  answer(): void;
  subscribers(): number;
  /** Tells its subscribers of a failover. */
  announce(): void;
}

const COMMAND = /\*\d+\r\n(?:\$\d+\r\n[^\r]*\r\n)+/g;

export async function startToldSentinel(masterPort: number): Promise<ToldSentinel> {
  const sockets = new Set<Socket>();
  const subscribers = new Set<Socket>();
  let port = masterPort;
  let isHolding = false;
  let kept: Socket[] = [];

  const say = (socket: Socket) => socket.write(bulks('127.0.0.1', String(port)));
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => {
      sockets.delete(socket);
      subscribers.delete(socket);
    });
    socket.on('data', (data) => {
      for (const [command] of data.toString().toLowerCase().matchAll(COMMAND)) take(socket, command);
    });
  });

  function take(socket: Socket, asked: string): void {
    if (asked.includes('get-master-addr-by-name')) {
      if (isHolding) kept.push(socket);
      else say(socket);
    } else if (asked.includes('subscribe')) {
      subscribers.add(socket);
      socket.write('*3\r\n$9\r\nsubscribe\r\n$14\r\n+switch-master\r\n:1\r\n');
    } else if (asked.includes('sentinels')) socket.write('*0\r\n');
    else socket.write('+OK\r\n');
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const own = (server.address() as AddressInfo).port;
  return {
    url: `redis+sentinel://127.0.0.1:${own}/0?name=mymaster`,
    name: (named) => {
      port = named;
    },
    hold: () => {
      isHolding = true;
    },
    held: () => kept.length,
    answer() {
      isHolding = false;
      for (const socket of kept) say(socket);
      kept = [];
    },
    subscribers: () => subscribers.size,
    announce() {
      for (const socket of subscribers) socket.write(bulks('message', '+switch-master', 'mymaster'));
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function bulks(...texts: readonly string[]): string {
  return `*${texts.length}\r\n${texts.map((text) => `$${text.length}\r\n${text}\r\n`).join('')}`;
}
