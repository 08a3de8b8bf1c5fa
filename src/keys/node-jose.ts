/**
 * guardmint/keys/node-jose: the signing keys of a keystore that node-jose wrote, as they are. Needs `node-jose` beside it.
 *
 * @example
 * import { createFileKeyBackend } from 'guardmint/keys';
 * import { createNodeJoseKeyBackend } from 'guardmint/keys/node-jose';
 *
 * const folder = createFileKeyBackend({ directory: 'keys', random });
 * const backend = createNodeJoseKeyBackend({ folder, file: 'keystore.json', kid: '2024-01' });
 */
export type { NodeJoseKeyBackendDeps } from './backends/node-jose-key-backend.ts';
export { createNodeJoseKeyBackend } from './backends/node-jose-key-backend.ts';
