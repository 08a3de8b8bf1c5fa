import { type ChildProcess, execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import type { EpochSeconds, Seconds } from '../../src/oauth/index.ts';
import { type Front, openFront } from './front.ts';
import type { SeenKey } from './replica.ts';

/** What a replica answers to a move of its clock. */
export interface Sight {
  /** The kid it signs with. */
  readonly signing: string;
  readonly keys: readonly SeenKey[];
}

/** Replicas of one authorization server behind one address, with one folder of keys and one store. */
export interface Cluster extends AsyncDisposable {
  readonly front: Front;
  /** Starts a replica; its clock is ahead of `now` by `skew`. */
  start(index: number, now: EpochSeconds, skew?: Seconds): Promise<void>;
  /** Moves the clock of every replica that lives; answers what each saw, by index, when it has read its keys if due. */
  tick(now: EpochSeconds): Promise<ReadonlyMap<number, Sight>>;
  /** Ends a replica as a power cut does. */
  kill(index: number): void;
  /** Runs an admin command as a process at a moment; answers its JSON. @throws Error with what it said. */
  command(now: EpochSeconds, args: readonly string[]): Promise<Record<string, unknown>>;
}

interface Replica {
  readonly child: ChildProcess;
  readonly skew: Seconds;
}

const REPLICA = new URL('./replica.ts', import.meta.url).pathname;
const COMMAND = new URL('./command.ts', import.meta.url).pathname;
const run = promisify(execFile);

/** A cluster without replicas; `settings` is the path of their settings, which may be written once the front's URL is known. */
export async function openCluster(settings: string): Promise<Cluster> {
  const front = await openFront();
  const replicas = new Map<number, Replica>();
  const skews = new Map<number, Seconds>();

  async function ask(replica: Replica, now: EpochSeconds): Promise<Sight | undefined> {
    const { child } = replica;
    const over = new AbortController();
    const answers = ['message', 'exit'].map((event) => once(child, event, { signal: over.signal }).catch(() => []));
    child.send({ now }, () => {});
    const [answer] = await Promise.race(answers);
    over.abort();
    // A signal ends without a code.
    return typeof answer === 'object' && answer !== null ? answer : undefined;
  }

  return {
    front,
    async start(index, now, skew = skews.get(index) ?? 0) {
      const child = fork(REPLICA, [settings, String(now), String(skew)], {
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      });
      const [{ port }] = await once(child, 'message');
      skews.set(index, skew);
      replicas.set(index, { child, skew });
      front.add(index, port);
    },
    async tick(now) {
      const answers = await Promise.all(
        [...replicas].map(async ([index, replica]) => [index, await ask(replica, now)] as const),
      );
      return new Map(answers.flatMap(([index, sight]) => (sight === undefined ? [] : [[index, sight]])));
    },
    kill(index) {
      replicas.get(index)?.child.kill('SIGKILL');
      replicas.delete(index);
      front.remove(index);
    },
    async command(now, args) {
      const env = { ...process.env, GUARDMINT_CONFIG: settings };
      const { stdout } = await run(process.execPath, [COMMAND, String(now), ...args, '--json'], { env });
      return JSON.parse(stdout);
    },
    async [Symbol.asyncDispose]() {
      const ended = [...replicas.values()].map(({ child }) => once(child, 'exit'));
      for (const { child } of replicas.values()) child.kill('SIGKILL');
      await Promise.all(ended);
      front[Symbol.dispose]();
    },
  };
}
