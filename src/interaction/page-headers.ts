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
 * The CSP source that lets a form's redirect reach `uri`: Chromium holds `form-action` against the redirects that
 * answer a form. An IPv6 literal cannot be written as a host source (CSP3 §2.3.1), so its scheme stands for it.
 */
export function formActionSource(uri: string): string {
  const url = new URL(uri);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return url.protocol;
  return url.hostname.startsWith('[') ? url.protocol : url.origin;
}
