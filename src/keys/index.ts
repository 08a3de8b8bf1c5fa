/**
 * keys: the key ring, the life of a key, signers, the JWK Set, and the backends that hold keys. Published as
 * `guardmint/keys`, for those who keep keys in a place of their own.
 *
 * May import: oauth, platform.
 */
export type { AwsKmsOptions } from './backends/aws-kms/aws-kms-key-store.ts';
export { createAwsKmsKeyStore } from './backends/aws-kms/aws-kms-key-store.ts';
export type { FileKeyBackend, FileKeyBackendDeps } from './backends/file.ts';
export { createFileKeyBackend } from './backends/file.ts';
export type { KeyEncryption, KeyEncryptionKey, OpenedSeal } from './backends/key-encryption.ts';
export { createKeyEncryption, KeySecretError, parseKeySecret } from './backends/key-encryption.ts';
export type { KeyFileProtection } from './backends/key-file.ts';
export type { NodeJoseKeyBackendDeps } from './backends/node-jose-key-backend.ts';
export { createNodeJoseKeyBackend } from './backends/node-jose-key-backend.ts';
export type { Pkcs11Options } from './backends/pkcs11/pkcs11-key-store.ts';
export { createPkcs11KeyStore } from './backends/pkcs11/pkcs11-key-store.ts';
export type { VaultTransitOptions } from './backends/vault-transit/vault-transit-key-store.ts';
export { createVaultTransitKeyStore } from './backends/vault-transit/vault-transit-key-store.ts';
export type { ExternalKeyBackendDeps } from './external/external-key-backend.ts';
export { createExternalKeyBackend } from './external/external-key-backend.ts';
export type {
  ExternalKey,
  ExternalKeyOrder,
  ExternalKeyStore,
  MadeExternalKey,
} from './external/external-key-store.ts';
export type { ImportedKey, KeyImport, KeyImportOptions } from './imported-key.ts';
export { KeyImportError, parseImportedKeys } from './imported-key.ts';
export { reasonOf } from './inventory.ts';
export { createJwkSet, JWK_SET_MAX_AGE, JWK_SET_STALE, jwkSetKindOf } from './jwk-set.ts';
export type { KeyAlg, KeyBackend, KeyListing, KeyOrder, StoredKey, UnreadableKey } from './key-backend.ts';
export { KeyRefusedError } from './key-backend.ts';
export type {
  JwkSetDocument,
  JwkSetKind,
  JwsSigner,
  KeyFamily,
  KeyRecord,
  KeyRing,
  KeyState,
  KeyTimes,
  PublicJwk,
  SecretFamily,
  SecretKey,
  SigningAlg,
} from './key-ring.ts';
export type { DueKey } from './lifecycle.ts';
export { activeKey, dueKeys, keyState, scheduleFor, settle } from './lifecycle.ts';
export { NodeJoseError } from './node-jose-key-store.ts';
export type { KeyRingDeps } from './ring.ts';
export { createKeyRing, KeysRefusedError } from './ring.ts';
export { hasRocaFingerprint } from './roca.ts';
export type { LineFault, RetirementPlan, RotationPlan } from './rotation.ts';
export { findLineFaults, planRetirement, planRotation, scheduleNext } from './rotation.ts';
export { createLocalSigner, joseSignature } from './signer.ts';
export type { KeyPeriods, KeyTimingNeeds, KeyTimings } from './timings.ts';
export { CLOCK_SKEW, DEFAULT_POLL_INTERVAL, defaultTimings, findTimingsFault } from './timings.ts';
