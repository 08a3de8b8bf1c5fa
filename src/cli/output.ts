/** Writes what a command found: a table for people, one JSON value for programs. */
export function printRows(rows: readonly Readonly<Record<string, string | number | boolean>>[], asJson: boolean): void {
  if (asJson) {
    printJson(rows);
    return;
  }
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  if (columns.length === 0) {
    print('(none)');
    return;
  }
  const cells = [columns, ...rows.map((row) => columns.map((column) => visible(String(row[column] ?? ''))))];
  const widths = columns.map((_, index) =>
    cells.reduce((widest, line) => Math.max(widest, line[index]?.length ?? 0), 0),
  );
  const lines = cells.map((line) =>
    line
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  print(lines.join('\n'));
}

/** The name of a column of moments: what they are counted in, where people read it. */
export function momentColumn(name: string, asJson: boolean): string {
  return asJson ? name : `${name} UTC`;
}

// Control and direction characters: what somebody else chose must not move the cursor of whoever reads it.
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** A text from elsewhere as a terminal may show it. */
export function visible(text: string): string {
  return text.replaceAll(INVISIBLE, '\uFFFD');
}

/** Writes JSON for programs, and so that a terminal may show it: what is invisible is escaped. */
export function printJson(value: unknown): void {
  // Without the flag `u`, a text is taken apart into what JSON escapes: UTF-16 code units.
  const spell = (hidden: string) =>
    hidden.replaceAll(/[\s\S]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  print(JSON.stringify(value).replaceAll(INVISIBLE, spell));
}

/** Writes the outcome of a command: a sentence for people, an object for programs. */
export function printOutcome(sentence: string, outcome: Readonly<Record<string, unknown>>, asJson: boolean): void {
  if (asJson) printJson(outcome);
  else print(sentence);
}

/** A remark beside the outcome, on standard error. */
export function remark(line: string): void {
  process.stderr.write(`${line}\n`);
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
