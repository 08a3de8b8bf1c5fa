import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chromiumMissing, launchChromium } from '../../support/chromium.ts';
import { SCENES } from '../../support/scenes.ts';
import { ANNA, type Stage, startStage } from '../../support/stage.ts';
import { findVisualFaults } from '../../support/visual-faults.ts';
import { openWindow } from '../../support/window.ts';

if (chromiumMissing !== undefined) console.warn(`skipped: access in Chromium (${chromiumMissing})`);

describe.skipIf(chromiumMissing !== undefined)('in Chromium', () => {
  let browser: Browser;
  let stage: Stage;
  beforeAll(async () => {
    [browser, stage] = await Promise.all([launchChromium(), startStage()]);
  });
  afterAll(async () => {
    await browser.close();
    await stage[Symbol.asyncDispose]();
  });

  async function openScene(page: Page, name: string): Promise<void> {
    const scene = SCENES.find((one) => one.name === name);
    if (scene === undefined) throw new Error(`there is no page ${name}`);
    await scene.open(page, stage);
    await page.waitForLoadState();
  }

  /** What has the focus: its name, or what it is. */
  const focused = (page: Page) =>
    page.evaluate(() => {
      const { activeElement: active } = document;
      return active?.id || active?.getAttribute('role') || active?.textContent?.trim() || active?.tagName;
    });

  test('the keyboard alone signs in and denies', async () => {
    await using window = await openWindow(browser);
    const { page } = window;
    const { keyboard } = page;

    await openScene(page, 'sign-in');
    await page.locator('#username:focus').waitFor();
    await keyboard.type(ANNA.username);
    await keyboard.press('Tab');
    await keyboard.type(ANNA.password);
    await keyboard.press('Enter');
    await page.getByRole('button', { name: 'Deny' }).waitFor();
    const reached = [await page.evaluate(() => document.activeElement?.tagName)];
    for (let step = 0; step < 4; step++) {
      await keyboard.press('Tab');
      reached.push(await focused(page));
    }
    expect(reached).toEqual(['BODY', 'Not you? Use another account', 'Sign out', 'Deny', 'Allow']);

    await keyboard.press('Shift+Tab');
    const left = page.waitForRequest(/^https:\/\/notebook\.example\.com\/.*error=access_denied/);
    await keyboard.press('Enter');
    await left;
  });

  test('each permission is reached and left out by the keyboard, and Enter there denies rather than allows', async () => {
    await using window = await openWindow(browser);
    const { page } = window;
    await openScene(page, 'consent-loopback');
    const boxes = page.getByRole('checkbox');
    await page.getByRole('button', { name: 'Deny' }).waitFor();

    for (let step = 0; step < 3; step++) await page.keyboard.press('Tab');
    await page.keyboard.press('Space');
    expect(await boxes.evaluateAll((all) => all.map((box) => (box as HTMLInputElement).checked))).toEqual([
      false,
      true,
    ]);
    const left = page.waitForRequest(/^http:\/\/localhost:33418\/callback\?error=access_denied/);
    await page.keyboard.press('Enter');
    await left;
  });

  test.each([
    ['sign-in', 'username'],
    ['sign-in-wrong', 'password'],
    ['sign-in-throttled', 'password'],
    ['sign-in-stale', 'password'],
    ['consent-nothing-ticked', 'alert'],
    ['apps-disconnected', 'status'],
  ])('the focus of %s is on %s', async (scene, expected) => {
    await using window = await openWindow(browser);

    await openScene(window.page, scene);
    // The focus is given with the first frame that is drawn, which may be after the page has loaded.
    await window.page.locator(':focus').waitFor();

    expect(await focused(window.page)).toBe(expected);
  });

  test.each(['sign-in-wrong', 'sign-in-throttled', 'sign-in-stale'])(
    '%s: what is wrong is an alert, and describes the fields',
    async (scene) => {
      await using window = await openWindow(browser);
      const { page } = window;

      await openScene(page, scene);

      const alert = (await page.getByRole('alert').textContent()) ?? '';
      expect(alert).not.toBe('');
      for (const field of ['Username', 'Password']) {
        expect(await page.getByLabel(field).getAttribute('aria-describedby')).toBe(
          await page.getByRole('alert').getAttribute('id'),
        );
      }
    },
  );

  test('password managers know the fields, and a password may be pasted', async () => {
    await using window = await openWindow(browser);
    const { page } = window;
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'], { origin: stage.server.issuer });
    await openScene(page, 'sign-in');

    expect(await page.getByLabel('Username').getAttribute('autocomplete')).toBe('username');
    expect(await page.getByLabel('Password').getAttribute('autocomplete')).toBe('current-password');
    expect(await page.getByLabel('Password').getAttribute('type')).toBe('password');
    await page.evaluate(() => navigator.clipboard.writeText('a password from elsewhere'));
    await page.getByLabel('Password').focus();
    await page.keyboard.press('Control+v');
    expect(await page.getByLabel('Password').inputValue()).toBe('a password from elsewhere');
  });

  test.each(['sign-in-wrong', 'consent-lengthy', 'apps', 'error-500'])(
    '%s bears letters of twice the size, on a phone and on a desktop (WCAG 1.4.4)',
    async (scene) => {
      await using window = await openWindow(browser);
      const { page } = window;
      await openScene(page, scene);
      await page.evaluate(() => document.documentElement.style.setProperty('font-size', '200%'));

      const faults: string[] = [];
      for (const width of [390, 640, 1280]) {
        await page.setViewportSize({ width, height: 760 });
        faults.push(...(await findVisualFaults(page)));
      }

      expect(faults).toEqual([]);
    },
  );

  test.each(['consent-lengthy', 'sign-in-wrong', 'apps-disconnected', 'error-503'])(
    '%s in the forced colours of a system: every button has an edge (WCAG 1.4.11)',
    async (scene) => {
      await using window = await openWindow(browser, { forcedColors: 'active' });
      const { page } = window;
      await openScene(page, scene);

      const edges = await page
        .locator('button, .button, input:not([type=hidden], [type=checkbox])')
        .evaluateAll((all) => all.map((one) => getComputedStyle(one)).map((style) => style.borderTopStyle));

      expect(edges.filter((style) => style !== 'solid')).toEqual([]);
    },
  );

  test('the page of each app names it in its title and first heading, so that tabs tell them apart', async () => {
    const titles: string[] = [];
    for (const scene of ['consent-document', 'consent-configured', 'consent-loopback', 'consent-scheme']) {
      await using window = await openWindow(browser);
      await openScene(window.page, scene);
      titles.push(await window.page.title());
    }

    expect(titles).toEqual([
      'Allow access for notebook.example.com? · guardmint',
      'Allow access for Back Office? · guardmint',
      'Allow access for localhost:33418? · guardmint',
      'Allow access for cursor:? · guardmint',
    ]);
  });
});
