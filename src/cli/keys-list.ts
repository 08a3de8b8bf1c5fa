import type { Config } from '../config/index.ts';
import { createJwkSet } from '../keys/index.ts';
import { findKey, readKeys, type SettledKey } from './keys-folder.ts';
import { locationOf } from './keys-location.ts';
import { drawTimeline, formatSpan, nextChange, TIMELINE_LEGEND, timelineScale } from './keys-timeline.ts';
import { formatMoment, print, printRows } from './output.ts';

const SHOWN_KID = 12;

/** `keys list`: every key with its state, age, next change and a timeline. */
export async function listKeys(config: Config, asJson: boolean): Promise<void> {
  const { settled, unreadable, now } = await readKeys(config);
  if (asJson) {
    print(JSON.stringify(settled.map((key) => ({ ...describe(key), age: now - key.createdAt }))));
    return;
  }
  const isElsewhere = settled.some(({ external }) => external !== undefined);
  const rows = settled.map((key) => {
    const next = nextChange(key);
    return {
      kid: key.kid.slice(0, SHOWN_KID),
      family: key.family,
      alg: key.alg,
      state: key.state,
      ...(isElsewhere && { where: key.external?.store ?? locationOf(key) }),
      age: formatSpan(now - key.createdAt),
      'next change': next === undefined ? '' : `${next.change} in ${formatSpan(next.at - now)}`,
      timeline: drawTimeline(key, now, timelineScale(config.keys.timings[key.family].activePeriod)),
    };
  });
  printRows(rows, false);
  if (rows.length > 0) print(`\n${TIMELINE_LEGEND}; each family at its own scale`);
  if (unreadable.length > 0) print(`\n${unreadable.length} files cannot be used; keys check tells why.`);
}

/** `keys show`: what may be known about a key. */
export async function showKey(config: Config, kid: string, asJson: boolean): Promise<void> {
  const keys = await readKeys(config);
  const key = describe(findKey(keys, kid));
  if (asJson) {
    print(JSON.stringify(key));
    return;
  }
  for (const [name, value] of Object.entries(key)) {
    const isMoment = name.endsWith('At') && typeof value === 'number';
    print(
      `${name.padEnd(12)} ${isMoment ? `${formatMoment(value)} UTC` : typeof value === 'object' ? JSON.stringify(value) : value}`,
    );
  }
}

/** `keys export-jwks`: the JWK Set as it is served now. */
export async function exportJwks(config: Config, isPostQuantum: boolean): Promise<void> {
  const { settled, now } = await readKeys(config);
  print(
    JSON.stringify(JSON.parse(createJwkSet(settled, now, isPostQuantum ? 'post-quantum' : 'classical').body), null, 2),
  );
}

/** Picked one by one, so that nothing is shown because it was added to a record. */
function describe(key: SettledKey) {
  const { kid, family, alg, state, slot, createdAt, publishAt, activateAt, retireAt, removeAt } = key;
  const { revokedAt, destroyedAt, publicJwk } = key;
  return {
    kid,
    family,
    alg,
    state,
    file: slot,
    location: locationOf(key),
    createdAt,
    publishAt,
    activateAt,
    retireAt,
    removeAt,
    ...(revokedAt !== undefined && { revokedAt }),
    ...(destroyedAt !== undefined && { destroyedAt }),
    ...(publicJwk !== undefined && { publicJwk }),
  };
}
