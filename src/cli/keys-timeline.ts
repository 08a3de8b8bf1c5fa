import type { EpochSeconds, Seconds } from '../oauth/index.ts';
import type { SettledKey } from './keys-folder.ts';

const COLUMNS = 41;
const NOW_COLUMN = 13;
const UNITS: readonly (readonly [seconds: number, name: string])[] = [
  [365 * 86_400, 'y'],
  [86_400, 'd'],
  [3600, 'h'],
  [60, 'min'],
];

/** What the characters of a timeline mean. */
export const TIMELINE_LEGEND = '· published   █ in force   ░ verifies only   │ now';

/**
 * The life of a key as one line of characters: published, in force, accepted only. A third of it is past; all keys of a
 * family share `scale`, the seconds of one character.
 */
export function drawTimeline(key: SettledKey, now: EpochSeconds, scale: Seconds): string {
  const cells = Array.from({ length: COLUMNS }, (_, column) => cellAt(key, now + (column - NOW_COLUMN) * scale));
  return cells.toSpliced(NOW_COLUMN, 0, '│').join('').trimEnd();
}

/** Seconds of one character, so that two periods in force fit. */
export function timelineScale(activePeriod: Seconds): Seconds {
  return Math.max(1, Math.ceil((2 * activePeriod) / COLUMNS));
}

function cellAt({ publishAt, activateAt, retireAt, removeAt, revokedAt }: SettledKey, moment: EpochSeconds): string {
  if (moment < publishAt || moment >= removeAt || (revokedAt !== undefined && moment >= revokedAt)) return ' ';
  if (moment < activateAt) return '·';
  return moment < retireAt ? '█' : '░';
}

/** What will happen to a key next, and when; `undefined` when nothing will. */
export function nextChange({
  state,
  publishAt,
  activateAt,
  retireAt,
  removeAt,
}: SettledKey): { readonly change: string; readonly at: EpochSeconds } | undefined {
  switch (state) {
    case 'pending':
      return { change: 'published', at: publishAt };
    case 'next':
      return { change: 'in force', at: activateAt };
    case 'active':
      return { change: 'rotates', at: retireAt };
    case 'retiring':
    case 'revoked':
      return { change: 'removed', at: removeAt };
    case 'removed':
      return undefined;
  }
}

/** A length of time in its two largest units: `29 d 23 h`. */
export function formatSpan(seconds: Seconds): string {
  let rest = Math.max(0, seconds);
  const parts: string[] = [];
  for (const [unit, name] of UNITS) {
    if (rest >= unit && parts.length < 2) parts.push(`${Math.floor(rest / unit)} ${name}`);
    rest %= unit;
  }
  return parts.length === 0 ? `${rest} s` : parts.join(' ');
}
