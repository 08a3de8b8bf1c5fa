import { afterAll } from 'vitest';
import type { Person } from '../../examples/person.ts';
import type { JsonObject } from '../../src/oauth/index.ts';
import { REDIRECT, RESOURCE, type RunningGuardmint, startGuardmint } from '../support/guardmint.ts';
import { pkcePair } from '../support/pkce.ts';
import type { WireRequest } from './wire.ts';

export { OTHER_RESOURCE, REDIRECT, RESOURCE } from '../support/guardmint.ts';

export const STATE = 'a state & more';
export const SCOPE = 'mcp:read mcp:write';
export const FORM = 'application/x-www-form-urlencoded';

/** A parameter of a request; `undefined` leaves it out, several values repeat it. */
export type Parameters = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface KnownClient {
  readonly client_id: string;
  readonly client_secret?: string;
}

/** A code or a refresh token with what belongs to it. */
export interface FreshCode {
  readonly client: KnownClient;
  readonly code: string;
  readonly verifier: string;
  readonly redirectUri: string;
  /** The form that redeems it. */
  readonly form: Parameters;
}
export interface FreshTokens {
  readonly client: KnownClient;
  readonly access_token: string;
  readonly refresh_token: string;
  /** The form that uses the refresh token. */
  readonly form: Parameters;
  readonly code: FreshCode;
}

/** One server and what stands ready in it. Rows share it, so every row makes the codes and tokens it spends. */
export interface World {
  readonly server: RunningGuardmint;
  readonly issuer: string;
  /** Registered with `REDIRECT`. */
  readonly publicClient: KnownClient;
  readonly basicClient: Required<KnownClient>;
  readonly postClient: Required<KnownClient>;
  /** A public client, registered with another redirect URI. */
  readonly otherClient: KnownClient & { readonly redirectUri: string };
  /** Signed in already. */
  readonly person: Person;
  client(metadata: JsonObject): Promise<KnownClient>;
  code(client?: KnownClient, parameters?: Parameters): Promise<FreshCode>;
  tokens(client?: KnownClient, parameters?: Parameters): Promise<FreshTokens>;
}

/** The world of a test file: started before its tests, gone after them. */
export async function openWorld(options: WorldOptions = {}): Promise<World> {
  const server = await startGuardmint(options);
  afterAll(() => server[Symbol.asyncDispose]());
  return createWorld(server);
}

/** What stands ready in a server. */
export async function createWorld(server: RunningGuardmint): Promise<World> {
  const confidential = async (method: string) => {
    const { client_id, client_secret = '' } = await server.register({ token_endpoint_auth_method: method });
    return { client_id, client_secret };
  };
  const otherRedirect = 'https://other-client.example/cb';
  const publicClient = await server.register({ client_name: 'Public' });
  const basicClient = await confidential('client_secret_basic');
  const postClient = await confidential('client_secret_post');
  const other = await server.register({ client_name: 'Other', redirect_uris: [otherRedirect] });
  const person = server.person();
  const known = new Map<string, Promise<KnownClient>>();

  async function code(client: KnownClient = publicClient, parameters: Parameters = {}): Promise<FreshCode> {
    const { verifier, challenge } = pkcePair();
    const asked: Parameters = { ...authorizationRequest(client), code_challenge: challenge, ...parameters };
    const redirect = await person.authorize(`${server.issuer}/authorize?${encodeParameters(asked)}`);
    const value = redirect.searchParams.get('code') ?? '';
    if (value === '') throw new Error(`no code: ${redirect.searchParams.get('error')}`);
    const redirectUri = String(asked['redirect_uri']);
    const form = {
      grant_type: 'authorization_code',
      code: value,
      redirect_uri: redirectUri,
      client_id: client.client_id,
      code_verifier: verifier,
      resource: RESOURCE,
    };
    return { client, code: value, verifier, redirectUri, form };
  }

  async function tokens(client: KnownClient = publicClient, parameters: Parameters = {}): Promise<FreshTokens> {
    const fresh = await code(client, parameters);
    const isBasic = client.client_id === basicClient.client_id;
    const secret = client.client_id === postClient.client_id ? { client_secret: postClient.client_secret } : {};
    const answer = await server.post(
      '/token',
      encodeParameters({ ...fresh.form, resource: undefined, ...secret }),
      isBasic ? { authorization: basic(basicClient.client_id, basicClient.client_secret) } : {},
    );
    if (answer.status !== 200) throw new Error(`the code was refused: ${answer.text}`);
    const { access_token, refresh_token } = answer.body as { access_token: string; refresh_token: string };
    const form = { grant_type: 'refresh_token', refresh_token, client_id: client.client_id };
    return { client, access_token, refresh_token, form, code: fresh };
  }

  return {
    server,
    issuer: server.issuer,
    publicClient,
    basicClient,
    postClient,
    otherClient: { ...other, redirectUri: otherRedirect },
    person,
    client(metadata) {
      const key = JSON.stringify(metadata);
      const client = known.get(key) ?? server.register(metadata);
      known.set(key, client);
      return client;
    },
    code,
    tokens,
  };
}
/** What `startGuardmint` takes. */
export type WorldOptions = NonNullable<globalThis.Parameters<typeof startGuardmint>[0]>;

/** The parameters of an authorization request that is in order. */
export function authorizationRequest(client: KnownClient): Parameters {
  return {
    response_type: 'code',
    client_id: client.client_id,
    redirect_uri: REDIRECT,
    scope: SCOPE,
    state: STATE,
    code_challenge: CHALLENGE,
    code_challenge_method: 'S256',
    resource: RESOURCE,
  };
}

/** The challenge of the verifier of RFC 7636 appendix B. */
export const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';

export function encodeParameters(parameters: Parameters): string {
  return Object.entries(parameters)
    .flatMap(([name, value]) => (value === undefined ? [] : [value].flat().map((one) => [name, one] as const)))
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join('&');
}

export function basic(id: string, secret: string): string {
  return `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}`;
}

/** GET /authorize with a request that is in order but for `changes`; `extra` is appended as it stands. */
export function authorizeRequest(world: World, changes: Parameters = {}, extra = ''): WireRequest {
  const query = encodeParameters({ ...authorizationRequest(world.publicClient), ...changes });
  return { target: `/authorize?${query}${extra}`, headers: [['Accept', 'text/html,application/xhtml+xml']] };
}

/** POST of a form; `extra` is appended to it as it stands. */
export function postForm(
  target: string,
  form: Parameters | string,
  options: { readonly extra?: string; readonly headers?: readonly (readonly [string, string])[] } = {},
): WireRequest {
  const body = `${typeof form === 'string' ? form : encodeParameters(form)}${options.extra ?? ''}`;
  const headers = options.headers ?? [];
  const hasType = headers.some(([name]) => name.toLowerCase() === 'content-type');
  return { method: 'POST', target, headers: [...(hasType ? [] : [['Content-Type', FORM] as const]), ...headers], body };
}

export function postJson(target: string, body: unknown, type = 'application/json'): WireRequest {
  return {
    method: 'POST',
    target,
    headers: [['Content-Type', type]],
    body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
  };
}
