import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const TOP = new URL('../../', import.meta.url).pathname;

/** What importing a module costs a fresh process. */
export interface ImportCost {
  readonly modules: number;
  /** Of source text that was read. */
  readonly bytes: number;
  readonly milliseconds: number;
  /** Resident memory of the process afterwards. */
  readonly residentBytes: number;
  /** Heap that the module holds, after a collection. */
  readonly heapBytes: number;
}

const run = promisify(execFile);

/** Imports a module, by its specifier or URL, in a process of its own. Node's own modules are not counted. */
export async function importOnce(specifier: string): Promise<ImportCost> {
  const timed = await evaluate<Omit<ImportCost, 'modules' | 'bytes'>>(`
    gc();
    const before = process.memoryUsage().heapUsed;
    const start = performance.now();
    ${specifier === '' ? '' : `await import(${JSON.stringify(specifier)});`}
    const milliseconds = performance.now() - start;
    gc();
    const { heapUsed, rss } = process.memoryUsage();
    console.log(JSON.stringify({ milliseconds, residentBytes: rss, heapBytes: heapUsed - before }));`);
  // Hooks cost time, so what is loaded is counted in another process.
  const counted = await evaluate<Pick<ImportCost, 'modules' | 'bytes'>>(`
    import { registerHooks } from 'node:module';
    import { statSync } from 'node:fs';
    import { fileURLToPath } from 'node:url';
    const loaded = new Set();
    registerHooks({ load(url, context, next) { if (url.startsWith('file:')) loaded.add(url); return next(url, context); } });
    ${specifier === '' ? '' : `await import(${JSON.stringify(specifier)});`}
    const bytes = [...loaded].reduce((sum, url) => sum + statSync(fileURLToPath(url)).size, 0);
    console.log(JSON.stringify({ modules: loaded.size, bytes }));`);
  return { ...timed, ...counted };
}

async function evaluate<T>(script: string): Promise<T> {
  const args = ['--expose-gc', '--input-type=module', '--eval', script];
  const { stdout } = await run(process.execPath, args, { cwd: TOP });
  return JSON.parse(stdout) as T;
}
