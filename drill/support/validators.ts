import { JwtVerifier } from 'aws-jwt-verify';
import { SimpleJwksCache, SimplePenaltyBox } from 'aws-jwt-verify/jwk';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { createVerifier } from '../../src/resource/index.ts';

/** A resource server that validates access tokens in its own way. */
export interface Validator {
  readonly kind: 'guardmint' | 'jose' | 'aws-jwt-verify';
  accepts(token: string): Promise<boolean>;
  close(): void;
}

/** Four validators of ours and four foreign ones, each with a cache of its own and the defaults of its library. */
export function createValidators(issuer: string, resource: string): readonly Validator[] {
  return [
    ...times(4, () => createOurs(issuer, resource)),
    ...times(2, () => createJose(issuer, resource)),
    ...times(2, () => createAws(issuer, resource)),
  ];
}

function createOurs(issuer: string, resource: string): Validator {
  // Replicas may be half a minute ahead; RFC 7519 §4.1.4 leaves the leeway to whoever validates.
  const verifier = createVerifier({ issuer, resource, clockTolerance: 60 });
  return {
    kind: 'guardmint',
    accepts: async (token) => (await verifier.loadAccessToken(token)) !== undefined,
    close: () => verifier.close(),
  };
}

function createJose(issuer: string, resource: string): Validator {
  const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`));
  return {
    kind: 'jose',
    accepts: (token) => isFulfilled(jwtVerify(token, keys, { issuer, audience: resource, typ: 'at+jwt' })),
    close: () => {},
  };
}

function createAws(issuer: string, resource: string): Validator {
  // Its own fetcher speaks https only.
  const fetcher = { fetch: async (uri: string) => await (await fetch(uri)).arrayBuffer() };
  const verifier = JwtVerifier.create(
    { issuer, audience: resource, jwksUri: `${issuer}/.well-known/jwks.json` },
    // Ten seconds of the drill's clock, which its timer knows nothing of.
    { jwksCache: new SimpleJwksCache({ fetcher, penaltyBox: new SimplePenaltyBox({ waitSeconds: 0.02 }) }) },
  );
  return {
    kind: 'aws-jwt-verify',
    accepts: (token) => isFulfilled(verifier.verify(token)),
    close: () => {},
  };
}

async function isFulfilled(work: Promise<unknown>): Promise<boolean> {
  return await work.then(
    () => true,
    () => false,
  );
}

function times<T>(count: number, make: () => T): T[] {
  return Array.from({ length: count }, make);
}
