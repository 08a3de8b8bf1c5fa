/**
 * `npm run bench -- NAME [--json]`: runs the benchmark `bench/NAME.ts` and prints its tables; with `--json` the last line
 * is one JSON object.
 */
import { readdir } from 'node:fs/promises';

/** A benchmark: prints what people read, answers what programs read. */
export interface Benchmark {
  run(print: (line?: string) => void): Promise<object>;
}

const NOT_BENCHMARKS = new Set(['main']);

async function main(): Promise<number> {
  const [name, ...flags] = process.argv.slice(2);
  const files = await readdir(import.meta.dirname);
  const names = files
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.slice(0, -3))
    .filter((file) => !NOT_BENCHMARKS.has(file));
  if (name === undefined || !names.includes(name) || flags.some((flag) => flag !== '--json')) {
    console.error(`usage: npm run bench -- NAME [--json]\nNAME: ${names.join(', ')}`);
    return 64;
  }
  const benchmark: Benchmark = await import(`./${name}.ts`);
  const answer = await benchmark.run((line = '') => console.log(line));
  if (flags.includes('--json')) console.log(JSON.stringify({ benchmark: name, ...answer }));
  return 0;
}

process.exitCode = await main();
