/** One way of doing the work: `batch` does it `size` times and throws if any of it went wrong. */
export interface Contender {
  readonly name: string;
  readonly size: number;
  batch(): void | Promise<void>;
}

/** What a contender reached: medians over the rounds, and the time of each round in microseconds a piece. */
export interface Reached {
  readonly name: string;
  readonly microseconds: number;
  readonly perSecond: number;
  readonly rounds: readonly number[];
}

/** Lets the contenders take turns, `rounds` times after one to warm up. */
export async function takeTurns(contenders: readonly Contender[], rounds: number): Promise<Reached[]> {
  const times = new Map(contenders.map(({ name }) => [name, [] as number[]]));
  for (let round = 0; round <= rounds; round++) {
    for (const { name, size, batch } of contenders) {
      const start = performance.now();
      await batch();
      if (round > 0) times.get(name)?.push(((performance.now() - start) * 1000) / size);
    }
  }
  return contenders.map(({ name }) => {
    const all = times.get(name) ?? [];
    const microseconds = median(all);
    return { name, microseconds, perSecond: 1e6 / microseconds, rounds: all };
  });
}

/** How many times faster one was than the other: the median over the rounds, so that a noisy machine slows both. */
export function timesFaster(one: Reached, other: Reached): number {
  return median(one.rounds.map((time, round) => (other.rounds[round] ?? Number.NaN) / time));
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Columns of text, the first to the left, the others to the right. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join('  '),
    )
    .join('\n');
}
