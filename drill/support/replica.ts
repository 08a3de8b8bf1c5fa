/**
 * A replica of the authorization server, as a process of its own with a clock that its parent moves:
 * `node replica.ts <settings.json> <start> <skew>`, forked. It says `{ port }`, and answers each `{ now }` with its signing
 * keys once it has read them as often as a server does.
 */
import { loadConfig } from '../../src/config/index.ts';
import { DEFAULT_POLL_INTERVAL, type KeyRing } from '../../src/keys/index.ts';
import { createGuardmint } from '../../src/server/index.ts';
import { createLog } from '../../src/telemetry/index.ts';
import { simulateClock } from './simulated-clock.ts';

/** A signing key as a replica sees it. */
export type SeenKey = Pick<
  ReturnType<KeyRing['list']>[number],
  'kid' | 'state' | 'createdAt' | 'publishAt' | 'activateAt' | 'retireAt' | 'removeAt' | 'revokedAt'
>;

const [settings = '', start = '0', skew = '0'] = process.argv.slice(2);
const clock = simulateClock(Number(start) + Number(skew));
let readAt = Number(start);

const config = loadConfig({ env: { ...process.env, GUARDMINT_CONFIG: settings } });
const guardmint = await createGuardmint(config, { log: createLog({ level: 'silent' }) });
const { port } = await guardmint.listen();

async function tick(now: number): Promise<void> {
  clock.set(now + Number(skew));
  if (now - readAt >= DEFAULT_POLL_INTERVAL) {
    readAt = now;
    await guardmint.keys.reload();
  }
  const keys = guardmint.keys.list().filter(({ family }) => family === 'signing');
  process.send?.({
    signing: guardmint.keys.signer().kid,
    keys: keys.map(({ kid, state, createdAt, publishAt, activateAt, retireAt, removeAt, revokedAt }) => ({
      ...{ kid, state, createdAt, publishAt, activateAt, retireAt, removeAt },
      ...(revokedAt !== undefined && { revokedAt }),
    })),
  });
}

process.on('message', ({ now }: { now: number }) => void tick(now));
process.on('disconnect', () => process.exit());
process.send?.({ port });
