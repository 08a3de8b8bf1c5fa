import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { createForeignSigner, type ForeignSigner } from './assertion.ts';
import { type Served, serve } from './serve.ts';

type Claims = Record<string, unknown>;

/**
 * An OpenID provider that signs everybody in without a question and lies as it is told to. As it starts, it tells the truth:
 * each lie is one change.
 */
export interface HostileOpenIdProvider extends AsyncDisposable {
  readonly issuer: string;
  readonly signer: ForeignSigner;
  /** An entry of `signIn.oidc` for it. */
  settings(changes?: Claims): Claims;
  /** Laid over its metadata; `undefined` leaves a member out. */
  metadata: Claims;
  /** Laid over the claims of its ID tokens; `undefined` leaves one out. */
  claims: Claims;
  /** Makes the ID token of the claims; absent: signs it. One that answers `undefined` leaves it out. */
  makeIdToken: ((claims: Claims) => Promise<string> | string | undefined) | undefined;
  /** Changes the answer it sends the browser back with. */
  answer: (parameters: URLSearchParams) => void;
  /** What its UserInfo endpoint says. */
  userInfo: Claims;
  /** Answers at a path with a status, or never (`silence`), in place of the truth. */
  readonly broken: Map<string, number | 'silence' | ((request: IncomingMessage, response: ServerResponse) => void)>;
  /** Paths that were asked for, and the forms that were sent to `/token`. */
  readonly requests: string[];
  readonly redeemed: URLSearchParams[];
  /** Tells the truth again, and forgets what was asked. */
  reset(): void;
}

export async function startHostileOpenIdProvider(id = 'corp'): Promise<HostileOpenIdProvider> {
  const signer = await createForeignSigner('RS256');
  const nonces = new Map<string, string>();
  let hostile: HostileOpenIdProvider | undefined;

  const served: Served = await serve((origin) => {
    const own: HostileOpenIdProvider = {
      issuer: origin,
      signer,
      settings: (changes = {}) => ({
        id,
        label: 'Corp',
        issuer: origin,
        clientId: 'guardmint',
        clientSecret: 'secret',
        ...changes,
      }),
      metadata: {},
      claims: {},
      makeIdToken: undefined,
      answer: () => {},
      userInfo: { sub: 'dana' },
      broken: new Map(),
      requests: [],
      redeemed: [],
      reset() {
        Object.assign(own, {
          metadata: {},
          claims: {},
          makeIdToken: undefined,
          answer: () => {},
          userInfo: { sub: 'dana' },
        });
        own.broken.clear();
        own.requests.length = 0;
        own.redeemed.length = 0;
      },
      [Symbol.asyncDispose]: async () => {},
    };
    hostile = own;
    const send = (response: ServerResponse, body: unknown, status = 200) =>
      void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));

    async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
      const url = new URL(request.url ?? '/', origin);
      own.requests.push(url.pathname);
      const fault = own.broken.get(url.pathname);
      if (typeof fault === 'function') return fault(request, response);
      if (fault === 'silence') return;
      if (fault !== undefined) return void response.writeHead(fault).end();
      if (url.pathname === '/.well-known/openid-configuration') return send(response, metadataOf(origin, own.metadata));
      if (url.pathname === '/jwks') return send(response, { keys: [signer.publicJwk] });
      if (url.pathname === '/authorize') {
        const code = randomUUID();
        nonces.set(code, url.searchParams.get('nonce') ?? '');
        const back = new URL(url.searchParams.get('redirect_uri') ?? '');
        back.search = String(new URLSearchParams({ code, state: url.searchParams.get('state') ?? '', iss: origin }));
        own.answer(back.searchParams);
        return void response.writeHead(302, { location: back.href }).end();
      }
      if (url.pathname === '/token') {
        const form = new URLSearchParams(await text(request));
        own.redeemed.push(form);
        const now = Math.floor((performance.timeOrigin + performance.now()) / 1000);
        const claims = {
          iss: origin,
          sub: 'dana',
          aud: 'guardmint',
          iat: now,
          exp: now + 300,
          nonce: nonces.get(form.get('code') ?? ''),
          ...own.claims,
        };
        const id_token = await (own.makeIdToken ?? ((said: Claims) => signer.sign(said)))(claims);
        return send(response, { access_token: 'at', token_type: 'Bearer', id_token });
      }
      if (url.pathname === '/userinfo') return send(response, own.userInfo);
      response.writeHead(404).end();
    }
    return { callback: () => (request, response) => void answer(request, response) };
  });
  if (hostile === undefined) throw new Error('the provider was not made');
  return Object.assign(hostile, { [Symbol.asyncDispose]: () => served[Symbol.asyncDispose]() });
}

function metadataOf(origin: string, changes: Claims): Claims {
  return {
    issuer: origin,
    authorization_endpoint: `${origin}/authorize`,
    token_endpoint: `${origin}/token`,
    userinfo_endpoint: `${origin}/userinfo`,
    jwks_uri: `${origin}/jwks`,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
    authorization_response_iss_parameter_supported: true,
    ...changes,
  };
}
