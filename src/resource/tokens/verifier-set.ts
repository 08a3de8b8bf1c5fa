import { MAX_COMPACT_LENGTH, parseJsonBytes } from '../../oauth/index.ts';
import { createAuthInfo } from '../requests/auth-info.ts';
import { BearerError } from '../requests/bearer-error.ts';
import { decodeBase64url } from '../runtime/base64url.ts';
import type { AccessToken } from './access-token.ts';
import { createTokenCache } from './token-cache.ts';
import { createVerifier, type Verifier, type VerifierState } from './verifier.ts';
import type { VerifierOptions } from './verifier-options.ts';

/** What is told of each issuer by itself. */
export type IssuerSettings = Pick<
  VerifierOptions,
  'issuer' | 'profile' | 'audience' | 'algorithms' | 'jwks' | 'revocations' | 'onStale'
>;

/** One resource, several issuers. */
export interface VerifierSetOptions extends Omit<VerifierOptions, keyof IssuerSettings> {
  readonly issuers: readonly IssuerSettings[];
}

/** Verifies the access tokens of several issuers for one resource; adapters take it as they take a verifier. */
export interface VerifierSet extends Omit<Verifier, 'issuer' | 'state'> {
  /** The state of each, by issuer. */
  state(): Readonly<Record<string, VerifierState>>;
}

/**
 * Makes a verifier for the tokens of several issuers. What a token says of its issuer, before anything is verified, decides only
 * who looks at it: an issuer that is not on the list has no keys here, and each one on it verifies with its own keys, profile and
 * revocations, that the token is its own.
 *
 * @example
 * ```ts
 * import { createVerifierSet, entra } from 'guardmint/resource';
 *
 * const verifier = createVerifierSet({
 *   resource: 'https://mcp.example.com/mcp',
 *   issuers: [
 *     { issuer: 'https://as.example.com' },
 *     { ...entra({ tenant: '11111111-2222-3333-4444-555555555555' }), audience: '66666666-7777-8888-9999-000000000000' },
 *   ],
 * });
 * ```
 * @throws TypeError for settings that cannot work.
 */
export function createVerifierSet(options: VerifierSetOptions): VerifierSet {
  const { issuers, ...shared } = options;
  const byIssuer = new Map<string, Verifier>();
  for (const settings of issuers) {
    if (byIssuer.has(settings.issuer)) throw new TypeError(`issuers: ${settings.issuer} is there twice`);
    byIssuer.set(settings.issuer, createVerifier({ ...shared, ...settings }));
  }
  const [first] = byIssuer.values();
  if (first === undefined) throw new TypeError('issuers: at least one');
  const verifiers = [...byIssuer.values()];
  // Reading the issuer out of a token costs more than all the rest for one that is remembered.
  const known = createTokenCache<{ readonly token: string; readonly verifier: Verifier }>(options.cacheSize ?? 20_000);

  function load(
    token: string,
    ask: (verifier: Verifier) => Promise<AccessToken | undefined>,
  ): Promise<AccessToken | undefined> {
    if (typeof token !== 'string') return Promise.resolve(undefined);
    const before = known.find(token);
    if (before !== undefined) return ask(before.verifier);
    const verifier = byIssuer.get(readUnverifiedIssuer(token) ?? '');
    if (verifier === undefined) return Promise.resolve(undefined);
    return ask(verifier).then((accessToken) => {
      if (accessToken !== undefined) known.add({ token, verifier });
      return accessToken;
    });
  }

  const loadAccessToken: Verifier['loadAccessToken'] = (token) =>
    load(token, (verifier) => verifier.loadAccessToken(token));

  return {
    issuers: [...byIssuer.keys()],
    resource: first.resource,
    implies: first.implies,
    dpop: first.dpop,
    loadAccessToken,
    loadBoundAccessToken: (token, request) => load(token, (verifier) => verifier.loadBoundAccessToken(token, request)),
    dpopNonce: first.dpopNonce,
    async verifyAccessToken(token) {
      const accessToken = await loadAccessToken(token);
      if (accessToken === undefined) throw new BearerError('invalid_token');
      return createAuthInfo(accessToken, first.implies);
    },
    watch(accessToken, onEnd) {
      const verifier = byIssuer.get(accessToken.issuer);
      if (verifier === undefined) throw new TypeError('the token is of no issuer of this set');
      return verifier.watch(accessToken, onEnd);
    },
    state: () => Object.fromEntries([...byIssuer].map(([issuer, verifier]) => [issuer, verifier.state()])),
    close: closeAll,
    [Symbol.dispose]: closeAll,
  };

  function closeAll(): void {
    for (const verifier of verifiers) verifier.close();
  }
}

function readUnverifiedIssuer(token: string): string | undefined {
  if (token.length > MAX_COMPACT_LENGTH) return undefined;
  const payload = decodeBase64url(token.split('.', 2)[1] ?? '');
  const issuer = payload === undefined ? undefined : parseJsonBytes(payload)?.['iss'];
  return typeof issuer === 'string' ? issuer : undefined;
}
