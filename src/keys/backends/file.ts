import { createPrivateKey, createSecretKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { type EpochSeconds, isCanonicalBase64url, type JsonObject, UnavailableError } from '../../oauth/index.ts';
import type { Random } from '../../platform/index.ts';
import type { ExternalKey } from '../external/external-key-store.ts';
import { type KeyBackend, type KeyOrder, KeyRefusedError, type StoredKey, type UnreadableKey } from '../key-backend.ts';
import {
  findPublicKeyFault,
  generatePrivateKey,
  isSigningAlg,
  SECRET_BYTES,
  secretThumbprint,
  toPublicJwk,
} from '../key-material.ts';
import type { JwsSigner, PublicJwk } from '../key-ring.ts';
import { createLocalSigner, passesCanary } from '../signer.ts';
import { withFolderLock } from './folder-lock.ts';
import type { KeyEncryption } from './key-encryption.ts';
import { createKeyFileFormat, type KeyFile, type KeyFileProtection, parseSlot, slotOf } from './key-file.ts';
import { createKeyFolder } from './key-folder.ts';

export interface FileKeyBackendDeps {
  /** Path of the directory; made with mode 0700 when it is not there. */
  directory: string;
  random: Random;
  /** Protects the private keys at rest. Absent: they lie in clear, protected by the mode of the files alone. */
  encryption?: KeyEncryption;
  /** Whether files in clear are read although there is an encryption; false when left out. */
  acceptsClear?: boolean;
}

/** A folder of key files: a backend with what only files have. */
export interface FileKeyBackend extends KeyBackend {
  /**
   * Takes in a key that was made elsewhere, unless the slot is taken: then `undefined`.
   * @throws KeyRefusedError for a key that does not fit its alg, or whose kid is here already.
   */
  adopt(order: KeyOrder, privateJwk: JsonObject): Promise<StoredKey | undefined>;
  /** Records a signing key whose private half a store holds, unless the slot is taken: then `undefined`. */
  record(order: KeyOrder, publicJwk: PublicJwk, external: ExternalKey): Promise<StoredKey | undefined>;
  /** Takes the store off the record of a key: it has deleted the private half. */
  forgetExternal(kid: string): Promise<void>;
  /** Does the work while no other process changes the folder. Only `list` and `record` may be used in it. */
  exclusively<T>(work: () => Promise<T>): Promise<T>;
  /** Whether keys can be made here: a volume may be mounted for reading only. */
  isWritable(): Promise<boolean>;
  /** How the files that can be read are protected, by slot. */
  protections(): Promise<ReadonlyMap<string, KeyFileProtection>>;
  /** Writes every file that is not protected as new ones are. Answers the slots that were written; a kill loses nothing. */
  rewrap(): Promise<readonly string[]>;
}

/**
 * Keys as files `<family>-<alg>-<epoch>.json` in a directory that several processes may share.
 *
 * A key is made by linking a whole, synced file to its final name, which the file system grants to one process only, and
 * changed by renaming a whole file over it under a lock. So a reader never sees half a key, and a kill leaves at most a
 * dot file, which is swept later. A file that others may read, is torn, foreign or misnamed is listed as unreadable.
 */
export function createFileKeyBackend(deps: FileKeyBackendDeps): FileKeyBackend {
  const { directory, random, encryption, acceptsClear = false } = deps;
  const folder = createKeyFolder(directory, random);
  const fileFormat = createKeyFileFormat({ acceptsClear, ...(encryption && { encryption }) });
  // Also what was refused: to open a file that a passphrase protects takes a tenth of a second.
  const parsed = new Map<string, { readonly stamp: string; readonly key: StoredKey | KeyRefusedError }>();

  async function alone<T>(work: () => Promise<T>): Promise<T> {
    await folder.prepare();
    return await withFolderLock(directory, work);
  }

  async function readKey(slot: string): Promise<StoredKey | undefined> {
    if (parseSlot(slot) === undefined) throw new KeyRefusedError(slot, 'foreign_file');
    const stamp = await folder.stamp(slot);
    if (stamp === undefined) return undefined;
    const known = parsed.get(slot);
    const key = known?.stamp === stamp ? known.key : await readKeyAnew(slot);
    if (key === undefined) return undefined;
    parsed.set(slot, { stamp, key });
    if (key instanceof KeyRefusedError) throw key;
    return key;
  }

  async function readKeyAnew(slot: string): Promise<StoredKey | KeyRefusedError | undefined> {
    try {
      return (await readFile(slot))?.key;
    } catch (error) {
      if (error instanceof KeyRefusedError) return error;
      throw error;
    }
  }

  async function readFile(slot: string): Promise<KeyFile | undefined> {
    const text = await folder.read(slot);
    return text === undefined ? undefined : await fileFormat.parse(text, slot);
  }

  async function list(): Promise<{ keys: StoredKey[]; unreadable: UnreadableKey[] }> {
    await folder.prepare();
    const names = await folder.names();
    for (const name of parsed.keys()) if (!names.includes(name)) parsed.delete(name);
    const keys: StoredKey[] = [];
    const unreadable: UnreadableKey[] = [];
    for (const name of names) {
      try {
        const key = await readKey(name);
        if (key === undefined) continue;
        if (keys.some(({ kid }) => kid === key.kid)) throw new KeyRefusedError(name, 'duplicate_kid');
        keys.push(key);
      } catch (error) {
        if (!(error instanceof KeyRefusedError)) throw error;
        unreadable.push({ ...parseSlot(name), slot: name, reason: error.reason });
      }
    }
    return { keys, unreadable };
  }

  /** The private JWK of a key that was listed with one. */
  async function openPrivateJwk({ slot, kid }: StoredKey): Promise<JsonObject> {
    const file = await readFile(slot);
    // Deleted since it was listed; the next listing says so.
    if (file?.privateJwk === undefined || file.key.kid !== kid) throw new UnavailableError('private half of a key');
    return file.privateJwk;
  }

  async function findSlot(kid: string): Promise<string | undefined> {
    return (await list()).keys.find((key) => key.kid === kid)?.slot;
  }

  /** Replaces the file of a key; an `edit` that answers the same file changes nothing. */
  async function change(kid: string, edit: (file: KeyFile) => KeyFile): Promise<void> {
    await alone(async () => {
      const slot = await findSlot(kid);
      const file = slot === undefined ? undefined : await readFile(slot);
      if (slot === undefined || file === undefined) return;
      const edited = edit(file);
      if (edited !== file) await folder.replace(slot, await fileFormat.format(edited));
    });
  }

  async function create(order: KeyOrder): Promise<StoredKey | undefined> {
    await folder.prepare();
    return await write(await generateKey(order, random));
  }

  async function write(file: KeyFile): Promise<StoredKey | undefined> {
    return (await folder.create(file.key.slot, await fileFormat.format(file))) ? file.key : undefined;
  }

  async function adopt(order: KeyOrder, privateJwk: JsonObject): Promise<StoredKey | undefined> {
    const file = await describeKey(order, privateJwk);
    const { slot, kid, publicJwk } = file.key;
    const fault = publicJwk && (await findPublicKeyFault(publicJwk));
    if (fault !== undefined) throw new KeyRefusedError(slot, fault);
    const isWhole = publicJwk === undefined || (await passesCanary(openSigner(file.key, privateJwk)));
    if (!isWhole) throw new KeyRefusedError(slot, 'canary_failed');
    return await alone(async () => {
      if ((await findSlot(kid)) !== undefined) throw new KeyRefusedError(slot, 'duplicate_kid');
      return await write(file);
    });
  }

  async function record(order: KeyOrder, publicJwk: PublicJwk, external: ExternalKey): Promise<StoredKey | undefined> {
    const { family, alg, epoch, times } = order;
    const key = { kid: publicJwk.kid, family, alg, epoch, slot: slotOf(order), ...times, publicJwk, external };
    return await write({ key });
  }

  async function protections(): Promise<ReadonlyMap<string, KeyFileProtection>> {
    const found = new Map<string, KeyFileProtection>();
    for (const { slot } of (await list()).keys) {
      const text = await folder.read(slot);
      if (text !== undefined) found.set(slot, fileFormat.protectionOf(text));
    }
    return found;
  }

  async function rewrap(): Promise<readonly string[]> {
    return await alone(async () => {
      const wanted: KeyFileProtection = encryption === undefined ? 'clear' : 'current';
      const outdated = [...(await protections())].flatMap(([slot, protection]) =>
        protection === wanted ? [] : [slot],
      );
      for (const slot of outdated) {
        const file = await readFile(slot);
        if (file !== undefined) await folder.replace(slot, await fileFormat.format(file));
      }
      return outdated;
    });
  }

  async function remove(kid: string): Promise<boolean> {
    return await alone(async () => {
      const slot = await findSlot(kid);
      return slot !== undefined && (await folder.remove(slot));
    });
  }

  return {
    list: () => reach(list()),
    create: (order) => reach(create(order)),
    adopt: (order, privateJwk) => reach(adopt(order, privateJwk)),
    promote: (kid, at) => reach(change(kid, (file) => promoted(file, at))),
    record: (order, publicJwk, external) => reach(record(order, publicJwk, external)),
    forgetExternal: (kid) => reach(change(kid, withoutExternal)),
    exclusively: (work) => reach(alone(work)),
    isWritable: folder.isWritable,
    protections: () => reach(protections()),
    rewrap: () => reach(rewrap()),
    openSigner: (key) => reach(openPrivateJwk(key).then((jwk) => openSigner(key, jwk))),
    openSecret: (key) => reach(openPrivateJwk(key).then((jwk) => openSecret(key, jwk))),
    destroyPrivate: (kid, at) => reach(change(kid, (file) => withoutPrivate(file, { destroyedAt: at }))),
    revoke: (kid, at) =>
      reach(
        change(kid, (file) =>
          file.key.revokedAt === undefined ? withoutPrivate(file, { revokedAt: at, destroyedAt: at }) : file,
        ),
      ),
    remove: (kid) => reach(remove(kid)),
    watch: (changed) => folder.watch(changed),
    close: async () => {},
  };
}

/** The file without its private half; what happened to the key before stays as it is recorded. */
function withoutPrivate(file: KeyFile, ended: { revokedAt?: EpochSeconds; destroyedAt: EpochSeconds }): KeyFile {
  const isGone = file.privateJwk === undefined && (file.key.external === undefined || isEnded(file.key));
  if (isGone && ended.revokedAt === undefined) return file;
  return { key: { ...file.key, ...ended, destroyedAt: file.key.destroyedAt ?? ended.destroyedAt } };
}

function isEnded({ destroyedAt }: StoredKey): boolean {
  return destroyedAt !== undefined;
}

function withoutExternal(file: KeyFile): KeyFile {
  const { external, ...key } = file.key;
  return external === undefined || !isEnded(key) ? file : { key };
}

/** The file of a key that comes into force earlier than planned; every later time moves with it. */
function promoted(file: KeyFile, at: EpochSeconds): KeyFile {
  const { key } = file;
  const earlier = key.activateAt - Math.max(at, key.publishAt);
  if (earlier <= 0) return file;
  const { activateAt, retireAt, removeAt } = key;
  const times = { activateAt: activateAt - earlier, retireAt: retireAt - earlier, removeAt: removeAt - earlier };
  return { ...file, key: { ...key, ...times } };
}

async function generateKey(order: KeyOrder, random: Random): Promise<KeyFile> {
  if (!isSigningAlg(order.alg)) return await describeKey(order, { kty: 'oct', k: random(SECRET_BYTES) });
  const privateKey = await generatePrivateKey(order.alg);
  return await describeKey(order, privateKey.export({ format: 'jwk' }) as JsonObject);
}

async function describeKey(order: KeyOrder, privateJwk: JsonObject): Promise<KeyFile> {
  const { family, alg, epoch, times } = order;
  const place = { family, alg, epoch, slot: slotOf(order), ...times };
  if (isSigningAlg(alg)) {
    const publicJwk = await toPublicJwk(privateJwk, alg);
    return { key: { kid: publicJwk.kid, ...place, publicJwk }, privateJwk };
  }
  const kid = await secretThumbprint(createSecretKey(String(privateJwk['k']), 'base64url'));
  return { key: { kid, ...place }, privateJwk };
}

function openSigner(key: StoredKey, jwk: JsonObject): JwsSigner {
  if (key.publicJwk === undefined) throw new KeyRefusedError(key.slot, 'key_type_mismatch');
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey({ key: jwk as JsonWebKey, format: 'jwk' });
  } catch {
    // The cause would quote the key's members.
    throw new KeyRefusedError(key.slot, 'malformed_key');
  }
  return createLocalSigner(key.publicJwk, privateKey);
}

function openSecret(key: StoredKey, jwk: JsonObject): KeyObject {
  const { kty, k } = jwk;
  if (kty !== 'oct' || typeof k !== 'string' || k === '' || !isCanonicalBase64url(k))
    throw new KeyRefusedError(key.slot, 'malformed_key');
  return createSecretKey(k, 'base64url');
}

/** Tells what the key itself is to blame for from a place that cannot be reached or written now. */
async function reach<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof KeyRefusedError || error instanceof UnavailableError) throw error;
    throw new UnavailableError('keys directory', { cause: error });
  }
}
