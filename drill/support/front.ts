import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One address before several replicas, taking turns: a load balancer with the manners of nginx. */
export interface Front extends Disposable {
  readonly url: string;
  add(index: number, port: number): void;
  remove(index: number): void;
  /** Requests that a replica took with it when it died: 502 to the client, who alone knows whether to try again. */
  cutOff(): number;
}

const ATTEMPTS = 3;

export async function openFront(): Promise<Front> {
  const ports = new Map<number, number>();
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  let turn = 0;
  let cutOff = 0;

  function forward(incoming: IncomingMessage, answer: ServerResponse, body: Buffer, attempt: number): void {
    const alive = [...ports.values()];
    const port = alive[turn++ % Math.max(1, alive.length)];
    const { method = 'GET', url: path, headers } = incoming;
    if (port === undefined) return void answer.writeHead(502).end();
    const outgoing = request({ host: '127.0.0.1', port, method, path, headers, agent }, (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
      response.on('error', () => answer.destroy());
      answer.on('close', () => response.destroy());
    });
    outgoing.on('error', (error) => {
      if (answer.headersSent) return void answer.destroy();
      // What may have been acted upon is not sent twice.
      const isHarmless = method === 'GET' || ('code' in error && error.code === 'ECONNREFUSED');
      if (isHarmless && attempt < ATTEMPTS) return forward(incoming, answer, body, attempt + 1);
      cutOff += 1;
      answer.writeHead(502).end();
    });
    outgoing.end(body);
  }

  async function receive(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    forward(incoming, answer, Buffer.concat(chunks), 1);
  }

  const server = createServer((incoming, answer) => void receive(incoming, answer).catch(() => answer.destroy()));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    add: (index, port) => void ports.set(index, port),
    remove: (index) => void ports.delete(index),
    cutOff: () => cutOff,
    [Symbol.dispose]() {
      agent.destroy();
      server.closeAllConnections();
      server.close();
    },
  };
}
