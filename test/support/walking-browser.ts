/** A page as a browser without scripts has it. */
export interface WalkedPage {
  readonly url: string;
  readonly status: number;
  readonly headers: Headers;
  readonly html: string;
  /** Where the answer redirects to, not followed: it leads to another origin. */
  readonly leavesFor: string | undefined;
  /** Statuses of the redirects on the way here. */
  readonly hops: readonly number[];
}

/** A browser that keeps cookies, follows redirects inside one origin and sends forms as they stand. */
export interface WalkingBrowser {
  readonly jar: Map<string, string>;
  open(url: string, headers?: Record<string, string>): Promise<WalkedPage>;
  /** Sends the form of a page that has one of these fields, or the first, with these fields in place of its own; `null` leaves a field out. */
  submit(
    page: WalkedPage,
    fields: Readonly<Record<string, string | null>>,
    headers?: Record<string, string>,
  ): Promise<WalkedPage>;
}

export function createWalkingBrowser(jar = new Map<string, string>()): WalkingBrowser {
  async function open(url: string, headers: Record<string, string> = {}, init: RequestInit = {}): Promise<WalkedPage> {
    const { origin } = new URL(url);
    const hops: number[] = [];
    let next = url;
    let request = init;
    for (;;) {
      const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
      const sent = { ...(cookie === '' ? {} : { cookie }), ...headers };
      const response = await fetch(next, { ...request, headers: sent, redirect: 'manual' });
      for (const line of response.headers.getSetCookie()) keep(line);
      const location = response.headers.get('location');
      if (location === null || new URL(location, next).origin !== origin || hops.length === 10) {
        const html = await response.text();
        const { status } = response;
        return { url: next, status, headers: response.headers, html, leavesFor: location ?? undefined, hops };
      }
      hops.push(response.status);
      next = new URL(location, next).href;
      request = {};
    }
  }

  function keep(line: string): void {
    const [pair = ''] = line.split(';');
    const name = pair.slice(0, pair.indexOf('='));
    if (/max-age=0/i.test(line)) jar.delete(name);
    else jar.set(name, pair.slice(name.length + 1));
  }

  return {
    jar,
    open: (url, headers) => open(url, headers),
    submit(page, fields, headers = {}) {
      const forms = page.html.match(/<form[^>]*>[\s\S]*?<\/form>/g) ?? [];
      const form = forms.find((one) => Object.keys(fields).some((name) => one.includes(`name="${name}"`))) ?? forms[0];
      if (form === undefined) throw new Error(`there is no form on the page (${page.status})`);
      const body = new URLSearchParams();
      for (const [input] of form.matchAll(/<input[^>]*>/g)) {
        body.set(attribute(input, 'name') ?? '', attribute(input, 'value') ?? '');
      }
      for (const [name, value] of Object.entries(fields)) {
        if (value === null) body.delete(name);
        else body.set(name, value);
      }
      const action = new URL(attribute(form, 'action') ?? '', page.url).href;
      return open(action, headers, { method: 'POST', body });
    },
  };
}

function attribute(tag: string, name: string): string | undefined {
  return new RegExp(`\\s${name}="([^"]*)"`)
    .exec(tag)?.[1]
    ?.replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
}

/** The words of a page, without its tags. */
export function wordsOf(page: { readonly html: string }): string {
  return page.html
    .replace(/<(style|head)[\s\S]*?<\/\1>/g, ' ')
    .replaceAll('<wbr>', '')
    .replace(/<[^>]*>/g, ' ')
    .replaceAll('&#39;', "'")
    .replaceAll('&quot;', '"')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
    .replace(/\s+/g, ' ');
}
