/** Writes what a command found: a table for people, one JSON value for programs. */
export function printRows(rows: readonly Readonly<Record<string, string | number | boolean>>[], asJson: boolean): void {
  if (asJson) {
    print(JSON.stringify(rows));
    return;
  }
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  if (columns.length === 0) {
    print('(none)');
    return;
  }
  const cells = [columns, ...rows.map((row) => columns.map((column) => String(row[column] ?? '')))];
  const widths = columns.map((_, index) => Math.max(...cells.map((line) => line[index]?.length ?? 0)));
  for (const line of cells)
    print(
      line
        .map((cell, index) => cell.padEnd(widths[index] ?? 0))
        .join('  ')
        .trimEnd(),
    );
}

/** Writes the outcome of a command: a sentence for people, an object for programs. */
export function printOutcome(sentence: string, outcome: Readonly<Record<string, unknown>>, asJson: boolean): void {
  print(asJson ? JSON.stringify(outcome) : sentence);
}

/** One line on standard output. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** A moment as people read it, in UTC. */
export function formatMoment(epochSeconds: number): string {
  return new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeStyle: 'medium', timeZone: 'UTC' }).format(
    epochSeconds * 1000,
  );
}
