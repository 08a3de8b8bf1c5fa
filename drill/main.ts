/**
 * `npm run drill -- NAME [--short] [--json]`: runs the drill `drill/NAME.ts` against real processes and prints what came of
 * it; with `--json` the last line is one JSON object. Exit code 1 when an invariant broke.
 */
import { readdir } from 'node:fs/promises';

/** What a drill answers: its counts, and each invariant that broke, as a sentence. */
export interface DrillAnswer {
  readonly broken: readonly string[];
  readonly [count: string]: unknown;
}

interface Drill {
  run(print: (line?: string) => void, options: { readonly isShort: boolean }): Promise<DrillAnswer>;
}

const FLAGS = ['--json', '--short'];

async function main(): Promise<number> {
  const [name, ...flags] = process.argv.slice(2);
  const files = await readdir(import.meta.dirname);
  const names = files.filter((file) => file.endsWith('.ts') && file !== 'main.ts').map((file) => file.slice(0, -3));
  if (name === undefined || !names.includes(name) || flags.some((flag) => !FLAGS.includes(flag))) {
    console.error(`usage: npm run drill -- NAME [--short] [--json]\nNAME: ${names.join(', ')}`);
    return 64;
  }
  const drill: Drill = await import(`./${name}.ts`);
  const answer = await drill.run((line = '') => console.log(line), { isShort: flags.includes('--short') });
  for (const fault of answer.broken) console.log(`BROKEN: ${fault}`);
  console.log(answer.broken.length === 0 ? 'Every invariant held.' : `${answer.broken.length} invariants broke.`);
  if (flags.includes('--json')) console.log(JSON.stringify({ drill: name, ok: answer.broken.length === 0, ...answer }));
  return answer.broken.length === 0 ? 0 : 1;
}

process.exitCode = await main();
