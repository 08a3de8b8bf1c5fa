import type { KeyRing, SecretKey } from '../keys/index.ts';
import { type JsonObject, parseJsonBytes, reject, splitCompact } from '../oauth/index.ts';
import { type Clock, hmacSha256, isEqualSecret, type Random, sha256 } from '../platform/index.ts';
import type { Client, ClientAuthenticationMethod, RegisteredClient } from './client.ts';
import type { ClientMetadata } from './client-registration.ts';

const TYPE = 'client+jwt';
const MAX_LENGTH = 2_048;

/** What is inside a signed client_id; short names, because it travels in URLs. */
interface SignedClaims {
  /** redirect_uris */
  readonly r: readonly string[];
  /** client_name */
  readonly n?: string;
  /** token_endpoint_auth_method, absent: none */
  readonly a?: ClientAuthenticationMethod;
  /** grant_types, absent: authorization_code and refresh_token */
  readonly g?: readonly string[];
  /** application_type */
  readonly t?: string;
  /** jwks, the keys of it */
  readonly k?: readonly JsonObject[];
  /** jwks_uri */
  readonly u?: string;
  /** token_endpoint_auth_signing_alg */
  readonly s?: string;
  /** dpop_bound_access_tokens, absent: false */
  readonly d?: true;
  /** require_pushed_authorization_requests, absent: false */
  readonly p?: true;
  readonly iat: number;
  /** 12 random bytes: two registrations are never the same client, so that nobody can register another's secret. */
  readonly j: string;
}

/**
 * Registrations that nobody has to store (RFC 7591 appendix A.5.2): the client_id is a compact JWS (HS256,
 * `typ client+jwt`) over the metadata. It never expires, because clients keep a client_id for ever.
 */
export interface SignedClientIds {
  /** @throws OAuthError `registration_too_large` when the client_id would pass 2,048 bytes. */
  register(metadata: ClientMetadata): RegisteredClient;
  /** The client of a signed client_id; `undefined` for anything we did not sign, in its one spelling. */
  open(clientId: string): Client | undefined;
  /** The same as its registration answered, for whoever shows its registration access token (RFC 7592 §2.1). */
  openRegistration(clientId: string, registrationAccessToken: string): RegisteredClient | undefined;
}

const DEFAULT_GRANT_TYPES = 'authorization_code refresh_token';

export function createSignedClientIds(deps: { keys: KeyRing; clock: Clock; random: Random }): SignedClientIds {
  const { keys, clock, random } = deps;

  function register(metadata: ClientMetadata): RegisteredClient {
    const key = keys.activeSecret('client');
    const issuedAt = clock();
    const method = metadata.token_endpoint_auth_method;
    const claims: SignedClaims = {
      r: metadata.redirect_uris,
      ...(metadata.client_name !== undefined && { n: metadata.client_name }),
      ...(method !== 'none' && { a: method }),
      ...(metadata.grant_types.join(' ') !== DEFAULT_GRANT_TYPES && { g: metadata.grant_types }),
      ...(metadata.application_type !== undefined && { t: metadata.application_type }),
      ...(metadata.jwks !== undefined && { k: metadata.jwks.keys }),
      ...(metadata.jwks_uri !== undefined && { u: metadata.jwks_uri }),
      ...(metadata.token_endpoint_auth_signing_alg !== undefined && { s: metadata.token_endpoint_auth_signing_alg }),
      ...(metadata.dpop_bound_access_tokens === true && { d: true as const }),
      ...(metadata.require_pushed_authorization_requests === true && { p: true as const }),
      iat: issuedAt,
      j: random(12),
    };
    const clientId = sign(key, claims);
    if (clientId.length > MAX_LENGTH) throw reject('registration_too_large');
    return { ...toRegistration(clientId, claims, key), metadata: { ...metadata } as JsonObject };
  }

  function open(clientId: string): Client | undefined {
    const signed = verify(clientId);
    return signed === undefined ? undefined : toClient(clientId, signed.claims, signed.key);
  }

  function openRegistration(clientId: string, presented: string): RegisteredClient | undefined {
    const signed = verify(clientId);
    if (signed === undefined) return undefined;
    const registration = toRegistration(clientId, signed.claims, signed.key);
    return isEqualSecret(registration.registrationAccessToken, presented) ? registration : undefined;
  }

  function verify(clientId: string): { readonly claims: SignedClaims; readonly key: SecretKey } | undefined {
    const segments = clientId.length <= MAX_LENGTH ? splitCompact(clientId, 3) : undefined;
    if (segments === undefined) return undefined;
    const [head = '', body = '', signature = ''] = segments;
    const header = parseJsonBytes(Buffer.from(head, 'base64url'));
    if (header?.['alg'] !== 'HS256' || header['typ'] !== TYPE || typeof header['kid'] !== 'string') return undefined;
    const key = keys.findSecret('client', header['kid']);
    if (key === undefined) return undefined;
    if (!isEqualSecret(hmacSha256(key.secret, `${head}.${body}`).toString('base64url'), signature)) return undefined;
    const claims = parseJsonBytes(Buffer.from(body, 'base64url'));
    return claims === undefined ? undefined : { claims: claims as unknown as SignedClaims, key };
  }

  return { register, open, openRegistration };
}

function sign(key: SecretKey, claims: SignedClaims): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const input = `${encode({ alg: 'HS256', typ: TYPE, kid: key.kid })}.${encode(claims)}`;
  return `${input}.${hmacSha256(key.secret, input).toString('base64url')}`;
}

// Keys of their own, so that no client_id (a public sample of the signing key's MAC) says anything about a secret.
function derivedSecret(key: SecretKey, purpose: string, clientId: string): string {
  const derived = hmacSha256(key.secret, `guardmint ${purpose}`);
  return hmacSha256(derived, clientId).toString('base64url');
}

function clientSecret(key: SecretKey, clientId: string): string {
  return derivedSecret(key, 'client secret', clientId);
}

function toRegistration(clientId: string, claims: SignedClaims, key: SecretKey) {
  const client = toClient(clientId, claims, key);
  return {
    ...client,
    ...(usesSecret(client.authenticationMethod) && { clientSecret: clientSecret(key, clientId) }),
    registrationAccessToken: derivedSecret(key, 'registration access token', clientId),
  } satisfies RegisteredClient;
}

function usesSecret(method: ClientAuthenticationMethod): boolean {
  return method === 'client_secret_basic' || method === 'client_secret_post';
}

function toClient(clientId: string, claims: SignedClaims, key: SecretKey): Client {
  const method = claims.a ?? 'none';
  const grantTypes = claims.g ?? DEFAULT_GRANT_TYPES.split(' ');
  return {
    clientId,
    origin: 'registered',
    ...(claims.n !== undefined && { clientName: claims.n }),
    redirectUris: claims.r,
    grantTypes,
    authenticationMethod: method,
    ...(usesSecret(method) && { secretHash: sha256(clientSecret(key, clientId)) }),
    ...(claims.k !== undefined && { jwks: { keys: claims.k } }),
    ...(claims.u !== undefined && { jwksUri: claims.u }),
    ...(claims.s !== undefined && { signingAlgorithm: claims.s }),
    ...(claims.d === true && { dpopBoundAccessTokens: true }),
    ...(claims.p === true && { requirePushedAuthorizationRequests: true }),
    metadata: {
      redirect_uris: claims.r,
      grant_types: grantTypes,
      response_types: ['code'],
      token_endpoint_auth_method: method,
      ...(claims.n !== undefined && { client_name: claims.n }),
      ...(claims.t !== undefined && { application_type: claims.t }),
      ...(claims.k !== undefined && { jwks: { keys: claims.k } }),
      ...(claims.u !== undefined && { jwks_uri: claims.u }),
      ...(claims.s !== undefined && { token_endpoint_auth_signing_alg: claims.s }),
      ...(claims.d === true && { dpop_bound_access_tokens: true }),
      ...(claims.p === true && { require_pushed_authorization_requests: true }),
    },
    issuedAt: claims.iat,
  };
}
