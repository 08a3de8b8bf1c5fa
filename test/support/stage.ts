import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Page } from 'playwright-core';
import { createPerson } from '../../examples/person.ts';
import { type GuardedFetch, GuardedFetchError } from '../../src/platform/index.ts';
import { createMemoryStore } from '../../src/store/memory/index.ts';
import { type RunningGuardmint, startGuardmint } from './guardmint.ts';
import { type OpenIdProvider, startOpenIdProvider } from './openid-provider.ts';
import { pkcePair } from './pkce.ts';

/** An app that asks for access: who it is, and where its answers go. */
export interface StageApp {
  readonly clientId: string;
  readonly redirectUri: string;
}

/** A whole server with people, MCP servers and apps as they are in the world, for pages to be looked at. */
export interface Stage extends AsyncDisposable {
  readonly server: RunningGuardmint;
  /** One in a company's colours, whose people have passwords or sign in elsewhere. */
  readonly company: RunningGuardmint;
  /** One whose people all sign in elsewhere. */
  readonly federated: RunningGuardmint;
  /** Where people sign in: a real provider. */
  readonly provider: OpenIdProvider;
  /** One that admits a single authorization request a minute, and slows down sign-in. */
  readonly strict: RunningGuardmint;
  /** What the store throws when it is asked for the grants of a person. */
  trouble: Error | undefined;
  readonly apps: Readonly<
    Record<'configured' | 'document' | 'lengthy' | 'loopback' | 'web' | 'scheme' | 'nameless', StageApp>
  >;
  /** Lets an app in for Carla, so that her page lists it. */
  connect(name: string, parameters?: Readonly<Record<string, string>>): Promise<void>;
  /** The URL an app opens in the browser. Absent server: `server`. */
  request(app: StageApp, parameters?: Readonly<Record<string, string>>, at?: RunningGuardmint): string;
}

export const FILES = 'https://files.example.com/mcp';
export const SALES = 'https://sales.example.com/mcp';

export const ANNA = { username: 'anna.kim@example.com', password: 'correct horse battery' };
export const BEN = { username: 'ben', password: 'staple tr0ubador 3' };
/** Somebody who has allowed apps already. */
export const CARLA = { username: 'carla', password: 'a third long password' };

const SALES_SCOPES = {
  'accounts:read': 'See accounts and their contacts',
  'accounts:write': 'Add and change accounts and their contacts',
  'deals:read': 'See deals, their stages and what was offered',
  'deals:write': 'Add and change deals',
  'notes:read': 'Read notes of calls and meetings',
  'notes:write': 'Write notes in your name',
  'mail:send': 'Send mail to customers in your name',
  'reports:read': 'See forecasts and reports of your team',
  'records:delete': 'Delete records for good',
};

const DOCUMENTS: Readonly<Record<string, { readonly name: string; readonly redirectUri: string }>> = {
  'https://notebook.example.com/oauth/client.json': {
    name: 'Notebook',
    redirectUri: 'https://notebook.example.com/oauth/callback',
  },
  'https://assistant-for-everybody.integrations.eu-central-1.a-company-with-a-long-name.example/oauth/client.json': {
    name: 'The Assistant for Everybody Who Works With Many Things at Once',
    redirectUri:
      'https://assistant-for-everybody.integrations.eu-central-1.a-company-with-a-long-name.example/oauth/callback',
  },
};

const SETTINGS = {
  resources: [
    {
      resource: FILES,
      name: 'Team files',
      scopes: { 'files:read': 'Read your files', 'files:write': 'Change and delete your files' },
    },
    { resource: SALES, name: 'Northwind sales', scopes: SALES_SCOPES },
  ],
  defaultResource: FILES,
  clients: [
    { client_id: 'backoffice', client_name: 'Back Office', redirect_uris: ['https://office.example.com/callback'] },
  ],
};

const LOGO =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><path fill="#5b21b6" d="M3 21V3h4l10 12V3h4v18h-4L7 9v12z"/></svg>';

const BRANDING = {
  name: 'Northwind',
  accent: { light: '#5b21b6', dark: '#c4b5fd' },
  footerLinks: [
    { label: 'Privacy', url: 'https://www.northwind.example/privacy' },
    { label: 'Terms', url: 'https://www.northwind.example/terms' },
  ],
  supportContact: 'help@northwind.example',
};

/** The documents of apps that are not on this machine. */
const fetchDocument: GuardedFetch = async (url) => {
  const document = DOCUMENTS[url];
  if (document === undefined) throw new GuardedFetchError('name_unresolved');
  const { name, redirectUri } = document;
  const body = { client_id: url, client_name: name, redirect_uris: [redirectUri], token_endpoint_auth_method: 'none' };
  return { status: 200, headers: { 'content-type': 'application/json' }, text: JSON.stringify(body) };
};

export async function startStage(options: { startAt?: number } = {}): Promise<Stage> {
  let trouble: Error | undefined;
  const server = await startGuardmint({
    ...options,
    settings: SETTINGS,
    fetch: fetchDocument,
    store: (clock) => {
      const memory = createMemoryStore({ clock });
      const list: typeof memory.refreshFamilies.list = async (filter) => {
        if (trouble !== undefined) throw trouble;
        return memory.refreshFamilies.list(filter);
      };
      return { ...memory, refreshFamilies: { ...memory.refreshFamilies, list } };
    },
  });
  const strict = await startGuardmint({ settings: { ...SETTINGS, rateLimits: { enabled: true, authorize: 1 } } });
  const logo = join(await mkdtemp(join(tmpdir(), 'guardmint-logo-')), 'logo.svg');
  await writeFile(logo, LOGO);
  const code = {
    id: 'code',
    label: 'Example Code',
    authorizationEndpoint: 'https://code.example.com/authorize',
    tokenEndpoint: 'https://code.example.com/token',
    userInfoEndpoint: 'https://code.example.com/user',
    clientId: 'guardmint',
    clientSecret: 'a secret of the test',
  };
  let federatedIssuer = '';
  const provider = await startOpenIdProvider({
    redirectUri: () => `${federatedIssuer}/interaction/upstream/corp/callback`,
  });
  provider.claims.set('dana', { preferred_username: 'dana@northwind.example', name: 'Dana' });
  const oidc = [provider.settings({ label: 'Northwind' })];
  const company = await startGuardmint({
    settings: {
      ...SETTINGS,
      branding: { ...BRANDING, logo },
      signIn: { local: true, oidc, oauth2: [code] },
    },
    fetch: fetchDocument,
  });
  const federated = await startGuardmint({
    settings: { ...SETTINGS, signIn: { local: false, oidc } },
    fetch: fetchDocument,
  });
  federatedIssuer = federated.issuer;
  await company.guardmint.users.add(ANNA.username, ANNA.password);
  for (const { username, password } of [ANNA, BEN, CARLA]) await server.guardmint.users.add(username, password);

  async function register(name: string | undefined, redirectUri: string): Promise<StageApp> {
    const metadata = { ...(name !== undefined && { client_name: name }), redirect_uris: [redirectUri] };
    return { clientId: (await server.register(metadata)).client_id, redirectUri };
  }
  const [document, lengthy] = Object.entries(DOCUMENTS).map(([clientId, { redirectUri }]) => ({
    clientId,
    redirectUri,
  }));
  if (document === undefined || lengthy === undefined) throw new Error('two documents are published');
  const apps = {
    configured: { clientId: 'backoffice', redirectUri: 'https://office.example.com/callback' },
    document,
    lengthy,
    loopback: await register('Handy Helper', 'http://localhost:33418/callback'),
    web: await register('Claude', 'https://claude-login.example.net/callback'),
    scheme: await register('Cursor', 'cursor://anysphere.cursor-mcp/oauth/callback'),
    nameless: await register(undefined, 'http://127.0.0.1:49152/'),
  };

  const carla = createPerson(CARLA);
  async function connect(name: string, parameters: Readonly<Record<string, string>> = {}): Promise<void> {
    const client = await server.register({ client_name: name });
    await server.grant({ client, person: carla, parameters: { resource: FILES, scope: 'files:read', ...parameters } });
  }
  await connect('Handy Helper', { scope: 'files:read files:write' });
  server.advance(20 * 86_400);
  await connect('Weekly Forecast', { resource: SALES, scope: 'deals:read reports:read' });

  return {
    server,
    strict,
    company,
    federated,
    provider,
    connect,
    get trouble() {
      return trouble;
    },
    set trouble(error) {
      trouble = error;
    },
    apps,
    request({ clientId, redirectUri }, parameters = {}, at = server) {
      const query = new URLSearchParams({
        response_type: 'code',
        client_id: clientId,
        redirect_uri: redirectUri,
        code_challenge: pkcePair().challenge,
        code_challenge_method: 'S256',
        state: 'a state',
        resource: FILES,
        scope: 'files:read',
        ...parameters,
      });
      return `${at.issuer}/authorize?${query}`;
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      for (const other of [strict, company, federated, provider]) await other[Symbol.asyncDispose]();
      await rm(dirname(logo), { recursive: true });
    },
  };
}

/** Fills in the sign-in form of the page that is open. */
export async function signIn(page: Page, who: { username: string; password: string }): Promise<void> {
  await page.locator('#username').fill(who.username);
  await page.locator('#password').fill(who.password);
  await page.locator('form:has(#password) button[type=submit]').click();
}
