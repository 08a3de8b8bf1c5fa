import { CompactSign, calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose';

/** A key pair of another party, and what that party signs with it. */
export interface ForeignSigner {
  readonly alg: string;
  readonly kid: string;
  readonly publicJwk: JWK & { kid: string };
  readonly privateJwk: JWK;
  /** A compact JWS over the claims; `header` goes over `{ alg, kid }`, and what is `undefined` in it is left out. */
  sign(claims: object | string, header?: Readonly<Record<string, unknown>>): Promise<string>;
}

/** A new key pair. */
export async function createForeignSigner(alg = 'ES256'): Promise<ForeignSigner> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  const bare = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(bare);
  return {
    alg,
    kid,
    publicJwk: { ...bare, kid, alg, use: 'sig' },
    privateJwk: { ...(await exportJWK(privateKey)), kid, alg },
    async sign(claims, header = {}) {
      const payload = typeof claims === 'string' ? claims : JSON.stringify(claims);
      const merged = Object.entries({ alg, kid, ...header }).filter(([, value]) => value !== undefined);
      return new CompactSign(Buffer.from(payload))
        .setProtectedHeader(Object.fromEntries(merged) as { alg: string })
        .sign(privateKey);
    },
  };
}
