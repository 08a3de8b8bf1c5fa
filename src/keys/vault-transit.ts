/**
 * guardmint/keys/vault-transit: signing keys in the transit engine of HashiCorp Vault or OpenBao.
 *
 * @example
 * import { createExternalKeyBackend, createFileKeyBackend } from 'guardmint/keys';
 * import { createVaultTransitKeyStore } from 'guardmint/keys/vault-transit';
 *
 * const store = createVaultTransitKeyStore({ address: 'https://vault.example.com:8200', tokenFile: '/run/secrets/vault' });
 * const backend = createExternalKeyBackend({ folder: createFileKeyBackend({ directory: 'keys', random }), store });
 */
export type { VaultTransitOptions } from './backends/vault-transit/vault-transit-key-store.ts';
export { createVaultTransitKeyStore } from './backends/vault-transit/vault-transit-key-store.ts';
