import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { launchChromium } from '../test/support/chromium.ts';
import { SCENES } from '../test/support/scenes.ts';
import { startStage } from '../test/support/stage.ts';
import { openWindow } from '../test/support/window.ts';
import { encodePalettePng, type Pixels } from './palette-png.ts';

// npm run screenshots [PART OF A NAME]: every page as a person sees it, from a running server, into docs/screenshots.
const FOLDER = new URL('../docs/screenshots/', import.meta.url).pathname;
const SIZES = { phone: { width: 390, height: 760 }, desktop: { width: 1280, height: 800 } };
const STARTED = Date.UTC(2026, 4, 4, 9) / 1000;
// The pages take the system's own font. A server's is seldom anybody's: Debian's fonts-inter stands for it, where installed.
const FONTS = `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>
<include>/etc/fonts/fonts.conf</include>
<match target="pattern"><test name="family"><string>sans-serif</string></test>
<edit name="family" mode="prepend" binding="strong"><string>Inter</string><string>Noto Sans CJK KR</string></edit></match>
</fontconfig>`;

const wanted = process.argv[2] ?? '';
if (!SCENES.some(({ name }) => name.includes(wanted))) {
  console.error(`No page is called like "${wanted}". The pages: ${SCENES.map(({ name }) => name).join(', ')}`);
  process.exit(64);
}
if (wanted === '') await rm(FOLDER, { recursive: true, force: true });
await mkdir(FOLDER, { recursive: true });
const temporary = await mkdtemp(join(tmpdir(), 'guardmint-screenshots-'));
const fonts = join(temporary, 'fonts.conf');
await writeFile(fonts, FONTS);
const [browser, stage] = await Promise.all([launchChromium({ fonts }), startStage({ startAt: STARTED })]);

const darkroom = await openWindow(browser);

for (const locale of ['en', 'ko']) {
  for (const scene of SCENES) {
    if ((locale !== 'en' && scene.isMain !== true) || !scene.name.includes(wanted)) continue;
    await using window = await openWindow(browser, { locale, reducedMotion: 'reduce' });
    const { page } = window;
    await scene.open(page, stage);
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      for (const [size, viewport] of Object.entries(SIZES)) {
        await page.setViewportSize(viewport);
        const path = join(FOLDER, `${scene.name}.${locale}.${colorScheme}.${size}.png`);
        const png = await page.screenshot({ fullPage: true, caret: 'hide' });
        await writeFile(path, encodePalettePng(await decode(darkroom.page, png)));
      }
    }
    console.log(`${scene.name}.${locale}`);
  }
}

if (wanted === '') await writeFile(join(FOLDER, 'README.md'), describeGallery());
await darkroom[Symbol.asyncDispose]();
await browser.close();
await stage[Symbol.asyncDispose]();
await rm(temporary, { recursive: true, force: true });

/** The pixels of a PNG, as the browser itself reads them. */
async function decode(page: Page, png: Buffer): Promise<Pixels> {
  const { width, height, text } = await page.evaluate(async (base64) => {
    const bytes = Uint8Array.fromBase64(base64);
    const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
    canvas?.drawImage(bitmap, 0, 0);
    const pixels = canvas?.getImageData(0, 0, bitmap.width, bitmap.height);
    return { width: bitmap.width, height: bitmap.height, text: new Uint8Array(pixels?.data ?? []).toBase64() };
  }, png.toString('base64'));
  return { width, height, data: Buffer.from(text, 'base64') };
}

/** A page that shows what is in the folder. */
function describeGallery(): string {
  const picture = (name: string, width: number) =>
    `<a href="${name}.png"><img src="${name}.png" alt="${name.split('.')[0]}" width="${width}"></a>`;
  const rowsOf = (locale: string) =>
    SCENES.filter(({ isMain }) => locale === 'en' || isMain).map(({ name }) => {
      const cells = ['light', 'dark'].map((scheme) => picture(`${name}.${locale}.${scheme}.phone`, 180));
      return `| ${name} | ${cells.join(' | ')} | ${picture(`${name}.${locale}.light.desktop`, 320)} |`;
    });
  const tableOf = (locale: string) =>
    ['| page | phone, light | phone, dark | desktop |', '| --- | --- | --- | --- |', ...rowsOf(locale)].join('\n');
  return `# Every page

What people see of the server, as [pages.md](../pages.md) describes it. \`npm run screenshots\` takes these pictures from a running server
with Chromium, by the same table of pages that the tests go through (\`test/support/scenes.ts\`). Each is here for phone and desktop, light
and dark; those of every day also in Korean. The pages take the system's own font; here it is Inter (Debian's \`fonts-inter\`).

## English

${tableOf('en')}

## Korean

${tableOf('ko')}
`;
}
