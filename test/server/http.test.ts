import type { Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterAll, describe, expect, test } from 'vitest';
import { createHttpServer, type HttpTimeouts, openPort, shutPort } from '../../src/server/http-server.ts';
import { encode, exchange, parseAnswer, send } from '../blackbox/wire.ts';
import { startGuardmint } from '../support/guardmint.ts';

const guardmint = await startGuardmint();
afterAll(() => guardmint[Symbol.asyncDispose]());
const METADATA = '/.well-known/oauth-authorization-server';
const answer = guardmint.guardmint.app.callback();

const LONG = 60_000;
const PATIENT: HttpTimeouts = { headers: LONG, request: LONG, keepAlive: LONG, idle: LONG, check: 20 };

interface Listening extends AsyncDisposable {
  readonly origin: string;
  readonly server: Server;
  /** Resolves when the server has closed that many connections. */
  closed(count: number): Promise<void>;
}

async function listen(timeouts: Partial<HttpTimeouts>): Promise<Listening> {
  const server = createHttpServer((request, response) => void answer(request, response), { ...PATIENT, ...timeouts });
  let ended = 0;
  const waiting: { count: number; resolve: () => void }[] = [];
  server.on('connection', (socket) => {
    socket.once('close', () => {
      ended++;
      for (const { count, resolve } of waiting) if (ended >= count) resolve();
    });
  });
  const port = await openPort(server, 0, '127.0.0.1');
  return {
    origin: `http://127.0.0.1:${port}`,
    server,
    closed: (count) =>
      new Promise((resolve) => {
        waiting.push({ count, resolve });
        if (ended >= count) resolve();
      }),
    async [Symbol.asyncDispose]() {
      const shut = shutPort(server);
      server.closeAllConnections();
      await shut;
    },
  };
}

function open(origin: string, bytes: string): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(origin).port), '127.0.0.1', () => {
      socket.write(bytes, () => resolve(socket));
    });
    socket.on('error', () => {});
  });
}

const all = <T>(count: number, make: () => Promise<T>) => Promise.all(Array.from({ length: count }, make));
const isAnswering = async (origin: string) => expect((await send(origin, { target: METADATA })).status).toBe(200);

describe('a client that is slow', () => {
  test('with its headers is told so and cut off, and holds nobody up [AS-HT-09]', async () => {
    await using listening = await listen({ headers: 50 });
    const slow = all(200, () =>
      exchange(listening.origin, Buffer.from(`GET ${METADATA} HTTP/1.1\r\nHost: a\r\nX-Slow: `)),
    );
    await isAnswering(listening.origin);
    for (const bytes of await slow) expect(parseAnswer(bytes).status).toBe(408);
    await isAnswering(listening.origin);
  });

  test('with its body is told so and cut off, and holds nobody up [AS-HT-10, AS-TK-34]', async () => {
    await using listening = await listen({ headers: 100, request: 100 });
    const head =
      'POST /token HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\n';
    const slow = all(200, () => exchange(listening.origin, Buffer.from(`${head}grant_type`)));
    await isAnswering(listening.origin);
    for (const bytes of await slow) expect(parseAnswer(bytes).status).toBe(408);
    await isAnswering(listening.origin);
    const faults = guardmint.lines.filter((line) => line.includes('unexpected failure'));
    expect(faults).toEqual([]);
  });

  test('to read its answers is cut off, and holds nobody up [AS-HT-11]', async () => {
    await using listening = await listen({ idle: 100 });
    const many = encode(listening.origin, { target: METADATA, headers: [['Connection', 'keep-alive']] }).toString();
    const sockets = await all(2, async () => {
      const socket = await open(listening.origin, many.repeat(12_000));
      return socket.pause();
    });
    await listening.closed(2);
    await isAnswering(listening.origin);
    for (const socket of sockets) socket.destroy();
  });

  test('to say anything more is cut off, and holds nobody up [AS-HT-12]', async () => {
    await using listening = await listen({ keepAlive: 100 });
    const once = encode(listening.origin, { target: METADATA, headers: [['Connection', 'keep-alive']] }).toString();
    const sockets = await all(500, () => open(listening.origin, once));
    for (const socket of sockets) socket.resume();
    await isAnswering(listening.origin);
    await listening.closed(500);
    await isAnswering(listening.origin);
  });

  test('to say anything at all is cut off', async () => {
    await using listening = await listen({ idle: 100 });
    const sockets = await all(100, () => open(listening.origin, ''));
    await isAnswering(listening.origin);
    await listening.closed(100);
    for (const socket of sockets) socket.destroy();
  });
});

describe('the headers of a request', () => {
  const withHeaders = (count: number, length = 1) =>
    Array.from({ length: count }, (_, index) => [`x${index}`, 'y'.repeat(length)] as const);

  test.each([
    [101, 100, 200],
    [190, 1, 200],
    [201, 1, 431],
    [1_200, 1, 431],
  ])('%d of %d characters are answered with %d [AS-HT-07, AS-HT-08]', async (count, length, status) => {
    await using listening = await listen({});
    const bytes = await exchange(
      listening.origin,
      encode(listening.origin, { target: METADATA, headers: withHeaders(count, length) }),
    );
    expect(parseAnswer(bytes).status).toBe(status);
    await isAnswering(listening.origin);
  });

  test('two thousand and one of them are answered with 431 [AS-HT-08]', async () => {
    await using listening = await listen({});
    const text = `GET ${METADATA} HTTP/1.1\r\nHost: a\r\n${'a:\r\n'.repeat(2_001)}\r\n`;
    expect(parseAnswer(await exchange(listening.origin, Buffer.from(text))).status).toBe(431);
  });

  test('of 17 kB in one are answered with 431 [AS-HT-06]', async () => {
    await using listening = await listen({});
    const headers = [['X-Long', 'x'.repeat(17_000)]] as const;
    const bytes = await exchange(listening.origin, encode(listening.origin, { target: METADATA, headers }));
    expect(parseAnswer(bytes).status).toBe(431);
    await isAnswering(listening.origin);
  });
});

describe('a port', () => {
  test('that is taken is a sentence', async () => {
    await using listening = await listen({});
    const { port } = listening.server.address() as AddressInfo;
    const second = createHttpServer(() => {});
    await expect(openPort(second, port, '127.0.0.1')).rejects.toThrow(
      `Port ${port} on 127.0.0.1 is taken by another process.`,
    );
  });

  test('of an address this machine does not have is a sentence', async () => {
    await expect(
      openPort(
        createHttpServer(() => {}),
        0,
        '192.0.2.1',
      ),
    ).rejects.toThrow('This machine has no address 192.0.2.1.');
  });

  test('is shut when the request in flight has its answer, and takes no more', async () => {
    const arrived = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const server = createHttpServer(async (_request, response) => {
      arrived.resolve();
      await goOn.promise;
      response.end('late');
    }, PATIENT);
    const port = await openPort(server, 0, '127.0.0.1');
    const inFlight = send(`http://127.0.0.1:${port}`, { target: '/' });
    await arrived.promise;
    const shut = shutPort(server);
    await expect(send(`http://127.0.0.1:${port}`, { target: '/' })).rejects.toThrow(/ECONNREFUSED/);
    goOn.resolve();
    expect((await inFlight).text).toBe('late');
    await shut;
  });
});
