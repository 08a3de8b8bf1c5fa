import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { RunOptions } from 'axe-core';
import type { Page } from 'playwright-core';

const SOURCE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/**
 * What axe finds wrong with the page as it is now: rule, impact, and the elements. Best practices count beside WCAG, and so does a
 * contrast that it cannot measure.
 */
export async function findAxeFaults(page: Page, options: RunOptions = {}): Promise<readonly string[]> {
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(SOURCE);
  return page.evaluate(async (run) => {
    const { violations, incomplete } = await globalThis.axe.run(document, run);
    const unmeasured = incomplete.filter(({ id }) => id === 'color-contrast');
    return [...violations, ...unmeasured].map(
      ({ id, impact, nodes }) => `${id} (${impact}): ${nodes.map(({ html }) => html).join(' ')}`,
    );
  }, options);
}

declare global {
  var axe: typeof import('axe-core');
}
