import { sha256 } from '../../platform/index.ts';

const CSS = `:root{color-scheme:light dark;--ground:light-dark(#eef1ef,#111614);--card:light-dark(#fff,#1a211e);
--ink:light-dark(#17201c,#e9efec);--quiet:light-dark(#53605a,#a3b1aa);--line:light-dark(#d3dad6,#33403a);
--field:light-dark(#7c8a83,#74837b);--mint:light-dark(#0b6b4b,#7fdcb6);--on-mint:light-dark(#fff,#06231a);
--slate:light-dark(#36433d,#c3cfc9);--on-slate:light-dark(#fff,#151c19);
--warn:light-dark(#fff4dc,#33290f);--warn-line:light-dark(#b27300,#d9a441);--warn-ink:light-dark(#563a00,#ffe2a6);
--bad:light-dark(#fdeceb,#3a1a18);--bad-line:light-dark(#b3261e,#ff8f86);--bad-ink:light-dark(#7c1610,#ffd0cb)}
*{box-sizing:border-box}
html{font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif;-webkit-text-size-adjust:100%;
background:var(--ground);color:var(--ink)}
body{margin:0;min-height:100vh;min-height:100dvh;display:flex;flex-direction:column;align-items:center;
justify-content:center;padding:1.5rem 1rem}
main{width:100%;max-width:29rem;background:var(--card);border:1px solid var(--line);border-radius:.875rem;padding:1.75rem 2rem 2rem}
.brand{display:flex;align-items:center;gap:.5rem;margin:0 0 1.25rem;color:var(--quiet);font-size:.9375rem;font-weight:600}
.brand svg{width:1.375rem;height:1.375rem;flex:none;color:var(--mint)}
h1{font-size:1.5rem;line-height:1.25;margin:0 0 .5rem;font-weight:650;text-wrap:balance}
p{margin:0 0 1rem}
:lang(ko){word-break:keep-all;overflow-wrap:anywhere}
.quiet{color:var(--quiet)}
.small{font-size:.875rem}
a{color:var(--mint);text-underline-offset:.2em}
.hit{display:inline-flex;align-items:center;min-height:44px}
label{display:block;font-weight:600;margin:0 0 .375rem}
input{display:block;width:100%;min-height:44px;padding:.5rem .75rem;margin:0 0 1.125rem;font:inherit;color:inherit;
background:var(--card);border:1px solid var(--field);border-radius:.5rem}
button,.button{display:inline-flex;align-items:center;justify-content:center;width:100%;min-height:48px;padding:.5rem 1rem;
font:inherit;font-weight:650;text-align:center;text-decoration:none;color:var(--on-mint);background:var(--mint);border:2px solid transparent;
border-radius:.5rem;cursor:pointer}
button:hover,.button:hover{filter:brightness(1.12)}
.slate{color:var(--on-slate);background:var(--slate)}
:focus-visible{outline:3px solid var(--mint);outline-offset:2px}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:.75rem;margin:1.5rem 0 0}
.who{margin:0 0 1.25rem}
.who h1{margin:.125rem 0;font-size:1.75rem;overflow-wrap:anywhere}
.who p{margin:0}
.claim{margin:0 0 1.25rem;padding:0 0 0 .875rem;border-left:3px solid var(--line)}
.claim p{margin:0;overflow-wrap:anywhere}
dl{margin:0;border-top:1px solid var(--line)}
dl>div{padding:.75rem 0;border-bottom:1px solid var(--line)}
dl+p{margin-top:1rem}
dd p{margin:0}
dt{font-size:.875rem;color:var(--quiet)}
dd{margin:0;overflow-wrap:anywhere}
dd strong{font-weight:650}
dd ul{margin:.25rem 0 0;padding:0;list-style:none}
dd li{padding:.25rem 0 .25rem 1.375rem;position:relative}
dd li::before{content:"";position:absolute;left:.25rem;top:.8em;width:.4375rem;height:.4375rem;border-radius:50%;background:var(--mint)}
dd li.choice{padding:.25rem 0}
dd li.choice::before{content:none}
.choice label{display:flex;align-items:flex-start;gap:.625rem;min-height:44px;margin:0;font-weight:inherit;cursor:pointer}
.choice input{width:1.25rem;height:1.25rem;min-height:0;margin:.125rem 0 0;flex:none;accent-color:var(--mint)}
[hidden]{display:none!important}
code{font:.8125rem/1.4 ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;color:var(--quiet);overflow-wrap:anywhere}
li code{display:block}
.links{display:flex;flex-wrap:wrap;align-items:center;gap:0 1.25rem}
.links .hit{margin:-.25rem 0}
.note{margin:.5rem 0 0;padding:.625rem .875rem;border-radius:.5rem;border:1px solid var(--warn-line);background:var(--warn);color:var(--warn-ink);font-size:.9375rem}
.alert{margin:0 0 1.25rem;padding:.75rem .875rem;border-radius:.5rem;border:1px solid var(--bad-line);background:var(--bad);color:var(--bad-ink)}
h2{font-size:1.125rem;line-height:1.3;margin:0 0 .25rem;overflow-wrap:anywhere}
.done{margin:1rem 0;padding:.625rem .875rem;border-radius:.5rem;border:1px solid var(--mint);font-size:.9375rem}
.apps,.apps ul{margin:0;padding:0;list-style:none}
.apps>li{padding:1.125rem 0;border-bottom:1px solid var(--line)}
.apps p{margin:.25rem 0}
.apps ul li{padding:.125rem 0 .125rem 1.375rem;position:relative;font-size:.9375rem}
.apps ul li::before{content:"";position:absolute;left:.25rem;top:.7em;width:.4375rem;height:.4375rem;border-radius:50%;background:var(--mint)}
.apps button{margin-top:.625rem}
details{margin:1.5rem 0 0;border-top:1px solid var(--line);color:var(--quiet);font-size:.875rem}
summary{min-height:44px;display:flex;align-items:center;cursor:pointer}
summary::before{content:"";width:.4rem;height:.4rem;margin:0 .75rem 0 .25rem;border:solid currentColor;border-width:0 2px 2px 0;transform:rotate(-45deg)}
details[open] summary::before{transform:rotate(45deg)}
@media (max-width:30rem){body{padding:0;justify-content:flex-start}main{border:0;border-radius:0;max-width:none;
min-height:100vh;min-height:100dvh;padding:1.25rem 1.25rem 2rem}}
@media (forced-colors:active){button,.button,main{border-color:ButtonText}}
@media print{main{border:0}}
`;

const MARK = (ink: string) =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="${ink}" stroke-width="2" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d="M12 2.5 4.5 5.4v5.8c0 4.7 3.1 8.6 7.5 10.3 4.4-1.7 7.5-5.6 7.5-10.3V5.4z"/><path d="M12 17v-4m0 0c0-2.4 1.4-3.9 4-4.2.1 2.6-1.3 4.2-4 4.2zm0 0c0-2.1-1.2-3.4-3.6-3.6-.1 2.2 1.1 3.6 3.6 3.6z"/></svg>`;

/** The mark beside the name, drawn in the colour of its text. */
export const BRAND_MARK = MARK('currentColor');

/** A file the pages load from their own origin. The name holds a hash of the body, so it may be cached for good. */
export interface Asset {
  readonly name: string;
  readonly type: string;
  readonly body: string;
}

function asset(stem: string, extension: string, type: string, body: string): Asset {
  return { name: `${stem}-${sha256(body).slice(0, 12)}.${extension}`, type, body };
}

/** The stylesheet of every page. */
export const STYLE = asset('style', 'css', 'text/css; charset=utf-8', CSS);

/** The icon of every page. */
export const ICON = asset('icon', 'svg', 'image/svg+xml', MARK('#0b8a60'));
