import { z } from 'zod';
import { oneOf, text, whole } from './fields.ts';

const path = () => text(4096);

const file = z.strictObject({ kind: z.literal('file') }, { error: 'must be an object' });

const pkcs11 = z.strictObject(
  {
    kind: z.literal('pkcs11'),
    module: path().describe("The vendor's PKCS #11 module: `/usr/lib/softhsm/libsofthsm2.so`. Required."),
    tokenLabel: text(32).describe('The label of the token. Required.'),
    tokenSerial: z.exactOptional(text(16)).describe('Its serial number, where several tokens have one label.'),
    pinFile: path().describe('A file with the PIN of the user. Required.'),
    sessions: whole(1, 64).default(4).describe('Signatures at once.'),
    rsaBits: z
      .union([z.literal(2048), z.literal(3072), z.literal(4096)], { error: 'must be 2048, 3072 or 4096' })
      .default(3072)
      .describe('The size of RSA keys that are made; a TPM has 2048.'),
  },
  { error: 'must be an object' },
);

const awsKms = z.strictObject(
  {
    kind: z.literal('aws-kms'),
    region: z.exactOptional(text(64)).describe('The region. Absent: as the AWS SDK finds it.'),
    endpoint: z
      .exactOptional(text(2048).regex(/^https?:\/\/\S+$/, { error: 'must be an http or https URL' }))
      .describe('Another endpoint than that of the region (VPC, FIPS).'),
    deletionDays: whole(7, 30).default(7).describe('Days until AWS deletes a key that has ended.'),
    tags: z
      .exactOptional(z.record(text(128), text(256), { error: 'must map names to texts' }))
      .describe('Tags of the keys that are made.'),
  },
  { error: 'must be an object' },
);

const vaultTransit = z.strictObject(
  {
    kind: z.literal('vault-transit'),
    address: text(2048)
      .regex(/^https?:\/\/[^\s?#]+$/, { error: 'must be an http or https URL' })
      .describe('Where Vault or OpenBao is. Required.'),
    tokenFile: path().describe('A file with the token; read again when Vault refuses it. Required.'),
    mount: text(256)
      .regex(/^[\w.-]+(\/[\w.-]+)*$/, { error: 'must be a path without slashes at its ends' })
      .default('transit')
      .describe('Where the transit engine is mounted.'),
    keyPrefix: text(64)
      .regex(/^[A-Za-z0-9][\w.-]*$/, { error: 'must be letters, digits, dots, hyphens and underscores' })
      .default('guardmint')
      .describe('What the names of our keys begin with.'),
    namespace: z.exactOptional(text(256)).describe('The namespace.'),
    caFile: z.exactOptional(path()).describe('Certificates (PEM) that the one of Vault must be under.'),
  },
  { error: 'must be an object' },
);

const nodeJose = z.strictObject(
  {
    kind: z.literal('node-jose'),
    file: path().describe('A keystore that node-jose wrote, with private keys. Required.'),
    kid: text(256).describe('The kid of the key that signs. Required.'),
    rsaAlg: oneOf(['RS256', 'PS256']).default('RS256').describe('For RSA keys that do not say.'),
  },
  { error: 'must be an object' },
);

const KINDS = { error: 'must be file, pkcs11, aws-kms, vault-transit or node-jose' };

/** Where signing keys are made and kept. PIN and token are in files of their own, never here. */
export const keyBackend = z.discriminatedUnion('kind', [file, pkcs11, awsKms, vaultTransit, nodeJose], KINDS);

/** Where signing keys may be that were made before. */
export const formerKeyBackend = z.discriminatedUnion('kind', [pkcs11, awsKms, vaultTransit], {
  error: 'must be pkcs11, aws-kms or vault-transit',
});
