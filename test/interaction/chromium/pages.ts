import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chromiumMissing, launchChromium } from '../../support/chromium.ts';
import { findPageFaults } from '../../support/page-faults.ts';
import { SCENES, type Scene } from '../../support/scenes.ts';
import { type Stage, startStage } from '../../support/stage.ts';
import { openWindow, type Window } from '../../support/window.ts';

/** Every page of the server in one language, in Chromium. A file each, so that they run beside each other. */
export function describePages(locale: 'en' | 'ko'): void {
  if (chromiumMissing !== undefined) console.warn(`skipped: the pages in Chromium (${chromiumMissing})`);
  describe.skipIf(chromiumMissing !== undefined)(`every page of the server, in ${locale}`, () => testPages(locale));
}

function testPages(locale: 'en' | 'ko'): void {
  let browser: Browser;
  let stage: Stage;
  beforeAll(async () => {
    [browser, stage] = await Promise.all([launchChromium(), startStage({ startAt: 1_777_885_200 })]);
  });
  afterAll(async () => {
    await browser.close();
    await stage[Symbol.asyncDispose]();
  });

  /** What is wrong with the way to a page, and with the page as any browser has it. */
  async function meet(scene: Scene, { page, complaints, requests, status }: Window): Promise<readonly string[]> {
    await scene.open(page, stage);
    await page.waitForLoadState();
    const faults = [...complaints];
    const own = [stage.server, stage.strict, stage.company, stage.federated].map(({ issuer }) => `${issuer}/`);
    const foreign = requests.filter((url) => ![...own, scene.visits].some((start) => start && url.startsWith(start)));
    faults.push(...foreign.map((url) => `asked for ${url}`));
    if (status() !== scene.status) faults.push(`is ${status()}`);
    if (!/\S+ · (guardmint|Northwind)$/.test(await page.title())) faults.push(`has the title ${await page.title()}`);
    if ((await page.locator('h1').count()) !== 1) faults.push('has not one heading');
    if ((await page.locator('html').getAttribute('lang')) !== locale) faults.push('is in another language');
    return faults;
  }

  test.each(SCENES)('$name, by axe and by measure: phone and desktop, light and dark', async (scene) => {
    await using window = await openWindow(browser, { locale, viewport: { width: 390, height: 760 } }, [
      stage.provider.issuer,
    ]);
    const { page } = window;
    const faults = [...(await meet(scene, window)), ...(await findPageFaults(page))];

    expect(faults).toEqual([]);
    // What a screen reader goes through, in its order. `--update=all` writes it anew.
    if (locale === 'en') await expect(await describeTree(page)).toMatchFileSnapshot(`./trees/${scene.name}.txt`);
  });

  // No page has a script, so once is enough for most.
  test.each(SCENES.filter(({ isMain }) => locale === 'ko' || isMain))('$name, without scripts', async (scene) => {
    await using window = await openWindow(browser, { locale, javaScriptEnabled: false }, [stage.provider.issuer]);

    expect(await meet(scene, window)).toEqual([]);
  });
}

/** The accessibility tree of the page: roles, names, states; without what differs every time: addresses of links, waiting times. */
async function describeTree(page: Page): Promise<string> {
  const tree = await page.locator('body').ariaSnapshot();
  return `${tree.replaceAll(/:?\n *- \/url: .*/g, '').replace(/Wait \d+ \w+/, 'Wait a while')}\n`;
}
