import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';

const TOP = new URL('../../', import.meta.url).pathname;

/** An example that runs. */
export interface StartedExample {
  readonly resource: string;
  /** Asks it to end, and answers its exit code. */
  stop(): Promise<number | null>;
}

const processes: ChildProcess[] = [];

/** Starts an example as a reader would, and waits for the line in which it says where it is. */
export async function startExample(file: string, issuer: string): Promise<StartedExample> {
  const resource = `http://localhost:${await freePort()}/mcp`;
  const env = { ...process.env, ISSUER: issuer, RESOURCE: resource, SCOPE: 'notes:read', NAME: 'notes' };
  const child = spawn(process.execPath, [file], { cwd: TOP, env, stdio: ['ignore', 'pipe', 'inherit'] });
  processes.push(child);
  const lines = createInterface({ input: child.stdout });
  const ended = once(child, 'exit') as Promise<[number | null]>;
  const said = await Promise.race([
    once(lines, 'line') as Promise<[string]>,
    ended.then(([code]) => Promise.reject(new Error(`${file} ended with ${code}`))),
  ]);
  if (said[0] !== `notes: ${resource}, tokens from ${issuer}`) throw new Error(`${file} says "${said[0]}"`);
  return {
    resource,
    async stop() {
      child.kill('SIGTERM');
      const [code] = await ended;
      return code;
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Kills what a failed test has left running. */
export function endExamples(): void {
  for (const child of processes) child.kill('SIGKILL');
}
