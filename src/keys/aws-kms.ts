/**
 * guardmint/keys/aws-kms: signing keys in AWS KMS. Needs `@aws-sdk/client-kms` beside it.
 *
 * @example
 * import { createExternalKeyBackend, createFileKeyBackend } from 'guardmint/keys';
 * import { createAwsKmsKeyStore } from 'guardmint/keys/aws-kms';
 *
 * const store = createAwsKmsKeyStore({ region: 'eu-central-1' });
 * const backend = createExternalKeyBackend({ folder: createFileKeyBackend({ directory: 'keys', random }), store });
 */
export type { AwsKmsOptions } from './backends/aws-kms/aws-kms-key-store.ts';
export { createAwsKmsKeyStore } from './backends/aws-kms/aws-kms-key-store.ts';
