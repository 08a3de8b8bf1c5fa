import { domainToASCII, domainToUnicode } from 'node:url';

/** How the host of an internationalised domain name is told to people, beside its ASCII form, which is always shown. */
export type HostSpelling =
  /** nothing is to be said: it has ASCII letters only */
  | { readonly kind: 'plain' }
  /** its letters are of one script and cannot pass for others */
  | { readonly kind: 'spelled'; readonly host: string }
  /** its letters are mixed or can pass for others */
  | { readonly kind: 'confusable' };

// Scripts none of whose letters can be taken for Latin ones. Cyrillic, Greek, Armenian and Cherokee can: a whole name may be
// spelled in them that looks like another (UTS #39 §4). Hangul is its syllables; without them stand fillers that nobody sees.
const DISTINCT_SCRIPTS = [
  /^[가-힣0-9-]+$/u,
  /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}ー0-9-]+$/u,
  /^[\p{Script=Thai}0-9-]+$/u,
  /^[\p{Script=Devanagari}0-9-]+$/u,
];
// Strokes that pass for a slash, a dash or a dot between labels.
const STROKES = /[ノソンリ一丨丶丿ーㅡㅣ]/u;
const ACCENTED_LATIN = /^(?:[a-z0-9-][\u0300-\u036f]{0,2}|[ßæœøđłþð])+$/u;

/**
 * Judges the host of a URL as `URL.host` gives it, with or without a port. The letters are shown only where all labels are of
 * ASCII letters or, all of them, of one script, and none of it can be taken for something else.
 */
export function spellHost(host: string): HostSpelling {
  const [, name = '', port = ''] = /^(.*?)(:\d+)?$/.exec(host) ?? [];
  if (!/(?:^|\.)xn--/i.test(name)) return { kind: 'plain' };
  const unicode = domainToUnicode(name);
  const labels = unicode.split('.').filter((label) => !/^[a-z0-9-]*$/.test(label));
  const isOneScript =
    labels.every((label) => ACCENTED_LATIN.test(label.normalize('NFD'))) ||
    DISTINCT_SCRIPTS.some((script) => labels.every((label) => script.test(label) && !STROKES.test(label)));
  const isWhole = unicode !== '' && labels.length > 0 && domainToASCII(unicode) === name && !unicode.includes('xn--');
  return isWhole && isOneScript ? { kind: 'spelled', host: `${unicode}${port}` } : { kind: 'confusable' };
}
