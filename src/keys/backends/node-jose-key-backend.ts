import { createPrivateKey, type JsonWebKey } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { UnavailableError } from '../../oauth/index.ts';
import { type ImportedKey, KeyImportError, parseImportedKeys } from '../imported-key.ts';
import { KeyRefusedError, type StoredKey, type UnreadableKey } from '../key-backend.ts';
import { toPublicJwk } from '../key-material.ts';
import type { KeyFamily, KeyTimes } from '../key-ring.ts';
import { createLocalSigner } from '../signer.ts';
import type { FileKeyBackend } from './file.ts';

export interface NodeJoseKeyBackendDeps {
  /** Keeps the secrets. Signing keys that are in it are not used. */
  readonly folder: FileKeyBackend;
  /** A keystore that node-jose wrote, with private keys (`keystore.toJSON(true)`). Read only. */
  readonly file: string;
  /** The kid of the key that signs; every other key only verifies. */
  readonly kid: string;
  /** For RSA keys that do not say which; RS256 when left out. */
  readonly rsaAlg?: 'RS256' | 'PS256';
}

/** 9999-12-31: a key whose end somebody else decides. */
const FAR = 253_402_300_799;
const IN_FORCE: KeyTimes = { createdAt: 0, publishAt: 0, activateAt: 0, retireAt: FAR, removeAt: FAR };
const VERIFIES_ONLY: KeyTimes = { ...IN_FORCE, retireAt: 0, destroyedAt: 0 };
const SIGNING: ReadonlySet<KeyFamily> = new Set(['signing']);
const OPEN_TO_OTHERS = 0o077;

interface KeyStoreContent {
  readonly stamp: string;
  readonly keys: ReadonlyMap<string, { readonly key: StoredKey; readonly imported: ImportedKey }>;
  readonly unreadable: readonly UnreadableKey[];
}

/**
 * The signing keys of an existing deployment as they are: all that can sign are in the JWK Set under the kids they have
 * always had, one of them signs. Nothing is written to the keystore and nothing rotates: who owns the file adds keys to
 * it, waits, and names another kid. Needs the package `node-jose`.
 */
export function createNodeJoseKeyBackend(deps: NodeJoseKeyBackendDeps): FileKeyBackend {
  const { folder, file, kid: signingKid, rsaAlg } = deps;
  let content: KeyStoreContent | undefined;

  async function load(): Promise<KeyStoreContent> {
    try {
      const { mode, ino, size, mtimeMs, ctimeMs } = await stat(file);
      const stamp = [ino, size, mtimeMs, ctimeMs, mode].join(':');
      if (content?.stamp === stamp) return content;
      const isOpen = process.platform !== 'win32' && (mode & OPEN_TO_OTHERS) !== 0;
      const now = isOpen ? refused(stamp, 'open_to_others') : await read(stamp);
      const [fault] = now.unreadable;
      // Torn while it is written, or edited by mistake: what runs goes on with what it had.
      if (fault !== undefined && content?.unreadable.length === 0) {
        throw Object.assign(new Error(fault.reason), { code: fault.reason });
      }
      content = now;
      return content;
    } catch (error) {
      throw new UnavailableError('node-jose keystore', { cause: error });
    }
  }

  function refused(stamp: string, reason: string): KeyStoreContent {
    return { stamp, keys: new Map(), unreadable: [{ slot: file, reason, family: 'signing' }] };
  }

  async function read(stamp: string): Promise<KeyStoreContent> {
    const text = await readFile(file, 'utf8');
    let imported: Awaited<ReturnType<typeof parseImportedKeys>>;
    try {
      imported = await parseImportedKeys(text, { format: 'node-jose', ...(rsaAlg && { rsaAlg }) });
    } catch (error) {
      if (error instanceof KeyImportError) return refused(stamp, 'malformed_keystore');
      throw error;
    }
    const keys = new Map<string, { key: StoredKey; imported: ImportedKey }>();
    for (const [index, one] of imported.keys.entries()) {
      const key = await describe(one, index + 1);
      keys.set(key.kid, { key, imported: one });
    }
    const unreadable = keys.has(signingKid) ? [] : refused(stamp, 'kid_not_in_keystore').unreadable;
    return { stamp, keys, unreadable };
  }

  async function describe({ kid, formerKid, alg, privateJwk }: ImportedKey, epoch: number): Promise<StoredKey> {
    const ownKid = formerKid ?? kid;
    const publicJwk = { ...(await toPublicJwk(privateJwk, alg)), kid: ownKid };
    const times = ownKid === signingKid ? IN_FORCE : VERIFIES_ONLY;
    return {
      kid: ownKid,
      family: 'signing',
      alg,
      epoch,
      slot: `${file}: ${ownKid}`,
      ...times,
      publicJwk,
      hasOwnKid: true,
    };
  }

  async function refuseSigning(kid: string): Promise<void> {
    if ((await load()).keys.has(kid)) throw new KeyRefusedError(file, 'read_only');
  }

  return {
    ...folder,
    fixedFamilies: SIGNING,
    async list() {
      const [files, keystore] = await Promise.all([folder.list(), load()]);
      const isOther = ({ family }: { readonly family?: KeyFamily }) => family !== 'signing';
      return {
        keys: [...files.keys.filter(isOther), ...[...keystore.keys.values()].map(({ key }) => key)],
        unreadable: [...files.unreadable.filter(isOther), ...keystore.unreadable],
      };
    },
    async create(order) {
      if (order.family === 'signing') throw new KeyRefusedError(file, 'read_only');
      return await folder.create(order);
    },
    async openSigner(key) {
      const held = (await load()).keys.get(key.kid);
      if (held?.key.publicJwk === undefined) throw new KeyRefusedError(key.slot, 'object_missing');
      const privateKey = createPrivateKey({ key: held.imported.privateJwk as JsonWebKey, format: 'jwk' });
      return createLocalSigner(held.key.publicJwk, privateKey);
    },
    async adopt(order, privateJwk) {
      if (order.family === 'signing') throw new KeyRefusedError(file, 'read_only');
      return await folder.adopt(order, privateJwk);
    },
    async promote(kid, at) {
      await refuseSigning(kid);
      await folder.promote(kid, at);
    },
    async destroyPrivate(kid, at) {
      await refuseSigning(kid);
      await folder.destroyPrivate(kid, at);
    },
    async revoke(kid, at) {
      await refuseSigning(kid);
      await folder.revoke(kid, at);
    },
    async remove(kid) {
      await refuseSigning(kid);
      return await folder.remove(kid);
    },
  };
}
