import { createHash, randomBytes } from 'node:crypto';
import { createPerson } from '../../examples/person.ts';
import type { EpochSeconds } from '../../src/oauth/index.ts';

/** An access token as somebody holds it. */
export interface HeldToken {
  readonly token: string;
  readonly kid: string;
  readonly expiresAt: EpochSeconds;
}

/** An MCP client that signed its person in and keeps itself signed in. */
export interface Client {
  /** A new access token by refresh. @throws RequestRefused, CutOff */
  refresh(): Promise<HeldToken>;
}

/** Whom clients sign in, where. */
export interface SignIn {
  readonly issuer: string;
  readonly resource: string;
  readonly credentials: { readonly username: string; readonly password: string };
}

/** The server refused a request that was valid. */
export class RequestRefused extends Error {
  override readonly name = 'RequestRefused';
}

/** The replica died before it answered (502): nothing was refused, and the client tries again. */
export class CutOff extends Error {
  override readonly name = 'CutOff';
}

const REDIRECT = 'http://127.0.0.1:7777/callback';
const GATEWAY_FAILED = 502;

/**
 * Registers a client, signs a person in with consent, and redeems the code.
 * @throws RequestRefused, CutOff
 */
export async function signIn({
  issuer,
  resource,
  credentials,
}: SignIn): Promise<{ readonly client: Client; readonly first: HeldToken }> {
  const registered = await post(`${issuer}/register`, {
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ redirect_uris: [REDIRECT], token_endpoint_auth_method: 'none' }),
  });
  const { client_id } = registered as { client_id: string };

  const verifier = randomBytes(32).toString('base64url');
  const query = new URLSearchParams({
    response_type: 'code',
    client_id,
    redirect_uri: REDIRECT,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    resource,
    scope: 'mcp:read',
  });
  const redirect = await createPerson(credentials)
    .authorize(`${issuer}/authorize?${query}`)
    .catch((error: unknown) => {
      const message = error instanceof Error ? error.message : String(error);
      throw message.includes(`(${GATEWAY_FAILED})`) ? new CutOff(message) : new RequestRefused(message);
    });
  const code = redirect.searchParams.get('code');
  if (code === null) throw new RequestRefused(`sign-in answered ${redirect.searchParams.get('error')}`);
  const redeem = async (form: Record<string, string>) =>
    (await post(`${issuer}/token`, { body: new URLSearchParams({ ...form, client_id }) })) as TokenAnswer;
  let answer = await redeem({
    grant_type: 'authorization_code',
    code,
    code_verifier: verifier,
    redirect_uri: REDIRECT,
  });
  return {
    first: hold(answer),
    client: {
      async refresh() {
        answer = await redeem({ grant_type: 'refresh_token', refresh_token: answer.refresh_token });
        return hold(answer);
      },
    },
  };
}

interface TokenAnswer {
  readonly access_token: string;
  readonly refresh_token: string;
}

async function post(url: string, init: RequestInit): Promise<unknown> {
  const response = await fetch(url, { ...init, method: 'POST' });
  const text = await response.text();
  if (response.status === GATEWAY_FAILED) throw new CutOff(url);
  if (!response.ok) throw new RequestRefused(`${url} answered ${response.status}: ${text}`);
  return JSON.parse(text);
}

function hold({ access_token: token }: TokenAnswer): HeldToken {
  const [header = '', payload = ''] = token.split('.');
  const read = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString());
  return { token, kid: read(header).kid, expiresAt: read(payload).exp };
}
