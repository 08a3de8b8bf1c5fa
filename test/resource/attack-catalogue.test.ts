import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { REQUIREMENTS } from '../requirements.ts';
import { TOKEN_ATTACKS, TRANSPORT_ATTACKS } from './jwt-attacks.table.ts';

// The catalogue is read where it lies and never copied; without it this test says so and is skipped.
const CATALOGUE = new URL('../../../shared/catalogue/jwt-attacks.json', import.meta.url).pathname;
const TESTS = new URL('../', import.meta.url).pathname;

interface Row {
  readonly id: string;
  readonly title: string;
}

describe.skipIf(!existsSync(CATALOGUE))(
  `the catalogue of token attacks (${existsSync(CATALOGUE) ? 'found' : 'skipped: no ../shared/catalogue'})`,
  () => {
    test('every row has a test, or a reason why there is none', () => {
      const { attacks } = JSON.parse(readFileSync(CATALOGUE, 'utf8')) as { attacks: readonly Row[] };
      const text = globSync('**/*.test.ts', { cwd: TESTS }).map((file) => readFileSync(join(TESTS, file), 'utf8'));
      const named = text.flatMap((one) => one.match(/JWT-[A-Z]+-\d+/g) ?? []);
      const listed = [...TOKEN_ATTACKS, ...TRANSPORT_ATTACKS].map(({ id }) => id);
      const covered = new Set([...named, ...listed, ...Object.keys(REQUIREMENTS)]);

      expect(attacks.length).toBeGreaterThan(200);
      expect(attacks.filter(({ id }) => !covered.has(id)).map(({ id, title }) => `${id} ${title}`)).toEqual([]);
    });
  },
);
