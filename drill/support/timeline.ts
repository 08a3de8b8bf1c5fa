import type { EpochSeconds } from '../../src/oauth/index.ts';
import type { SeenKey } from './replica.ts';

const COLUMNS = 96;

/** Something that happened, by one character. */
export interface TimelineMark {
  readonly at: EpochSeconds;
  readonly mark: string;
}

/** What the characters of a timeline mean. */
export const TIMELINE_LEGEND = '· published   █ signs   ░ verifies only';

/** The lives of keys from `start` to `end`, one below the other, under a line of what happened. */
export function drawTimeline(
  keys: readonly SeenKey[],
  marks: readonly TimelineMark[],
  start: EpochSeconds,
  end: EpochSeconds,
): readonly string[] {
  const scale = Math.max(1, (end - start) / COLUMNS);
  const columnOf = (moment: EpochSeconds) => Math.min(COLUMNS - 1, Math.floor((moment - start) / scale));
  const events = Array.from({ length: COLUMNS }, () => ' ');
  for (const { at, mark } of marks) events[columnOf(at)] = mark;
  const width = 10;
  return [
    `${''.padEnd(width)}${events.join('')}`,
    ...keys.map((key) => {
      const cells = Array.from({ length: COLUMNS }, (_, column) => cellAt(key, start + (column + 0.5) * scale));
      if (key.revokedAt !== undefined) cells[columnOf(key.revokedAt)] = '✗';
      return `${key.kid.slice(0, 8).padEnd(width)}${cells.join('').trimEnd()}`;
    }),
  ];
}

function cellAt({ publishAt, activateAt, retireAt, removeAt, revokedAt }: SeenKey, moment: EpochSeconds): string {
  if (moment < publishAt || moment >= removeAt || (revokedAt !== undefined && moment >= revokedAt)) return ' ';
  if (moment < activateAt) return '·';
  return moment < retireAt ? '█' : '░';
}
