import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CATALOGUES, REQUIREMENTS } from './requirements.ts';

const TOP = new URL('../', import.meta.url).pathname;
const SELF = 'test/requirements.test.ts';
// Ids stand in brackets at the end of a test name, several separated by commas: "… [RS-17]", "… [AS-26, AS-28]".
const ID = String.raw`(?:[A-Z]{2,}-(?:[A-Z]+-)?\d+|[FI]\d{1,2})`;
const IDS = new RegExp(String.raw`\[(${ID}(?:, ?${ID})*)\]`, 'g');

/** Every id that a test name carries, with the file it stands in. */
function carriedIds(): readonly { readonly id: string; readonly file: string }[] {
  const files = globSync(['test/**/*.ts', 'src/testing/**/*.ts'], { cwd: TOP }).filter((file) => file !== SELF);
  return files.flatMap((file) => {
    const text = readFileSync(join(TOP, file), 'utf8');
    return [...text.matchAll(IDS)].flatMap(([, ids = '']) => ids.split(/, ?/).map((id) => ({ id, file })));
  });
}

describe('requirements', () => {
  const carried = carriedIds();

  test('every id that a test name carries is known', () => {
    const isKnown = (id: string) => id in REQUIREMENTS || CATALOGUES.some((pattern) => pattern.test(id));

    expect(carried.filter(({ id }) => !isKnown(id))).toEqual([]);
  });

  test('every implemented requirement is carried by a test name', () => {
    const proven = new Set(carried.map(({ id }) => id));
    const implemented = Object.keys(REQUIREMENTS).filter((id) => REQUIREMENTS[id]?.status === 'implemented');

    expect(implemented.filter((id) => !proven.has(id))).toEqual([]);
  });

  test('no test name carries a requirement that is deferred or binds somebody else', () => {
    const proven = new Set(carried.map(({ id }) => id));

    const contradicted = Object.entries(REQUIREMENTS).filter(
      ([id, { status }]) => proven.has(id) && (status === 'deferred' || status === 'elsewhere'),
    );
    expect(contradicted).toEqual([]);
  });
});
