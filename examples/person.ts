/** A person with a browser: keeps cookies, follows redirects, fills in the forms it meets, runs no script. */
export interface Person {
  /** Opens a URL and goes on until the browser would leave the server; answers that last URL, not opened. */
  authorize(url: string): Promise<URL>;
  /** Opens a URL, following redirects within its origin. */
  open(url: string, init?: RequestInit): Promise<Page>;
  readonly cookies: ReadonlyMap<string, string>;
}

export interface Page {
  readonly url: string;
  readonly status: number;
  readonly html: string;
  readonly headers: Headers;
  /** Where the browser would go next when that is another origin. */
  readonly leavesFor: URL | undefined;
}

/** `request` stands in the place of `fetch`, for whoever wants to see every answer. */
export function createPerson(
  credentials: { username: string; password: string; decision?: 'allow' | 'deny' },
  request: typeof fetch = fetch,
): Person {
  const cookies = new Map<string, string>();

  async function open(url: string, init: RequestInit = {}): Promise<Page> {
    const origin = new URL(url).origin;
    let next = url;
    let sent = init;
    for (let hop = 0; hop < 12; hop++) {
      const headers = new Headers(sent.headers);
      headers.set('cookie', [...cookies].map(([name, value]) => `${name}=${value}`).join('; '));
      if (!headers.has('accept')) headers.set('accept', 'text/html,application/xhtml+xml');
      const response = await request(next, { ...sent, headers, redirect: 'manual' });
      for (const cookie of response.headers.getSetCookie()) {
        const [pair = ''] = cookie.split(';');
        const equals = pair.indexOf('=');
        if (/max-age=0|expires=thu, 01 jan 1970/i.test(cookie)) cookies.delete(pair.slice(0, equals));
        else cookies.set(pair.slice(0, equals), pair.slice(equals + 1));
      }
      const location = response.headers.get('location');
      const target =
        response.status >= 300 && response.status < 400 && location !== null ? new URL(location, next) : undefined;
      if (target === undefined || target.origin !== origin) {
        const html = await response.text();
        return { url: next, status: response.status, html, headers: response.headers, leavesFor: target };
      }
      await response.body?.cancel();
      next = target.href;
      sent = {};
    }
    throw new Error('the server redirects in circles');
  }

  function submit(page: Page): Promise<Page> {
    const form = [...page.html.matchAll(/<form[^>]*>[\s\S]*?<\/form>/gi)]
      .map((match) => match[0])
      .find((text) => /name="(password|decision)"/.test(text));
    if (form === undefined) throw new Error(`no form to fill in at ${page.url.split('?')[0]} (${page.status})`);
    const body = new URLSearchParams();
    for (const [field] of form.matchAll(/<input[^>]*>/gi)) {
      const name = attribute(field, 'name');
      const type = attribute(field, 'type');
      if (name === undefined || type === 'submit') continue;
      if ((type === 'checkbox' || type === 'radio') && !/\schecked/i.test(field)) continue;
      body.append(name, attribute(field, 'value') ?? '');
    }
    if (body.has('username')) body.set('username', credentials.username);
    if (body.has('password')) body.set('password', credentials.password);
    if (/name="decision"/.test(form)) body.set('decision', credentials.decision ?? 'allow');
    const action = attribute(/<form[^>]*>/i.exec(form)?.[0] ?? '', 'action') ?? page.url;
    const { origin } = new URL(page.url);
    return open(new URL(action, page.url).href, {
      method: 'POST',
      body,
      headers: { origin, 'sec-fetch-site': 'same-origin' },
    });
  }

  return {
    cookies,
    open,
    async authorize(url) {
      let page = await open(url);
      for (let step = 0; step < 4 && page.leavesFor === undefined; step++) page = await submit(page);
      if (page.leavesFor === undefined)
        throw new Error(`the browser stays at ${page.url.split('?')[0]} (${page.status})`);
      return page.leavesFor;
    },
  };
}

function attribute(tag: string, name: string): string | undefined {
  const value = new RegExp(`\\s${name}="([^"]*)"`, 'i').exec(tag)?.[1];
  return value
    ?.replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
}
