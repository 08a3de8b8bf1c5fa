import { describe, expect, test } from 'vitest';
import { renderErrorPage } from '../../src/interaction/index.ts';
import { formActionSource } from '../../src/interaction/page-headers.ts';
import { REJECTIONS, type RejectionReason, reject, UnavailableError } from '../../src/oauth/index.ts';
import { ALICE, client, startInteractionSite } from '../support/interaction-site.ts';
import { createWalkingBrowser, wordsOf } from '../support/walking-browser.ts';

const SETTINGS = { issuer: 'https://auth.example.com/team', branding: { name: 'Example & Co' } };

describe('every page', () => {
  test('cannot be framed, kept or scripted, and leaks no referrer [AS-31]', async () => {
    await using site = await startInteractionSite();
    const browser = createWalkingBrowser();
    const signIn = await browser.open(await site.begin());
    const wrong = await browser.submit(signIn, { username: 'alice', password: 'wrong' });
    const consent = await browser.submit(signIn, ALICE);
    const pages = [
      signIn,
      wrong,
      consent,
      await browser.open(`${site.origin}/interaction/sign-out`),
      await browser.open(`${site.origin}/interaction/nowhere`),
      await createWalkingBrowser().open(await site.begin(undefined, { prompt: ['none'] })),
    ];

    for (const { headers, html } of pages) {
      expect(headers.get('content-security-policy')).toMatch(
        /^default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'( http:\/\/localhost:33418 https:)?; frame-ancestors 'none'; base-uri 'none'$/,
      );
      expect(Object.fromEntries(headers)).toMatchObject({
        'x-frame-options': 'DENY',
        'referrer-policy': 'no-referrer',
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        'cross-origin-opener-policy': 'same-origin',
        'content-type': 'text/html; charset=utf-8',
      });
      expect(headers.has('access-control-allow-origin')).toBe(false);
      expect(html).not.toMatch(/<script|<style|style=|https?:\/\/(?!localhost|files\.example\.com|www\.w3\.org)/);
      expect(html).toMatch(/<title>[^<]+ · guardmint<\/title>/);
    }
  });

  test('loads its stylesheet and its icon from us, to be kept for good', async () => {
    await using site = await startInteractionSite();
    const { html } = await createWalkingBrowser().open(await site.begin());
    const assets = [...html.matchAll(/<link [^>]*href="([^"]*)"/g)].map(([, href]) => href ?? '');

    const answers = await Promise.all(assets.map((href) => fetch(new URL(href, site.origin))));

    expect(assets).toEqual([
      expect.stringMatching(/^\/interaction\/style-[\w-]{12}\.css$/),
      expect.stringMatching(/^\/interaction\/icon-[\w-]{12}\.svg$/),
    ]);
    expect(
      answers.map(({ status, headers }) => [status, headers.get('content-type'), headers.get('cache-control')]),
    ).toEqual([
      [200, 'text/css; charset=utf-8', 'public, max-age=31536000, immutable'],
      [200, 'image/svg+xml', 'public, max-age=31536000, immutable'],
    ]);
  });

  test.each([
    ['/interaction/nowhere', 'GET', 404],
    ['/interaction/Consent', 'GET', 404],
    ['/interaction/consent/', 'GET', 404],
    ['/interaction/style-000000000000.css', 'GET', 404],
    ['/interaction/continue', 'POST', 405],
    ['/interaction/sign-in', 'DELETE', 405],
  ])('%s by %s is %d', async (path, method, status) => {
    await using site = await startInteractionSite();

    expect((await fetch(`${site.origin}${path}`, { method })).status).toBe(status);
  });

  test('lies below the path of the issuer', async () => {
    await using site = await startInteractionSite({ issuer: 'https://auth.example.com/team' });

    const url = new URL(await site.begin());
    const page = await fetch(`${site.origin}${url.pathname.replace('continue', 'sign-in')}${url.search}`);

    expect(`${url.origin}${url.pathname}`).toBe('https://auth.example.com/team/interaction/continue');
    expect(await page.text()).toMatch(/action="\/team\/interaction\/sign-in\?request=[\s\S]*/);
  });
});

describe('form-action', () => {
  test.each([
    ['https://app.example.com/cb?x=1', 'https://app.example.com'],
    ['https://app.example.com:8443/cb', 'https://app.example.com:8443'],
    ['http://localhost:33418/callback', 'http://localhost:33418'],
    ['http://127.0.0.1:4000', 'http://127.0.0.1:4000'],
    ['http://[::1]:4000/cb', 'http:'],
    ['cursor://anysphere.cursor-mcp/oauth/callback', 'cursor:'],
    ['com.example.app:/cb', 'com.example.app:'],
  ])('of a redirect to %s names %s', async (redirectUri, source) => {
    await using site = await startInteractionSite();
    const browser = createWalkingBrowser();

    const who = client('c', 'registered', redirectUri, 'App');
    const consent = await browser.submit(await browser.open(await site.begin(who)), ALICE);

    expect(consent.headers.get('content-security-policy')).toContain(`form-action 'self' ${source} https:;`);
    expect(formActionSource(redirectUri)).toBe(`${source} https:`);
  });
});

describe('the error page', () => {
  test.each(Object.keys(REJECTIONS) as RejectionReason[])('says %s in plain words', (reason) => {
    const page = renderErrorPage(SETTINGS, { error: reject(reason, { secret: 'detail' }), requestId: 'req-1' });

    const words = wordsOf({ html: page.body });
    expect(page.status).toBe(REJECTIONS[reason].status);
    expect(words).toContain(REJECTIONS[reason].error);
    expect(words).toContain('req-1');
    expect(words).not.toContain('detail ');
    expect(page.headers['Content-Security-Policy']).toContain("form-action 'self';");
  });

  test('of a dependency that is down says when to come back, and not which', () => {
    const page = renderErrorPage(SETTINGS, {
      error: new UnavailableError('redis-7', { retryAfter: 9 }),
      requestId: 'req-1',
    });

    expect([page.status, page.headers['Retry-After']]).toEqual([503, '9']);
    expect(page.body).not.toContain('redis');
  });

  test('of a bug tells nothing of it', () => {
    const page = renderErrorPage(SETTINGS, { error: new TypeError('password is undefined'), requestId: '<i>' });

    expect(page.status).toBe(500);
    expect(page.body).not.toContain('undefined');
    expect(page.body).not.toContain('<i>');
    expect(page.body).toContain('Example &amp; Co');
    expect(page.body).toContain('href="/team/interaction/style-');
  });
});
