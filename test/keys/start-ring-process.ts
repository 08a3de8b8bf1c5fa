import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect } from 'vitest';
import type { JwkSetDocument, KeyRecord, KeyState } from '../../src/keys/index.ts';
import type { AuditEvent } from '../../src/platform/index.ts';

const PROGRAM = new URL('./ring-process.ts', import.meta.url).pathname;

/** What a ring sees, and what it audited since it was asked last. */
export interface RingAnswer {
  readonly now: number;
  readonly list: readonly (KeyRecord & { state: KeyState; slot: string })[];
  readonly jwkSet: JwkSetDocument;
  readonly events: readonly AuditEvent[];
}

/** A process with a ring (`ring-process.ts`). */
export interface RingProcess extends Disposable {
  /** The file system as the process sees it, a path (proc(5)). */
  readonly root: string;
  /** Sends a line and answers the next line that comes back. */
  ask(line: string): Promise<RingAnswer>;
  /** The next line of output. */
  next(): Promise<RingAnswer>;
  kill(): Promise<void>;
  /** Ends the input and answers the exit code. */
  end(): Promise<number | null>;
}

/** Starts a process, as another user, or where a shell command has mounted something that nobody else sees. */
export async function startRingProcess(
  directory: string,
  { user, mount }: { user?: number; mount?: string } = {},
): Promise<RingProcess> {
  const identity = user === undefined ? {} : { uid: user, gid: user };
  const command = [process.execPath, PROGRAM, directory];
  const [program = '', ...args] =
    mount === undefined ? command : ['unshare', '--mount', 'sh', '-c', `${mount} && exec "$@"`, 'sh', ...command];
  const child: ChildProcess = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'], ...identity });
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const exited = once(child, 'exit');
  const next = async () => JSON.parse((await lines.next()).value ?? 'null');
  expect(await next()).toBe('ready');
  return {
    root: `/proc/${child.pid}/root`,
    next,
    ask(line) {
      child.stdin?.write(`${line}\n`);
      return next();
    },
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
    async end() {
      child.stdin?.end();
      return (await exited)[0];
    },
    [Symbol.dispose]: () => child.kill('SIGKILL'),
  };
}

/** Whether this machine lets a process mount what only it sees. */
export function mayMount(): boolean {
  return spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;
}
