import { createHash, createPublicKey } from 'node:crypto';
import { isJsonObject, type JsonObject, UnavailableError } from '../../../oauth/index.ts';
import { systemRandom } from '../../../platform/index.ts';
import type { ExternalKeyStore } from '../../external/external-key-store.ts';
import { KeyRefusedError } from '../../key-backend.ts';
import type { SigningAlg } from '../../key-ring.ts';
import { createVaultClient, type VaultClientOptions, VaultFault } from './vault-client.ts';

export interface VaultTransitOptions extends VaultClientOptions {
  /** Where the transit engine is mounted; `transit` when left out. */
  readonly mount?: string;
  /** What the names of our keys begin with, for policies; `guardmint` when left out. */
  readonly keyPrefix?: string;
}

interface TransitAlgorithm {
  readonly type: string;
  /** Absent: Vault hashes itself (Ed25519). */
  readonly hash?: 'sha256' | 'sha384';
  readonly members: JsonObject;
}

const ALGORITHMS: Readonly<Partial<Record<SigningAlg, TransitAlgorithm>>> = {
  ES256: { type: 'ecdsa-p256', hash: 'sha256', members: { hash_algorithm: 'sha2-256' } },
  ES384: { type: 'ecdsa-p384', hash: 'sha384', members: { hash_algorithm: 'sha2-384' } },
  EdDSA: { type: 'ed25519', members: {} },
  RS256: { type: 'rsa-3072', hash: 'sha256', members: { hash_algorithm: 'sha2-256', signature_algorithm: 'pkcs1v15' } },
  PS256: {
    type: 'rsa-3072',
    hash: 'sha256',
    members: { hash_algorithm: 'sha2-256', signature_algorithm: 'pss', salt_length: 'hash' },
  },
};

const NAME = 'vault-transit';
const CONCURRENCY = 64;
// Each of our keys is one of Vault's in its first version. If somebody rotates it there, ours still signs.
const VERSION = 1;
const SIGNATURE = /^vault:v1:([A-Za-z0-9+/_-]+={0,2})$/;
/** SubjectPublicKeyInfo of Ed25519 (RFC 8410 §4) up to the 32 bytes of the key. */
const ED25519_SPKI = Buffer.from('302a300506032b6570032100', 'hex');

/**
 * Signing keys in the transit engine of HashiCorp Vault or OpenBao: one transit key for each of ours, not exportable.
 * The token needs `create`, `read`, `update` and `delete` on `<mount>/keys/<prefix>-*` and `update` on
 * `<mount>/sign/<prefix>-*`.
 */
export function createVaultTransitKeyStore(options: VaultTransitOptions): ExternalKeyStore {
  const { mount = 'transit', keyPrefix = 'guardmint', ...connection } = options;
  const vault = createVaultClient(connection);

  /** Where the key of an id is; the id has its mount, so that another mount may be used for new keys. */
  function pathOf(id: string, verb: 'keys' | 'sign'): string {
    const [, keyMount = '', name = ''] = /^(.+)\/([^/]+)$/.exec(id) ?? [];
    return `${keyMount}/${verb}/${encodeURIComponent(name)}`;
  }

  async function readPublicJwk(id: string, signal: AbortSignal): Promise<JsonObject> {
    const answer = await onKey(() => vault.call('GET', pathOf(id, 'keys'), { signal }));
    const { type, keys } = isJsonObject(answer['data']) ? answer['data'] : {};
    const version = isJsonObject(keys) ? keys[String(VERSION)] : undefined;
    if (!isJsonObject(version) || typeof version['public_key'] !== 'string')
      throw new KeyRefusedError(NAME, 'object_missing');
    return parsePublicKey(version['public_key'], type === 'ed25519');
  }

  async function destroy(id: string, signal: AbortSignal): Promise<void> {
    try {
      const path = pathOf(id, 'keys');
      await onKey(() => vault.call('POST', `${path}/config`, { body: { deletion_allowed: true }, signal }));
      await onKey(() => vault.call('DELETE', path, { signal }));
    } catch (error) {
      if (!(error instanceof KeyRefusedError)) throw error;
    }
  }

  return {
    name: NAME,
    algorithms: Object.keys(ALGORITHMS) as SigningAlg[],
    concurrency: CONCURRENCY,
    async create({ alg, label }, { signal }) {
      const unique = Buffer.from(systemRandom(8), 'base64url').toString('hex');
      const id = `${mount}/${[keyPrefix, label.replace(/^guardmint /, ''), unique].join('-').replaceAll(' ', '-')}`;
      const body = { type: algorithmOf(alg).type, exportable: false, allow_plaintext_backup: false };
      await refused(vault.call('POST', pathOf(id, 'keys'), { body, signal }));
      try {
        return { id, publicJwk: await readPublicJwk(id, signal) };
      } catch (error) {
        await destroy(id, signal).catch(() => {});
        throw error;
      }
    },
    async openSigner(id, publicJwk, { signal: opening }) {
      const { kid, alg } = publicJwk;
      const { hash, members } = algorithmOf(alg);
      const known = await readPublicJwk(id, opening);
      if (!['n', 'x', 'y'].every((name) => known[name] === publicJwk[name]))
        throw new KeyRefusedError(NAME, 'key_mismatch');
      return {
        kid,
        alg,
        publicJwk,
        async sign(input, { signal }) {
          const message = hash === undefined ? Buffer.from(input) : createHash(hash).update(input).digest();
          const body = {
            ...members,
            input: message.toString('base64'),
            prehashed: hash !== undefined,
            marshaling_algorithm: 'jws',
            key_version: VERSION,
          };
          const answer = await onKey(() => vault.call('POST', pathOf(id, 'sign'), { body, signal }));
          const { signature } = isJsonObject(answer['data']) ? answer['data'] : {};
          const encoded = typeof signature === 'string' ? SIGNATURE.exec(signature)?.[1] : undefined;
          if (encoded === undefined)
            throw new UnavailableError('Vault', { cause: new Error('not a signature of the version that was asked') });
          // With `jws` it is base64url, also of RSA; older servers answer base64. Node reads both.
          return Buffer.from(encoded, 'base64url');
        },
      };
    },
    destroy: (id, { signal }) => destroy(id, signal),
    close: () => vault.close(),
  };
}

/** A call that concerns one key: Vault has it or not. */
async function onKey(call: () => Promise<JsonObject>): Promise<JsonObject> {
  try {
    return await call();
  } catch (error) {
    // Signing with a key that is not there, and deleting it, is answered 400.
    if (error instanceof VaultFault && (error.status === 404 || /not found|could not delete/i.test(error.message)))
      throw new KeyRefusedError(NAME, 'object_missing');
    return await refused(Promise.reject(error));
  }
}

/** What Vault says to a request that should be right concerns the whole store: a wrong mount, a rule. */
async function refused(call: Promise<JsonObject>): Promise<JsonObject> {
  try {
    return await call;
  } catch (error) {
    if (!(error instanceof VaultFault)) throw error;
    throw new UnavailableError('Vault', { cause: Object.assign(error, { code: `http_${error.status}` }) });
  }
}

function algorithmOf(alg: SigningAlg): TransitAlgorithm {
  const algorithm = ALGORITHMS[alg];
  if (algorithm === undefined) throw new KeyRefusedError(NAME, 'unsupported_algorithm');
  return algorithm;
}

/** PEM, or for Ed25519 the bare 32 bytes in base64. */
function parsePublicKey(text: string, isEd25519: boolean): JsonObject {
  try {
    const key =
      isEd25519 && !text.includes('-----')
        ? createPublicKey({
            key: Buffer.concat([ED25519_SPKI, Buffer.from(text, 'base64')]),
            format: 'der',
            type: 'spki',
          })
        : createPublicKey(text);
    return key.export({ format: 'jwk' }) as JsonObject;
  } catch {
    throw new UnavailableError('Vault', { cause: new Error('not a public key') });
  }
}
