import type { EpochSeconds, Scope, Seconds } from '../oauth/index.ts';
import type { Random } from '../platform/index.ts';
import type { Opened, Sealer } from './sealed.ts';

/** What an authorization code (RFC 6749 §4.1.2) says. Sealed, because whoever reads the challenge learns nothing else. */
export interface AuthorizationCodeClaims {
  readonly jti: string;
  /** The grant that begins when the code is redeemed. */
  readonly gid: string;
  /** SHA-256 of the client_id. */
  readonly client: string;
  readonly clientName: string;
  readonly redirectUri: string;
  readonly redirectUriProvided: boolean;
  readonly challenge: string;
  readonly scope: Scope;
  readonly resource: string;
  readonly sub: string;
  readonly authTime: EpochSeconds;
  readonly amr: readonly string[];
  /** Thumbprint of the key the request named (`dpop_jkt`). */
  readonly jkt?: string;
}

/** Makes and reads authorization codes. */
export interface AuthorizationCodes {
  /** A new code, and the id of the grant that begins when it is redeemed. */
  issue(
    claims: Omit<AuthorizationCodeClaims, 'jti' | 'gid'>,
  ): Promise<{ readonly code: string; readonly grantId: string }>;
  /** The code's claims, ended ones included; `undefined` when it is none of ours. Never spends it. */
  open(code: string): Promise<Opened<AuthorizationCodeClaims> | undefined>;
}

export function createAuthorizationCodes(deps: {
  sealer: Sealer;
  random: Random;
  lifetime: Seconds;
}): AuthorizationCodes {
  const { sealer, random, lifetime } = deps;
  return {
    async issue(claims) {
      const grantId = random(16);
      const code = await sealer.seal('code+jwe', { ...claims, jti: random(16), gid: grantId }, lifetime);
      return { code, grantId };
    },
    open: (code) => sealer.openEnded<AuthorizationCodeClaims>('code+jwe', code),
  };
}
