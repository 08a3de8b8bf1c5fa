/**
 * guardmint/keys/pkcs11: signing keys in an HSM, by PKCS #11. Needs `pkcs11js` beside it.
 *
 * @example
 * import { createExternalKeyBackend, createFileKeyBackend } from 'guardmint/keys';
 * import { createPkcs11KeyStore } from 'guardmint/keys/pkcs11';
 *
 * const store = createPkcs11KeyStore({ module: '/usr/lib/softhsm/libsofthsm2.so', tokenLabel: 'guardmint', pinFile: '/run/secrets/pin' });
 * const backend = createExternalKeyBackend({ folder: createFileKeyBackend({ directory: 'keys', random }), store });
 */
export type { Pkcs11Options } from './backends/pkcs11/pkcs11-key-store.ts';
export { createPkcs11KeyStore } from './backends/pkcs11/pkcs11-key-store.ts';
