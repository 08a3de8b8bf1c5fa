import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findSourceFaults, ROOMS, roomOf } from './support/source-rules.ts';

const TOP = new URL('../', import.meta.url).pathname;
const FILES = new Map(
  globSync('src/**/*.ts', { cwd: TOP })
    .toSorted()
    .map((file) => [file, readFileSync(join(TOP, file), 'utf8')]),
);

function faultsOf(files: ReadonlyMap<string, string>, isMeant: (file: string) => boolean): readonly string[] {
  return findSourceFaults(files)
    .filter(({ file }) => isMeant(file))
    .map(({ file, fault }) => `${file}: ${fault}`);
}

describe('rooms and arrows', () => {
  test.each(Object.keys(ROOMS))('%s keeps to its imports, its door and the reserved things', (room) => {
    expect(faultsOf(FILES, (file) => roomOf(file) === room)).toEqual([]);
  });

  test('every file is in a room or is an entry point', () => {
    const roomless = (file: string) => !((roomOf(file) ?? 'oauth') in ROOMS) || roomOf(file) === undefined;

    expect(faultsOf(FILES, roomless)).toEqual([]);
  });

  test('every room that has files has a door', () => {
    const rooms = new Set([...FILES.keys()].map(roomOf).filter((room) => room !== undefined));

    expect([...rooms].filter((room) => !FILES.has(`src/${room}/index.ts`))).toEqual([]);
  });
});

describe('the rules themselves', () => {
  const DOOR = (imports: string) => `/**\n * a room\n *\n * May import: ${imports}.\n */\n`;
  const TREE = new Map([
    ['src/oauth/index.ts', DOOR('nothing')],
    ['src/oauth/scope.ts', ''],
    ['src/platform/index.ts', DOOR('oauth')],
    ['src/provider/index.ts', DOOR('oauth, platform, keys, tokens, clients')],
  ]);

  test.each([
    ['src/oauth/x.ts', "import { Clock } from '../platform/index.ts';", 'oauth may not import platform'],
    [
      'src/platform/x.ts',
      "import { a } from '../oauth/scope.ts';",
      'src/oauth/scope.ts is inside oauth; other rooms use its door',
    ],
    [
      'src/platform/x.ts',
      "export type { A } from '../oauth/scope.ts';",
      'src/oauth/scope.ts is inside oauth; other rooms use its door',
    ],
    [
      'src/grants/x.ts',
      "import { type A, b } from '../provider/index.ts';",
      'grants may import only types of provider',
    ],
    ['src/resource/x.ts', "import type { A } from '../provider/index.ts';", 'resource may not import provider'],
    ['src/oauth/x.ts', "await import('../platform/index.ts');", 'oauth may not import platform'],
    ['src/oauth/x.ts', "import Koa from 'koa';", 'koa is not for oauth'],
    ['src/keys/x.ts', "import { request } from 'node:https';", 'node:https is not for keys'],
    ['src/keys/x.ts', "import leftPad from 'left-pad';", 'left-pad has no owner in test/support/source-rules.ts'],
    ['src/keys/x.ts', 'const home = process.env.HOME;', 'process.env is not for keys'],
    ['src/tokens/x.ts', 'const now = Date.now();', 'the clock of the machine (Date) is not for tokens'],
    ['src/tokens/x.ts', 'const now = String(new Date());', 'the clock of the machine (Date) is not for tokens'],
    ['src/tokens/x.ts', 'const id = crypto.randomUUID();', 'randomness is not for tokens'],
    ['src/clients/x.ts', "await fetch('https://a.example');", 'outbound HTTP (fetch) is not for clients'],
    ['src/cli/x.ts', "console.log('x');", 'the console is not for cli'],
    ['src/keys/x.ts', 'process.exit(1);', 'the process (exit, signals, standard streams) is not for keys'],
    [
      'src/resource/x.ts',
      "import { verify } from 'node:crypto';",
      'node:crypto: resource must run where there is no Node',
    ],
    [
      'src/resource/x.ts',
      "const { verify } = await import('node:crypto');",
      'node:crypto: resource must run where there is no Node',
    ],
    ['src/oauth/x.ts', "const bytes = Buffer.from('x');", 'a global of Node: oauth must run where there is no Node'],
    [
      'src/resource/x.ts',
      'const timer = setTimeout(f, 1).unref();',
      'a global of Node: resource must run where there is no Node',
    ],
    ['src/oauth/x.ts', "export * from './scope.ts';", 'export * is not for oauth'],
    ['src/oauth/token-utils.ts', '', '"utils" says nothing in a file name'],
    ['src/attic/x.ts', '', '"attic" is no room'],
    ['src/tokens/index.ts', DOOR('oauth, platform'), 'the door must say "May import: oauth, platform, keys."'],
    ['src/tokens/index.ts', 'export {};', 'the door has no comment'],
  ])('%s with %j is found', (file, text, fault) => {
    const planted = new Map([...TREE, [file, text]]);

    expect(faultsOf(planted, (name) => name === file)).toContain(`${file}: ${fault}`);
  });

  test.each([
    [
      'src/platform/x.ts',
      "import { a } from '../oauth/index.ts';\nimport { createHash } from 'node:crypto';\n// Date.now()",
    ],
    ['src/resource/x.ts', "import type { KeyObject } from 'node:crypto';\nconst bytes = NodeBuffer.from('x');"],
    ['src/platform/clock.ts', 'const now = Date.now();'],
    ['src/clients/x.ts', "const { fetch, clock } = deps;\nreturn fetch('https://a.example');"],
    ['src/config/x.ts', 'const { env } = { env: process.env };'],
    [
      'src/grants/x.ts',
      "import type { A } from '../provider/index.ts';\nimport { type B, type C } from '../provider/index.ts';",
    ],
    ['src/oauth/x.ts', "/** @example import { x } from 'koa'; */\nconst text = 'process.env and Date.now()';"],
  ])('%s with %j is allowed', (file, text) => {
    const planted = new Map([...TREE, [file, text]]);

    expect(faultsOf(planted, (name) => name === file)).toEqual([]);
  });
});
