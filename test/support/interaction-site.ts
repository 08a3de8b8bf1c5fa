import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Koa from 'koa';
import type { Client } from '../../src/clients/index.ts';
import { createInteraction, createLocalUsers, type InteractionSettings } from '../../src/interaction/index.ts';
import { type AuthorizationRequest, type Resource, verifyRedirectTarget } from '../../src/oauth/index.ts';
import { type AuditEvent, silentAudit, systemRandom } from '../../src/platform/index.ts';
import { createMemoryStore } from '../../src/store/memory/index.ts';
import {
  type AuthorizationCodeClaims,
  createAuthorizationCodes,
  createSealer,
  type TokenStore,
} from '../../src/tokens/index.ts';
import { createTestKeyRing } from './keys.ts';
import { serve } from './serve.ts';

export const FILES: Resource = {
  resource: 'https://files.example.com/mcp',
  name: 'Team files',
  scopes: { 'files:read': 'Read your files', 'files:write': 'Change and delete your files' },
};

export const ALICE = { username: 'alice', password: 'correct horse battery' };
export const BOB = { username: 'bob', password: 'staple tr0ubador 3' };

/** A client of each origin. */
export const REGISTERED: Client = client(
  'registered-1',
  'registered',
  'http://localhost:33418/callback',
  'Handy Helper',
);
export const CONFIGURED: Client = client(
  'backoffice',
  'configured',
  'https://office.example.com/callback',
  'Back Office',
);
export const DOCUMENT: Client = client(
  'https://app.example.com/client.json',
  'document',
  'https://app.example.com/callback',
  'Claude',
);

export function client(
  clientId: string,
  origin: Client['origin'],
  redirectUri: string,
  clientName: string | undefined,
): Client {
  return {
    clientId,
    origin,
    ...(clientName === undefined ? {} : { clientName }),
    redirectUris: [redirectUri],
    grantTypes: ['authorization_code', 'refresh_token'],
    authenticationMethod: 'none',
    metadata: {},
  };
}

let usersFile: Promise<string> | undefined;

function findUsersFile(): Promise<string> {
  usersFile ??= makeUsersFile();
  return usersFile;
}

/** The file with the people of the tests, hashed once for the whole run. */
async function makeUsersFile(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'guardmint-users-'));
  const path = join(folder, 'users.json');
  const users = createLocalUsers({ path, clock: () => 1_700_000_000, random: systemRandom, audit: silentAudit });
  await users.add(ALICE.username, ALICE.password);
  await users.add(BOB.username, BOB.password);
  const text = await readFile(path, 'utf8');
  await rm(folder, { recursive: true, force: true });
  return text;
}

/** The pages on a port, over the memory store, with a clock that stands still until it is moved. */
export interface InteractionSite extends AsyncDisposable {
  readonly origin: string;
  readonly store: TokenStore;
  readonly audit: AuditEvent[];
  /** What the app would have logged as faults of ours. */
  readonly faults: unknown[];
  readonly users: ReturnType<typeof createLocalUsers>;
  advance(seconds: number): void;
  now(): number;
  /** The URL a browser is sent to for an authorization request of this client. */
  begin(client?: Client, request?: Partial<AuthorizationRequest> & { state?: string }): Promise<string>;
  /** What the code in a response URL says; fails when there is none. */
  openCode(responseUrl: string): Promise<AuthorizationCodeClaims>;
}

export async function startInteractionSite(
  changes: Partial<InteractionSettings> & {
    store?: (store: TokenStore) => TokenStore;
    trustProxy?: boolean;
    /** Runs around the pages, to break what a test must see broken. */
    around?: Koa.Middleware;
  } = {},
): Promise<InteractionSite> {
  const folder = await mkdtemp(join(tmpdir(), 'guardmint-users-'));
  let now = 1_800_000_000;
  const clock = () => now;
  const audit: AuditEvent[] = [];
  const faults: unknown[] = [];
  const users = createLocalUsers({
    path: join(folder, 'users.json'),
    clock,
    random: systemRandom,
    audit: (event) => audit.push(event),
  });
  await writeFile(join(folder, 'users.json'), await findUsersFile(), { mode: 0o600 });
  const sealer = createSealer({ keys: createTestKeyRing(), clock });
  const codes = createAuthorizationCodes({ sealer, random: systemRandom, lifetime: 60 });
  const memory = createMemoryStore({ clock });
  const store = changes.store?.(memory) ?? memory;
  const interactions: ReturnType<typeof createInteraction>[] = [];

  const served = await serve((origin) => {
    const interaction = createInteraction({
      settings: {
        issuer: origin,
        branding: { name: 'guardmint' },
        lifetimes: { request: 900, sessionIdle: 3600, sessionAbsolute: 86_400, consent: 2_592_000 },
        resources: [FILES],
        rateLimits: false,
        ...changes,
      },
      tokens: { sealer, codes, oneTime: store.oneTime, denylist: store.denylist },
      users,
      platform: { clock, random: systemRandom, audit: (event) => audit.push(event) },
    });
    interactions.push(interaction);
    const app = new Koa({ proxy: changes.trustProxy ?? false });
    app.on('error', (fault) => faults.push(fault));
    if (changes.around !== undefined) app.use(changes.around);
    app.use(interaction.router.routes());
    return app;
  });

  return {
    origin: served.origin,
    store,
    audit,
    faults,
    users,
    now: clock,
    advance: (seconds) => {
      now += seconds;
    },
    async begin(who = REGISTERED, request = {}) {
      const { state = 'a state', ...rest } = request;
      const [interaction] = interactions;
      if (interaction === undefined) throw new Error('the site is not running');
      return interaction.begin(who, {
        target: verifyRedirectTarget(who.redirectUris, who.redirectUris[0], state),
        codeChallenge: createHash('sha256').update('verifier').digest('base64url'),
        resource: FILES,
        scope: ['files:read'],
        prompt: [],
        ...rest,
      });
    },
    async openCode(responseUrl) {
      const claims = await codes.open(new URL(responseUrl).searchParams.get('code') ?? '');
      if (claims === undefined) throw new Error('there is no code of ours in the response');
      return claims;
    },
    async [Symbol.asyncDispose]() {
      await served[Symbol.asyncDispose]();
      await store.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
