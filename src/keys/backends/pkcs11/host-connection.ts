import { type ChildProcess, fork } from 'node:child_process';
import { extname } from 'node:path';
import { UnavailableError } from '../../../oauth/index.ts';
import type { HostAnswer, HostCall, HostResults } from './messages.ts';
import type { TokenOptions } from './token.ts';

/** The process that hosts the module, as the server sees it. */
export interface HostConnection {
  /** @throws HostFault with what the module says; UnavailableError when the process ended or did not answer. */
  call<M extends HostCall['method']>(call: Extract<HostCall, { method: M }>): Promise<HostResults[M]>;
  /** Ends the process at once. */
  close(): void;
  readonly isClosed: boolean;
}

/** What the module, or the host of it, answered instead of a result. */
export class HostFault extends Error {
  override readonly name = 'HostFault';
  readonly reason: string;

  constructor(reason: string) {
    super(`PKCS #11: ${reason}`);
    this.reason = reason;
  }
}

/** Milliseconds until a process that does not answer is killed: it hangs in the module. */
const PATIENCE: Readonly<Record<HostCall['method'], number>> = {
  open: 20_000,
  create: 120_000,
  find: 10_000,
  sign: 10_000,
  destroy: 20_000,
};

const HOST = new URL(`./module-host${extname(import.meta.filename)}`, import.meta.url);

interface Pending {
  readonly settle: (answer: HostAnswer) => void;
  readonly fail: (error: Error) => void;
}

/** Starts a process for the module and opens the token in it. The PIN goes through the channel, into no argument or file. */
export async function connectHost(options: TokenOptions): Promise<HostConnection> {
  const child = fork(HOST, [], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    execArgv: [],
    env: hostEnvironment(options.sessions),
  });
  const pending = new Map<number, Pending>();
  let lastId = 0;
  let isClosed = false;

  function end(reason: string): void {
    isClosed = true;
    child.kill('SIGKILL');
    for (const { fail } of pending.values())
      fail(new UnavailableError('PKCS #11 module', { cause: new Error(reason) }));
    pending.clear();
    release(child);
  }

  child.on('message', (answer: HostAnswer) => {
    pending.get(answer.id)?.settle(answer);
    pending.delete(answer.id);
    if (pending.size === 0) release(child);
  });
  child.on('exit', () => end('the process of the module ended'));
  child.on('error', () => end('the process of the module did not start'));
  child.unref();

  function call<M extends HostCall['method']>(request: Extract<HostCall, { method: M }>): Promise<HostResults[M]> {
    return new Promise((resolve, reject) => {
      if (isClosed) {
        reject(new UnavailableError('PKCS #11 module'));
        return;
      }
      const id = ++lastId;
      const alarm = setTimeout(() => end('the module does not answer'), PATIENCE[request.method]).unref();
      const finish = (): void => clearTimeout(alarm);
      pending.set(id, {
        settle(answer) {
          finish();
          if ('reason' in answer) reject(new HostFault(answer.reason));
          else resolve(answer.result as HostResults[M]);
        },
        fail(error) {
          finish();
          reject(error);
        },
      });
      // While something is awaited it keeps the server alive, and no longer.
      child.channel?.ref();
      child.send({ id, ...request }, (error) => {
        if (error !== null) end('the process of the module cannot be reached');
      });
    });
  }

  const connection: HostConnection = {
    call,
    close: () => end('closed'),
    get isClosed() {
      return isClosed;
    },
  };
  try {
    await connection.call({ method: 'open', options });
  } catch (error) {
    connection.close();
    throw error;
  }
  return connection;
}

function release(child: ChildProcess): void {
  child.channel?.unref();
}

// Modules are configured by variables of their own (SOFTHSM2_CONF). What is a secret of ours they need not see. Each
// session blocks one thread of the pool.
function hostEnvironment(sessions: number): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('GUARDMINT_'));
  return { ...Object.fromEntries(own), UV_THREADPOOL_SIZE: String(sessions + 2) };
}
