import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { EXAMPLE, generatedPages } from '../scripts/generate-docs.ts';
import { loadConfig } from '../src/config/index.ts';

const TOP = new URL('../', import.meta.url).pathname;
const PAGES = globSync(['*.md', 'docs/**/*.md', 'keys/*.md', 'examples/**/*.md', 'deploy/**/*.md'], { cwd: TOP });

describe('docs', () => {
  test.each([...generatedPages()])('%s is what the source says; if not, run npm run generate-docs', (path, text) => {
    expect(readFileSync(join(TOP, path), 'utf8')).toBe(text);
  });

  test('the example of docs/configuration.md is a configuration without warnings', () => {
    expect(loadConfig({ env: {}, readFile: () => EXAMPLE }).warnings).toEqual([]);
  });

  test('the configurations of docs/grants.md are ones', () => {
    const text = readFileSync(join(TOP, 'docs/grants.md'), 'utf8').replaceAll('"…"', `"${'A'.repeat(43)}"`);
    const blocks = [...text.matchAll(/```json\n([\s\S]*?)```/g)].map(([, block = '']) => block);

    expect(blocks.length).toBe(4);
    for (const block of blocks)
      expect(loadConfig({ env: {}, readFile: () => block })).toMatchObject(JSON.parse(block) as object);
  });

  test('docs/specs.md lists every RFC that the source cites', () => {
    const source = globSync('src/**/*.ts', { cwd: TOP }).map((file) => readFileSync(join(TOP, file), 'utf8'));
    const cited = new Set(source.flatMap((text) => text.match(/\bRFC \d{4,5}\b/g) ?? []));
    const listed = readFileSync(join(TOP, 'docs/specs.md'), 'utf8');

    expect([...cited].filter((rfc) => !listed.includes(rfc))).toEqual([]);
  });

  test('README.md leads to every page of docs, in one table', () => {
    const index = readFileSync(join(TOP, 'README.md'), 'utf8').split('\n## Every page\n')[1]?.split('\n## ')[0] ?? '';
    const pages = globSync(['docs/*.md', 'docs/*/README.md'], { cwd: TOP });

    expect(pages.filter((page) => index.split(`](${page})`).length !== 2)).toEqual([]);
  });

  test.each(PAGES)('every relative link of %s leads somewhere', (page) => {
    const text = readFileSync(join(TOP, page), 'utf8');
    const links = [...text.matchAll(/\]\((?!https?:|mailto:|#)([^)\s#]+)/g)].map(([, link]) => link ?? '');

    const broken = links.filter((link) => !existsSync(join(TOP, dirname(page), link)));

    expect(broken).toEqual([]);
  });

  test.each(PAGES)('every source file that %s names exists', (page) => {
    const text = readFileSync(join(TOP, page), 'utf8');
    const named = [...text.matchAll(/`((?:src|test|scripts|docs|bench|examples)\/[\w./-]+\.(?:ts|mjs|md|json))`/g)];

    const missing = named.map(([, path]) => path ?? '').filter((path) => !existsSync(join(TOP, path)));

    expect(missing).toEqual([]);
  });
});
