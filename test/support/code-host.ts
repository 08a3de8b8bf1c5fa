import { createHash, randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { serve } from './serve.ts';

/** A place for code whose people sign in by OAuth 2.0 alone, as GitHub has it: no ID token, no discovery, errors with 200. */
export interface CodeHost extends AsyncDisposable {
  readonly origin: string;
  /** An entry of `signIn.oauth2` for it. */
  settings(changes?: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>>;
  /** What its endpoints say to whoever has an access token; a text is sent as it is. */
  user: unknown;
  emails: unknown;
  organisations: unknown;
  /** Whether its answers say who they are from (RFC 9207). */
  sendsIss: boolean;
  /** Queries of authorization requests. */
  readonly requests: URLSearchParams[];
}

export async function startCodeHost(): Promise<CodeHost> {
  const challenges = new Map<string, string>();
  const tokens = new Set<string>();
  let host: CodeHost | undefined;

  const served = await serve((origin) => {
    const own: CodeHost = {
      origin,
      settings: (changes = {}) => ({
        id: 'code-host',
        label: 'Code Host',
        authorizationEndpoint: `${origin}/login/oauth/authorize`,
        tokenEndpoint: `${origin}/login/oauth/access_token`,
        userInfoEndpoint: `${origin}/user`,
        clientId: 'Iv1.guardmint',
        clientSecret: 'a secret of the test',
        clientAuthentication: 'client_secret_post',
        scopes: ['read:user'],
        ...changes,
      }),
      user: { id: 4711, login: 'dana', name: 'Dana' },
      emails: [],
      organisations: [],
      sendsIss: false,
      requests: [],
      [Symbol.asyncDispose]: async () => {},
    };
    host = own;
    const send = (response: ServerResponse, body: unknown, status = 200) =>
      void response
        .writeHead(status, { 'content-type': 'application/json; charset=utf-8' })
        .end(typeof body === 'string' ? body : JSON.stringify(body));

    async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
      const url = new URL(request.url ?? '/', origin);
      if (url.pathname === '/login/oauth/authorize') {
        own.requests.push(url.searchParams);
        const code = randomUUID();
        challenges.set(code, url.searchParams.get('code_challenge') ?? '');
        const back = new URL(url.searchParams.get('redirect_uri') ?? '');
        back.search = String(new URLSearchParams({ code, state: url.searchParams.get('state') ?? '' }));
        if (own.sendsIss) back.searchParams.set('iss', origin);
        return void response.writeHead(302, { location: back.href }).end();
      }
      if (url.pathname === '/login/oauth/access_token') {
        const form = new URLSearchParams(await text(request));
        const challenge = createHash('sha256')
          .update(form.get('code_verifier') ?? '')
          .digest('base64url');
        const isRight =
          form.get('client_secret') === 'a secret of the test' && challenges.get(form.get('code') ?? '') === challenge;
        if (!isRight) return send(response, { error: 'bad_verification_code' });
        const token = `gho_${randomUUID()}`;
        tokens.add(token);
        return send(response, { access_token: token, token_type: 'bearer', scope: 'read:user' });
      }
      const isKnown = tokens.has(request.headers.authorization?.replace(/^bearer /i, '') ?? '');
      if (!isKnown || request.headers['user-agent'] === undefined)
        return send(response, { message: 'Bad credentials' }, 401);
      if (url.pathname === '/user') return send(response, own.user);
      if (url.pathname === '/user/emails') return send(response, own.emails);
      if (url.pathname === '/user/orgs') return send(response, own.organisations);
      response.writeHead(404).end();
    }
    return { callback: () => (request, response) => void answer(request, response) };
  });
  if (host === undefined) throw new Error('the host was not made');
  return Object.assign(host, { [Symbol.asyncDispose]: () => served[Symbol.asyncDispose]() });
}
