import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { launchChromium } from '../test/support/chromium.ts';
import { SCENES } from '../test/support/scenes.ts';
import { startStage } from '../test/support/stage.ts';
import { openWindow } from '../test/support/window.ts';

// npm run screenshots [NAME]: every page as a person sees it, from a running server, into docs/screenshots.
const FOLDER = new URL('../docs/screenshots/', import.meta.url).pathname;
const SIZES = { phone: { width: 390, height: 760 }, desktop: { width: 1280, height: 800 } };
const wanted = process.argv[2];

if (wanted === undefined) await rm(FOLDER, { recursive: true, force: true });
await mkdir(FOLDER, { recursive: true });
const browser = await launchChromium();
const stage = await startStage({ startAt: Date.UTC(2026, 4, 4, 9) / 1000 });
for (const language of ['en', 'ko']) {
  for (const scene of SCENES) {
    if ((language !== 'en' && scene.isMain !== true) || !scene.name.includes(wanted ?? '')) continue;
    await using window = await openWindow(browser, { locale: language, reducedMotion: 'reduce' });
    const { page } = window;
    await scene.open(page, stage);
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      for (const [size, viewport] of Object.entries(SIZES)) {
        await page.setViewportSize(viewport);
        const path = join(FOLDER, `${scene.name}.${language}.${colorScheme}.${size}.png`);
        await page.screenshot({ path, fullPage: true, caret: 'hide' });
      }
    }
    console.log(`${language} ${scene.name}`);
  }
}
await browser.close();
await stage[Symbol.asyncDispose]();
