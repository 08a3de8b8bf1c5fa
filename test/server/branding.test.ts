import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Config, ConfigError, loadConfig } from '../../src/config/index.ts';
import { TEMPLATE_NAMES } from '../../src/interaction/pages/page-templates.ts';
import * as ours from '../../src/interaction/pages/templates.ts';
import { openBranding } from '../../src/server/index.ts';
import { chromiumMissing, launchChromium } from '../support/chromium.ts';
import { startGuardmint } from '../support/guardmint.ts';
import { createWalkingBrowser, wordsOf } from '../support/walking-browser.ts';

const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==',
  'base64',
);
const SVG =
  '<?xml version="1.0"?>\n<!-- ours --><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><script>alert(1)</script><rect width="9" height="9"/></svg>';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'guardmint-branding-'));
  await Promise.all([
    writeFile(join(folder, 'logo.png'), PNG),
    writeFile(join(folder, 'logo.svg'), SVG),
    writeFile(join(folder, 'logo.webp'), Buffer.from('RIFF\x1a\0\0\0WEBPVP8L', 'latin1')),
    writeFile(join(folder, 'page.html'), '<!doctype html><svg></svg>'),
    writeFile(join(folder, 'photo.jpg'), Buffer.from('ffd8ffe0', 'hex')),
    writeFile(join(folder, 'large.png'), Buffer.concat([PNG, Buffer.alloc(262_144)])),
  ]);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const configOf = (branding: object): Config => loadConfig({ env: {}, readFile: () => JSON.stringify({ branding }) });

async function problemsOf(branding: object): Promise<readonly string[]> {
  try {
    await openBranding(configOf(branding));
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ setting, fault }) => `${setting}: ${fault}`);
  }
}

async function withTemplates(files: Record<string, string>): Promise<string> {
  const templates = await mkdtemp(join(folder, 'templates-'));
  for (const [name, text] of Object.entries(files)) await writeFile(join(templates, name), text);
  return templates;
}

describe('a logo', () => {
  test.each([
    ['logo.png', 'image/png', 'png'],
    ['logo.webp', 'image/webp', 'webp'],
    ['logo.svg', 'image/svg+xml', 'svg'],
  ])('%s is served from us as %s, to be kept for good, and can do nothing', async (file, type, extension) => {
    await using server = await startGuardmint({
      settings: { branding: { name: 'Example', logo: join(folder, file) } },
    });

    const { html } = await createWalkingBrowser().open(`${server.issuer}/interaction/sign-out`);
    const source = /<p class="brand"><img src="([^"]*)" alt="">/.exec(html)?.[1] ?? '';
    const answer = await fetch(new URL(source, server.issuer));

    expect(source).toMatch(new RegExp(`^/interaction/logo-[\\w-]{12}\\.${extension}$`));
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, type]);
    expect(answer.headers.get('cache-control')).toContain('immutable');
    expect(answer.headers.get('content-security-policy')).toMatch(/^default-src 'none'.*sandbox$/);
    expect(wordsOf({ html })).toContain('Example');
  });

  test.each([
    ['photo.jpg', 'branding.logo: is neither a PNG nor a WebP nor an SVG'],
    ['page.html', 'branding.logo: is neither a PNG nor a WebP nor an SVG'],
    ['large.png', 'branding.logo: is 262214 bytes long; 262144 is the most a logo may have'],
    ['none.png', 'branding.logo: FOLDER/none.png cannot be read (ENOENT)'],
  ])('%s refuses to start', async (file, problem) => {
    const problems = await problemsOf({ logo: join(folder, file) });

    expect(problems.map((text) => text.replace(folder, 'FOLDER'))).toEqual([problem]);
  });
});

describe('an accent colour', () => {
  test('takes the place of ours, on light and on dark pages', async () => {
    const accent = { light: '#5b21b6', dark: '#c4b5fd' };
    await using server = await startGuardmint({ settings: { branding: { accent } } });

    const { html } = await createWalkingBrowser().open(`${server.issuer}/interaction/sign-out`);
    const styles = [...html.matchAll(/rel="stylesheet" href="([^"]*)"/g)].map(([, href]) => href ?? '');
    const css = await (await fetch(new URL(styles[1] ?? '', server.issuer))).text();

    expect(styles).toHaveLength(2);
    expect(css).toBe(':root{--mint:light-dark(#5b21b6,#c4b5fd);--on-mint:light-dark(#ffffff,#000000)}\n');
  });

  test('that cannot be read refuses to start, with the contrast it has', async () => {
    const problems = await problemsOf({ accent: { light: '#ffcc00', dark: '#222222' } });

    expect(problems).toEqual([
      expect.stringMatching(/^branding\.accent\.light: has a contrast of 1\.\d\d:1 to #\w+, .*4\.5:1.* darker one$/),
      expect.stringMatching(/^branding\.accent\.dark: has a contrast of 1\.\d\d:1 to #\w+, .*4\.5:1.* lighter one$/),
    ]);
  });

  test.each(['#fff', 'teal', '#12345g', 'red;}body{display:none'])('is no %s', (light) => {
    expect(() => configOf({ accent: { light, dark: '#ffffff' } })).toThrow('must be a colour such as #0b6b4b');
  });
});

describe('the foot of the pages', () => {
  test('has the links and who helps, on every page and on those for errors', async () => {
    const footerLinks = [{ label: 'Privacy & terms', url: 'https://www.example.com/privacy?a=1&b=2' }];
    const branding = { footerLinks, supportContact: 'help@example.com' };
    await using server = await startGuardmint({ settings: { branding } });
    const accept = { accept: 'text/html' };
    const browser = createWalkingBrowser();

    for (const path of ['/interaction/apps', '/interaction/sign-out', '/nowhere']) {
      const { html } = await browser.open(server.issuer + path, accept);
      expect(html).toContain('href="https://www.example.com/privacy?a=1&amp;b=2">Privacy &amp; terms</a>');
      expect(html).toContain(
        'Help: <a class="hit" rel="noreferrer" href="mailto:help@example.com">help@example.com</a>',
      );
    }
  });

  test.each([
    ['https://help.example.com', 'href="https://help.example.com"'],
    ['Desk 4, +82 2 123 4567', '<span>Help: Desk 4, +82 2 123 4567</span>'],
    ['<b>@example.com', '<span>Help: &lt;b&gt;@example.com</span>'],
  ])('says %s as %s', async (supportContact, html) => {
    await using server = await startGuardmint({ settings: { branding: { supportContact } } });

    const page = await createWalkingBrowser().open(`${server.issuer}/interaction/sign-out`);
    expect(page.html).toContain(html);
  });

  test('is not there where there is nothing to say; a link is http or https', async () => {
    await using server = await startGuardmint();

    expect((await createWalkingBrowser().open(`${server.issuer}/interaction/sign-out`)).html).not.toContain('<footer');
    expect(() => configOf({ footerLinks: [{ label: 'x', url: 'javascript:alert(1)' }] })).toThrow('http or https URL');
  });
});

describe('templates of the operator', () => {
  test('take the place of ours, and the others stay', async () => {
    const templates = await withTemplates({
      'sign-out.eta':
        '<h1>Bye</h1><% if (it.username) { %><p><%= it.username %></p><input name="form" value="<%= it.form %>"><% } %>',
      'README.md': 'not a template',
    });
    await using server = await startGuardmint({ settings: { branding: { templates } } });
    const browser = createWalkingBrowser();

    const signOut = await browser.open(`${server.issuer}/interaction/sign-out`);
    const signIn = await browser.open(`${server.issuer}/interaction/apps`);

    expect(signOut.html).toContain('<main>\n<p class="brand">');
    expect(signOut.html).toContain('<h1>Bye</h1>');
    expect(signIn.html).toContain('name="password"');
  });

  const SIGN_OUT = '<%= it.username %><input name="form" value="<%= it.form %>">';
  test.each([
    [
      'replaces nothing',
      'sign-off.eta',
      SIGN_OUT,
      /^sign-off\.eta replaces no page; there are layout\.eta, sign-in\.eta, consent\.eta/,
    ],
    ['is not closed', 'sign-out.eta', '<% if (it.username) { %>', /^sign-out\.eta cannot be used: /],
    [
      'asks for what is not there',
      'sign-out.eta',
      `${SIGN_OUT}<%= it.user.name %>`,
      /^sign-out\.eta cannot be used: .*undefined/,
    ],
    [
      'forgets the hidden field',
      'sign-out.eta',
      '<%= it.username %>',
      /^sign-out\.eta does without name="form", which the page is for$/,
    ],
    [
      'forgets who asks',
      'consent.eta',
      ours.CONSENT.replace('<bdi><%~ it.breakable(it.subject) %></bdi>', ''),
      /^consent\.eta does without subject/,
    ],
    [
      'does not escape',
      'consent.eta',
      ours.CONSENT.replace('<%= it.claim', '<%~ it.claim'),
      /^consent\.eta writes a text without escaping/,
    ],
    ['has a script', 'fault.eta', `${ours.FAULT}<script>1</script>`, /^fault\.eta has a script or a style in it/],
    [
      'has a style',
      'layout.eta',
      ours.LAYOUT.replace('<main>', '<main style="color:red">'),
      /^layout\.eta has a script or a style/,
    ],
    [
      'loads an image from elsewhere',
      'layout.eta',
      `${ours.LAYOUT}<img src="https://cdn.example.com/x.png">`,
      /^layout\.eta loads from elsewhere/,
    ],
    [
      'forgets the page',
      'layout.eta',
      ours.LAYOUT.replace('<%~ it.body %>', ''),
      /^layout\.eta does without name="form"/,
    ],
  ])('one that %s refuses to start', async (_, file, text, problem) => {
    const problems = await problemsOf({ templates: await withTemplates({ [file]: text }) });

    expect(problems.length).toBeGreaterThan(0);
    expect(problems[0]?.replace('branding.templates: ', '')).toMatch(problem);
  });

  test('the example of docs/pages.md is accepted', async () => {
    const page = readFileSync(new URL('../../docs/pages.md', import.meta.url), 'utf8');
    const [, fault = ''] = /```html\n([\s\S]*?)```/.exec(page) ?? [];

    expect(fault).toContain('it.notice.text');
    expect(await problemsOf({ templates: await withTemplates({ 'fault.eta': fault }) })).toEqual([]);
  });

  test('ours would be accepted, each and all together', async () => {
    const files = {
      'layout.eta': ours.LAYOUT,
      'sign-in.eta': ours.SIGN_IN,
      'consent.eta': ours.CONSENT,
      'sign-out.eta': ours.SIGN_OUT,
      'apps.eta': ours.APPS,
      'leave.eta': ours.LEAVE,
      'onward.eta': ours.ONWARD,
      'fault.eta': ours.FAULT,
    };

    expect(await problemsOf({ templates: await withTemplates(files) })).toEqual([]);
    expect(Object.keys(files)).toHaveLength(TEMPLATE_NAMES.length);
  });

  test('that are in no folder refuse to start', async () => {
    await mkdir(join(folder, 'empty'), { recursive: true });

    expect(await problemsOf({ templates: join(folder, 'empty') })).toEqual([]);
    expect(await problemsOf({ templates: join(folder, 'nowhere') })).toEqual([
      expect.stringMatching(/^branding\.templates: .*nowhere cannot be read \(ENOENT\)$/),
    ]);
  });
});

test.skipIf(chromiumMissing !== undefined)(
  'in Chromium a branded page loads all it has from us, and complains of nothing',
  async () => {
    const branding = {
      name: 'Example',
      logo: join(folder, 'logo.svg'),
      accent: { light: '#5b21b6', dark: '#c4b5fd' },
      footerLinks: [{ label: 'Privacy', url: 'https://www.example.com/privacy' }],
    };
    await using server = await startGuardmint({ settings: { branding } });
    const browser = await launchChromium();
    const page = await browser.newPage();
    const complaints: string[] = [];
    const origins = new Set<string>();
    page.on('console', (message) => complaints.push(message.text()));
    page.on('dialog', (dialog) => void dialog.dismiss().then(() => complaints.push('a dialog')));
    page.on('request', (request) => origins.add(new URL(request.url()).origin));

    await page.goto(`${server.issuer}/interaction/apps`);
    const colour = await page.getByRole('button').evaluate((button) => getComputedStyle(button).backgroundColor);
    const width = await page.locator('.brand img').evaluate((image) => (image as HTMLImageElement).naturalWidth);
    await page.goto(new URL((await page.locator('.brand img').getAttribute('src')) ?? '', server.issuer).href);

    expect(colour).toBe('rgb(91, 33, 182)');
    expect(width).toBeGreaterThan(0);
    // Opened by itself the script in the logo is blocked, which Chromium says.
    expect(complaints.filter((text) => !text.includes('Blocked script execution'))).toEqual([]);
    expect(complaints).not.toContain('a dialog');
    expect([...origins]).toEqual([new URL(server.issuer).origin]);
    await browser.close();
  },
);
