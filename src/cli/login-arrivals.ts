import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { CommandError } from './failure.ts';

/** Something that may be the answer of the authorization server. */
export interface Arrival {
  readonly text: string;
  /** Whether the person pasted it, and can paste something better. */
  readonly isPasted: boolean;
  /** Tells the browser that brought it what was made of it; nothing for what was pasted. */
  reply(isUsable: boolean): void;
}

/** Where answers come in: a loopback port of this machine (RFC 8252 §7.3), and lines that are pasted. */
export interface Arrivals extends AsyncDisposable {
  readonly redirectUri: string;
  /** The next one. @throws CommandError when none can come any more; the reason of the signal when it is aborted */
  next(signal: AbortSignal): Promise<Arrival>;
}

const PATH = '/callback';
const UNHEARD_PORT = 47_113;

/**
 * Opens both ways in. `listens` false leaves the port to nobody: the browser then ends at an address that does not answer.
 * @throws CommandError when the port cannot be had
 */
export async function openArrivals(options: {
  readonly listens: boolean;
  /** 0 for any free one. */
  readonly port: number;
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean };
}): Promise<Arrivals> {
  const { listens, port, input } = options;
  const waiting: Arrival[] = [];
  const changed = new EventTarget();
  let isInputOver = false;
  const tell = () => changed.dispatchEvent(new Event('change'));
  const arrive = (arrival: Arrival) => {
    waiting.push(arrival);
    tell();
  };

  const server = listens ? await listen(port, arrive) : undefined;
  // A terminal by itself takes lines of no more than 1,024 characters on some systems; readline takes any.
  const lines = createInterface({ input, ...(input.isTTY === true && { output: process.stderr, terminal: true }) });
  lines.setPrompt('');
  lines.once('SIGINT', () => {
    lines.close();
    process.kill(process.pid, 'SIGINT');
  });
  lines.on('line', (text) => {
    if (text.trim() !== '') arrive({ text, isPasted: true, reply: () => {} });
  });
  lines.once('close', () => {
    isInputOver = true;
    tell();
  });

  async function next(signal: AbortSignal): Promise<Arrival> {
    for (;;) {
      signal.throwIfAborted();
      const arrival = waiting.shift();
      if (arrival !== undefined) return arrival;
      if (isInputOver && server === undefined)
        throw new CommandError('Standard input ended, and no address with an answer was pasted.');
      await new Promise<void>((resolve) => {
        const stop = new AbortController();
        const wake = () => {
          stop.abort();
          resolve();
        };
        changed.addEventListener('change', wake, { signal: stop.signal });
        signal.addEventListener('abort', wake, { signal: stop.signal });
      });
    }
  }

  return {
    redirectUri: `http://127.0.0.1:${server === undefined ? port || UNHEARD_PORT : portOf(server)}${PATH}`,
    next,
    async [Symbol.asyncDispose]() {
      lines.close();
      // A terminal that is still being read keeps the process alive.
      input.pause();
      if (server === undefined) return;
      const closed = new Promise((resolve) => server.close(resolve));
      // A browser that came twice still waits, and closing waits for it.
      for (const arrival of waiting.splice(0)) arrival.reply(false);
      server.closeIdleConnections();
      await closed;
    },
  };
}

async function listen(port: number, arrive: (arrival: Arrival) => void): Promise<Server> {
  const server = createServer({ keepAlive: false, requestTimeout: 10_000 }, (request, response) => {
    const [path] = (request.url ?? '').split('?', 1);
    if (request.method !== 'GET' || path !== PATH) return answer(response, 404, 'There is nothing at this address.');
    return arrive(browserArrival(request, response));
  });
  await new Promise<void>((resolve, fail) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      fail(new CommandError(`Port ${port} cannot be listened on (${error.code}). Try --port 0 or --no-listen.`)),
    );
    server.listen(port, '127.0.0.1', resolve);
  });
  return server;
}

function browserArrival(request: IncomingMessage, response: ServerResponse): Arrival {
  return {
    text: request.url ?? '',
    isPasted: false,
    reply: (isUsable) =>
      isUsable
        ? answer(response, 200, 'The answer has arrived. You can close this page and go back to the terminal.')
        : answer(response, 400, 'This is not the answer that is waited for. The terminal says why.'),
  };
}

/** A page of one constant sentence. Nothing of the request is in it. */
function answer(response: ServerResponse, status: number, sentence: string): void {
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'",
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    connection: 'close',
  });
  response.end(`<!doctype html><html lang="en"><title>guardmint login</title><p>${sentence}</p></html>\n`);
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
