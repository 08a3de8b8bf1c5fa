import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createForeignSigner, type ForeignSigner } from './assertion.ts';
import { type Served, serve } from './serve.ts';

/** An issuer of the world outside: metadata and a real key set over HTTP, and a signer for what it says. */
export interface ForeignIssuer extends AsyncDisposable {
  readonly issuer: string;
  readonly signer: ForeignSigner;
  /** Paths that were asked for. */
  readonly requests: string[];
  /** What the metadata says; `undefined` answers 404. */
  metadata: object | undefined;
  /** What the key set says; `undefined` answers 503. */
  jwks: object | undefined;
}

/** `answer` gets what is neither metadata nor keys. */
export async function startForeignIssuer(
  options: {
    readonly alg?: string;
    readonly answer?: (request: IncomingMessage, response: ServerResponse, issuer: ForeignIssuer) => void;
  } = {},
): Promise<ForeignIssuer> {
  const signer = await createForeignSigner(options.alg);
  let foreign: ForeignIssuer | undefined;
  const served: Served = await serve((origin) => {
    foreign = {
      issuer: origin,
      signer,
      requests: [],
      metadata: { issuer: origin, jwks_uri: `${origin}/jwks`, token_endpoint: `${origin}/token` },
      jwks: { keys: [signer.publicJwk] },
      [Symbol.asyncDispose]: async () => {},
    };
    const own = foreign;
    return {
      callback: () => (request, response) => {
        own.requests.push(request.url ?? '');
        const send = (body: object | undefined, fault: number) =>
          body === undefined
            ? response.writeHead(fault).end()
            : response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
        if (request.url === '/.well-known/openid-configuration') send(own.metadata, 404);
        else if (request.url === '/jwks') send(own.jwks, 503);
        else if (options.answer !== undefined) options.answer(request, response, own);
        else response.writeHead(404).end();
      },
    };
  });
  if (foreign === undefined) throw new Error('the issuer was not made');
  return Object.assign(foreign, { [Symbol.asyncDispose]: () => served[Symbol.asyncDispose]() });
}

/** The claims of an ID-JAG (draft-ietf-oauth-identity-assertion-authz-grant §3.1) that is in order. */
export function identityClaims(of: {
  readonly issuer: string;
  readonly audience: string;
  readonly client: string;
  readonly now: number;
}): Record<string, unknown> {
  return {
    iss: of.issuer,
    sub: 'employee-42',
    aud: of.audience,
    client_id: of.client,
    jti: randomUUID(),
    iat: of.now,
    exp: of.now + 300,
  };
}
