import type { Config } from '../config/index.ts';
import { type KeyFamily, planRetirement, planRotation, type StoredKey, scheduleNext } from '../keys/index.ts';
import { systemClock } from '../platform/index.ts';
import { keyDenial, keyTimingNeeds } from '../server/index.ts';
import { requireConfirmation } from './confirmation.ts';
import { CommandError, describeError } from './failure.ts';
import {
  type CommandKeys,
  findKey,
  makeDueKeys,
  nextEpoch,
  readKeptKeys,
  readKeys,
  requireOwnKeys,
  type SettledKey,
} from './keys-folder.ts';
import { formatSpan } from './keys-timeline.ts';
import { formatMoment, printOutcome } from './output.ts';
import { withStore } from './store.ts';

/** Switches of the commands that change keys. */
export interface ChangeOptions {
  readonly json?: boolean;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
}

const SECRET_ALGS = { sealing: 'A256GCM', client: 'HS256', refresh: 'HS256' } as const;

/**
 * `keys rotate`: brings the next key of a family into force, by the book: not before it was published for the publish
 * lead. A family of secrets without a next key gets one, which comes into force after the lead.
 */
export async function rotateKey(config: Config, family: KeyFamily, options: ChangeOptions): Promise<void> {
  const isDryRun = options.dryRun === true;
  const asJson = options.json === true;
  const keys = await (isDryRun ? readKeys(config) : readKeptKeys(config));
  requireOwnKeys(keys, family);
  const plan = planRotation(keys.records, family, keys.now, config.keys.timings);
  if (plan.outcome === 'wait') {
    const { next, mayAt } = plan;
    throw new CommandError(
      `The next ${family} key ${next.kid} was published at ${formatMoment(next.publishAt)} UTC; some may not know it ` +
        `yet. It may come into force at ${formatMoment(mayAt)} UTC, in ${formatSpan(mayAt - keys.now)}. ` +
        'Only a key that was stolen is a reason not to wait: keys rotate --emergency <kid>.',
    );
  }
  if (plan.outcome === 'create') {
    const { mayAt } = plan;
    const key = isDryRun ? undefined : await makeNext(keys, family);
    // Another process made it: what is to be said is what there is now.
    if (!isDryRun && key === undefined) return await rotateKey(config, family, options);
    printOutcome(
      `${isDryRun ? 'Would make' : 'Made'} the next ${family} key${key === undefined ? '' : ` ${key.kid}`}; it comes into ` +
        `force at ${formatMoment(mayAt)} UTC, when everybody knows it.`,
      { outcome: 'created', family, kid: key?.kid, activateAt: mayAt, dryRun: isDryRun },
      asJson,
    );
    return;
  }
  const { next, active } = plan;
  if (!isDryRun) {
    await keys.backend.promote(next.kid, keys.now);
    await makeDueKeys(keys);
  }
  printOutcome(
    `${isDryRun ? 'Would rotate' : 'Rotated'}: ${next.kid} ${isDryRun ? 'would be' : 'is'} the ${family} key in force` +
      `${active === undefined ? '' : `, ${active.kid} only verifies`}. Running servers follow within their poll interval.`,
    { outcome: 'rotated', family, kid: next.kid, former: active?.kid, activateAt: keys.now, dryRun: isDryRun },
    asJson,
  );
}

/** `keys rotate --emergency`: ends a key at once, everywhere. What it signed is refused from then on. */
export async function revokeKey(
  config: Config,
  kid: string,
  options: ChangeOptions & { readonly watermark?: boolean },
): Promise<void> {
  const keys = await readKeys(config);
  const key = findKey(keys, kid);
  requireOwnKeys(keys, key.family);
  const isDryRun = options.dryRun === true;
  const successor = findSuccessor(keys, key);
  const consequences = describeConsequences(keys, key, successor, options.watermark === true);
  if (!isDryRun) {
    await requireConfirmation(`${consequences} This cannot be undone.`, options);
    const now = systemClock();
    await keys.backend.revoke(key.kid, now).catch((error: unknown) => {
      throw new CommandError(`Nothing was changed: ${describeError(error)}.`);
    });
    // It is in force already, by the revocation alone; its period begins now and not when it was planned.
    if (successor !== undefined) await keys.backend.promote(successor.kid, now);
    const [denial, upkeep] = await Promise.allSettled([
      deny(config, key, options.watermark === true),
      makeDueKeys(keys),
    ]);
    if (denial.status === 'rejected')
      throw new CommandError(describeMissingDenial(key, options.watermark === true, denial.reason));
    if (upkeep.status === 'rejected') throw upkeep.reason;
  }
  printOutcome(
    isDryRun ? `Would revoke. ${consequences}` : `Revoked. ${consequences}`,
    {
      outcome: 'revoked',
      family: key.family,
      kid: key.kid,
      successor: successor?.kid,
      watermark: options.watermark === true,
      dryRun: isDryRun,
    },
    options.json === true,
  );
}

/** `keys retire`: removes a key ahead of its plan, when nothing that it made can arrive any more. */
export async function retireKey(config: Config, kid: string, options: ChangeOptions): Promise<void> {
  const keys = await readKeys(config);
  const key = findKey(keys, kid);
  requireOwnKeys(keys, key.family);
  const plan = planRetirement(keys.records, key.kid, keys.now, keyTimingNeeds(config));
  if (plan.outcome === 'in_force')
    throw new CommandError(`${key.kid} is in force, or about to be: keys rotate --family ${key.family} comes first.`);
  if (plan.outcome === 'wait')
    throw new CommandError(
      `${key.kid} may be removed at ${formatMoment(plan.mayAt)} UTC, in ${formatSpan(plan.mayAt - keys.now)}: ` +
        'until then something that it made may still be valid.',
    );
  const isDryRun = options.dryRun === true;
  if (!isDryRun) {
    await requireConfirmation(`Removes the ${key.family} key ${key.kid} (${key.slot}) for good.`, options);
    await keys.backend.remove(key.kid);
    await makeDueKeys(keys);
  }
  printOutcome(
    `${isDryRun ? 'Would remove' : 'Removed'} the ${key.family} key ${key.kid}.`,
    { outcome: 'removed', family: key.family, kid: key.kid, dryRun: isDryRun },
    options.json === true,
  );
}

async function makeNext(keys: CommandKeys, family: KeyFamily): Promise<StoredKey | undefined> {
  const { backend, config, now } = keys;
  const alg = family === 'signing' ? config.keys.algorithm : SECRET_ALGS[family];
  const times = scheduleNext(family, now, config.keys.timings);
  return await backend.create({ family, alg, epoch: nextEpoch(keys, family), times });
}

function findSuccessor({ settled }: CommandKeys, key: SettledKey): SettledKey | undefined {
  if (key.state !== 'active') return undefined;
  return settled.find((other) => other.family === key.family && other.state === 'next');
}

function describeConsequences(
  { now, config }: CommandKeys,
  key: SettledKey,
  successor: SettledKey | undefined,
  isWatermark: boolean,
): string {
  const lost: Readonly<Record<KeyFamily, string>> = {
    signing: 'every access token that it signed is refused',
    sealing: 'sign-ins and requests in flight that it sealed end',
    client: 'every client that was registered under it is unknown',
    refresh: 'every refresh token that it made is refused',
  };
  const parts = [`${key.family} key ${key.kid}: ${lost[key.family]}.`];
  if (key.state === 'active') {
    if (successor !== undefined) parts.push(`${successor.kid} is in force at once.`);
    const isKnown = successor !== undefined && now >= successor.publishAt + config.keys.timings[key.family].publishLead;
    if (successor !== undefined && key.family === 'signing' && !isKnown)
      parts.push(
        `It was published only ${formatSpan(now - successor.publishAt)} ago: who has not fetched the JWK Set since then ` +
          'refuses new tokens until they do.',
      );
    else if (key.family === 'signing')
      parts.push('No next key was published: new tokens are refused by those who hold the present JWK Set.');
    else parts.push('A new key is made and in force at once.');
  }
  if (isWatermark) parts.push('Every token and grant that was issued until now ends, whatever key made it.');
  return parts.join(' ');
}

async function deny(config: Config, key: SettledKey, isWatermark: boolean): Promise<void> {
  if (key.family !== 'signing' && !isWatermark) return;
  await withStore(config, async ({ denylist }) => {
    if (key.family === 'signing') await denylist.deny(keyDenial(key, systemClock()));
    if (isWatermark) await denylist.deny({ kind: 'all', id: '', lifetime: config.lifetimes.refreshAbsolute });
  });
}

function describeMissingDenial(key: SettledKey, isWatermark: boolean, error: unknown): string {
  return [
    `${key.kid} is revoked and out of the JWK Set, but the denylist could not be written (${describeError(error)}).`,
    ...(key.family === 'signing'
      ? ['Running servers write it as soon as it answers; until then validators accept what the key signed.']
      : []),
    ...(isWatermark ? ['The watermark is not set, and no server sets it by itself.'] : []),
    'Run the same command again: what was done stays done.',
  ].join(' ');
}
