import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';

/** Authorization servers as `npm start` runs them, each a process, kept running as a supervisor does. */
export interface ServerProcesses extends AsyncDisposable {
  /**
   * Ends one that runs as a power cut does; the supervisor starts it again after a while, in milliseconds. Answers whether
   * it did: one that is only just starting is left alone, or on a slow machine none would ever run.
   */
  kill(index: number, downFor: number): Promise<boolean>;
  /** Waits until all of them say that they are ready. @throws Error when one is not within a minute. */
  whenReady(): Promise<void>;
  /** What the servers wrote that says that something is wrong with themselves, and that they ended unasked. */
  readonly faults: readonly string[];
}

interface ServerProcess {
  child: ChildProcess | undefined;
  readonly environment: NodeJS.ProcessEnv;
  readonly managementPort: number;
}

const MAIN = new URL('../../src/server/main.ts', import.meta.url).pathname;

export async function startServers(
  places: readonly { readonly port: number; readonly managementPort: number }[],
  environment: Readonly<Record<string, string>>,
): Promise<ServerProcesses> {
  const faults: string[] = [];
  let isOver = false;

  function launch(server: ServerProcess): void {
    const child = spawn(process.execPath, [MAIN], { env: server.environment, stdio: ['ignore', 'pipe', 'pipe'] });
    server.child = child;
    createInterface(child.stdout).on('line', (line) => {
      if (isFault(line)) faults.push(line);
    });
    createInterface(child.stderr).on('line', (line) => void faults.push(line));
    child.once('exit', (code) => {
      if (code === null || isOver) return;
      server.child = undefined;
      faults.push(`a server ended by itself with code ${code}`);
      setTimeout(() => isOver || launch(server), 200).unref();
    });
  }

  const servers = places.map(({ port, managementPort }): ServerProcess => {
    const own = { GUARDMINT_PORT: String(port), GUARDMINT_MANAGEMENT_PORT: String(managementPort) };
    return { child: undefined, managementPort, environment: { PATH: process.env['PATH'], ...environment, ...own } };
  });
  for (const server of servers) launch(server);

  const killAll = () => {
    for (const { child } of servers) child?.kill('SIGKILL');
  };
  process.once('exit', killAll);

  return {
    faults,
    async kill(index, downFor) {
      const server = servers[index];
      if (server?.child === undefined || !(await isAlive(server.managementPort))) return false;
      server.child?.kill('SIGKILL');
      server.child = undefined;
      setTimeout(() => isOver || launch(server), downFor).unref();
      return true;
    },
    async whenReady() {
      const deadline = AbortSignal.timeout(60_000);
      for (const { managementPort } of servers) {
        while (!(await isReady(managementPort))) {
          if (deadline.aborted)
            throw new Error(`a server was not ready in time: ${faults.at(-1) ?? 'it said nothing'}`);
          await pause(50);
        }
      }
    },
    async [Symbol.asyncDispose]() {
      isOver = true;
      process.off('exit', killAll);
      const exits = servers.flatMap(({ child }) => (child === undefined ? [] : [once(child, 'exit')]));
      killAll();
      await Promise.all(exits);
    },
  };
}

const isReady = (managementPort: number) => isAnswered(`http://127.0.0.1:${managementPort}/readyz`);
const isAlive = (managementPort: number) => isAnswered(`http://127.0.0.1:${managementPort}/livez`);

async function isAnswered(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(1_000) });
    await answer.body?.cancel();
    return answer.status === 200;
  } catch {
    return false;
  }
}

/** A dependency that does not answer is none. */
function isFault(line: string): boolean {
  try {
    const { level, msg } = JSON.parse(line) as { level?: string; msg?: string };
    return level === 'fatal' || (level === 'error' && msg !== 'a dependency is unavailable');
  } catch {
    // Not a line of the log: something wrote to the output that should not.
    return true;
  }
}
