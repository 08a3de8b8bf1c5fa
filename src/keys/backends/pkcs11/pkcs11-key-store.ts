import { readFile } from 'node:fs/promises';
import { UnavailableError } from '../../../oauth/index.ts';
import { sha256 } from '../../../platform/index.ts';
import type { ExternalKeyStore } from '../../external/external-key-store.ts';
import { KeyRefusedError } from '../../key-backend.ts';
import type { SigningAlg } from '../../key-ring.ts';
import { connectHost, type HostConnection, HostFault } from './host-connection.ts';
import type { HostCall, HostResults } from './messages.ts';

export interface Pkcs11Options {
  /** Path of the vendor's PKCS #11 module: `/usr/lib/softhsm/libsofthsm2.so`. */
  readonly module: string;
  /** The label of the token that has the keys. */
  readonly tokenLabel: string;
  /** Its serial number, where several tokens have one label. */
  readonly tokenSerial?: string;
  /** A file with the PIN of the user, alone in its first line. Read again at each login. */
  readonly pinFile: string;
  /** Sessions at once, so signatures at once; 4 when left out. */
  readonly sessions?: number;
  /** Bits of RSA keys that are made; 3072 when left out. A TPM has 2048. */
  readonly rsaBits?: 2048 | 3072 | 4096;
}

const ALGORITHMS: readonly SigningAlg[] = ['ES256', 'ES384', 'EdDSA', 'RS256', 'PS256'];

// Of which another process knows no more than this one: the request or the key is at fault, not the connection.
const LASTING = [
  'object_missing',
  'key_is_extractable',
  'CKR_MECHANISM_INVALID',
  'CKR_KEY_TYPE_INCONSISTENT',
  'CKR_KEY_FUNCTION_NOT_PERMITTED',
];
// The session or the login is gone although the token may be there: worth one more try at once.
const LOST = [
  'CKR_SESSION_HANDLE_INVALID',
  'CKR_SESSION_CLOSED',
  'CKR_USER_NOT_LOGGED_IN',
  'CKR_KEY_HANDLE_INVALID',
  'CKR_OBJECT_HANDLE_INVALID',
  'CKR_TOKEN_NOT_PRESENT',
  'CKR_DEVICE_REMOVED',
  'CKR_OPERATION_ACTIVE',
  // Of SoftHSM2 for an object whose file another process deletes at this moment.
  'CKR_FUNCTION_FAILED',
];

/**
 * Signing keys in an HSM by PKCS #11 v2.40: non-extractable, named by a random CKA_ID, made and deleted by us. The module
 * runs in a process of its own, which is started with the first call and again when it ended, hung, or lost its token.
 * Needs the package `pkcs11js`, which that process alone loads.
 *
 * A PIN that the token refused is not tried again until its file changes: tokens lock themselves after a few tries.
 */
export function createPkcs11KeyStore(options: Pkcs11Options): ExternalKeyStore {
  const { module, tokenLabel, tokenSerial, pinFile, sessions = 4, rsaBits = 3072 } = options;
  let host: Promise<HostConnection> | undefined;
  let refusedPin: string | undefined;
  let isClosed = false;

  async function connect(): Promise<HostConnection> {
    const pin = await readPin(pinFile);
    if (refusedPin === sha256(pin)) throw new HostFault('pin_refused');
    try {
      const token = { module, tokenLabel, ...(tokenSerial !== undefined && { tokenSerial }) };
      return await connectHost({ ...token, pin, sessions, rsaBits });
    } catch (error) {
      if (error instanceof HostFault && error.reason === 'pin_refused') refusedPin = sha256(pin);
      throw error;
    }
  }

  /** The connection there is, or a new one; all callers share it. */
  async function reachHost(): Promise<HostConnection> {
    if (isClosed) throw new UnavailableError('PKCS #11 module');
    host ??= connect();
    const attempt = host;
    try {
      const connection = await attempt;
      if (!connection.isClosed) return connection;
      if (host === attempt) host = undefined;
      return await reachHost();
    } catch (error) {
      if (host === attempt) host = undefined;
      throw error;
    }
  }

  async function call<M extends HostCall['method']>(
    request: Extract<HostCall, { method: M }>,
    isSecondTry = false,
  ): Promise<HostResults[M]> {
    let connection: HostConnection | undefined;
    try {
      connection = await reachHost();
      return await connection.call<M>(request);
    } catch (error) {
      if (!(error instanceof HostFault)) throw error;
      const { reason } = error;
      if (reason === 'object_missing') throw new KeyRefusedError(STORE_NAME, reason);
      // Whatever state the module is in, a new process does not have it.
      if (connection !== undefined && !LASTING.includes(reason)) connection.close();
      if (connection !== undefined && LOST.includes(reason) && !isSecondTry) return await call(request, true);
      throw new UnavailableError(`PKCS #11 token ${tokenLabel}`, { cause: Object.assign(error, { code: reason }) });
    }
  }

  return {
    name: STORE_NAME,
    algorithms: ALGORITHMS,
    concurrency: sessions,
    create: ({ alg, label }) => call({ method: 'create', alg, label }),
    async openSigner(id, publicJwk) {
      await call({ method: 'find', keyId: id });
      const { kid, alg } = publicJwk;
      return { kid, alg, publicJwk, sign: (input) => call({ method: 'sign', keyId: id, alg, input }) };
    },
    destroy: (id) => call({ method: 'destroy', keyId: id }),
    async close() {
      isClosed = true;
      (await host?.catch(() => undefined))?.close();
    },
  };
}

const STORE_NAME = 'pkcs11';

async function readPin(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).split(/\r?\n/, 1)[0] ?? '';
  } catch (error) {
    throw new UnavailableError('PIN of the PKCS #11 token', { cause: error });
  }
}
