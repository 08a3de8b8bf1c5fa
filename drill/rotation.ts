/**
 * Rotations under traffic: three replicas on one folder of keys and one store, validators of ours and of other libraries,
 * people who sign in and clients that refresh all the while. The clock runs faster; no period is shorter than the server
 * accepts.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createLocalUsers } from '../src/interaction/index.ts';
import type { KeyTimings } from '../src/keys/index.ts';
import type { EpochSeconds, Seconds } from '../src/oauth/index.ts';
import { silentAudit, systemRandom } from '../src/platform/index.ts';
import type { DrillAnswer } from './main.ts';
import { openCluster } from './support/cluster.ts';
import { createKeyWatch } from './support/key-watch.ts';
import { simulateClock } from './support/simulated-clock.ts';
import { stealKey, type Thief } from './support/thief.ts';
import { drawTimeline, TIMELINE_LEGEND, type TimelineMark } from './support/timeline.ts';
import { createTraffic } from './support/traffic.ts';
import { createValidators } from './support/validators.ts';

/** `s` a rotation by schedule, `k` the same with a replica killed in it, `c` one by command, `e` an emergency. */
const FULL = 'ss c sss e ss c sks c ssss c s e sss c ss';
const SHORT = 'k c e s';
const START: EpochSeconds = 1_800_000_000;
const SKEWS: readonly Seconds[] = [0, 0, 30];
const VICTIM = 1;
const HOUR = 3_600;
/** How long validators of ours may take to hear of a revocation, in milliseconds: a stream is lost, the list is polled. */
const FEED_BOUND = 10_000;

/** As short as is accepted for access tokens of five minutes: 360 s in caches + 300 s refresh period + 30 s poll + 60 s skew. */
const PUBLISH_LEAD = 750;
const ACTIVE_PERIOD = 810;
const TIMINGS: KeyTimings = {
  signing: { publishLead: PUBLISH_LEAD, activePeriod: ACTIVE_PERIOD, hold: 720 },
  sealing: { publishLead: 90, activePeriod: 2_000, hold: HOUR + 60 },
  client: { publishLead: 90, activePeriod: 3_000, hold: 36_500 * 24 * HOUR },
  refresh: { publishLead: 90, activePeriod: 1_500, hold: 24 * HOUR + 60 },
};

export async function run(
  print: (line?: string) => void,
  { isShort }: { readonly isShort: boolean },
): Promise<DrillAnswer> {
  const folder = await mkdtemp(join(tmpdir(), 'guardmint-rotation-'));
  try {
    return await drill(folder, print, isShort);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function drill(folder: string, print: (line?: string) => void, isShort: boolean): Promise<DrillAnswer> {
  const startedAt = performance.now();
  const step: Seconds = isShort ? 30 : 20;
  const clock = simulateClock(START);
  const secret = systemRandom(32);
  const settingsFile = join(folder, 'guardmint.json');
  await using cluster = await openCluster(settingsFile);
  const issuer = cluster.front.url;
  const resource = `${issuer}/mcp`;
  await writeFile(settingsFile, JSON.stringify(settingsFor(folder, issuer, resource, secret)), { mode: 0o600 });
  const users = createLocalUsers({
    path: join(folder, 'users.json'),
    clock: clock.now,
    random: systemRandom,
    audit: silentAudit,
  });
  const credentials = { username: 'ada', password: systemRandom(16) };
  await users.add(credentials.username, credentials.password);
  await Promise.all(SKEWS.map((skew, index) => cluster.start(index, START, skew)));

  const validators = createValidators(issuer, resource);
  using _closing = { [Symbol.dispose]: () => validators.forEach((one) => void one.close()) };
  const watch = createKeyWatch({ cluster, skews: SKEWS, publishLead: PUBLISH_LEAD });
  const traffic = createTraffic({
    signIn: { issuer, resource, credentials },
    validators,
    step,
    published: () => watch.keys().map(({ kid }) => kid),
  });
  const counts = { scheduled: 0, byCommand: 0, emergencies: 0, kills: 0 };
  const reach: number[] = [];
  const marks: TimelineMark[] = [];
  let rounds = 0;

  /** Clocks move while requests are under way. */
  async function move(meanwhile?: () => Promise<void>): Promise<void> {
    const now = clock.now() + step;
    clock.set(now);
    await Promise.all([watch.tick(now), traffic.round(now, rounds % 8 === 0), meanwhile?.()]);
    rounds += 1;
  }

  async function moveUntil(isOver: () => boolean): Promise<void> {
    const end = clock.now() + 3 * ACTIVE_PERIOD;
    while (!isOver()) {
      if (clock.now() > end) throw new Error('nothing rotates any more');
      await move();
    }
  }

  async function rotateBySchedule(mark: string, inTheMiddle?: () => Promise<void>): Promise<void> {
    const before = watch.signing();
    if (inTheMiddle !== undefined) {
      await moveUntil(() => watch.nextActivation() <= clock.now() + step);
      await move(inTheMiddle);
    }
    await moveUntil(() => watch.signing() !== before);
    marks.push({ at: clock.now(), mark });
    counts.scheduled += 1;
  }

  async function killOne(): Promise<void> {
    await delay(Math.random() * 20);
    cluster.kill(VICTIM);
    counts.kills += 1;
  }

  const untilNextIsKnown = () => moveUntil(() => watch.nextPublished() + PUBLISH_LEAD <= clock.now());

  async function rotateByCommand(): Promise<void> {
    await untilNextIsKnown();
    const before = watch.signing();
    const [answer] = await Promise.all([cluster.command(clock.now(), ['keys', 'rotate']), move()]);
    if (answer['former'] !== before) watch.broken.push(`keys rotate replaced ${String(answer['former'])}`);
    await moveUntil(() => watch.signing() !== before);
    marks.push({ at: clock.now(), mark: 'c' });
    counts.byCommand += 1;
  }

  /** A key is stolen when everybody knows the next one, which is so but for a day after each rotation. */
  async function revokeStolen(): Promise<void> {
    await untilNextIsKnown();
    const thief = await stealKey(join(folder, 'keys'), secret, watch.signing());
    const sample = traffic.newest();
    if (sample === undefined) throw new Error('nobody holds a token');
    const forged = { token: await thief.forge(sample.token, clock.now() + 12 * HOUR), kid: thief.kid };
    // The theft is real: everybody takes what the thief signs.
    const isTaken = await Promise.all(validators.map((validator) => validator.accepts(forged.token)));
    if (!isTaken.every(Boolean)) watch.broken.push('the forged token was refused before anybody knew of the theft');
    await Promise.all([
      cluster.command(clock.now(), ['keys', 'rotate', '--emergency', thief.kid, '--yes']),
      traffic.round(clock.now(), false),
    ]);
    watch.revoke(thief.kid);
    traffic.revoke(thief.kid, clock.now());
    reach.push(await waitForRefusal(forged.token, thief));
    traffic.hold({ ...forged, expiresAt: clock.now() + 12 * HOUR });
    await moveUntil(() => watch.signing() !== thief.kid);
    marks.push({ at: clock.now(), mark: '!' });
    counts.emergencies += 1;
  }

  /** Milliseconds until every validator of ours refuses; the clock of the drill stands still. */
  async function waitForRefusal(token: string, thief: Thief): Promise<number> {
    const ours = validators.filter(({ kind }) => kind === 'guardmint');
    const begin = performance.now();
    while (performance.now() - begin < FEED_BOUND) {
      const isTaken = await Promise.all(ours.map((validator) => validator.accepts(token)));
      if (!isTaken.some(Boolean)) return performance.now() - begin;
      await delay(2);
    }
    watch.broken.push(`a validator of ours accepts ${thief.kid} ${FEED_BOUND / 1000} s after its revocation`);
    return FEED_BOUND;
  }

  for (let round = 0; round < 3; round++) await move();
  const plan = (isShort ? SHORT : FULL).match(/\w/g) ?? [];
  for (const [index, mark] of plan.entries()) {
    if (mark === 'c') await rotateByCommand();
    else if (mark === 'e') await revokeStolen();
    else await rotateBySchedule(mark, mark === 'k' ? killOne : undefined);
    if (mark === 'k') {
      for (let round = 0; round < 4; round++) await move();
      await cluster.start(VICTIM, clock.now());
    }
    print(`${String(index + 1).padStart(2)}/${plan.length}  ${describe(mark)} at ${clock.now() - START} s`);
  }
  // What was revoked last is past every bound already; what was held is to be seen out.
  for (const end = clock.now() + 300; clock.now() < end; ) await move();

  const { refused, acceptedTooLate, acceptedFor, ...requests } = traffic.counts();
  const made = watch.keys().length;
  const expected = 2 + counts.scheduled + counts.byCommand + counts.emergencies;
  const broken = [
    ...watch.broken,
    ...summarize('valid requests were refused', refused),
    ...summarize('times a revoked key was accepted after the bound', acceptedTooLate),
    ...(made === expected ? [] : [`${made} signing keys were made, not ${expected}`]),
  ];
  print();
  for (const line of drawTimeline(watch.keys(), marks, START, clock.now())) print(line);
  print(`${TIMELINE_LEGEND}   ✗ revoked   s schedule  k with a kill  c command  ! emergency`);
  print();
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  print(`${clock.now() - START} s of the drill's clock in ${seconds} s, ${step} s at a time`);
  print(
    `rotations    ${counts.scheduled} by schedule, ${counts.byCommand} by command, ${counts.emergencies} emergencies`,
  );
  print(`             ${counts.kills} replica killed in one and started again, one clock ${SKEWS.at(-1)} s ahead`);
  print(
    `requests     ${requests.signIns} sign-ins, ${requests.refreshes} refreshes, ${requests.validations} validations`,
  );
  print(`             ${refused.length} refused; ${cluster.front.cutOff()} cut off by the kill and tried again`);
  print(`revoked keys ${acceptedTooLate.length} times accepted after the bound`);
  print(`             guardmint/resource: refused after ${reach.map((ms) => `${Math.round(ms)} ms`).join(', ')}`);
  print(`             jose: accepted for up to ${acceptedFor.jose} s (its cache: 600 s)`);
  print(
    `             aws-jwt-verify: up to ${acceptedFor['aws-jwt-verify']} s (until it meets a kid it does not know)`,
  );
  print();
  return {
    broken,
    ...counts,
    ...requests,
    refused: refused.length,
    cutOff: cluster.front.cutOff(),
    acceptedAfterBound: acceptedTooLate.length,
    reachMilliseconds: reach.map(Math.round),
    acceptedFor,
    simulatedSeconds: clock.now() - START,
    seconds,
  };
}

function settingsFor(folder: string, issuer: string, resource: string, secret: string): object {
  return {
    issuer,
    port: 0,
    managementPort: 0,
    keysDir: join(folder, 'keys'),
    keysSecret: secret,
    dataDir: folder,
    resources: [{ resource, name: 'Notes', scopes: { 'mcp:read': 'Read your notes' } }],
    lifetimes: { accessToken: 300, refreshAbsolute: 24 * HOUR, refreshIdle: 24 * HOUR, sessionAbsolute: HOUR },
    keys: { timings: TIMINGS },
    rateLimits: { enabled: false },
  };
}

function describe(mark: string): string {
  if (mark === 'c') return 'rotated by command';
  if (mark === 'e') return 'emergency';
  return mark === 'k' ? 'rotated by schedule, a replica killed' : 'rotated by schedule';
}

/** A few of many, with how many there are. */
function summarize(what: string, faults: readonly string[]): readonly string[] {
  return faults.length === 0 ? [] : [`${faults.length} ${what}: ${[...new Set(faults)].slice(0, 3).join('; ')}`];
}
