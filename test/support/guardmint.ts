import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPerson, type Person } from '../../examples/person.ts';
import { loadConfig } from '../../src/config/index.ts';
import type { KeyBackend } from '../../src/keys/index.ts';
import type { EpochSeconds, JsonObject } from '../../src/oauth/index.ts';
import type { AuditEvent, GuardedFetch } from '../../src/platform/index.ts';
import { createGuardmint, type Guardmint } from '../../src/server/index.ts';
import { createMemoryStore } from '../../src/store/memory/index.ts';
import { createLog } from '../../src/telemetry/index.ts';
import type { TokenStore } from '../../src/tokens/index.ts';
import { pkcePair } from './pkce.ts';
import { serve } from './serve.ts';

/** An authorization server of ours on a free port, with one user, its log and its audit kept for the test to read. */
export interface RunningGuardmint extends AsyncDisposable {
  readonly issuer: string;
  readonly guardmint: Guardmint;
  /** As the JSON file of settings has them. */
  readonly settings: JsonObject;
  /** Every line written to the log. */
  readonly lines: string[];
  readonly events: AuditEvent[];
  /** Moves the server's clock forward. */
  advance(seconds: number): void;
  now(): number;
  readonly credentials: { readonly username: string; readonly password: string };
  person(options?: { decision?: 'allow' | 'deny' }): Person;
  post(path: string, form: Record<string, string> | string, headers?: Record<string, string>): Promise<Answer>;
  register(metadata?: JsonObject): Promise<Registered>;
  /** Signs in, consents and answers the redirect with what is needed to redeem its code. */
  authorize(options?: AuthorizeOptions): Promise<Authorized>;
  /** The whole way to a token response. */
  grant(options?: AuthorizeOptions): Promise<Granted>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: JsonObject;
}
export interface Registered {
  readonly client_id: string;
  readonly client_secret?: string;
  readonly [member: string]: unknown;
}
export interface AuthorizeOptions {
  readonly client?: { readonly client_id: string };
  readonly person?: Person;
  readonly parameters?: Record<string, string>;
}
export interface Authorized {
  readonly clientId: string;
  readonly code: string;
  readonly verifier: string;
  readonly redirect: URL;
  /** The form that redeems the code at `/token`. */
  readonly exchange: Record<string, string>;
}
export interface Granted {
  readonly clientId: string;
  readonly access_token: string;
  readonly refresh_token: string;
  readonly scope: string;
  readonly authorized: Authorized;
}

export const RESOURCE = 'https://mcp.example.test/mcp';
export const OTHER_RESOURCE = 'https://other.example.test/mcp';
export const REDIRECT = 'http://127.0.0.1:7777/callback';

const SETTINGS: JsonObject = {
  resources: [
    {
      resource: RESOURCE,
      name: 'Notes',
      scopes: { 'mcp:read': 'Read your notes', 'mcp:write': 'Change your notes', admin: 'Do everything' },
      defaultScopes: ['mcp:read'],
    },
    { resource: OTHER_RESOURCE, name: 'Calculator', scopes: { 'calc:use': 'Calculate' } },
  ],
  defaultResource: RESOURCE,
  rateLimits: { enabled: false },
  logLevel: 'trace',
};

export async function startGuardmint(
  options: {
    settings?: JsonObject;
    issuerPath?: string;
    store?: (clock: () => number, folder: string) => TokenStore;
    /** Instead of the folder of keys. */
    keyBackend?: (directory: string) => KeyBackend;
    /** For URLs that clients name. */
    fetch?: GuardedFetch;
    /** What the server's clock says when it starts, in place of now. */
    startAt?: EpochSeconds;
  } = {},
): Promise<RunningGuardmint> {
  const folder = await mkdtemp(join(tmpdir(), 'guardmint-'));
  const lines: string[] = [];
  const events: AuditEvent[] = [];
  let offset = options.startAt === undefined ? 0 : options.startAt - Math.floor(Date.now() / 1000);
  const clock = () => Math.floor((performance.timeOrigin + performance.now()) / 1000) + offset;
  let guardmint: Guardmint | undefined;
  let settings: JsonObject = {};
  const served = await serve(async (origin) => {
    settings = {
      ...SETTINGS,
      keysDir: join(folder, 'keys'),
      dataDir: join(folder, 'data'),
      ...options.settings,
      issuer: origin + (options.issuerPath ?? ''),
    };
    guardmint = await createGuardmint(loadConfig({ env: {}, readFile: () => JSON.stringify(settings) }), {
      clock,
      log: createLog({ level: 'trace', destination: { write: (line) => void lines.push(line) } }),
      audit: (event) => void events.push(event),
      store: options.store?.(clock, folder) ?? createMemoryStore({ clock }),
      ...(options.fetch !== undefined && { fetch: options.fetch }),
      ...(options.keyBackend !== undefined && { keyBackend: options.keyBackend(join(folder, 'keys')) }),
    });
    return guardmint.app;
  });
  if (guardmint === undefined) throw new Error('the server was not composed');
  const running = guardmint;
  const issuer = served.origin + (options.issuerPath ?? '');
  const credentials = { username: 'alice', password: `pw ${randomUUID()}` };
  await running.users.add(credentials.username, credentials.password);

  const person = (choice: { decision?: 'allow' | 'deny' } = {}) => createPerson({ ...credentials, ...choice });

  async function post(
    path: string,
    form: Record<string, string> | string,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const body = typeof form === 'string' ? form : new URLSearchParams(form).toString();
    const response = await fetch(issuer + path, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      redirect: 'manual',
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json') === true;
    return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : {} };
  }

  async function register(metadata: JsonObject = {}): Promise<Registered> {
    const response = await fetch(`${issuer}/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ redirect_uris: [REDIRECT], token_endpoint_auth_method: 'none', ...metadata }),
    });
    if (response.status !== 201) throw new Error(`registration answered ${response.status}`);
    return (await response.json()) as Registered;
  }

  async function authorize(wanted: AuthorizeOptions = {}): Promise<Authorized> {
    const { client_id: clientId } = wanted.client ?? (await register());
    const { verifier, challenge } = pkcePair();
    const query = new URLSearchParams({
      response_type: 'code',
      client_id: clientId,
      redirect_uri: REDIRECT,
      code_challenge: challenge,
      code_challenge_method: 'S256',
      state: 'the state',
      resource: RESOURCE,
      scope: 'mcp:read mcp:write',
      ...wanted.parameters,
    });
    const redirect = await (wanted.person ?? person()).authorize(`${issuer}/authorize?${query}`);
    const code = redirect.searchParams.get('code') ?? '';
    const exchange = {
      grant_type: 'authorization_code',
      client_id: clientId,
      code,
      code_verifier: verifier,
      redirect_uri: query.get('redirect_uri') ?? '',
    };
    return { clientId, code, verifier, redirect, exchange };
  }

  async function grant(wanted: AuthorizeOptions = {}): Promise<Granted> {
    const authorized = await authorize(wanted);
    const answer = await post('/token', authorized.exchange);
    if (answer.status !== 200) throw new Error(`the code was refused: ${answer.text}`);
    return {
      clientId: authorized.clientId,
      authorized,
      ...(answer.body as unknown as Omit<Granted, 'clientId' | 'authorized'>),
    };
  }

  return {
    issuer,
    guardmint: running,
    settings,
    lines,
    events,
    advance: (seconds) => {
      offset += seconds;
    },
    now: clock,
    credentials,
    person,
    post,
    register,
    authorize,
    grant,
    async [Symbol.asyncDispose]() {
      await served[Symbol.asyncDispose]();
      await running.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
