import type { JsonObject } from '../../../oauth/index.ts';
import type { SigningAlg } from '../../key-ring.ts';
import { mechanismsFor } from './mechanisms.ts';
import { type Attribute, CK, type Handle, type Pkcs11Module } from './module-api.ts';

/** Which token of which module, and how it is used. */
export interface TokenOptions {
  /** Path of the vendor's library. */
  readonly module: string;
  readonly tokenLabel: string;
  /** Where several tokens have one label. */
  readonly tokenSerial?: string;
  readonly pin: string;
  readonly sessions: number;
  readonly rsaBits: number;
}

/** A fault that is no code of the module. */
export class TokenError extends Error {
  override readonly name = 'TokenError';
  readonly reason: string;

  constructor(reason: string) {
    super(reason);
    this.reason = reason;
  }
}

/** A token that we are logged in to. Keys are named by their CKA_ID in hexadecimal. */
export interface Token {
  create(alg: SigningAlg, label: string): Promise<{ readonly id: string; readonly publicJwk: JsonObject }>;
  /** @throws TokenError `object_missing` */
  find(id: string): void;
  sign(id: string, alg: SigningAlg, input: Uint8Array): Promise<Uint8Array>;
  destroy(id: string): void;
}

const ID_BYTES = 16;
// RSA with 4096 bits makes the longest.
const MAX_SIGNATURE_BYTES = 512;

/**
 * Loads the module, finds the token, logs in. A session does one thing at a time, so there are several. The module keeps
 * state for the whole process: one token for each process.
 * @throws TokenError, and what the module throws
 */
export function openToken(pkcs11: Pkcs11Module, options: TokenOptions): Token {
  const slot = findSlot(pkcs11, options);
  const session = openSession(pkcs11, slot);
  logIn(pkcs11, session, options.pin);
  const idle: Handle[] = Array.from({ length: options.sessions }, () => openSession(pkcs11, slot));
  const waiting: ((session: Handle) => void)[] = [];
  const privateKeys = new Map<string, Handle>();

  function findObjects(id: string, objectClass: number): readonly Handle[] {
    const template = [
      { type: CK.CKA_CLASS, value: objectClass },
      { type: CK.CKA_ID, value: Buffer.from(id, 'hex') },
    ];
    pkcs11.C_FindObjectsInit(session, template);
    try {
      return pkcs11.C_FindObjects(session, 16);
    } finally {
      pkcs11.C_FindObjectsFinal(session);
    }
  }

  function findPrivateKey(id: string): Handle {
    const known = privateKeys.get(id);
    if (known !== undefined) return known;
    const [key] = findObjects(id, CK.CKO_PRIVATE_KEY);
    if (key === undefined) throw new TokenError('object_missing');
    privateKeys.set(id, key);
    return key;
  }

  async function takeSession(): Promise<Handle> {
    return idle.pop() ?? (await new Promise((resolve) => waiting.push(resolve)));
  }

  function giveBack(one: Handle): void {
    const next = waiting.shift();
    if (next === undefined) idle.push(one);
    else next(one);
  }

  function destroy(id: string): void {
    privateKeys.delete(id);
    for (const objectClass of [CK.CKO_PRIVATE_KEY, CK.CKO_PUBLIC_KEY]) {
      for (const object of findObjects(id, objectClass)) destroyObject(object, id, objectClass);
    }
  }

  /** Another process may be deleting the same object at this moment; how a module says so differs. */
  function destroyObject(object: Handle, id: string, objectClass: number): void {
    try {
      pkcs11.C_DestroyObject(session, object);
    } catch (error) {
      if (findObjects(id, objectClass).length > 0) throw error;
    }
  }

  function readPublicJwk(alg: SigningAlg, publicKey: Handle): JsonObject {
    const { publicAttributes, toPublicJwk } = mechanismsFor(alg, options.rsaBits);
    const template = publicAttributes.map((type) => ({ type }));
    return toPublicJwk(pkcs11.C_GetAttributeValue(session, publicKey, template).map(({ value }) => value));
  }

  /** What the token made although it was asked for something else must not be used. */
  function checkSealed(privateKey: Handle): void {
    const template = [{ type: CK.CKA_SENSITIVE }, { type: CK.CKA_EXTRACTABLE }];
    const [sensitive, extractable] = pkcs11.C_GetAttributeValue(session, privateKey, template);
    if (sensitive?.value[0] !== 1 || extractable?.value[0] !== 0) throw new TokenError('key_is_extractable');
  }

  return {
    async create(alg, label) {
      const { generate, keyType, publicTemplate } = mechanismsFor(alg, options.rsaBits);
      const id = pkcs11.C_GenerateRandom(session, Buffer.alloc(ID_BYTES)).toString('hex');
      const named: Attribute[] = [
        { type: CK.CKA_TOKEN, value: true },
        { type: CK.CKA_KEY_TYPE, value: keyType },
        { type: CK.CKA_ID, value: Buffer.from(id, 'hex') },
        { type: CK.CKA_LABEL, value: label },
      ];
      const own = await takeSession();
      try {
        const { publicKey, privateKey } = await pkcs11.C_GenerateKeyPairAsync(
          own,
          generate,
          [
            { type: CK.CKA_CLASS, value: CK.CKO_PUBLIC_KEY },
            ...named,
            { type: CK.CKA_VERIFY, value: true },
            ...publicTemplate,
          ],
          [
            { type: CK.CKA_CLASS, value: CK.CKO_PRIVATE_KEY },
            ...named,
            { type: CK.CKA_PRIVATE, value: true },
            { type: CK.CKA_SENSITIVE, value: true },
            { type: CK.CKA_EXTRACTABLE, value: false },
            { type: CK.CKA_SIGN, value: true },
          ],
        );
        checkSealed(privateKey);
        return { id, publicJwk: readPublicJwk(alg, publicKey) };
      } catch (error) {
        destroy(id);
        throw error;
      } finally {
        giveBack(own);
      }
    },
    find: (id) => void findPrivateKey(id),
    async sign(id, alg, input) {
      const { sign, prepare } = mechanismsFor(alg, options.rsaBits);
      const own = await takeSession();
      try {
        pkcs11.C_SignInit(own, sign, findPrivateKey(id));
        return await pkcs11.C_SignAsync(own, prepare(input), Buffer.alloc(MAX_SIGNATURE_BYTES));
      } finally {
        giveBack(own);
      }
    },
    destroy,
  };
}

function findSlot(pkcs11: Pkcs11Module, { module, tokenLabel, tokenSerial }: TokenOptions): Handle {
  pkcs11.load(module);
  try {
    pkcs11.C_Initialize({ flags: CK.CKF_OS_LOCKING_OK });
  } catch (error) {
    if (codeOf(error) !== CK.CKR_CRYPTOKI_ALREADY_INITIALIZED) throw error;
  }
  const slots = pkcs11.C_GetSlotList(true).filter((slot) => {
    const { label, serialNumber } = pkcs11.C_GetTokenInfo(slot);
    // Both are padded with blanks to a fixed length.
    return label.trim() === tokenLabel && (tokenSerial === undefined || serialNumber.trim() === tokenSerial);
  });
  const [slot, ...others] = slots;
  if (slot === undefined) throw new TokenError('token_not_found');
  if (others.length > 0) throw new TokenError('token_label_ambiguous');
  return slot;
}

function openSession(pkcs11: Pkcs11Module, slot: Handle): Handle {
  return pkcs11.C_OpenSession(slot, CK.CKF_SERIAL_SESSION | CK.CKF_RW_SESSION);
}

const PIN_FAULTS: readonly (number | undefined)[] = [
  CK.CKR_PIN_INCORRECT,
  CK.CKR_PIN_INVALID,
  CK.CKR_PIN_LEN_RANGE,
  CK.CKR_PIN_EXPIRED,
  CK.CKR_PIN_LOCKED,
];

function logIn(pkcs11: Pkcs11Module, session: Handle, pin: string): void {
  try {
    pkcs11.C_Login(session, CK.CKU_USER, pin);
  } catch (error) {
    const code = codeOf(error);
    if (code === CK.CKR_USER_ALREADY_LOGGED_IN) return;
    throw PIN_FAULTS.includes(code) ? new TokenError('pin_refused') : error;
  }
}

/** The CKR_ code of what the module threw. */
export function codeOf(error: unknown): number | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : undefined;
}
