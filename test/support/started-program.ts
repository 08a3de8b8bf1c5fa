import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';

/** A program of ours that runs, with everything it says. */
export interface StartedProgram {
  readonly child: ChildProcessWithoutNullStreams;
  /** What is on standard error when it matches; the match. Fails when the program ends without. */
  told(pattern: RegExp): Promise<RegExpExecArray>;
  paste(text: string): void;
  ended(): Promise<{ code: number; out: string; err: string }>;
}

/** Starts a script with this Node; of the environment it gets the search path alone, and `env`. */
export function startProgram(
  args: readonly string[],
  { cwd, env = {} }: { cwd?: string; env?: Record<string, string> } = {},
): StartedProgram {
  const child = spawn(process.execPath, args, { cwd, env: { PATH: process.env['PATH'], ...env }, stdio: 'pipe' });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    out += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    err += chunk;
    child.emit('told');
  });
  const closed = once(child, 'close');
  return {
    child,
    async told(pattern) {
      for (;;) {
        const match = pattern.exec(err);
        if (match !== null) return match;
        if (child.exitCode !== null) throw new Error(`the program ended and said: ${err}`);
        await Promise.race([once(child, 'told'), closed]);
      }
    },
    paste: (text) => void child.stdin.write(`${text}\n`),
    async ended() {
      const [code] = (await closed) as [number];
      return { code, out, err };
    },
  };
}
