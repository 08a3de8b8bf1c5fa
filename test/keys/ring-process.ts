/**
 * A process with a key ring, for tests that need several: `node ring-process.ts <directory>`. It says `ready`, then
 * answers each line with one line of JSON: `<epoch seconds>` sets the clock and reads the keys (the first one opens the
 * ring), `year <epoch seconds>` goes on from there, rotating as fast as it can, `rotate <epoch seconds> <family>` runs the
 * admin command of that name then. It never closes the ring: with the end of its input nothing must keep it alive.
 */
import { createInterface } from 'node:readline';
import { simulateClock } from '../../drill/support/simulated-clock.ts';
import { createFileKeyBackend, createKeyRing, defaultTimings, type KeyRing } from '../../src/keys/index.ts';
import { type AuditEvent, systemRandom } from '../../src/platform/index.ts';

const directory = process.argv[2] ?? '';
const step = defaultTimings.signing.activePeriod / 3;
const say = (value: unknown): void => {
  process.stdout.write(`${JSON.stringify(value)}\n`);
};
const backend = createFileKeyBackend({ directory, random: systemRandom });
const events: AuditEvent[] = [];
let now = 0;
let ring: KeyRing | undefined;

async function at(moment: number): Promise<object> {
  now = moment;
  if (ring === undefined) {
    ring = await createKeyRing({ backend, clock: () => now, audit: (event) => events.push(event) });
  } else await ring.reload();
  return { now, list: ring.list(), jwkSet: ring.jwkSet(), events: events.splice(0) };
}

/** Says what the command prints. */
async function rotate(moment: number, family: string): Promise<void> {
  const [{ createProgram }, { loadConfig }] = await Promise.all([
    import('../../src/cli/index.ts'),
    import('../../src/config/index.ts'),
  ]);
  simulateClock(moment);
  const program = createProgram(() => loadConfig({ env: { GUARDMINT_KEYS_DIR: directory } }));
  await program.parseAsync(['keys', 'rotate', '--family', family, '--json'], { from: 'user' });
}

async function answer(line: string): Promise<void> {
  const [word, from, family = ''] = line.split(' ');
  if (word === 'rotate') return await rotate(Number(from), family);
  if (word !== 'year') return say(await at(Number(word)));
  for (let moment = Number(from); ; moment += step) say(await at(moment));
}

process.stdin.on('end', () => say('end'));
createInterface({ input: process.stdin }).on('line', (line) => {
  answer(line).catch((error: unknown) => say({ error: String(error) }));
});
say('ready');
