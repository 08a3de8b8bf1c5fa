import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import type { JwsSigner, KeyRing, SigningAlg } from '../keys/index.ts';
import {
  ACCESS_TOKEN_TYPE,
  type AccessTokenClaims,
  type EpochSeconds,
  formatScope,
  isAccessTokenClaims,
  isAccessTokenType,
  type JsonObject,
  parseJsonBytes,
  type Scope,
  type Seconds,
  type SenderConstraint,
  splitCompact,
} from '../oauth/index.ts';
import type { Random } from '../platform/index.ts';

/** What an access token is issued for. */
export interface AccessTokenGrant {
  readonly subject: string;
  readonly clientId: string;
  readonly resource: string;
  readonly scope: Scope;
  readonly grantId?: string;
  readonly authTime?: EpochSeconds;
  readonly amr?: readonly string[];
  /** Who acts for the subject (RFC 8693 §4.1). */
  readonly act?: JsonObject;
  /** When it ends at the latest. */
  readonly notAfter?: EpochSeconds;
  /** The key it is bound to (RFC 9449 §6); absent: a Bearer token. */
  readonly sender?: SenderConstraint | undefined;
}

/** An access token and what its holder is told of it. */
export interface IssuedAccessToken {
  readonly token: string;
  readonly jti: string;
  readonly expiresIn: Seconds;
  readonly type: 'Bearer' | 'DPoP';
}

/** An access token of ours whose signature holds; not yet checked against time, audience or denylist. */
export interface OpenedAccessToken {
  readonly claims: AccessTokenClaims;
  readonly kid: string;
}

/** Makes and recognises RFC 9068 access tokens. */
export interface AccessTokens {
  /** Signs a token that is valid from `issuedAt`. @throws UnavailableError when no key can sign. */
  issue(grant: AccessTokenGrant, issuedAt: EpochSeconds): Promise<IssuedAccessToken>;
  /**
   * Makes sure of a signature before something is spent for it. Answers the token, valid from `now`, where the key is
   * elsewhere and a signature might not be had afterwards; `undefined` where `issue` can follow the spending.
   * @throws UnavailableError when no key can sign.
   */
  issueAhead(grant: AccessTokenGrant, now: () => Promise<EpochSeconds>): Promise<IssuedAccessToken | undefined>;
  /** Verifies form, `typ` and signature with the keys of the ring; `undefined` for anything else. No I/O. */
  open(token: string): OpenedAccessToken | undefined;
  /** How long a token lives, in seconds. */
  readonly lifetime: Seconds;
}

const SIGN_TIMEOUT_MS = 2_000;

export function createAccessTokens(deps: {
  keys: KeyRing;
  issuer: string;
  random: Random;
  lifetime: Seconds;
}): AccessTokens {
  const { keys, issuer, random, lifetime } = deps;

  async function issue(grant: AccessTokenGrant, issuedAt: EpochSeconds): Promise<IssuedAccessToken> {
    const signer = keys.signer();
    const jti = random(16);
    const expiresAt = Math.min(issuedAt + lifetime, Math.floor(grant.notAfter ?? Number.POSITIVE_INFINITY));
    const claims: AccessTokenClaims = {
      iss: issuer,
      sub: grant.subject,
      aud: grant.resource,
      client_id: grant.clientId,
      iat: issuedAt,
      exp: expiresAt,
      jti,
      ...(grant.scope.length > 0 && { scope: formatScope(grant.scope) }),
      ...(grant.grantId !== undefined && { gid: grant.grantId }),
      ...(grant.authTime !== undefined && { auth_time: grant.authTime }),
      ...(grant.amr !== undefined && grant.amr.length > 0 && { amr: grant.amr }),
      ...(grant.act !== undefined && { act: grant.act }),
      ...(grant.sender !== undefined && { cnf: { jkt: grant.sender.jkt } }),
    };
    const type = grant.sender === undefined ? 'Bearer' : 'DPoP';
    return {
      token: await signCompact(signer, ACCESS_TOKEN_TYPE, claims),
      jti,
      expiresIn: expiresAt - issuedAt,
      type,
    };
  }

  return {
    issue,
    async issueAhead(grant, now) {
      return keys.signer().isRemote === true ? await issue(grant, await now()) : undefined;
    },
    open: createAccessTokenOpener({ keys, issuer }),
    lifetime,
  };
}

/** The half that recognises: `open` of `AccessTokens`, over keys that need not sign. */
export function createAccessTokenOpener(deps: {
  keys: Pick<KeyRing, 'findPublicJwk'>;
  issuer: string;
}): AccessTokens['open'] {
  const { keys, issuer } = deps;
  const publicKeys = new Map<string, KeyObject>();

  return function open(token) {
    const segments = splitCompact(token, 3);
    if (segments === undefined) return undefined;
    const [head = '', body = '', signature = ''] = segments;
    const header = parseJsonBytes(Buffer.from(head, 'base64url'));
    if (header === undefined || typeof header['kid'] !== 'string' || !isAccessTokenType(header['typ']))
      return undefined;
    if (header['crit'] !== undefined || header['b64'] !== undefined) return undefined;
    const jwk = keys.findPublicJwk(header['kid']);
    if (jwk === undefined || jwk.alg !== header['alg']) return undefined;
    const claims = parseJsonBytes(Buffer.from(body, 'base64url'));
    if (claims === undefined || !isAccessTokenClaims(claims) || claims.iss !== issuer) return undefined;
    let key = publicKeys.get(jwk.kid);
    if (key === undefined) {
      key = createPublicKey({ key: { ...jwk }, format: 'jwk' });
      publicKeys.set(jwk.kid, key);
    }
    const isSigned = verifySignature(jwk.alg, key, Buffer.from(`${head}.${body}`), Buffer.from(signature, 'base64url'));
    return isSigned ? { claims, kid: jwk.kid } : undefined;
  };
}

/** A compact JWS (RFC 7515 §7.1) made around a signer of the ring. */
export async function signCompact(signer: JwsSigner, typ: string, claims: object): Promise<string> {
  const header = Buffer.from(JSON.stringify({ alg: signer.alg, typ, kid: signer.kid })).toString('base64url');
  const input = `${header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`;
  const signature = await signer.sign(Buffer.from(input), { signal: AbortSignal.timeout(SIGN_TIMEOUT_MS) });
  return `${input}.${Buffer.from(signature.buffer, signature.byteOffset, signature.byteLength).toString('base64url')}`;
}

function verifySignature(alg: SigningAlg, key: KeyObject, input: Buffer, signature: Buffer): boolean {
  switch (alg) {
    case 'ES256':
      return verify('sha256', input, { key, dsaEncoding: 'ieee-p1363' }, signature);
    case 'ES384':
      return verify('sha384', input, { key, dsaEncoding: 'ieee-p1363' }, signature);
    case 'EdDSA':
    case 'ML-DSA-44':
      return verify(null, input, key, signature);
    case 'RS256':
      return verify('sha256', input, key, signature);
    case 'PS256':
      return verify('sha256', input, { key, padding: 6, saltLength: 32 }, signature);
  }
}
