/**
 * keys: the key ring, the life of a key, signers, the JWK Set, and the backends that hold keys.
 *
 * May import: oauth, platform.
 */
export type {
  JwkSetDocument,
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
