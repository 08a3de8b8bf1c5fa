import { describe, expect, test } from 'vitest';
import { createFileKeyBackend } from '../../src/keys/index.ts';
import { UnavailableError } from '../../src/oauth/index.ts';
import { type AuditEvent, systemRandom } from '../../src/platform/index.ts';
import { createVerifier } from '../../src/resource/index.ts';
import { createKeyDenial } from '../../src/server/key-denial.ts';
import { createMemoryStore } from '../../src/store/memory/index.ts';
import { createKeyFolder, DAY, openRing, START } from '../keys/key-folder.ts';
import { RESOURCE, startGuardmint } from '../support/guardmint.ts';

/** A ring whose signing key was revoked in its folder, and nowhere else: the other half of the command never happened. */
async function createHalfRevoked() {
  const folder = await createKeyFolder();
  const keys = await openRing(folder.directory);
  const { kid } = keys.ring.signer();
  const store = createMemoryStore({ clock: () => START });
  const events: AuditEvent[] = [];
  let isStoreDown = false;
  const reach = async <T>(work: () => Promise<T>) => {
    if (isStoreDown) throw new UnavailableError('store');
    return await work();
  };
  const denial = createKeyDenial({
    keys: keys.ring,
    denylist: {
      match: (wanted) => reach(() => store.denylist.match(wanted)),
      deny: (entry) => reach(() => store.denylist.deny(entry)),
    },
    revoke: (wanted, at) => reach(() => revokeInFolder(wanted, at)),
    clock: () => START,
    audit: (event) => events.push(event),
  });
  async function revokeInFolder(wanted: string, at: number): Promise<void> {
    await createFileKeyBackend({ directory: folder.directory, random: systemRandom }).revoke(wanted, at);
    await keys.at(START);
  }
  return {
    keys,
    folder,
    kid,
    denial,
    events,
    store,
    revoke: () => revokeInFolder(kid, START),
    setStoreDown: (isDown: boolean) => {
      isStoreDown = isDown;
    },
    denied: async () => (await store.denylist.snapshot()).entries,
    async [Symbol.asyncDispose]() {
      denial.close();
      await keys.ring.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

describe('a key that was revoked in its file only', () => {
  test('is denied by a server that reads it, until a day after nobody can hold it any more, once', async () => {
    await using half = await createHalfRevoked();
    await half.denial.look();
    expect(await half.denied()).toEqual([]);

    await half.revoke();
    await half.denial.look();
    await half.denial.look();
    expect(await half.denied()).toEqual([{ kind: 'key', id: half.kid, expiresAt: START + 30 * DAY + DAY + DAY }]);
    expect(half.events).toEqual([{ event: 'denylist.entry_added', kind: 'key', id: half.kid }]);
  });

  test('is denied as soon as the store answers again, and the failure is told once', async () => {
    await using half = await createHalfRevoked();
    await half.revoke();
    half.setStoreDown(true);
    await half.denial.look();
    await half.denial.look();
    expect(half.events).toEqual([{ event: 'key.denial_failed' }]);

    half.setStoreDown(false);
    await half.denial.look();
    expect((await half.denied()).map(({ id }) => id)).toEqual([half.kid]);
  });

  test('is denied by a running server at once, so that validators refuse what it signed', async () => {
    await using server = await startGuardmint();
    const { access_token } = await server.grant();
    using verifier = createVerifier({ issuer: server.issuer, resource: RESOURCE, clock: server.now });
    expect(await verifier.loadAccessToken(access_token)).toBeDefined();

    const { kid } = server.guardmint.keys.signer();
    const told = new Promise<void>((resolve) => {
      server.guardmint.store.denylist.watch(resolve);
    });
    const directory = String(server.settings['keysDir'] ?? '');
    await createFileKeyBackend({ directory, random: systemRandom }).revoke(kid, server.now());
    await told;
    expect(await server.guardmint.store.denylist.match([{ kind: 'key', id: kid }])).toHaveLength(1);
    await expect.poll(() => verifier.loadAccessToken(access_token), { timeout: 10_000 }).toBeUndefined();
  });
});

describe('a key that is denied', () => {
  test('and comes back with a backup of the folder is revoked there again before it signs on', async () => {
    await using half = await createHalfRevoked();
    const backup = await half.folder.read('signing-ES256-1.json');
    await half.revoke();
    await half.denial.look();

    await half.folder.write('signing-ES256-1.json', backup);
    await half.keys.at(START);
    expect(half.keys.ring.signer().kid).toBe(half.kid);
    await half.denial.look();
    expect(half.keys.ring.signer().kid).not.toBe(half.kid);
    expect(half.keys.kids()).not.toContain(half.kid);
    expect(await half.folder.json('signing-ES256-1.json')).toMatchObject({ revokedAt: START });
  });
});
