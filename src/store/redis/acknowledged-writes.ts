import { isCluster, nodesSettled, type RedisClient, withinTime } from './client.ts';
import {
  type Argument,
  createCommands,
  isScriptMissing,
  type RedisCommands,
  type Script,
  unavailable,
} from './commands.ts';
import type { Reassertion } from './reassertion.ts';
import { readReplication } from './replication.ts';
import type { WriteJournal } from './write-journal.ts';

/** How many replicas have to have a write before it is answered. */
export interface Acknowledgement {
  /**
   * A number, or one wherever there is a replica in touch with its master or the master demands one. All that are in touch
   * are waited for in any case, because any of them may be the next master; those that do not answer in time are not
   * waited for any longer.
   */
  readonly replicas: 'auto' | number;
  /** How long to wait for them, in milliseconds. */
  readonly timeout: number;
}

/** Scripts whose answer must outlive the master: spent markers, new families, revocations, denials. */
export interface AcknowledgedWrites {
  /**
   * As `RedisCommands.evaluate`. A script that finds its work done writes all the same, so that WAIT waits for it. It
   * answers a list that begins with `again` when it changed nothing, and ends with the moment at which it was run: at that
   * moment it is run again on a master that may lack what it did.
   */
  evaluate(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown>;
  /** Looks whether there are replicas; to be called when connected, and from time to time. @throws UnavailableError */
  findReplicas(): Promise<void>;
}

interface PendingWrite {
  readonly script: Script;
  readonly keys: readonly string[];
  readonly args: readonly Argument[];
  readonly resolve: (answer: unknown) => void;
  readonly reject: (fault: unknown) => void;
}

const MAX_BATCH = 100;

/**
 * Writes that wait for replicas (WAIT). They have a connection of their own, because WAIT holds up whatever comes behind
 * it; writes that arrive meanwhile go together and share the next WAIT. Write and WAIT are one pipeline, so that no
 * reconnection can come between them: a new connection has written nothing and would wait for nothing.
 */
export function createAcknowledgedWrites(deps: {
  client: RedisClient;
  commands: RedisCommands;
  acknowledgement: Acknowledgement;
  commandTimeout: number;
  journal: WriteJournal;
  inDoubt: Reassertion['inDoubt'];
  onDegraded: (message: string) => void;
}): AcknowledgedWrites {
  const { client, commands, acknowledgement, journal } = deps;
  const queues = new Map<string, PendingWrite[]>();
  let inTouch = 0;
  let isDemanded = false;

  function required(): number {
    if (acknowledgement.replicas !== 'auto') return acknowledgement.replicas;
    return inTouch > 0 || isDemanded ? 1 : 0;
  }

  async function findReplicas(): Promise<void> {
    if (acknowledgement.replicas !== 'auto') return;
    if (isCluster(client)) inTouch = Math.min(1, client.nodes('slave').length);
    else ({ inTouch, isDemanded } = await readReplication(createCommands(client, deps.commandTimeout)));
  }

  async function drain(slot: string, queue: PendingWrite[]): Promise<void> {
    while (queue.length > 0) await settle(queue.splice(0, MAX_BATCH), 'evalsha');
    queues.delete(slot);
  }

  async function settle(writes: readonly PendingWrite[], verb: 'eval' | 'evalsha'): Promise<void> {
    const wanted = required();
    try {
      const asked = Math.max(wanted, acknowledgement.replicas === 'auto' ? inTouch : 0);
      const answers = await send(writes, verb, asked);
      const [waitFault, acknowledged] = answers.at(-1) ?? [];
      const fault = waitFault ?? (await findShortfall(Number(acknowledged), wanted));
      if (Number(acknowledged) < asked) void findReplicas().catch(() => {});
      const missing: PendingWrite[] = [];
      for (const [index, write] of writes.entries()) {
        const [error, answer] = answers[index] ?? [new Error('no answer')];
        if (verb === 'evalsha' && isScriptMissing(error)) missing.push(write);
        else if (error !== null || fault !== undefined) write.reject(unavailable(error ?? fault));
        else {
          keep(write, answer);
          write.resolve(answer);
        }
      }
      if (missing.length > 0) await settle(missing, 'eval');
    } catch (error) {
      for (const write of writes) write.reject(unavailable(error));
    }
  }

  function keep({ script, keys, args }: Pick<PendingWrite, 'script' | 'keys' | 'args'>, answer: unknown): void {
    const [outcome, ...rest]: readonly unknown[] = Array.isArray(answer) ? answer : [];
    // What changed nothing may not be made again: on a master that lost the first use of a code, the second would be one.
    if (outcome !== 'again') journal.keep({ script, keys, args: args.with(0, Number(rest.at(-1))) });
  }

  async function send(writes: readonly PendingWrite[], verb: 'eval' | 'evalsha', asked: number) {
    const lines = writes.map(({ script, keys, args }) => {
      return [verb, verb === 'eval' ? script.source : script.sha, keys.length, ...keys, ...args];
    });
    const settling = nodesSettled(client) ?? deps.inDoubt();
    if (settling !== undefined) await withinTime(settling, deps.commandTimeout);
    const pipeline = client.pipeline([...lines, ['wait', asked, acknowledgement.timeout]]);
    return (await withinTime(pipeline.exec(), deps.commandTimeout)) ?? [];
  }

  async function findShortfall(acknowledged: number, wanted: number): Promise<Error | undefined> {
    if (acknowledged >= wanted) return undefined;
    await findReplicas();
    if (required() === 0) {
      deps.onDegraded('The replicas are gone: writes are acknowledged by the master alone.');
      return undefined;
    }
    return new Error(`written, but to ${acknowledged} of ${wanted} replicas`);
  }

  async function evaluateAlone(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    const answer = await commands.evaluate(script, keys, args);
    keep({ script, keys, args }, answer);
    return answer;
  }

  return {
    evaluate(script, keys, args) {
      if (required() === 0) return evaluateAlone(script, keys, args);
      const { promise, resolve, reject } = Promise.withResolvers<unknown>();
      const slot = isCluster(client) ? hashTag(keys[0] ?? '') : '';
      const write = { script, keys, args, resolve, reject };
      const queue = queues.get(slot);
      if (queue === undefined) {
        const begun = [write];
        queues.set(slot, begun);
        void drain(slot, begun);
      } else queue.push(write);
      return promise;
    },

    findReplicas,
  };
}

function hashTag(key: string): string {
  return /\{([^}]+)\}/.exec(key)?.[1] ?? key;
}
