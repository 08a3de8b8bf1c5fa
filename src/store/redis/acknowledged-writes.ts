import { isCluster, nodesSettled, type RedisClient, withinTime } from './client.ts';
import {
  type Argument,
  createScript,
  isScriptMissing,
  type RedisCommands,
  type Script,
  unavailable,
} from './commands.ts';

/** How many replicas have to have a write before it is answered. */
export interface Acknowledgement {
  /** A number, or one wherever there is a replica in touch with its master. */
  readonly replicas: 'auto' | number;
  /** How long to wait for them, in milliseconds. */
  readonly timeout: number;
}

/** Scripts whose answer must outlive the master: spent markers, new families, revocations, denials. */
export interface AcknowledgedWrites {
  /** As `RedisCommands.evaluate`. A script that finds its work done writes all the same, so that WAIT waits for it. */
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

// A replica that has been silent for more than 10 s counts as gone, as `min-replicas-max-lag` has it by default.
const COUNT_REPLICAS = createScript(`
local count = 0
for line in string.gmatch(redis.call('INFO', 'replication'), 'slave%d+:[^\\r\\n]*') do
  local lag = tonumber(string.match(line, 'lag=(%d+)'))
  if string.find(line, 'state=online', 1, true) and lag and lag <= 10 then count = count + 1 end
end
return count
`);

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
  /** A key of the shard that is asked for its replicas. */
  probeKey: string;
  onDegraded: (message: string) => void;
}): AcknowledgedWrites {
  const { client, commands, acknowledgement } = deps;
  const queues = new Map<string, PendingWrite[]>();
  let hasReplicas = false;

  function required(): number {
    return acknowledgement.replicas === 'auto' ? Number(hasReplicas) : acknowledgement.replicas;
  }

  async function countReplicas(key: string): Promise<number> {
    return Number(await commands.evaluate(COUNT_REPLICAS, [key], ['']));
  }

  async function drain(slot: string, queue: PendingWrite[]): Promise<void> {
    while (queue.length > 0) await settle(queue.splice(0, MAX_BATCH), 'evalsha');
    queues.delete(slot);
  }

  async function settle(writes: readonly PendingWrite[], verb: 'eval' | 'evalsha'): Promise<void> {
    const wanted = required();
    try {
      const answers = await send(writes, verb, wanted);
      const [waitFault, acknowledged] = answers.at(-1) ?? [];
      const fault = waitFault ?? (await findShortfall(writes, Number(acknowledged), wanted));
      const missing: PendingWrite[] = [];
      for (const [index, write] of writes.entries()) {
        const [error, answer] = answers[index] ?? [new Error('no answer')];
        if (verb === 'evalsha' && isScriptMissing(error)) missing.push(write);
        else if (error !== null || fault !== undefined) write.reject(unavailable(error ?? fault));
        else write.resolve(answer);
      }
      if (missing.length > 0) await settle(missing, 'eval');
    } catch (error) {
      for (const write of writes) write.reject(unavailable(error));
    }
  }

  async function send(writes: readonly PendingWrite[], verb: 'eval' | 'evalsha', wanted: number) {
    const lines = writes.map(({ script, keys, args }) => {
      return [verb, verb === 'eval' ? script.source : script.sha, keys.length, ...keys, ...args];
    });
    const settling = nodesSettled(client);
    if (settling !== undefined) await withinTime(settling, deps.commandTimeout);
    const pipeline = client.pipeline([...lines, ['wait', wanted, acknowledgement.timeout]]);
    return (await withinTime(pipeline.exec(), deps.commandTimeout)) ?? [];
  }

  async function findShortfall(writes: readonly PendingWrite[], acknowledged: number, wanted: number) {
    if (acknowledged >= wanted) return undefined;
    const key = writes[0]?.keys[0] ?? deps.probeKey;
    if (acknowledgement.replicas === 'auto' && (await countReplicas(key)) === 0) {
      hasReplicas = false;
      deps.onDegraded('The replicas are gone: writes are acknowledged by the master alone.');
      return undefined;
    }
    return new Error(`written, but to ${acknowledged} of ${wanted} replicas`);
  }

  return {
    evaluate(script, keys, args) {
      if (required() === 0) return commands.evaluate(script, keys, args);
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

    async findReplicas() {
      if (acknowledgement.replicas !== 'auto') return;
      const found = isCluster(client) ? client.nodes('slave').length : await countReplicas(deps.probeKey);
      hasReplicas = found > 0;
    },
  };
}

function hashTag(key: string): string {
  return /\{([^}]+)\}/.exec(key)?.[1] ?? key;
}
