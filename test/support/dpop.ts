import { createHash, randomUUID } from 'node:crypto';
import { CompactSign, calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose';
import type { JsonObject } from '../../src/oauth/index.ts';

/** What a proof says; members that are `undefined` are left out. */
export interface ProofChanges {
  readonly header?: JsonObject;
  readonly claims?: JsonObject;
}

/** The key of a DPoP client, and proofs of it. */
export interface DpopKey {
  readonly jkt: string;
  readonly publicJwk: JWK;
  readonly privateJwk: JWK;
  prove(
    request: { method?: string; url: string; now: number; accessToken?: string },
    changes?: ProofChanges,
  ): Promise<string>;
}

export async function createDpopKey(alg = 'ES256'): Promise<DpopKey> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  const [publicJwk, privateJwk] = await Promise.all([exportJWK(publicKey), exportJWK(privateKey)]);
  return {
    jkt: await calculateJwkThumbprint(publicJwk),
    publicJwk,
    privateJwk,
    async prove({ method = 'POST', url, now, accessToken }, { header, claims } = {}) {
      const payload = {
        jti: randomUUID(),
        htm: method,
        htu: url,
        iat: now,
        ...(accessToken !== undefined && { ath: createHash('sha256').update(accessToken).digest('base64url') }),
        ...claims,
      };
      return new CompactSign(new TextEncoder().encode(JSON.stringify(payload)))
        .setProtectedHeader({ alg, typ: 'dpop+jwt', jwk: publicJwk, ...header })
        .sign(privateKey);
    },
  };
}
