import {
  CLOCK_SKEW,
  createJwkSet,
  type KeyFamily,
  type KeyRecord,
  type KeyTimings,
  keyState,
  planRotation,
  settle,
} from '../../src/keys/index.ts';
import { createSimulation, type Simulation } from './simulation.ts';

/** What one instance did and served from one moment to the next, by a clock that is right; nothing changed in between. */
export interface Stretch {
  readonly instance: number;
  readonly from: number;
  readonly to: number;
  /** How many keys of each family were in force. */
  readonly inForce: Readonly<Record<KeyFamily, number>>;
  readonly signing: string;
  /** The kids of the JWK Set. */
  readonly published: ReadonlySet<string>;
}

/** What an operator does, or a power cut. */
export type Incident =
  | { readonly at: number; readonly kind: 'rotate' | 'revoke'; readonly skew: number }
  | { readonly at: number; readonly kind: 'down'; readonly instance: number; readonly seconds: number };

export interface Life {
  readonly stretches: readonly Stretch[];
  /** Kids that stood in for a revoked one, whatever their publish lead. */
  readonly urgent: ReadonlySet<string>;
  readonly revoked: ReadonlyMap<string, number>;
}

/** Instances read the folder at least that often, in seconds. */
const POLL = 30;
export const FAMILIES: readonly KeyFamily[] = ['signing', 'sealing', 'client', 'refresh'];

interface Instance {
  readonly skew: number;
  /** The records of the last reading; `undefined` while the instance is down. */
  held: readonly KeyRecord[] | undefined;
  /** The change that is planned already. */
  awaited: number | undefined;
  observed: { from: number; stretch: Omit<Stretch, 'from' | 'to'> } | undefined;
}

/**
 * Several instances on one folder, each with a clock of its own, from `start` to `end`. Between readings only clocks move,
 * and what follows from a clock changes at the times of the keys alone: so it is enough to look there, and at the readings.
 * A reading changes something only when something is due or somebody wrote, so those alone are played: each at most a poll
 * interval late.
 */
export function playLife(options: {
  timings: KeyTimings;
  skews: readonly number[];
  incidents: readonly Incident[];
  /** Seconds below the poll interval, drawn upon in turn. */
  delays: readonly number[];
  start: number;
  end: number;
}): Life {
  const { timings, skews, incidents, delays, start, end } = options;
  const folder = createSimulation(timings, start);
  const instances: Instance[] = skews.map((skew) => ({
    skew,
    held: undefined,
    awaited: undefined,
    observed: undefined,
  }));
  const stretches: Stretch[] = [];
  const urgent = new Set<string>();
  const revoked = new Map<string, number>();
  const queue: { at: number; act: () => void }[] = [];
  let drawn = 0;

  const plan = (at: number, act: () => void) => {
    if (at <= end) queue.push({ at, act });
  };
  const delay = () => (delays[drawn++ % delays.length] ?? 0) % POLL;

  function look(index: number, at: number): void {
    const instance = instances[index];
    if (instance === undefined) return;
    const before = instance.observed;
    if (before !== undefined && at > before.from) stretches.push({ ...before.stretch, from: before.from, to: at });
    instance.observed = instance.held && { from: at, stretch: describe(index, instance.held, at + instance.skew) };
    const next = instance.held && nextChange(instance.held, at + instance.skew, timings);
    if (next === undefined) return;
    const change = next - instance.skew;
    // However often it is looked at before that.
    if (instance.awaited === change) return;
    instance.awaited = change;
    plan(change, () => look(index, change));
    const reading = change + delay();
    plan(reading, () => read(index, reading));
  }

  function read(index: number, at: number): void {
    const instance = instances[index];
    if (instance?.held === undefined) return;
    const before = JSON.stringify(folder.records);
    folder.now = at + instance.skew;
    folder.tick();
    wrote(before, at, index);
    instance.held = [...folder.records];
    look(index, at);
  }

  function wrote(before: string, at: number, by?: number): void {
    if (JSON.stringify(folder.records) === before) return;
    for (const other of instances.keys()) {
      if (other === by) continue;
      const reading = at + delay();
      plan(reading, () => read(other, reading));
    }
  }

  function startUp(index: number, at: number): void {
    const instance = instances[index];
    if (instance === undefined) return;
    instance.held = [];
    read(index, at);
  }

  function happen(incident: Incident): void {
    const before = JSON.stringify(folder.records);
    const { at } = incident;
    if (incident.kind === 'down') {
      const instance = instances[incident.instance];
      if (instance === undefined) return;
      instance.held = undefined;
      instance.awaited = undefined;
      look(incident.instance, at);
      plan(at + incident.seconds, () => startUp(incident.instance, at + incident.seconds));
      return;
    }
    folder.now = at + incident.skew;
    if (incident.kind === 'rotate') rotate(folder, timings);
    else {
      const [active] = folder.inState('signing', 'active');
      if (active === undefined) return;
      folder.revoke(active.kid);
      revoked.set(active.kid, at);
      for (const { kid } of folder.inState('signing', 'active')) urgent.add(kid);
    }
    folder.tick();
    wrote(before, at);
  }

  instances.forEach((_, index) => {
    plan(start + index, () => startUp(index, start + index));
  });
  for (const incident of incidents) plan(incident.at, () => happen(incident));
  while (queue.length > 0) {
    let first = 0;
    for (const [index, { at }] of queue.entries()) if (at < (queue[first]?.at ?? at)) first = index;
    queue.splice(first, 1)[0]?.act();
  }
  instances.forEach((_, index) => {
    look(index, end);
  });
  return { stretches, urgent, revoked };
}

/** `keys rotate`, by the book. */
function rotate(folder: Simulation, timings: KeyTimings): void {
  folder.tick();
  const plan = planRotation(folder.records, 'signing', folder.now, timings);
  if (plan.outcome !== 'promote') return;
  const { now } = folder;
  const earlier = plan.next.activateAt - now;
  if (earlier <= 0) return;
  folder.records = folder.records.map((key) =>
    key.kid === plan.next.kid
      ? { ...key, activateAt: now, retireAt: key.retireAt - earlier, removeAt: key.removeAt - earlier }
      : key,
  );
}

function describe(instance: number, held: readonly KeyRecord[], now: number): Omit<Stretch, 'from' | 'to'> {
  const settled = settle(held, now);
  const active = settled.filter((record) => keyState(record, now) === 'active');
  const count = (family: KeyFamily) => active.filter((record) => record.family === family).length;
  const { keys } = JSON.parse(createJwkSet(settled, now).body) as { keys: { kid: string }[] };
  return {
    instance,
    inForce: {
      signing: count('signing'),
      sealing: count('sealing'),
      client: count('client'),
      refresh: count('refresh'),
    },
    signing: active.find(({ family }) => family === 'signing')?.kid ?? '',
    published: new Set(keys.map(({ kid }) => kid)),
  };
}

/** The next moment at which the answers of an instance may change, or something may be due, by its clock. */
function nextChange(held: readonly KeyRecord[], now: number, timings: KeyTimings): number | undefined {
  const moments = held.flatMap((key) => [
    key.publishAt,
    key.activateAt,
    key.retireAt - timings[key.family].publishLead,
    key.retireAt,
    key.removeAt,
    ...(key.revokedAt === undefined ? [] : [key.revokedAt]),
  ]);
  // What was ended by a successor, or by force, has times of its own. One without a successor goes on second by second.
  for (const { retireAt, removeAt } of settle(held, now)) {
    if (retireAt <= now) moments.push(retireAt + CLOCK_SKEW, removeAt, removeAt + CLOCK_SKEW);
  }
  const later = moments.filter((moment) => moment > now);
  return later.length === 0 ? undefined : Math.min(...later);
}
