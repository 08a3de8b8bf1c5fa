import type { Page } from 'playwright-core';

/** Links and fields too small for a finger (44 pixels, WCAG 2.5.5), and whatever is wider than the window (WCAG 1.4.10). */
export function findVisualFaults(page: Page): Promise<readonly string[]> {
  return page.evaluate(() => {
    const faults: string[] = [];
    for (const element of document.querySelectorAll('body *')) {
      const box = element.getBoundingClientRect();
      if (box.height === 0) continue;
      const name = `${element.tagName} ${element.textContent?.trim().slice(0, 30)}`;
      // A checkbox is hit by its label.
      const isTarget = element.matches('a, button, summary, input:not([type=checkbox]), label:has([type=checkbox])');
      if (isTarget && box.height < 44) faults.push(`${name}: ${box.height} pixels high`);
      if (box.right > document.documentElement.clientWidth + 0.5) faults.push(`${name}: wider than the window`);
    }
    if (document.documentElement.scrollWidth > document.documentElement.clientWidth) faults.push('scrolls sideways');
    return faults;
  });
}
