/**
 * `npm run drill -- NAME [--short] [--hasty] [--seed N] [--json]`: runs the drill `drill/NAME.ts` against real processes and
 * prints what came of it; with `--json` the last line is one JSON object. Exit code 1 when an invariant broke.
 */
import { readdir } from 'node:fs/promises';
import { parseArgs } from 'node:util';

/** What a drill answers: its counts, and each invariant that broke, as a sentence. */
export interface DrillAnswer {
  readonly broken: readonly string[];
  readonly [count: string]: unknown;
}

/** How a drill is to be run. */
export interface DrillOptions {
  readonly isShort: boolean;
  /** Whether what was killed is started again sooner than an operator is told to. */
  readonly isHasty: boolean;
  /** Of all chance there is in it; a drill that has some prints it. */
  readonly seed: number;
}

interface Drill {
  run(print: (line?: string) => void, options: DrillOptions): Promise<DrillAnswer>;
}

async function main(): Promise<number> {
  const files = await readdir(import.meta.dirname);
  const names = files.filter((file) => file.endsWith('.ts') && file !== 'main.ts').map((file) => file.slice(0, -3));
  const command = readCommand();
  if (command === undefined || !names.includes(command.name)) {
    console.error(`usage: npm run drill -- NAME [--short] [--hasty] [--seed N] [--json]\nNAME: ${names.join(', ')}`);
    return 64;
  }
  const { name, isShort, isHasty, seed, isJson } = command;
  const drill: Drill = await import(`./${name}.ts`);
  const answer = await drill.run((line = '') => console.log(line), { isShort, isHasty, seed });
  for (const fault of answer.broken) console.log(`BROKEN: ${fault}`);
  console.log(answer.broken.length === 0 ? 'Every invariant held.' : `${answer.broken.length} invariants broke.`);
  if (isJson) console.log(JSON.stringify({ drill: name, ok: answer.broken.length === 0, ...answer }));
  return answer.broken.length === 0 ? 0 : 1;
}

function readCommand(): (DrillOptions & { readonly name: string; readonly isJson: boolean }) | undefined {
  const flags = {
    json: { type: 'boolean' },
    short: { type: 'boolean' },
    hasty: { type: 'boolean' },
    seed: { type: 'string' },
  } as const;
  try {
    const { values, positionals } = parseArgs({ options: flags, allowPositionals: true });
    const [name, ...others] = positionals;
    const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
    if (name === undefined || others.length > 0 || !Number.isSafeInteger(seed)) return undefined;
    return { name, isShort: values.short === true, isHasty: values.hasty === true, seed, isJson: values.json === true };
  } catch {
    return undefined;
  }
}

process.exitCode = await main();
