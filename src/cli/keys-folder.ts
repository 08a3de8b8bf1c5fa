import type { Config } from '../config/index.ts';
import {
  createKeyRing,
  dueKeys,
  type FileKeyBackend,
  type KeyFamily,
  type KeyState,
  keyState,
  type StoredKey,
  settle,
  type UnreadableKey,
} from '../keys/index.ts';
import type { EpochSeconds } from '../oauth/index.ts';
import { silentAudit, systemClock, systemRandom } from '../platform/index.ts';
import { openKeyBackend } from '../server/index.ts';
import { CommandError } from './failure.ts';

const ATTEMPTS = 5;

/** A key as commands look at it: with the times in force and the state at one moment. */
export type SettledKey = StoredKey & { readonly state: KeyState };

/** The keys of the configuration for one command. Reading changes nothing. */
export interface CommandKeys {
  readonly config: Config;
  readonly backend: FileKeyBackend;
  readonly now: EpochSeconds;
  /** What is there and cannot be used. */
  readonly unreadable: readonly UnreadableKey[];
  /** As they are planned. */
  readonly records: readonly StoredKey[];
  /** As they are in force, oldest first in each family. */
  readonly settled: readonly SettledKey[];
}

/** Reads the keys folder. @throws ConfigError, UnavailableError */
export async function readKeys(config: Config): Promise<CommandKeys> {
  const backend = openKeyBackend(config, systemRandom);
  const now = systemClock();
  const { keys: records, unreadable } = await backend.list();
  const settled = settle(records, now).map((key) => ({ ...key, state: keyState(key, now) }));
  return { config, backend, now, records, unreadable, settled };
}

/**
 * Reads the keys folder once everything that is due was made. Another process may bring a key into force between the two.
 * @throws KeysRefusedError
 */
export async function readKeptKeys(config: Config): Promise<CommandKeys> {
  for (let attempt = 1; ; attempt++) {
    const keys = await readKeys(config);
    const { records, now, backend } = keys;
    const isDue = dueKeys(records, now, config.keys.timings).some(({ family }) => !backend.fixedFamilies?.has(family));
    if (!isDue || attempt === ATTEMPTS) return keys;
    await makeDueKeys(keys);
  }
}

/** The first number in the line of a family that no file has, readable or not. */
export function nextEpoch({ records, unreadable }: CommandKeys, family: KeyFamily): number {
  const taken = [...records, ...unreadable].flatMap((one) => (one.family === family ? [one.epoch ?? 0] : []));
  return Math.max(0, ...taken) + 1;
}

/**
 * The key of a kid, or of the beginning of one (8 characters or more).
 * @throws CommandError when there is none, or more than one.
 */
export function findKey(keys: CommandKeys, kid: string): SettledKey {
  const matching = keys.settled.filter((key) => key.kid === kid || (kid.length >= 8 && key.kid.startsWith(kid)));
  const [key, ...others] = matching;
  if (key === undefined) throw new CommandError(`No key of ${keys.config.keysDir} has the kid ${kid}.`);
  if (others.length > 0) throw new CommandError(`More than one kid begins with ${kid}.`);
  return key;
}

/** Refuses to change keys that somebody else makes and ends. @throws CommandError */
export function requireOwnKeys({ config, backend }: CommandKeys, family: KeyFamily): void {
  const { backend: settings } = config.keys;
  if (backend.fixedFamilies?.has(family) !== true || settings.kind !== 'node-jose') return;
  throw new CommandError(
    `The ${family} keys are those of ${settings.file}, which is read and never written. To rotate, add a key to it, wait ` +
      'until everybody has fetched the JWK Set, and name its kid in keys.backend.kid.',
  );
}

/** Makes what is due after a change, as a running server does at its next reading. @throws KeysRefusedError */
export async function makeDueKeys({ config, backend }: CommandKeys): Promise<void> {
  const ring = await createKeyRing({
    backend,
    clock: systemClock,
    audit: silentAudit,
    timings: config.keys.timings,
    algorithm: config.keys.algorithm,
  });
  await ring.close();
}
