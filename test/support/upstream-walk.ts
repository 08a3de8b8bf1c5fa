import type { JsonObject } from '../../src/oauth/index.ts';
import { type RunningGuardmint, startGuardmint } from './guardmint.ts';
import { pkcePair } from './pkce.ts';
import { createWalkingBrowser, type WalkedPage, type WalkingBrowser } from './walking-browser.ts';

/** A server whose people sign in elsewhere, and a browser that walks between the two. */
export interface UpstreamWalk extends AsyncDisposable {
  readonly server: RunningGuardmint;
  readonly browser: WalkingBrowser;
  /** The URL an app opens in the browser. Absent client: the one of the operator's. */
  request(parameters?: Readonly<Record<string, string>>): string;
  /** Opens that URL. */
  begin(parameters?: Readonly<Record<string, string>>): Promise<WalkedPage>;
  /** The same with a browser that was never here. */
  withNewBrowser(): UpstreamWalk;
  /** Opens where a page left for, and from there on whatever leaves for another origin, until a page is shown. */
  follow(page: WalkedPage): Promise<WalkedPage>;
}

export const OFFICE = { client_id: 'office', redirect_uris: ['https://office.example.com/callback'] };

/** Starts the server with these `signIn` settings. */
export async function startUpstreamWalk(
  signIn: JsonObject,
  more: JsonObject = {},
  options: Pick<NonNullable<Parameters<typeof startGuardmint>[0]>, 'store'> = {},
): Promise<UpstreamWalk> {
  return walkAt(await startGuardmint({ ...options, settings: { signIn, clients: [OFFICE], ...more } }));
}

function walkAt(server: RunningGuardmint): UpstreamWalk {
  const browser = createWalkingBrowser();

  const request: UpstreamWalk['request'] = (parameters = {}) => {
    const query = new URLSearchParams({
      response_type: 'code',
      client_id: OFFICE.client_id,
      redirect_uri: OFFICE.redirect_uris[0] ?? '',
      code_challenge: pkcePair().challenge,
      code_challenge_method: 'S256',
      state: 'the state of the client',
      scope: 'mcp:read',
      ...parameters,
    });
    return `${server.issuer}/authorize?${query}`;
  };

  async function follow(page: WalkedPage): Promise<WalkedPage> {
    let shown = page;
    for (let hop = 0; shown.leavesFor?.startsWith('http://localhost:') === true && hop < 10; hop++)
      shown = await browser.open(shown.leavesFor);
    return shown;
  }

  return {
    server,
    browser,
    request,
    begin: (parameters) => browser.open(request(parameters)),
    follow,
    withNewBrowser: () => walkAt(server),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
