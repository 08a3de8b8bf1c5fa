import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { RESOURCE } from '../support/guardmint.ts';
import { freePort } from '../support/redis-server.ts';

export const RECIPES = new URL('../../docs/consumers/', import.meta.url).pathname;

/** What a recipe guards, running: a server that answers 200 to whoever may call it. */
export interface Consumer extends AsyncDisposable {
  /** What it answers to a request with the token; without one, to a request that names nobody. `others`: more headers. */
  call(token?: string, others?: Readonly<Record<string, string>>): Promise<Response>;
  /** What it tells clients that have no token yet (RFC 9728). */
  metadata(): Promise<Response>;
  /** Does what its page says is to be done regularly. */
  refresh(): Promise<void>;
  output(): string;
}

/** What a recipe may leave out, as its page says; the first three by the tokens it then takes. */
export type Lack =
  | 'of another type'
  | 'with a critical header'
  | 'not valid yet'
  | '403 for a missing scope'
  | 'a challenge without error'
  | '503 without keys'
  | 'revocations';

/** A recipe of docs/consumers. */
export interface Recipe {
  readonly name: string;
  /** Why it cannot run here; `undefined` when it can. */
  readonly absent: string | undefined;
  readonly lacks: readonly Lack[];
  start(site: Site): Promise<Consumer>;
  /** What its page says is to be done regularly, where it does not follow the keys of the issuer by itself. */
  refresh?(site: Site): Promise<void>;
}

/** Where a recipe runs: who issues tokens, a folder of its own, and ports that are free. */
export interface Site {
  readonly issuer: string;
  readonly folder: string;
  readonly port: number;
  freePort(): Promise<number>;
  /** What is done when the consumer ends. */
  defer(end: () => void): void;
  /** Starts a program that ends with the consumer. */
  run(program: string, args: readonly string[], options?: { cwd?: string; env?: Record<string, string> }): ChildProcess;
  /** The consumer at the port, once it answers. */
  ready(): Promise<Consumer>;
}

/** Makes the site of a recipe and starts it there. */
export async function startRecipe(
  recipe: Recipe,
  issuer: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<Consumer> {
  const folder = mkdtempSync(join(tmpdir(), 'guardmint-consumer-'));
  // Some servers read it as another user than the one who starts them.
  chmodSync(folder, 0o755);
  const port = await freePort();
  const children: ChildProcess[] = [];
  const endings: (() => void)[] = [];
  let output = '';
  const origin = `http://127.0.0.1:${port}`;

  async function stop(): Promise<void> {
    for (const child of children.toReversed()) {
      if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await Promise.race([ended, pause(5_000).then(() => child.kill('SIGKILL'))]);
    }
    for (const end of endings) end();
    rmSync(folder, { recursive: true, force: true });
  }

  const consumer: Consumer = {
    call: (token, others) =>
      fetch(`${origin}/mcp`, {
        headers: { connection: 'close', ...others, ...(token !== undefined && { authorization: `Bearer ${token}` }) },
      }),
    metadata: () => fetch(`${origin}/.well-known/oauth-protected-resource/mcp`, { headers: { connection: 'close' } }),
    refresh: async () => recipe.refresh?.(site),
    output: () => output,
    [Symbol.asyncDispose]: stop,
  };
  const site: Site = {
    issuer,
    folder,
    port,
    freePort,
    defer: (end) => endings.push(end),
    run(program, args, options = {}) {
      const env = {
        PATH: process.env['PATH'] ?? '',
        HOME: folder,
        ISSUER: issuer,
        RESOURCE,
        PORT: String(port),
        ...settings,
        ...options.env,
      };
      const child = spawn(program, args, { cwd: options.cwd ?? folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding('utf8').on('data', (text: string) => {
          output += text;
        });
      }
      child.on('error', (error) => {
        output += String(error);
      });
      children.push(child);
      return child;
    },
    async ready() {
      const deadline = AbortSignal.timeout(30_000);
      while (!(await consumer.call().catch(() => undefined))) {
        if (deadline.aborted || children.some(({ exitCode }) => (exitCode ?? 0) !== 0))
          throw new Error(`${recipe.name} does not answer: ${output}`);
        await pause(50);
      }
      return consumer;
    },
  };
  try {
    return await recipe.start(site);
  } catch (error) {
    await stop();
    throw error;
  }
}
