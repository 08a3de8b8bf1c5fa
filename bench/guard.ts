/**
 * A guarded request: the same Koa app without and with `bearerAuth` and `requireScopes`, tokens remembered, requests over
 * 32 kept-alive connections. Each app has a process of its own; the load comes from here, in turns.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { formatTable, median } from './support/rounds.ts';
import { generateBenchKey, signBenchTokens } from './support/tokens.ts';

const CONNECTIONS = 32;
const LIVE_TOKENS = 1_000;
const ROUNDS = 7;
const ROUND_MS = 2_000;
const WANTED = 0.85;

interface App extends Disposable {
  readonly port: number;
}

export async function run(print: (line?: string) => void): Promise<object> {
  const key = await generateBenchKey('ES256');
  const requests = (await signBenchTokens(key, LIVE_TOKENS)).map((token) =>
    Buffer.from(`GET /mcp HTTP/1.1\r\nHost: mcp.example.com\r\nAuthorization: Bearer ${token}\r\n\r\n`),
  );
  using unguarded = await startApp('unguarded', { keys: [key.jwk] });
  using guarded = await startApp('guarded', { keys: [key.jwk] });
  const rates = { unguarded: [] as number[], guarded: [] as number[] };
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [name, app] of [
      ['unguarded', unguarded],
      ['guarded', guarded],
    ] as const) {
      const rate = await load(app.port, requests);
      if (round > 0) rates[name].push(rate);
    }
  }
  const share = median(rates.guarded.map((rate, round) => rate / (rates.unguarded[round] ?? Number.NaN)));
  print(`\nA guarded request, ES256, hot, ${CONNECTIONS} connections, ${LIVE_TOKENS} live tokens`);
  print(
    formatTable([
      ['', 'requests/s', 'share'],
      ['Koa', Math.round(median(rates.unguarded)).toLocaleString('en'), '1.00'],
      ['Koa guarded', Math.round(median(rates.guarded)).toLocaleString('en'), share.toFixed(2)],
    ]),
  );
  print(`\nGoal: at least ${WANTED} of the unguarded app: ${share >= WANTED ? 'reached' : 'MISSED'}`);
  const goals = [{ goal: 'guarded / unguarded', wanted: WANTED, reached: share, isReached: share >= WANTED }];
  return { node: process.version, unguarded: median(rates.unguarded), guarded: median(rates.guarded), goals };
}

async function startApp(kind: string, jwks: object): Promise<App> {
  const child: ChildProcess = fork(new URL('support/guarded-app.ts', import.meta.url), [kind, JSON.stringify(jwks)]);
  const [port] = (await once(child, 'message')) as [number];
  return { port, [Symbol.dispose]: () => void child.kill() };
}

/** Requests answered per second, each connection sending the next request when it has its answer. */
async function load(port: number, requests: readonly Buffer[]): Promise<number> {
  let answered = 0;
  let next = 0;
  const start = performance.now();
  const isOver = () => performance.now() - start > ROUND_MS;
  const run = async () => {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.setNoDelay(true);
    while (!isOver()) {
      socket.write(requests[next++ % requests.length] ?? '');
      await readAnswer(socket);
      answered++;
    }
    socket.destroy();
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, run));
  return (answered * 1000) / (performance.now() - start);
}

/** The app's answers are small and come in one piece. */
function readAnswer(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('data', (chunk: Buffer) => {
      if (chunk.toString('latin1', 9, 12) === '200') resolve();
      else reject(new Error(chunk.toString()));
    });
  });
}
