import { isCluster, type RedisClient } from './client.ts';
import { createCommands, createScript, type RedisCommands } from './commands.ts';

/** What a master says of its replication. */
export interface Replication {
  /** Changes whenever another server, or one that was started again, has become the master. */
  readonly id: string;
  /** Replicas that are in touch. One that has been silent for more than 10 s is gone, as `min-replicas-max-lag` has it. */
  readonly inTouch: number;
  /** Whether the master refuses writes when it has no replica (`min-replicas-to-write`). */
  readonly isDemanded: boolean;
}

const REPLICATION = createScript(`
local described = redis.call('INFO', 'replication')
local count = 0
for line in string.gmatch(described, 'slave%d+:[^\\r\\n]*') do
  local lag = tonumber(string.match(line, 'lag=(%d+)'))
  if string.find(line, 'state=online', 1, true) and lag and lag <= 10 then count = count + 1 end
end
local demanded = string.find(described, 'min_slaves_good_slaves', 1, true) and 1 or 0
return {string.match(described, 'master_replid:(%w+)') or '', count, demanded}
`);

/** @throws UnavailableError */
export async function readReplication(commands: RedisCommands): Promise<Replication> {
  const reply = await commands.evaluate(REPLICATION, [], ['']);
  const [id, inTouch, isDemanded] = Array.isArray(reply) ? reply : [];
  return { id: String(id), inTouch: Number(inTouch), isDemanded: Number(isDemanded) === 1 };
}

/** That of every master. @throws UnavailableError */
export function readReplications(client: RedisClient, commandTimeout: number): Promise<readonly Replication[]> {
  const nodes = isCluster(client) ? client.nodes('master') : [client];
  return Promise.all(nodes.map((node) => readReplication(createCommands(node, commandTimeout))));
}
