import type { Config } from '../config/index.ts';
import {
  createAwsKmsKeyStore,
  createExternalKeyBackend,
  createNodeJoseKeyBackend,
  createPkcs11KeyStore,
  createVaultTransitKeyStore,
  type ExternalKeyStore,
  type FileKeyBackend,
} from '../keys/index.ts';
import type { Audit } from '../platform/index.ts';

type Backend = Config['keys']['backend'] | Config['keys']['formerBackends'][number];

/** The folder with the signing keys where `keys.backend` says. Nothing is reached yet. */
export function openSigningKeys(config: Config, folder: FileKeyBackend, report?: Audit): FileKeyBackend {
  const { backend, formerBackends } = config.keys;
  if (backend.kind === 'node-jose') return createNodeJoseKeyBackend({ folder, ...backend });
  const store = openStore(backend);
  const formerStores = formerBackends.flatMap((former) => openStore(former) ?? []);
  if (store === undefined && formerStores.length === 0) return folder;
  return createExternalKeyBackend({ folder, formerStores, ...(store && { store }), ...(report && { report }) });
}

function openStore(backend: Backend): ExternalKeyStore | undefined {
  switch (backend.kind) {
    case 'pkcs11':
      return createPkcs11KeyStore(backend);
    case 'aws-kms':
      return createAwsKmsKeyStore(backend);
    case 'vault-transit':
      return createVaultTransitKeyStore(backend);
    default:
      return undefined;
  }
}
