import { domainToASCII } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { spellHost } from '../../src/interaction/host-spelling.ts';
import { ALICE, client, startInteractionSite } from '../support/interaction-site.ts';
import { createWalkingBrowser, wordsOf } from '../support/walking-browser.ts';

const ascii = (host: string) => new URL(`https://${host}`).host;

describe('a host with letters that are not ASCII', () => {
  test.each(['bücher.example', 'crème-brûlée.example', 'straße.example', 'smørrebrød.example', 'łódź.example'])(
    'is spelled out beside its ASCII form when it is Latin with accents: %s',
    (host) => {
      expect(spellHost(ascii(host))).toEqual({ kind: 'spelled', host });
    },
  );

  test.each([
    '한국어.example',
    '서울.한국',
    '日本語.example',
    'さくら.example',
    '中文网.example',
    'ไทย.example',
    'हिन्दी.example',
  ])('and when it is of one script that looks like no other: %s', (host) => {
    expect(spellHost(`${ascii(host)}:8443`)).toEqual({ kind: 'spelled', host: `${host}:8443` });
  });

  test.each([
    ['Cyrillic а in a Latin name', 'аpple.com'],
    ['Cyrillic throughout, which looks like apple', 'аррӏе.com'],
    ['Cyrillic throughout, which looks like paypal', 'раураӏ.com'],
    ['Greek ο in a Latin name', 'gοοgle.com'],
    ['Greek throughout', 'ελλάδα.example'],
    ['Cyrillic throughout, honest', 'пример.example'],
    ['a Latin letter that is drawn as another (ɡ)', 'ɡoogle.com'],
    ['a Latin letter without its dot (ı)', 'wıkipedia.org'],
    ['Hangul and Latin', 'naver네이버.com'],
    ['two scripts in two labels', '한국.日本語.example'],
    ['Latin with accents beside Hangul', '한국.bücher.example'],
    ['a stroke that passes for a slash', 'ノ.example'],
    ['a stroke that passes for a dash', '一.example'],
    ['Armenian', 'օօօ.example'],
  ])('is not when it can pass for another: %s', (_, host) => {
    expect(spellHost(ascii(host))).toEqual({ kind: 'confusable' });
  });

  test.each(['app.example.com', 'localhost:3000', '127.0.0.1', '[::1]:4000', 'cursor:', 'com.example.app:', ''])(
    'is not what %j is, and nothing is said of it',
    (host) => {
      expect(spellHost(host)).toEqual({ kind: 'plain' });
    },
  );

  test('that is no name at all is not spelled', () => {
    for (const host of ['xn--a.example', 'xn--', 'xn--zzzzzz.example', 'XN--bcher-kva.example'])
      expect(spellHost(host).kind).toBe('confusable');
  });

  test('is only ever spelled as itself, and never with a letter of a script that looks Latin', () => {
    const letters = fc.constantFrom(...'abcoapüéßаорсеіοανɡı한국日本さノ一ー-0१ไ');
    const label = fc.string({ unit: letters, minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(fc.array(label, { minLength: 1, maxLength: 3 }), (labels) => {
        const host = domainToASCII(labels.join('.'));
        const spelling = spellHost(host);
        if (spelling.kind !== 'spelled') return;
        expect(domainToASCII(spelling.host)).toBe(host);
        expect(spelling.host).not.toMatch(/[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}]/u);
        expect(spelling.host).not.toMatch(/[ɡıノ一]/u);
      }),
      { numRuns: 300 },
    );
  });
});

test.each([
  ['bücher.example', 'xn--bcher-kva.example', 'in its own letters: bücher.example'],
  ['аррӏе.com', 'xn--80ak6aa92e.com', 'has letters that can pass for others'],
])('the consent page names %s as %s, and says of it: %s', async (name, host, note) => {
  await using site = await startInteractionSite();
  const browser = createWalkingBrowser();
  const callback = `https://${ascii(name)}/cb`;
  const url = await site.begin(client(`https://${ascii(name)}/c.json`, 'document', callback, 'App'));

  const consent = await browser.submit(await browser.open(url), ALICE);

  expect(wordsOf({ html: consent.html.replaceAll('<wbr>', '') })).toContain(`Your browser goes next to ${host} `);
  expect(consent.html.replaceAll('<wbr>', '')).toContain(`<h1><bdi>${host}</bdi></h1>`);
  expect(wordsOf(consent).split(note)).toHaveLength(3);
  expect(consent.html).not.toContain('аррӏе');
});
