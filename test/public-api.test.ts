import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { publicApis } from '../scripts/public-api.ts';
import { buildInto } from '../scripts/staged-package.ts';

const TOP = new URL('../', import.meta.url).pathname;

/** For the compiler on a busy machine, in milliseconds. */
const PATIENCE = 240_000;

describe('what can be imported', () => {
  const folder = mkdtempSync(join(tmpdir(), 'guardmint-api-'));
  let apis: ReadonlyMap<string, string>;
  beforeAll(() => {
    buildInto(folder);
    apis = publicApis(folder);
  }, PATIENCE);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('is what test/api says of every entry point; if it was changed on purpose, run npm run update-api', () => {
    const kept = globSync('test/api/*.txt', { cwd: TOP }).map((path) => [path, readFileSync(join(TOP, path), 'utf8')]);

    expect(Object.fromEntries(kept)).toEqual(Object.fromEntries(apis));
  });
});
