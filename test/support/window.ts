import type { Browser, BrowserContextOptions, Page } from 'playwright-core';

/** A window of a browser of its own, and everything a person would see go wrong or leave in it. */
export interface Window extends AsyncDisposable {
  readonly page: Page;
  /** Lines of the console, dialogs, scripts that failed; not the line in which Chromium repeats the status of a page. */
  readonly complaints: string[];
  /** Every URL any tab of it asked for. */
  readonly requests: string[];
  /** The HTTP status of the page in the first tab. */
  status(): number | undefined;
}

/** `others` are origins of servers that are not ours: what their pages say and ask for does not count. */
export async function openWindow(
  browser: Browser,
  options: BrowserContextOptions = {},
  others: readonly string[] = [],
): Promise<Window> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const complaints: string[] = [];
  const requests: string[] = [];
  const pages = new Set<string>();
  let status: number | undefined;
  const isOurs = (url = '') => !others.some((origin) => url.startsWith(origin));
  context.on('console', (message) => {
    if (!isOurs(message.page()?.url())) return;
    if (!message.text().startsWith('Failed to load resource') || !pages.has(message.location().url)) {
      complaints.push(message.text());
    }
  });
  context.on('weberror', (error) => complaints.push(error.error().message));
  context.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  context.on('request', (request) => {
    if (request.isNavigationRequest()) pages.add(request.url());
    else if (!isOurs(request.frame().url())) return;
    requests.push(request.url());
  });
  page.on('response', (response) => {
    if (response.request().isNavigationRequest()) status = response.status();
  });
  return { page, complaints, requests, status: () => status, [Symbol.asyncDispose]: () => context.close() };
}
