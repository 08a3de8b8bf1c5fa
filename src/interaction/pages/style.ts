import { sha256 } from '../../platform/index.ts';

const CSS = `:root{color-scheme:light dark;--ground:light-dark(#f2f5f3,#0e1311);--card:light-dark(#fff,#171d1a);
--ink:light-dark(#141c18,#e8eeeb);--quiet:light-dark(#55625c,#a2b0a9);--line:light-dark(#dde4e0,#2c3732);
--field:light-dark(#7c8a83,#74837b);--mint:light-dark(#0b6b4b,#7fdcb6);--on-mint:light-dark(#fff,#06231a);
--slate:light-dark(#36433d,#c3cfc9);--on-slate:light-dark(#fff,#151c19);
--warn:light-dark(#fff6e0,#2b230e);--warn-line:light-dark(#b27300,#c9963b);--warn-ink:light-dark(#563a00,#ffe2a6);
--bad:light-dark(#fdeeec,#331816);--bad-line:light-dark(#b3261e,#ff8f86);--bad-ink:light-dark(#7c1610,#ffd0cb);
--good:light-dark(#e9f6f0,#10261d)}
*{box-sizing:border-box}
html{font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Apple SD Gothic Neo","Malgun Gothic",
"Noto Sans KR","Noto Sans CJK KR",sans-serif;-webkit-text-size-adjust:100%;text-size-adjust:100%;background:var(--ground);color:var(--ink)}
:lang(ko){line-height:1.6;word-break:keep-all;overflow-wrap:anywhere}
body{margin:0;min-height:100vh;min-height:100dvh;display:flex;flex-direction:column;align-items:center;justify-content:safe center;
padding:2rem 1rem}
main{width:100%;max-width:29rem;background:var(--card);border:1px solid var(--line);border-radius:1rem;padding:1.75rem 2rem 2rem;
box-shadow:0 1px 2px rgb(0 0 0/.05),0 .75rem 1.5rem -.75rem rgb(9 40 28/.2)}
h1{font-size:1.5rem;line-height:1.25;letter-spacing:-.012em;margin:0 0 .5rem;font-weight:650;text-wrap:balance}
h2{font-size:1.125rem;line-height:1.3;margin:0 0 .25rem;font-weight:650;overflow-wrap:anywhere}
p{margin:0 0 1rem;text-wrap:pretty}
a{color:var(--mint);text-decoration-thickness:1px;text-underline-offset:.2em}
a:hover{text-decoration-thickness:2px}
code{font:.8125rem/1.4 ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;color:var(--quiet);overflow-wrap:anywhere}
:focus-visible{outline:3px solid var(--mint);outline-offset:2px}
[tabindex="-1"]:focus{outline:0}
.quiet{color:var(--quiet)}
.small{font-size:.875rem}
.hit{display:inline-flex;align-items:center;min-height:44px}
.brand{display:flex;align-items:center;gap:.5rem;margin:0 0 1.5rem;color:var(--quiet);font-size:.9375rem;font-weight:600;overflow-wrap:anywhere}
.brand img{display:block;height:2rem;max-width:10rem;object-fit:contain}
.foot{width:100%;max-width:29rem;justify-content:center;margin:1rem 0 0;color:var(--quiet);font-size:.875rem}
.brand svg{width:1.5rem;height:1.5rem;flex:none;color:var(--mint)}
label{display:block;font-weight:600;margin:0 0 .375rem}
input{display:block;width:100%;min-height:48px;padding:.5rem .875rem;margin:0 0 1.125rem;font:inherit;color:inherit;
background:var(--card);border:1px solid var(--field);border-radius:.625rem}
input:focus{outline:3px solid color-mix(in srgb,var(--mint) 45%,transparent);outline-offset:0;border-color:var(--mint)}
button,.button{display:inline-flex;align-items:center;justify-content:center;width:100%;min-height:48px;padding:.5rem 1rem;
font:inherit;font-weight:650;text-align:center;text-decoration:none;color:var(--on-mint);background:var(--mint);border:2px solid transparent;
border-radius:.625rem;cursor:pointer}
button:hover,.button:hover{background:color-mix(in srgb,var(--mint) 88%,var(--ink))}
form>button:last-child{margin-top:.375rem}
.slate{color:var(--on-slate);background:var(--slate)}
.slate:hover{background:color-mix(in srgb,var(--slate) 86%,var(--ground))}
.outline{color:var(--ink);background:transparent;border:1px solid var(--field)}
.outline:hover{background:color-mix(in srgb,var(--ink) 6%,transparent)}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:.75rem;margin:1.25rem 0 0}
.sign::before{content:"!"/"";display:grid;place-items:center;width:3rem;height:3rem;margin:0 0 1rem;border-radius:50%;font-size:1.5rem;
font-weight:700;letter-spacing:0;color:var(--warn-ink);background:var(--warn);border:1px solid var(--warn-line)}
.sign.good::before{content:"✓"/"";color:var(--mint);background:var(--good);border-color:var(--mint)}
.asker{margin:0 0 1rem;padding:.5rem 1rem;border:1px solid var(--line);border-radius:.625rem;background:var(--ground)}
.asker>div{padding:.25rem 0}
.asker>div+div{border:0}
.asker+p{margin:0 0 1.25rem}
.stack{display:grid;gap:.75rem}
.stack>button:last-child{margin:0}
.or{display:flex;align-items:center;gap:.75rem;margin:1.25rem 0;color:var(--quiet);font-size:.875rem}
.or::before,.or::after{content:"";flex:1;border-top:1px solid var(--line)}
.who{margin:0 0 1.25rem}
.who h1{margin:.125rem 0 .25rem;font-size:clamp(1.375rem,1rem + 2.2vw,1.75rem);overflow-wrap:anywhere;text-wrap:wrap}
.who p{margin:0}
.claim{margin:0 0 1.25rem;padding:0 0 0 .875rem;border-left:3px solid var(--line)}
.claim p{margin:0;overflow-wrap:anywhere}
dl{margin:0;border-top:1px solid var(--line)}
dl>div{padding:.75rem 0}
dl>div+div{border-top:1px solid var(--line)}
dl+p{margin-top:1rem}
dt{font-size:.875rem;color:var(--quiet)}
dd{margin:0;overflow-wrap:anywhere}
dd p{margin:0}
dd strong{font-weight:650}
dd ul,.apps ul{margin:.375rem 0 0;padding:0;list-style:none}
dd li,.apps ul li{padding:.1875rem 0 .1875rem 1.75rem;position:relative}
dd li::before,.apps ul li::before{content:"";position:absolute;left:.3125rem;top:.5rem;width:.4375rem;height:.75rem;
border:solid var(--mint);border-width:0 2px 2px 0;transform:rotate(42deg)}
.choice+.choice{margin-top:.125rem}
dd ul+p{margin-top:.5rem}
li.choice{padding:0!important}
li.choice::before{content:none!important}
.choice label{display:flex;align-items:flex-start;gap:.625rem;min-height:44px;padding:.375rem 0;margin:0;font-weight:inherit;cursor:pointer}
.choice input{width:1.25rem;height:1.25rem;min-height:0;margin:.125rem 0 0;flex:none;accent-color:var(--mint)}
.choice input:focus{outline:0}
.choice input:focus-visible{outline:3px solid var(--mint);outline-offset:2px}
[hidden]{display:none!important}
li code{display:block}
.links{display:flex;flex-wrap:wrap;align-items:center;gap:0 1.25rem}
.links .hit{margin:-.25rem 0}
.note,.alert,.done{position:relative;border:1px solid;border-radius:.625rem;padding:.75rem .875rem .75rem 2.875rem;font-size:.9375rem}
.note{margin:.5rem 0 0;border-color:var(--warn-line);background:var(--warn);color:var(--warn-ink)}
.alert{margin:0 0 1.25rem;border-color:var(--bad-line);background:var(--bad);color:var(--bad-ink)}
.done{margin:1rem 0;border-color:var(--mint);background:var(--good)}
.note::before,.alert::before,.done::before{content:"!"/"";position:absolute;left:.875rem;top:.8125rem;display:grid;place-items:center;
width:1.25rem;height:1.25rem;border-radius:50%;font-size:.8125rem;line-height:1;font-weight:800;color:var(--card);background:var(--warn-line)}
.alert::before{background:var(--bad-line)}
.done::before{content:"✓"/"";background:var(--mint)}
.apps{display:grid;gap:.75rem;margin:1rem 0;padding:0;list-style:none}
.apps>li{padding:1rem 1.125rem 1.125rem;border:1px solid var(--line);border-radius:.75rem}
.apps p{margin:.25rem 0}
.apps ul li{font-size:.9375rem}
.apps button{width:auto;min-height:44px;margin-top:.625rem}
details{margin:1.5rem 0 0;border-top:1px solid var(--line);color:var(--quiet);font-size:.875rem}
summary{min-height:44px;display:flex;align-items:center;cursor:pointer}
summary::-webkit-details-marker{display:none}
summary::before{content:"";width:.4rem;height:.4rem;margin:0 .75rem 0 .25rem;border:solid currentColor;border-width:0 2px 2px 0;transform:rotate(-45deg)}
details[open] summary::before{transform:rotate(45deg)}
@media (max-width:30rem){body{padding:0;background:var(--card)}main{flex:1;border:0;border-radius:0;max-width:none;box-shadow:none;
padding:1.25rem 1.25rem 2rem}.foot{margin:0;padding:0 1.25rem 1rem}}
@media (max-width:20rem){.pair{grid-template-columns:1fr}}
@media (prefers-contrast:more){:root{--quiet:var(--ink);--line:var(--field)}}
@media (forced-colors:active){button,.button{border:2px solid ButtonText}
.sign::before,.note::before,.alert::before,.done::before{border:1px solid;forced-color-adjust:auto}}
@media print{html,body,main{background:#fff;color:#000}main{border:0;box-shadow:none}button,.button,label,input{display:none}}
`;

const MARK = (ink: string) =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="${ink}" stroke-width="2" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d="M12 2.5 4.5 5.4v5.8c0 4.7 3.1 8.6 7.5 10.3 4.4-1.7 7.5-5.6 7.5-10.3V5.4z"/><path d="M12 17v-4m0 0c0-2.4 1.4-3.9 4-4.2.1 2.6-1.3 4.2-4 4.2zm0 0c0-2.1-1.2-3.4-3.6-3.6-.1 2.2 1.1 3.6 3.6 3.6z"/></svg>`;

/** The mark beside the name, drawn in the colour of its text. */
export const BRAND_MARK = MARK('currentColor');

/** A file the pages load from their own origin. The name holds a hash of the body, so it may be cached for good. */
export interface Asset {
  readonly name: string;
  readonly type: string;
  readonly body: string | Buffer;
}

/** A file to be loaded from us. */
export function createAsset(stem: string, extension: string, type: string, body: string | Buffer): Asset {
  return { name: `${stem}-${sha256(body).slice(0, 12)}.${extension}`, type, body };
}

/** What text in the accent colour stands on, as the stylesheet has it. */
export function findSurfaces(scheme: 'light' | 'dark'): readonly string[] {
  return ['ground', 'card'].flatMap((name) => {
    const [, light = '', dark = ''] = new RegExp(`--${name}:light-dark\\((#\\w+),(#\\w+)\\)`).exec(CSS) ?? [];
    return [scheme === 'light' ? light : dark];
  });
}

/** The stylesheet of every page. */
export const STYLE = createAsset('style', 'css', 'text/css; charset=utf-8', CSS);

/** The icon of every page. */
export const ICON = createAsset('icon', 'svg', 'image/svg+xml', MARK('#0b8a60'));
