import type { Page } from 'playwright-core';
import { findAxeFaults } from './axe.ts';
import { findVisualFaults } from './visual-faults.ts';

/** What axe finds, light and dark, and what is too small or too wide, on a phone and a desktop. Leaves the page dark and wide. */
export async function findPageFaults(page: Page): Promise<readonly string[]> {
  const faults = [...(await findAxeFaults(page))];
  await page.emulateMedia({ colorScheme: 'dark' });
  faults.push(...(await findAxeFaults(page, { runOnly: ['color-contrast'] })));
  // 320 pixels are also what 1,280 leave at 400 % (WCAG 1.4.10).
  for (const width of [320, 1280]) {
    await page.setViewportSize({ width, height: 760 });
    faults.push(...(await findVisualFaults(page)));
  }
  return faults;
}
