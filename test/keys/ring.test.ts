import { chmod, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createFileKeyBackend, defaultTimings, type KeyBackend, KeysRefusedError } from '../../src/keys/index.ts';
import { UnavailableError } from '../../src/oauth/index.ts';
import { systemRandom } from '../../src/platform/index.ts';
import { createKeyFolder, DAY, openRing, START } from './key-folder.ts';

const { activePeriod, hold } = defaultTimings.signing;
const SIGNING = 'signing-ES256-1.json';
const NEXT = 'signing-ES256-2.json';

describe('a key ring on an empty directory', () => {
  it('makes an active and a published next signing key and one secret of each family', async () => {
    await using folder = await createKeyFolder();
    await using keys = await openRing(folder.directory);
    expect(
      keys.ring
        .list()
        .map(({ family, alg, state }) => `${family} ${alg} ${state}`)
        .sort((one, other) => (one < other ? -1 : 1)),
    ).toEqual([
      'client HS256 active',
      'refresh HS256 active',
      'sealing A256GCM active',
      'signing ES256 active',
      'signing ES256 next',
    ]);
    const [active, next] = keys.kids();
    expect(keys.ring.signer().kid).toBe(active);
    expect(keys.ring.findPublicJwk(next!)).toMatchObject({
      kid: next,
      kty: 'EC',
      crv: 'P-256',
      alg: 'ES256',
      use: 'sig',
    });
    expect(keys.events.map(({ event }) => event)).toEqual(Array(5).fill('key.created'));
  });

  it('changes nothing at the next start', async () => {
    await using folder = await createKeyFolder();
    await using first = await openRing(folder.directory);
    const before = await folder.files();
    await using second = await openRing(folder.directory, { now: START + 100 });
    expect(await folder.files()).toEqual(before);
    expect(second.ring.list()).toEqual(first.ring.list());
    expect(second.ring.jwkSet()).toEqual(first.ring.jwkSet());
    expect(second.events).toEqual([]);
  });

  it.each(['ES384', 'EdDSA', 'RS256', 'PS256', 'ML-DSA-44'] as const)(
    'signs with %s when asked to',
    async (algorithm) => {
      await using folder = await createKeyFolder();
      await using keys = await openRing(folder.directory, { algorithm });
      expect(keys.ring.signer()).toMatchObject({ alg: algorithm, publicJwk: { alg: algorithm } });
    },
  );

  it('keeps the signing keys that are there when the algorithm changes, and makes the next ones with the other', async () => {
    await using folder = await createKeyFolder();
    await (await openRing(folder.directory)).ring.close();
    await using keys = await openRing(folder.directory, { algorithm: 'EdDSA' });
    expect(keys.ring.signer().alg).toBe('ES256');
    await keys.at(START + activePeriod);
    expect(keys.ring.list().filter(({ family, state }) => family === 'signing' && state === 'next')).toMatchObject([
      { alg: 'EdDSA' },
    ]);
    await keys.at(START + 2 * activePeriod);
    expect(keys.ring.signer().alg).toBe('EdDSA');
  });
});

describe('rotation', () => {
  it('happens at the second, without a reading, and a reading makes the next key', async () => {
    await using folder = await createKeyFolder();
    await using keys = await openRing(folder.directory);
    const [first, second] = keys.kids();
    keys.setClock(START + activePeriod - 1);
    expect(keys.ring.signer().kid).toBe(first);
    keys.setClock(START + activePeriod);
    expect(keys.ring.signer().kid).toBe(second);
    expect(keys.kids()).toEqual([first, second]);
    await keys.at(START + activePeriod);
    expect(keys.kids()).toHaveLength(3);
    expect(keys.events).toContainEqual({ event: 'key.retired', kid: first, family: 'signing' });
    expect(keys.events).toContainEqual({ event: 'key.promoted', kid: second, family: 'signing' });
  });

  it('deletes the private half after the clock skew, and the file after the hold', async () => {
    await using folder = await createKeyFolder();
    await using keys = await openRing(folder.directory);
    const [first] = keys.kids();
    await keys.at(START + activePeriod + 59);
    expect(await folder.json(SIGNING)).toHaveProperty('private');
    await keys.at(START + activePeriod + 60);
    expect(await folder.json(SIGNING)).not.toHaveProperty('private');
    expect(keys.ring.findPublicJwk(first!)).toBeDefined();
    await keys.at(START + activePeriod + hold - 1);
    expect(keys.kids()).toContain(first);
    keys.setClock(START + activePeriod + hold);
    expect(keys.kids()).not.toContain(first);
    expect(keys.ring.findPublicJwk(first!)).toBeUndefined();
    await keys.at(START + activePeriod + hold + 60);
    expect(await folder.files()).not.toContain(SIGNING);
    expect(keys.events).toContainEqual({ event: 'key.removed', kid: first, family: 'signing' });
  });

  it('of a secret is prepared a day ahead; what the old one sealed opens until it is removed', async () => {
    await using folder = await createKeyFolder();
    await using keys = await openRing(folder.directory);
    const old = keys.ring.activeSecret('sealing');
    const period = defaultTimings.sealing.activePeriod;
    await keys.at(START + period - DAY - 1);
    expect(keys.ring.secrets('sealing')).toHaveLength(1);
    await keys.at(START + period - DAY);
    const [first, next] = keys.ring.secrets('sealing');
    expect(first?.kid).toBe(old.kid);
    // An instance whose clock is ahead may seal with it already.
    expect(keys.ring.findSecret('sealing', next!.kid)).toEqual(next);
    await keys.at(START + period);
    expect(keys.ring.activeSecret('sealing').kid).toBe(next?.kid);
    expect(keys.ring.secrets('sealing').map(({ kid }) => kid)).toEqual([next?.kid, old.kid]);
    keys.setClock(START + period + defaultTimings.sealing.hold - 1);
    expect(keys.ring.findSecret('sealing', old.kid)?.secret.equals(old.secret)).toBe(true);
    keys.setClock(START + period + defaultTimings.sealing.hold);
    expect(keys.ring.findSecret('sealing', old.kid)).toBeUndefined();
  });

  it('of a client secret leaves what it signed valid for decades', async () => {
    await using folder = await createKeyFolder();
    await using keys = await openRing(folder.directory);
    const { kid } = keys.ring.activeSecret('client');
    await keys.at(START + 364.5 * DAY);
    await keys.at(START + 366 * DAY);
    expect(keys.ring.activeSecret('client').kid).not.toBe(kid);
    keys.setClock(START + 40 * 365 * DAY);
    expect(keys.ring.findSecret('client', kid)).toBeDefined();
  });

  it('finds a secret in its own family only', async () => {
    await using folder = await createKeyFolder();
    await using keys = await openRing(folder.directory);
    const { kid } = keys.ring.activeSecret('sealing');
    expect(keys.ring.findSecret('refresh', kid)).toBeUndefined();
    expect(keys.ring.findPublicJwk(kid)).toBeUndefined();
  });
});

describe('revocation', () => {
  it('is one write to the backend: the next key signs, the bad one leaves the JWK Set, another next one is published', async () => {
    await using folder = await createKeyFolder();
    await using keys = await openRing(folder.directory);
    await using other = await openRing(folder.directory);
    const [bad, next] = keys.kids();
    const backend = createFileKeyBackend({ directory: folder.directory, random: systemRandom });
    await backend.revoke(bad!, START + 100);
    await keys.at(START + 100);
    await other.at(START + 100);
    expect(keys.ring.signer().kid).toBe(next);
    expect(keys.ring.findPublicJwk(bad!)).toBeUndefined();
    expect(keys.kids()).toHaveLength(2);
    expect(keys.kids()[0]).toBe(next);
    expect(other.ring.jwkSet()).toEqual(keys.ring.jwkSet());
    expect(keys.events).toContainEqual({ event: 'key.revoked', kid: bad, family: 'signing' });
    expect(await folder.read(SIGNING)).not.toContain('private');
  });
});

describe('a directory in trouble', () => {
  it('keeps the last good key in force while its file is unreadable, tells once, and tells again when it comes back', async () => {
    await using folder = await createKeyFolder();
    await using keys = await openRing(folder.directory);
    const told = () => keys.events.filter(({ event }) => event === 'key.unreadable');
    const { kid } = keys.ring.signer();
    const path = join(folder.directory, SIGNING);
    await chmod(path, 0o644);
    await keys.at(START + 10);
    await keys.at(START + 20);
    expect(keys.ring.signer().kid).toBe(kid);
    expect(keys.kids()).toContain(kid);
    expect(told()).toEqual([{ event: 'key.unreadable', file: SIGNING, reason: 'open_to_others', family: 'signing' }]);
    await chmod(path, 0o600);
    await keys.at(START + 30);
    await chmod(path, 0o644);
    await keys.at(START + 40);
    expect(told()).toHaveLength(2);
  });

  it('does not start, and makes no fresh key, when a family has keys but none that can be used [F13]', async () => {
    await using folder = await createKeyFolder();
    await (await openRing(folder.directory)).ring.close();
    const before = await folder.files();
    await chmod(join(folder.directory, 'client-HS256-1.json'), 0o644);
    const start = openRing(folder.directory, { now: START + 10 });
    await expect(start).rejects.toThrow(KeysRefusedError);
    await expect(start).rejects.toThrow(
      'no usable client key; these files were refused: client-HS256-1.json (open_to_others)',
    );
    expect(await folder.files()).toEqual(before);
  });

  it('starts when a good key is left, and never takes the slot of a bad one', async () => {
    await using folder = await createKeyFolder();
    await (await openRing(folder.directory)).ring.close();
    await folder.write(NEXT, '{"torn":');
    await using keys = await openRing(folder.directory, { now: START + 10 });
    expect(keys.kids()).toHaveLength(2);
    expect(await folder.files()).toContain('signing-ES256-3.json');
    expect(await folder.read(NEXT)).toBe('{"torn":');
    expect(JSON.stringify(keys.events)).not.toContain('torn');
  });

  it('goes on from memory when the directory is suddenly empty or gone, and recovers by itself', async () => {
    await using folder = await createKeyFolder();
    await using keys = await openRing(folder.directory);
    const { kid } = keys.ring.signer();
    await rename(folder.directory, `${folder.directory}-away`);
    await keys.at(START + 10);
    expect(keys.events.at(-1)).toEqual({ event: 'key.unreadable', reason: 'ENOENT' });
    await (await openRing(folder.directory)).ring.close();
    await rm(folder.directory, { recursive: true });
    await rename(`${folder.directory}-away`, folder.directory);
    await keys.at(START + 20);
    expect(keys.ring.signer().kid).toBe(kid);
    // At once: a reading in the middle would make anew what is missing by then.
    await rename(folder.directory, `${folder.directory}-away`);
    await mkdir(folder.directory, { mode: 0o700 });
    await keys.at(START + 30);
    await rm(`${folder.directory}-away`, { recursive: true });
    expect(keys.events.at(-1)).toEqual({ event: 'key.unreadable', reason: 'all_keys_vanished' });
    expect(keys.ring.signer().kid).toBe(kid);
    expect(await folder.files()).toEqual([]);
  });

  it('that cannot be written keeps its keys in force beyond their plan, and says so once [F12]', async () => {
    await using folder = await createKeyFolder();
    await (await openRing(folder.directory)).ring.close();
    const backend = createFileKeyBackend({ directory: folder.directory, random: systemRandom });
    await using keys = await openRing(folder.directory, { backend: withoutSpace(backend) });
    await keys.at(START + 3 * activePeriod);
    await keys.at(START + 4 * activePeriod);
    const { kid } = await folder.json(NEXT);
    expect(keys.ring.signer().kid).toBe(kid);
    expect(keys.kids()).toContain(kid);
    const fault = { event: 'key.write_failed', operation: 'create', family: 'signing', reason: 'ENOSPC' };
    expect(keys.events.filter((event) => event['operation'] === 'create' && event['family'] === 'signing')).toEqual([
      fault,
    ]);
    expect(keys.ring.activeSecret('sealing')).toBeDefined();
  });

  it('that is empty and cannot be written leaves a ring that answers 503 until keys appear', async () => {
    await using folder = await createKeyFolder();
    const backend = createFileKeyBackend({ directory: folder.directory, random: systemRandom });
    await using keys = await openRing(folder.directory, { backend: withoutSpace(backend) });
    expect(() => keys.ring.signer()).toThrow(UnavailableError);
    expect(() => keys.ring.activeSecret('client')).toThrow(UnavailableError);
    expect(keys.ring.jwkSet().body).toBe('{"keys":[]}');
    await using writer = await openRing(folder.directory);
    await keys.at(START + 10);
    expect(keys.ring.signer().kid).toBe(writer.ring.signer().kid);
  });
});

describe('a clock that is set back', () => {
  it('leaves the ring signing, with a key that is published, and makes nothing', async () => {
    await using folder = await createKeyFolder();
    await using keys = await openRing(folder.directory);
    await keys.at(START + activePeriod + 60);
    const before = await folder.files();
    for (const now of [START + activePeriod - 10, START + 5, START - 100 * DAY]) {
      await keys.at(now);
      expect(keys.kids()).toContain(keys.ring.signer().kid);
      expect(keys.ring.activeSecret('refresh')).toBeDefined();
    }
    expect(await folder.files()).toEqual(before);
  });
});

describe('reading', () => {
  it('that is asked for during another sees everything written before it was asked for', async () => {
    await using folder = await createKeyFolder();
    const backend = createFileKeyBackend({ directory: folder.directory, random: systemRandom });
    const listed = Promise.withResolvers<void>();
    const written = Promise.withResolvers<void>();
    let isSlow = false;
    const slow: KeyBackend = {
      ...backend,
      async list() {
        const listing = await backend.list();
        if (isSlow) {
          isSlow = false;
          listed.resolve();
          await written.promise;
        }
        return listing;
      },
    };
    await using keys = await openRing(folder.directory, { backend: slow });
    const { kid } = await folder.json(NEXT);
    isSlow = true;
    const running = keys.ring.reload();
    await listed.promise;
    await backend.revoke(String(kid), START);
    const asked = Promise.all([keys.ring.reload(), keys.ring.reload()]);
    written.resolve();
    await asked;
    expect(keys.kids()).not.toContain(kid);
    await running;
  });

  it('follows a hint of the backend without being asked', async () => {
    await using folder = await createKeyFolder();
    const backend = createFileKeyBackend({ directory: folder.directory, random: systemRandom });
    const { promise, resolve } = Promise.withResolvers<void>();
    let hint = () => {};
    let readings = 0;
    const hinting: KeyBackend = {
      ...backend,
      list: () => {
        if (++readings > 20) resolve();
        return backend.list();
      },
      watch: (changed) => {
        hint = changed;
        return { [Symbol.dispose]() {} };
      },
    };
    await using keys = await openRing(folder.directory, { backend: hinting });
    readings = 20;
    hint();
    await promise;
    await keys.ring.reload();
  });
});

/** The same backend on a full disk. */
function withoutSpace(backend: KeyBackend): KeyBackend {
  const refuse = () => {
    const cause = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    return Promise.reject(new UnavailableError('keys directory', { cause }));
  };
  return { ...backend, create: refuse, destroyPrivate: refuse, revoke: refuse, remove: refuse };
}
