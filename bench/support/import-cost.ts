import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const TOP = new URL('../../', import.meta.url).pathname;

/** What importing a module costs a fresh process. */
export interface ImportCost {
  readonly milliseconds: number;
  /** Resident memory of the process afterwards. */
  readonly residentBytes: number;
  /** Heap that the module holds, after a collection. */
  readonly heapBytes: number;
}

/** What importing a module reads, once. */
export interface Loaded {
  readonly modules: number;
  /** Of source text. */
  readonly bytes: number;
}

const run = promisify(execFile);

/** Imports a module, by its specifier or URL, in a process of its own. Without one, the process imports nothing. */
export function measureImport(specifier?: string): Promise<ImportCost> {
  return evaluate(`
    gc();
    const before = process.memoryUsage().heapUsed;
    const start = performance.now();
    ${specifier === undefined ? '' : `await import(${JSON.stringify(specifier)});`}
    const milliseconds = performance.now() - start;
    gc();
    const { heapUsed, rss } = process.memoryUsage();
    console.log(JSON.stringify({ milliseconds, residentBytes: rss, heapBytes: heapUsed - before }));`);
}

/** Counts the files that importing a module reads; Node's own are none. */
export function measureLoaded(specifier: string): Promise<Loaded> {
  return evaluate(`
    import { registerHooks } from 'node:module';
    import { statSync } from 'node:fs';
    import { fileURLToPath } from 'node:url';
    const loaded = new Set();
    registerHooks({ load(url, context, next) { if (url.startsWith('file:')) loaded.add(url); return next(url, context); } });
    await import(${JSON.stringify(specifier)});
    const bytes = [...loaded].reduce((sum, url) => sum + statSync(fileURLToPath(url)).size, 0);
    console.log(JSON.stringify({ modules: loaded.size, bytes }));`);
}

async function evaluate<T>(script: string): Promise<T> {
  const args = ['--expose-gc', '--input-type=module', '--eval', script];
  const { stdout } = await run(process.execPath, args, { cwd: TOP });
  return JSON.parse(stdout) as T;
}
