import { describe, expect, test } from 'vitest';
import { renderErrorPage } from '../../src/interaction/index.ts';
import { REJECTIONS, type RejectionReason, reject } from '../../src/oauth/index.ts';
import { ALICE, startInteractionSite } from '../support/interaction-site.ts';
import { createWalkingBrowser, wordsOf } from '../support/walking-browser.ts';

const KOREAN = { 'accept-language': 'ko-KR,ko;q=0.9,en;q=0.5' };
const HANGUL = /[\uac00-\ud7a3]/;
const langOf = ({ html }: { html: string }) => /<html lang="([^"]*)">/.exec(html)?.[1];

describe('a browser that prefers Korean', () => {
  test('is asked to sign in, told of a wrong password and asked for consent in Korean', async () => {
    await using site = await startInteractionSite();
    const browser = createWalkingBrowser();

    const signIn = await browser.open(await site.begin(), KOREAN);
    const wrong = await browser.submit(signIn, { username: 'alice', password: 'wrong' }, KOREAN);
    const consent = await browser.submit(signIn, ALICE, KOREAN);
    const signOut = await browser.open(`${site.origin}/interaction/sign-out`, KOREAN);

    for (const page of [signIn, wrong, consent, signOut]) expect(langOf(page)).toBe('ko');
    expect(wordsOf(wrong)).toContain('비밀번호가 올바르지 않습니다');
    expect(wordsOf(consent)).toContain('확인되지 않았습니다');
    // What is ours is Korean; what stays are names, addresses, and the sentences the operator wrote.
    const left = wordsOf(consent).match(/[A-Za-z][A-Za-z]{3,}/g) ?? [];
    const operators =
      /^(?:guardmint|localhost|Handy|Helper|alice|Team|files|https|example|Read|your|Change|delete|write|read)$/;
    expect(left.filter((word) => !operators.test(word))).toEqual([]);
  });

  test('decides by the same form as anybody else', async () => {
    await using site = await startInteractionSite();
    const browser = createWalkingBrowser();
    const consent = await browser.submit(await browser.open(await site.begin(), KOREAN), ALICE, KOREAN);

    const { leavesFor } = await browser.submit(consent, { decision: 'allow' }, KOREAN);

    expect(await site.openCode(leavesFor ?? '')).toMatchObject({ scope: expect.anything() });
  });
});

test('the language the app asked for comes before that of the browser, and one we do not have leads to the next', async () => {
  await using site = await startInteractionSite();
  const open = async (languages: readonly string[], accepted: string) =>
    langOf(
      await createWalkingBrowser().open(await site.begin(undefined, { uiLocales: languages }), {
        'accept-language': accepted,
      }),
    );

  expect(await open(['ko'], 'en')).toBe('ko');
  expect(await open(['fr', 'ko-KR'], 'en')).toBe('ko');
  expect(await open(['en-GB'], 'ko')).toBe('en');
  expect(await open([], 'fr, ko;q=0.3, en;q=0.2')).toBe('ko');
  expect(await open([], 'fr')).toBe('en');
  expect(await open([], '')).toBe('en');
});

test.each(Object.keys(REJECTIONS) as RejectionReason[])('the error page says %s in Korean, too', (reason) => {
  const settings = { issuer: 'https://auth.example.com', branding: { name: 'guardmint' } };
  const { body } = renderErrorPage(settings, { error: reject(reason), requestId: 'req-1', languages: ['ko'] });
  const [heading, ...paragraphs] = [...body.matchAll(/<(?:h1|p|summary)[^>]*>([^<]+)</g)].map(
    ([, words]) => words ?? '',
  );

  expect(heading).toMatch(HANGUL);
  for (const words of paragraphs.slice(0, 2)) expect(words).toMatch(HANGUL);
});
