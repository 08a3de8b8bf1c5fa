import { createHash, createPublicKey } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { KeySpec, KMSClient, SigningAlgorithmSpec } from '@aws-sdk/client-kms';
import { type JsonObject, UnavailableError } from '../../../oauth/index.ts';
import type { ExternalKeyStore } from '../../external/external-key-store.ts';
import { KeyRefusedError } from '../../key-backend.ts';
import type { SigningAlg } from '../../key-ring.ts';
import { joseSignature } from '../../signer.ts';

/** Credentials as the SDK takes them; its own type is not installed everywhere. */
export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

export interface AwsKmsOptions {
  /** The region of the keys. Absent: as the SDK finds it (`AWS_REGION`, the profile). */
  readonly region?: string;
  /** Another address than the one of the region: a VPC endpoint, a FIPS endpoint. */
  readonly endpoint?: string;
  /** Days between the end of a key and its deletion, on which AWS insists: 7 to 30; 7 when left out. */
  readonly deletionDays?: number;
  /** Tags of each key that is made, beside `guardmint:key`, for policies and bills. */
  readonly tags?: Readonly<Record<string, string>>;
  /** Where credentials come from. Absent: the chain of the SDK (environment, web identity, SSO, container, instance). */
  readonly credentials?: AwsCredentials | (() => Promise<AwsCredentials>);
}

interface KmsAlgorithm {
  readonly keySpec: KeySpec;
  readonly signing: SigningAlgorithmSpec;
  readonly hash: 'sha256' | 'sha384';
  /** Bytes of an integer of the signature, where KMS answers it in DER. */
  readonly integerSize?: number;
}

// No EdDSA: KMS takes at most 4,096 bytes of a message it hashes itself, and revocation documents may be longer.
const ALGORITHMS: Readonly<Partial<Record<SigningAlg, KmsAlgorithm>>> = {
  ES256: { keySpec: 'ECC_NIST_P256', signing: 'ECDSA_SHA_256', hash: 'sha256', integerSize: 32 },
  ES384: { keySpec: 'ECC_NIST_P384', signing: 'ECDSA_SHA_384', hash: 'sha384', integerSize: 48 },
  RS256: { keySpec: 'RSA_3072', signing: 'RSASSA_PKCS1_V1_5_SHA_256', hash: 'sha256' },
  PS256: { keySpec: 'RSA_3072', signing: 'RSASSA_PSS_SHA_256', hash: 'sha256' },
};

const NAME = 'aws-kms';
// The quota of an account is 1,000 per second in most regions; one answer takes some milliseconds.
const CONCURRENCY = 50;
/** Calls in all, where KMS throttles or fails for a moment; the SDK waits longer before each. */
const ATTEMPTS = 3;
/** A key that was just made may be unknown for a moment to the part of KMS that is asked next. */
const PATIENCE_MS = [100, 200, 400, 800, 1600] as const;
const MISSING = ['NotFoundException', 'KMSInvalidStateException'];

/**
 * Signing keys in AWS KMS: one KMS key for each of ours, signed with by digest. Needs the package `@aws-sdk/client-kms`
 * and the rights `kms:CreateKey`, `kms:TagResource`, and on keys with our tag `kms:GetPublicKey`, `kms:Sign` and
 * `kms:ScheduleKeyDeletion`.
 */
export function createAwsKmsKeyStore(options: AwsKmsOptions = {}): ExternalKeyStore {
  const { deletionDays = 7, tags = {} } = options;
  let sdk: Promise<{ kms: typeof import('@aws-sdk/client-kms'); client: KMSClient }> | undefined;

  async function connect(): Promise<{ kms: typeof import('@aws-sdk/client-kms'); client: KMSClient }> {
    const kms = await import('@aws-sdk/client-kms');
    const { region, endpoint, credentials } = options;
    const client = new kms.KMSClient({
      ...(region !== undefined && { region }),
      ...(endpoint !== undefined && { endpoint }),
      ...(credentials !== undefined && { credentials }),
      maxAttempts: ATTEMPTS,
      retryMode: 'standard',
      requestHandler: { connectionTimeout: 1_000, requestTimeout: 10_000, httpsAgent: { maxSockets: CONCURRENCY } },
    });
    return { kms, client };
  }

  /** @throws KeyRefusedError `object_missing`; UnavailableError with the name of the error of AWS as code of its cause. */
  async function call<T>(
    work: (sdk: { kms: typeof import('@aws-sdk/client-kms'); client: KMSClient }) => Promise<T>,
  ): Promise<T> {
    sdk ??= connect();
    const attempt = sdk;
    try {
      return await work(await attempt);
    } catch (error) {
      const code = error instanceof Error ? error.name : 'failed';
      if (MISSING.includes(code)) throw new KeyRefusedError(NAME, 'object_missing');
      // Messages of AWS name accounts and roles; the name of the error is enough for a log.
      throw new UnavailableError('AWS KMS', { cause: Object.assign(new Error(code), { code }) });
    }
  }

  async function readPublicJwk(id: string, abortSignal: AbortSignal): Promise<JsonObject> {
    const { PublicKey } = await call(({ kms, client }) =>
      client.send(new kms.GetPublicKeyCommand({ KeyId: id }), { abortSignal }),
    );
    try {
      const key = createPublicKey({ key: Buffer.from(PublicKey ?? []), format: 'der', type: 'spki' });
      return key.export({ format: 'jwk' }) as JsonObject;
    } catch {
      throw new UnavailableError('AWS KMS', { cause: new Error('not a public key') });
    }
  }

  async function readNewPublicJwk(id: string, signal: AbortSignal): Promise<JsonObject> {
    for (const pause of PATIENCE_MS) {
      try {
        return await readPublicJwk(id, signal);
      } catch (error) {
        if (!(error instanceof KeyRefusedError)) throw error;
        await delay(pause, undefined, { signal });
      }
    }
    return await readPublicJwk(id, signal);
  }

  async function destroy(id: string, abortSignal: AbortSignal): Promise<void> {
    const command = { KeyId: id, PendingWindowInDays: deletionDays };
    try {
      await call(({ kms, client }) => client.send(new kms.ScheduleKeyDeletionCommand(command), { abortSignal }));
    } catch (error) {
      // Gone, or scheduled already.
      if (!(error instanceof KeyRefusedError)) throw error;
    }
  }

  return {
    name: NAME,
    algorithms: Object.keys(ALGORITHMS) as SigningAlg[],
    concurrency: CONCURRENCY,
    async create({ alg, label }, { signal }) {
      const { keySpec } = algorithmOf(alg);
      const { KeyMetadata } = await call(({ kms, client }) =>
        client.send(
          new kms.CreateKeyCommand({
            KeySpec: keySpec,
            KeyUsage: 'SIGN_VERIFY',
            Description: label,
            Tags: Object.entries({ ...tags, 'guardmint:key': label }).map(([TagKey, TagValue]) => ({
              TagKey,
              TagValue,
            })),
          }),
          { abortSignal: signal },
        ),
      );
      const id = KeyMetadata?.Arn ?? KeyMetadata?.KeyId;
      if (id === undefined) throw new UnavailableError('AWS KMS', { cause: new Error('no key in the answer') });
      try {
        return { id, publicJwk: await readNewPublicJwk(id, signal) };
      } catch (error) {
        await destroy(id, signal).catch(() => {});
        throw error;
      }
    },
    async openSigner(id, publicJwk, { signal: opening }) {
      const { kid, alg } = publicJwk;
      const { signing, hash, integerSize } = algorithmOf(alg);
      const members = await readPublicJwk(id, opening);
      if (!['n', 'x', 'y'].every((name) => members[name] === publicJwk[name]))
        throw new KeyRefusedError(NAME, 'key_mismatch');
      return {
        kid,
        alg,
        publicJwk,
        async sign(input, { signal }) {
          const { Signature } = await call(({ kms, client }) =>
            client.send(
              new kms.SignCommand({
                KeyId: id,
                Message: createHash(hash).update(input).digest(),
                MessageType: 'DIGEST',
                SigningAlgorithm: signing,
              }),
              { abortSignal: signal },
            ),
          );
          if (Signature === undefined) throw new UnavailableError('AWS KMS', { cause: new Error('no signature') });
          return integerSize === undefined ? Signature : joseSignature(Signature, integerSize);
        },
      };
    },
    destroy: (id, { signal }) => destroy(id, signal),
    async close() {
      (await sdk?.catch(() => undefined))?.client.destroy();
    },
  };
}

function algorithmOf(alg: SigningAlg): KmsAlgorithm {
  const algorithm = ALGORITHMS[alg];
  if (algorithm === undefined) throw new KeyRefusedError(NAME, 'unsupported_algorithm');
  return algorithm;
}
