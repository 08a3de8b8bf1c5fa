import { type EpochSeconds, type Seconds, UnavailableError } from '../oauth/index.ts';
import type { Audit, AuditEventName, Clock } from '../platform/index.ts';
import type { HeldKey } from './admission.ts';
import { createKeyInventory } from './inventory.ts';
import { createJwkSet } from './jwk-set.ts';
import type { KeyBackend, StoredKey, UnreadableKey } from './key-backend.ts';
import type { JwkSetDocument, KeyFamily, KeyRing, KeyState, SecretFamily, SecretKey, SigningAlg } from './key-ring.ts';
import { keyState, settle } from './lifecycle.ts';
import { createReporter } from './reporter.ts';
import { DEFAULT_POLL_INTERVAL, defaultTimings, type KeyTimings } from './timings.ts';
import { blockedFamilies, createDueKeys, deleteSpentKeys } from './upkeep.ts';

export interface KeyRingDeps {
  backend: KeyBackend;
  clock: Clock;
  audit: Audit;
  timings?: KeyTimings;
  /** For the signing keys that will be made; those that are there keep theirs. ES256 when left out. */
  algorithm?: SigningAlg;
  /** Seconds between two readings of the backend; 30 when left out. */
  pollInterval?: Seconds;
}

/** Keys are there but none of a family can be used. Names files and reasons, never content. */
export class KeysRefusedError extends Error {
  override readonly name = 'KeysRefusedError';

  constructor(families: Iterable<KeyFamily>, refused: readonly UnreadableKey[]) {
    const files = refused.map(({ slot, reason }) => `${slot} (${reason})`).join(', ');
    super(`no usable ${[...families].join(', ')} key; these files were refused: ${files}`);
  }
}

/** The states in which what a key made may be met. `next`: another instance's clock may be ahead. */
const MET: readonly KeyState[] = ['active', 'retiring', 'next'];
// Changes come in bursts (link, unlink, lock); one reading shortly after the last of them is enough.
const SETTLE_MS = 50;
// While nothing can be signed, because the store of the key in force is away.
const RETRY_MS = 2_000;

/** What is remembered of a key from one reading to the next. */
interface Observed {
  readonly family: KeyFamily;
  readonly removeAt: EpochSeconds;
  readonly state: KeyState | undefined;
}

/** The answers for one moment. */
interface View {
  readonly now: EpochSeconds;
  readonly keys: ReadonlyMap<string, HeldKey>;
  readonly settled: readonly StoredKey[];
  readonly states: ReadonlyMap<string, KeyState>;
}

/**
 * Reads the backend, makes what is due and answers from memory afterwards. Between two readings the ring goes on with
 * what it holds: which key is in force follows from the clock alone, at the second.
 * @throws KeysRefusedError when a family has keys but none that can be used.
 * @throws UnavailableError when the backend cannot be read at all.
 */
export async function createKeyRing(deps: KeyRingDeps): Promise<KeyRing> {
  const { backend, clock, audit, timings = defaultTimings, algorithm = 'ES256' } = deps;
  const interval = (deps.pollInterval ?? DEFAULT_POLL_INTERVAL) * 1000;
  const reporter = createReporter(audit);
  const inventory = createKeyInventory({ backend, report: reporter.report });
  const upkeep = { backend, inventory, clock, timings, algorithm, report: reporter.report };
  let view: View | undefined;
  /** The keys at the end of the last reading. */
  let observed: ReadonlyMap<string, Observed> = new Map();
  let poll: NodeJS.Timeout | undefined;
  let hint: NodeJS.Timeout | undefined;
  let running: Promise<boolean> | undefined;
  let waiting: Promise<boolean> | undefined;
  let isClosed = false;

  /** The answers for this second; recomputed when the clock or the keys changed. */
  function viewNow(): View {
    const now = clock();
    const keys = inventory.keys();
    if (view?.now === now && view.keys === keys) return view;
    const settled = settle(inventory.records(), now);
    const states = new Map(settled.map((record) => [record.kid, keyState(record, now)]));
    view = { now, keys, settled, states };
    return view;
  }

  function findMet(family: KeyFamily, kid: string): HeldKey | undefined {
    const { keys, states } = viewNow();
    const held = keys.get(kid);
    return held?.record.family === family && isMet(states.get(kid)) ? held : undefined;
  }

  function active(family: KeyFamily): HeldKey | undefined {
    const { keys, settled, states } = viewNow();
    const record = settled.find((key) => key.family === family && states.get(key.kid) === 'active');
    return record && keys.get(record.kid);
  }

  async function readAndMaintain(): Promise<boolean> {
    const isReadable = await inventory.load();
    if (isReadable) {
      await createDueKeys(upkeep);
      await deleteSpentKeys(upkeep);
    }
    const { settled, states, now } = viewNow();
    for (const { kid, family } of settled) {
      const event = transition(observed.get(kid)?.state, states.get(kid));
      if (event !== undefined) audit({ event, kid, family });
    }
    // Somebody took its file away ahead of its time: by command, or by mistake.
    for (const [kid, { family, state, removeAt }] of observed) {
      if (states.has(kid) || now >= removeAt) continue;
      if (state === 'active') audit({ event: 'key.unreadable', kid, family, reason: 'file_removed' });
      else audit({ event: 'key.removed', kid, family });
    }
    observed = new Map(settled.map(({ kid, family, removeAt }) => [kid, { family, removeAt, state: states.get(kid) }]));
    reporter.endRound();
    return isReadable;
  }

  /** One reading at a time; whoever asks during one is answered by the next, which saw everything written before. */
  function read(): Promise<boolean> {
    if (running !== undefined) {
      waiting ??= running.then(() => {
        waiting = undefined;
        return read();
      });
      return waiting;
    }
    running = readAndMaintain().finally(() => {
      running = undefined;
    });
    return running;
  }

  function pollOn(): void {
    const pause = active('signing')?.signer === undefined ? Math.min(RETRY_MS, interval) : interval;
    if (!isClosed) poll = setTimeout(() => void read().finally(pollOn), pause).unref();
  }

  function readSoon(): void {
    clearTimeout(hint);
    if (!isClosed) hint = setTimeout(() => void read(), SETTLE_MS).unref();
  }

  if (!(await read())) throw new UnavailableError('key backend');
  const blocked = blockedFamilies(inventory, clock());
  if (blocked.size > 0) throw new KeysRefusedError(blocked, inventory.refused());
  const watcher = backend.watch?.(readSoon);
  pollOn();

  return {
    signer() {
      const signer = active('signing')?.signer;
      if (signer === undefined) throw new UnavailableError('signing key');
      return signer;
    },
    findPublicJwk(kid) {
      return findMet('signing', kid)?.record.publicJwk;
    },
    activeSecret(family) {
      const key = secretKey(family, active(family));
      if (key === undefined) throw new UnavailableError(`${family} key`);
      return key;
    },
    findSecret(family, kid) {
      return secretKey(family, findMet(family, kid));
    },
    secrets(family) {
      const { settled, keys, states } = viewNow();
      return settled
        .toReversed()
        .filter((record) => record.family === family && isMet(states.get(record.kid)))
        .sort((one, other) => rank(states.get(one.kid)) - rank(states.get(other.kid)))
        .flatMap((record) => secretKey(family, keys.get(record.kid)) ?? []);
    },
    jwkSet(kind): JwkSetDocument {
      const { settled, now } = viewNow();
      return createJwkSet(settled, now, kind);
    },
    list() {
      const { settled, states, now } = viewNow();
      return settled
        .map((record) => ({ ...record, state: states.get(record.kid) ?? keyState(record, now) }))
        .sort((one, other) => one.createdAt - other.createdAt || one.activateAt - other.activateAt);
    },
    async reload() {
      await read();
    },
    async close() {
      isClosed = true;
      clearTimeout(poll);
      clearTimeout(hint);
      watcher?.[Symbol.dispose]();
      await running;
      await waiting;
      await backend.close();
    },
  };
}

function isMet(state: KeyState | undefined): boolean {
  return state !== undefined && MET.includes(state);
}

function rank(state: KeyState | undefined): number {
  return state === undefined ? MET.length : MET.indexOf(state);
}

function secretKey(family: SecretFamily, held: HeldKey | undefined): SecretKey | undefined {
  return held?.secret && { kid: held.record.kid, family, secret: held.secret };
}

/** The audit event for a change of state that one instance saw. */
function transition(before: KeyState | undefined, after: KeyState | undefined): AuditEventName | undefined {
  if (before === undefined || before === after) return undefined;
  if (after === 'active') return 'key.promoted';
  if (after === 'retiring') return 'key.retired';
  return after === 'revoked' ? 'key.revoked' : undefined;
}
