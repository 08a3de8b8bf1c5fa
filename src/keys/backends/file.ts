import { createPrivateKey, createSecretKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { type EpochSeconds, isCanonicalBase64url, type JsonObject, UnavailableError } from '../../oauth/index.ts';
import type { Random } from '../../platform/index.ts';
import { type KeyBackend, type KeyOrder, KeyRefusedError, type StoredKey, type UnreadableKey } from '../key-backend.ts';
import { generatePrivateKey, isSigningAlg, SECRET_BYTES, secretThumbprint, toPublicJwk } from '../key-material.ts';
import type { JwsSigner } from '../key-ring.ts';
import { createLocalSigner } from '../signer.ts';
import { withFolderLock } from './folder-lock.ts';
import { formatKeyFile, type KeyFile, parseKeyFile, parseSlot, slotOf } from './key-file.ts';
import { createKeyFolder } from './key-folder.ts';

export interface FileKeyBackendDeps {
  /** Path of the directory; made with mode 0700 when it is not there. */
  directory: string;
  random: Random;
}

/**
 * Keys as files `<family>-<alg>-<epoch>.json` in a directory that several processes may share.
 *
 * A key is made by linking a whole, synced file to its final name, which the file system grants to one process only, and
 * changed by renaming a whole file over it under a lock. So a reader never sees half a key, and a kill leaves at most a
 * dot file, which is swept later. A file that others may read, is torn, foreign or misnamed is listed as unreadable.
 */
export function createFileKeyBackend(deps: FileKeyBackendDeps): KeyBackend {
  const { directory, random } = deps;
  const folder = createKeyFolder(directory, random);
  const parsed = new Map<string, { readonly stamp: string; readonly key: StoredKey }>();

  async function alone<T>(work: () => Promise<T>): Promise<T> {
    await folder.prepare();
    return await withFolderLock(directory, work);
  }

  async function readKey(slot: string): Promise<StoredKey | undefined> {
    if (parseSlot(slot) === undefined) throw new KeyRefusedError(slot, 'foreign_file');
    const stamp = await folder.stamp(slot);
    if (stamp === undefined) return undefined;
    const known = parsed.get(slot);
    if (known?.stamp === stamp) return known.key;
    const file = await readFile(slot);
    if (file === undefined) return undefined;
    parsed.set(slot, { stamp, key: file.key });
    return file.key;
  }

  async function readFile(slot: string): Promise<KeyFile | undefined> {
    const text = await folder.read(slot);
    return text === undefined ? undefined : await parseKeyFile(text, slot);
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
    if (file?.private === undefined || file.key.kid !== kid) throw new UnavailableError('private half of a key');
    return file.private.jwk;
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
      if (edited !== file) await folder.replace(slot, formatKeyFile(edited));
    });
  }

  async function create(order: KeyOrder): Promise<StoredKey | undefined> {
    await folder.prepare();
    const file = await generateKey(order, random);
    return (await folder.create(file.key.slot, formatKeyFile(file))) ? file.key : undefined;
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
  if (file.private === undefined && ended.revokedAt === undefined) return file;
  return { key: { ...file.key, ...ended, destroyedAt: file.key.destroyedAt ?? ended.destroyedAt } };
}

async function generateKey(order: KeyOrder, random: Random): Promise<KeyFile> {
  const { family, alg, epoch, times } = order;
  const place = { family, alg, epoch, slot: slotOf(order), ...times };
  if (isSigningAlg(alg)) {
    const jwk = (await generatePrivateKey(alg)).export({ format: 'jwk' }) as JsonObject;
    const publicJwk = await toPublicJwk(jwk, alg);
    return { key: { kid: publicJwk.kid, ...place, publicJwk }, private: { protection: 'none', jwk } };
  }
  const jwk = { kty: 'oct', k: random(SECRET_BYTES) };
  const kid = await secretThumbprint(createSecretKey(jwk.k, 'base64url'));
  return { key: { kid, ...place }, private: { protection: 'none', jwk } };
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
