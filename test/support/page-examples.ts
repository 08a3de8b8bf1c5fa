import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const TOP = new URL('../../', import.meta.url).pathname;

/** A fenced block of a page. */
export interface Fence {
  readonly language: string;
  readonly code: string;
  /** The line its code begins at, counted from 1. */
  readonly line: number;
  /** What the comment right before it says, if there is one. */
  readonly remark: string;
}

const FENCE =
  /(?:<!--(?<remark>(?:(?!-->)[\s\S])*)-->\n+)?^(?<indent> *)```(?<language>\w*)\n(?<code>[\s\S]*?)^ *```$/gm;

export function fencesOf(page: string): readonly Fence[] {
  return [...page.matchAll(FENCE)].map((match) => {
    const { remark = '', language = '', code = '' } = match.groups ?? {};
    const start = match.index + match[0].lastIndexOf(`\`\`\`${language}\n`, match[0].length - code.length - 3);
    return { language, code, line: page.slice(0, start).split('\n').length + 1, remark: remark.trim() };
  });
}

/**
 * Type-checks the `ts` examples of pages, each as a module of its own, against the sources of the package. What an example
 * leaves out stands in a comment right before it, `<!-- ts: declare const app: Koa; -->`. Answers what does not compile, each
 * with the page and the line it stands at.
 */
export async function compileExamples(pages: ReadonlyMap<string, string>): Promise<readonly string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'guardmint-examples-'));
  try {
    symlinkSync(join(TOP, 'node_modules'), join(folder, 'node_modules'));
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
    const settings = {
      noEmit: true,
      noUnusedLocals: false,
      noUnusedParameters: false,
      noImplicitReturns: false,
      paths: entryPoints(),
    };
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ extends: join(TOP, 'tsconfig.json'), compilerOptions: settings, include: ['*.ts'] }),
    );
    for (const [path, text] of pages) {
      const examples = fencesOf(text).filter(({ language }) => language === 'ts');
      for (const { code, line, remark } of examples) {
        const before = remark.startsWith('ts:') ? remark.slice(3).replaceAll('\n', ' ') : '';
        // At the line it has in its page, so that an error names it.
        const module = `${before} export {};${'\n'.repeat(line - 1)}${code}`;
        writeFileSync(join(folder, `${path.replaceAll('/', '\u{29F8}')}#${line}.ts`), module);
      }
    }
    const output = await typeCheck(folder);
    return output
      .split('\n')
      .filter((line) => line.includes('error'))
      .map(nameLine);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function nameLine(line: string): string {
  return line
    .replace(/^(.*?)#\d+\.ts\((\d+),\d+\)/, (_, page: string, at: string) => `${page}:${at}`)
    .replaceAll('\u{29F8}', '/');
}

/** Where the sources of every entry point of package.json are. */
function entryPoints(): Record<string, string[]> {
  const { name, exports } = JSON.parse(readFileSync(join(TOP, 'package.json'), 'utf8')) as {
    name: string;
    exports: Record<string, string | { types: string }>;
  };
  return Object.fromEntries(
    Object.entries(exports).flatMap(([subpath, target]) => {
      if (typeof target === 'string') return [];
      const source = target.types.replace(/^\.\/dist\//, 'src/').replace(/\.d\.ts$/, '.ts');
      return [[`${name}${subpath.slice(1)}`, [join(TOP, source)]]];
    }),
  );
}

function typeCheck(folder: string): Promise<string> {
  return new Promise((resolve) => {
    const tsc = join(TOP, 'node_modules/.bin/tsc');
    execFile(tsc, ['-p', folder, '--pretty', 'false'], { cwd: folder }, (error, stdout, stderr) =>
      resolve(error === null ? '' : `${stdout}${stderr}` || `error: ${error.message}`),
    );
  });
}
