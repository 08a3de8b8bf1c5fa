import { createFileKeyBackend, createKeyEncryption, parseKeySecret } from '../../src/keys/index.ts';
import type { EpochSeconds } from '../../src/oauth/index.ts';
import { systemRandom } from '../../src/platform/index.ts';

/** Somebody who copied a signing key, and signs what he likes with it. */
export interface Thief {
  readonly kid: string;
  /** The token of somebody else, signed anew, living until `expiresAt`. */
  forge(token: string, expiresAt: EpochSeconds): Promise<string>;
}

/** Copies the private half of a signing key out of the folder, with the secret that protects it. @throws Error when gone */
export async function stealKey(directory: string, secret: string, kid: string): Promise<Thief> {
  const encryption = createKeyEncryption(parseKeySecret(secret));
  const backend = createFileKeyBackend({ directory, random: systemRandom, encryption });
  const key = (await backend.list()).keys.find((one) => one.kid === kid);
  if (key === undefined) throw new Error(`no key ${kid} to steal`);
  const signer = await backend.openSigner(key);
  return {
    kid,
    async forge(token, expiresAt) {
      const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
      const parts = [
        { alg: signer.alg, typ: 'at+jwt', kid },
        { ...claims, exp: expiresAt, jti: systemRandom(16) },
      ];
      const input = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
      const signature = await signer.sign(Buffer.from(input), { signal: AbortSignal.timeout(5_000) });
      return `${input}.${Buffer.from(signature).toString('base64url')}`;
    },
  };
}
