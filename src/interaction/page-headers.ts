/**
 * The headers of every page: nothing runs, nothing loads from elsewhere, nobody frames it, nobody keeps it
 * (OAuth 2.1 §7.10 Clickjacking). `formTarget` is where a form's answer may be redirected, beside ourselves.
 */
export function pageHeaders(formTarget?: string): Readonly<Record<string, string>> {
  const formAction = formTarget === undefined ? "'self'" : `'self' ${formTarget}`;
  return {
    'Content-Security-Policy':
      "default-src 'none'; style-src 'self'; img-src 'self'; " +
      `form-action ${formAction}; frame-ancestors 'none'; base-uri 'none'`,
    'X-Frame-Options': 'DENY',
    'Referrer-Policy': 'no-referrer',
    'Cache-Control': 'no-store',
    Pragma: 'no-cache',
    'X-Content-Type-Options': 'nosniff',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Permissions-Policy': 'camera=(), geolocation=(), microphone=()',
  };
}

/**
 * The CSP sources that let a form's redirect reach `uri` and go on from there: Chromium holds `form-action` against every
 * redirect that answers a form, and a client's callback often redirects once more, to a page that says "done". So `https:`
 * stands beside the client's own origin or scheme; what a page of ours sends with this form is worth nothing elsewhere.
 * An IPv6 literal cannot be written as a host source (CSP3 §2.3.1): its scheme stands for it.
 */
export function formActionSource(uri: string): string {
  const url = new URL(uri);
  const isWeb = url.protocol === 'https:' || url.protocol === 'http:';
  const own = !isWeb || url.hostname.startsWith('[') ? url.protocol : url.origin;
  return `${own} https:`;
}
