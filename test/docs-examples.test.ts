import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { createProgram } from '../src/cli/index.ts';
import { ConfigError, loadConfig } from '../src/config/index.ts';
import { compileExamples, fencesOf } from './support/page-examples.ts';

const TOP = new URL('../', import.meta.url).pathname;
const PAGES = new Map(
  globSync(['*.md', 'docs/**/*.md', 'keys/*.md', 'examples/**/*.md', 'deploy/**/*.md'], { cwd: TOP }).map((path) => [
    path,
    readFileSync(join(TOP, path), 'utf8'),
  ]),
);
const FENCES = [...PAGES].flatMap(([page, text]) => fencesOf(text).map((fence) => ({ page, ...fence })));

/** For the compiler on a busy machine, in milliseconds. */
const PATIENCE = 240_000;

describe('examples in the docs', () => {
  const BROKEN =
    "# A page\n\n```ts\nimport { createVerifier } from 'guardmint/resource';\n\ncreateVerifier({});\n```\n";
  let faults: readonly string[] = [];
  beforeAll(async () => {
    faults = await compileExamples(new Map([...PAGES, ['docs/broken.md', BROKEN]]));
  }, PATIENCE);

  test('TypeScript compiles against the entry points of the package', () => {
    expect(faults.filter((fault) => !fault.startsWith('docs/broken.md'))).toEqual([]);
    expect(FENCES.filter(({ language }) => language === 'ts').length).toBeGreaterThan(5);
  });

  test('what does not compile is found, at its line of its page', () => {
    expect(faults).toContainEqual(expect.stringMatching(/^docs\/broken\.md:6: error TS/));
  });

  const configurations = FENCES.filter(({ language, remark }) => language === 'json' && remark !== 'no configuration');
  test.each(configurations.map((fence) => [`${fence.page}:${fence.line}`, fence.code]))(
    'the JSON at %s is a configuration',
    (_, code) => {
      // An ellipsis stands for a hash, a coordinate or a path.
      const text = code.replaceAll('"…"', `"${'A'.repeat(43)}"`);
      try {
        loadConfig({ env: {}, readFile: () => text });
      } catch (error) {
        expect(error instanceof ConfigError ? error.problems : error).toEqual([]);
      }
    },
  );
});

/** Code that begins with our name and is no command. */
const NO_COMMANDS = new Set(['guardmint refresh token']);

describe('commands in the docs', () => {
  const { scripts } = JSON.parse(readFileSync(join(TOP, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const program = createProgram(() => {
    throw new Error('a page needs no settings');
  });

  test.each([...PAGES])('every npm script that %s names exists, with its bench or drill', (_, text) => {
    const named = [...text.matchAll(/\bnpm run (?:-s )?([a-z][\w:-]*)(?: -- (\w+))?/g)];

    const missing = named.filter(([, script = '', name]) => {
      if (scripts[script] === undefined) return true;
      const isFolder = script === 'bench' || script === 'drill';
      return isFolder && name !== undefined && name !== 'NAME' && !existsSync(join(TOP, script, `${name}.ts`));
    });
    expect(missing.map(([command]) => command)).toEqual([]);
  });

  test.each([...PAGES])('every guardmint command that %s names exists, with its options', (_, text) => {
    const code = [...text.matchAll(/```\w*\n([\s\S]*?)```|`([^`\n]+)`/g)].map(([, block, span]) => block ?? span ?? '');
    const called = code
      .join('\n')
      .matchAll(/(?:^|\| |&& |[A-Z_]+=\S+ )(?:guardmint|npm run admin --) ([a-z]+) ?([a-z|-]*)([^\n|#]*)/gm);

    const lacks = (command: { readonly options: readonly { long?: string | undefined }[] }, words: string) =>
      (words.match(/--[a-z][a-z-]*/g) ?? []).some((option) => !command.options.some(({ long }) => long === option));
    const missing = [...called].filter(([, groupName, names = '', rest = '']) => {
      const group = program.commands.find((one) => one.name() === groupName);
      if (group === undefined) return true;
      if (group.commands.length === 0) return lacks(group, names + rest);
      return names
        .split('|')
        .filter(Boolean)
        .some((name) => {
          const command = group.commands.find((one) => one.name() === name);
          return command === undefined || lacks(command, rest);
        });
    });
    expect(missing.map(([line]) => line).filter((line) => !NO_COMMANDS.has(line))).toEqual([]);
  });
});
