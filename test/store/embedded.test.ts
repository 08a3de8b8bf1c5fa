import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { UnavailableError } from '../../src/oauth/index.ts';
import { createEmbeddedStore, StoreFileError } from '../../src/store/embedded/index.ts';
import { MIGRATIONS } from '../../src/store/embedded/schema.ts';
import { describeTokenStore } from '../../src/testing/index.ts';
import { FAMILY, START } from './samples.ts';
import { openEmbedded, standingClock, temporaryFolder } from './subjects.ts';

describeTokenStore('embedded', openEmbedded, { isShared: true, isDurable: true }, { describe, it });

const { clock } = standingClock();

function refusalOf(open: () => unknown): StoreFileError {
  try {
    open();
  } catch (error) {
    if (error instanceof StoreFileError) return error;
    throw error;
  }
  throw new Error('the file was accepted');
}

/** A file as a store leaves it that had something to keep. */
async function writeStore(file: string): Promise<void> {
  const store = createEmbeddedStore({ file, clock });
  for (let index = 0; index < 200; index += 1) {
    await store.oneTime.consumeOnce({ kind: 'code', id: `jti-${index}`, expiresAt: START + 60 });
  }
  await store.close();
}

describe('the file of the embedded store', () => {
  it('is for its owner alone, and so is a folder made for it', async () => {
    using folder = temporaryFolder();
    const file = join(folder.path, 'new', 'data', 'store.db');
    const store = createEmbeddedStore({ file, clock });
    await store.oneTime.consumeOnce({ kind: 'code', id: 'one', expiresAt: START + 60 });

    const modes = [file, `${file}-wal`, `${file}-shm`].map((path) => statSync(path).mode & 0o777);
    await store.close();

    expect(modes).toEqual([0o600, 0o600, 0o600]);
    expect(statSync(join(folder.path, 'new', 'data')).mode & 0o777).toBe(0o700);
  });

  it('is closed to others when it was open to them', async () => {
    using folder = temporaryFolder();
    const file = join(folder.path, 'store.db');
    writeFileSync(file, '', { mode: 0o644 });

    await createEmbeddedStore({ file, clock }).close();

    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('is complete without its log after close', async () => {
    using folder = temporaryFolder();
    const file = join(folder.path, 'store.db');
    await writeStore(file);

    expect(existsSync(`${file}-wal`)).toBe(false);
    await using store = disposable(createEmbeddedStore({ file, clock }));
    expect(await store.oneTime.consumeOnce({ kind: 'code', id: 'jti-7', expiresAt: START + 60 })).toBe('again');
  });

  it('holds strict tables, a write-ahead log and our mark', () => {
    using folder = temporaryFolder();
    const file = join(folder.path, 'store.db');
    const store = createEmbeddedStore({ file, clock });
    using connection = new DatabaseSync(file);

    const tables = connection
      .prepare("SELECT name, strict FROM pragma_table_list WHERE name NOT LIKE 'sqlite_%'")
      .all();
    expect(tables.length).toBeGreaterThan(0);
    expect(tables.filter(({ strict }) => strict !== 1)).toEqual([]);
    expect(connection.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' });
    expect(connection.prepare('PRAGMA application_id').get()).toEqual({ application_id: 0x676d7374 });
    expect(connection.prepare('PRAGMA user_version').get()).toEqual({ user_version: 2 });
    return store.close();
  });

  it('of the first version keeps its families, which are bound to no key', async () => {
    using folder = temporaryFolder();
    const file = join(folder.path, 'store.db');
    const old = new DatabaseSync(file);
    old.exec(MIGRATIONS[0] ?? '');
    old.exec(`PRAGMA application_id = 0x676d7374; PRAGMA user_version = 1;
      INSERT INTO refresh_family VALUES ('family-1', 'n', 0, 'k', 'alice', 'c', 't', 's', 'r', 1, 2, 3, ${START * 2}, NULL)`);
    old.close();

    await using store = disposable(createEmbeddedStore({ file, clock }));
    const family = await store.refreshFamilies.find('family-1');
    expect(family).toMatchObject({ subject: 'alice', generation: 0 });
    expect(family).not.toHaveProperty('jkt');
  });

  it('is refused and left alone when it is no database', () => {
    using folder = temporaryFolder();
    const file = join(folder.path, 'store.db');
    const text = 'users: alice, bob\n'.repeat(1_000);
    writeFileSync(file, text);

    const refusal = refusalOf(() => createEmbeddedStore({ file, clock }));

    expect(refusal.reason).toBe('foreign');
    expect(refusal.message).toBe(`${file}: is not a guardmint store`);
    expect(readFileSync(file, 'utf8')).toBe(text);
  });

  it('is refused and left alone when it is the database of something else', () => {
    using folder = temporaryFolder();
    const file = join(folder.path, 'store.db');
    const other = new DatabaseSync(file);
    other.exec('CREATE TABLE bookmarks (url TEXT); PRAGMA user_version = 1');
    other.close();
    const bytes = readFileSync(file);

    const refusal = refusalOf(() => createEmbeddedStore({ file, clock }));

    expect(refusal.reason).toBe('foreign');
    expect(readFileSync(file).equals(bytes)).toBe(true);
  });

  it('is refused and left alone when a later version wrote it', async () => {
    using folder = temporaryFolder();
    const file = join(folder.path, 'store.db');
    await writeStore(file);
    const later = new DatabaseSync(file);
    later.exec('PRAGMA user_version = 99');
    later.close();

    const refusal = refusalOf(() => createEmbeddedStore({ file, clock }));

    expect(refusal.reason).toBe('newer');
    expect(refusal.message).toContain('schema 99, this version knows up to 2');
  });

  it.each([
    ['cut off', (bytes: Buffer) => bytes.subarray(0, bytes.length - 8_192)],
    ['overwritten in the middle', (bytes: Buffer) => Buffer.from(bytes).fill(0xa5, 8_192, 20_480)],
  ])('is refused when it is damaged: %s', async (_, damage) => {
    using folder = temporaryFolder();
    const file = join(folder.path, 'store.db');
    await writeStore(file);
    writeFileSync(file, damage(readFileSync(file)));

    expect(refusalOf(() => createEmbeddedStore({ file, clock })).reason).toBe('corrupt');
  });

  it('is refused when it is a folder', () => {
    using folder = temporaryFolder();
    mkdirSync(join(folder.path, 'store.db'));

    expect(refusalOf(() => createEmbeddedStore({ file: join(folder.path, 'store.db'), clock })).reason).toBe(
      'unusable',
    );
  });

  it('is unavailable, not broken, while another process holds it', async () => {
    using folder = temporaryFolder();
    const file = join(folder.path, 'store.db');
    await using store = disposable(createEmbeddedStore({ file, clock, lockTimeout: 10 }));
    const marker = { kind: 'code', id: 'one', expiresAt: START + 60 } as const;
    using other = new DatabaseSync(file);
    other.exec('BEGIN IMMEDIATE');

    const attempts = [store.oneTime.consumeOnce(marker), store.refreshFamilies.revoke('family-1', 60)];
    const errors = await Promise.all(attempts.map((attempt) => attempt.then(() => undefined, String)));
    await store.ping();
    other.exec('ROLLBACK');

    expect(errors).toEqual(Array(2).fill('UnavailableError: store is unavailable'));
    expect(await store.oneTime.consumeOnce(marker)).toBe('first');
  });

  it('is not opened for writing while another process makes it', () => {
    using folder = temporaryFolder();
    const file = join(folder.path, 'store.db');
    using other = new DatabaseSync(file);
    other.exec('BEGIN EXCLUSIVE');

    expect(() => createEmbeddedStore({ file, clock, lockTimeout: 10 })).toThrow(UnavailableError);
  });

  it('is made once by however many start at the same moment', async () => {
    using folder = temporaryFolder();
    const threads = 4;
    const gate = new Int32Array(new SharedArrayBuffer(4));
    const workers = Array.from(
      { length: threads },
      () =>
        new Worker(new URL('opener.child.ts', import.meta.url), {
          workerData: { folder: folder.path, rounds: 12, threads, gate },
        }),
    );

    const faults = await Promise.all(workers.map((worker) => once(worker, 'message')));

    expect(faults.flat(2)).toEqual([]);
  });

  it('forgets what is over, a few rows with each write, and nothing within two hours of its end [I11]', async () => {
    using folder = temporaryFolder();
    const file = join(folder.path, 'store.db');
    const time = standingClock();
    await using store = disposable(createEmbeddedStore({ file, clock: time.clock }));
    using connection = new DatabaseSync(file, { readOnly: true });
    const tables = ['spent_marker', 'refresh_family', 'family_tombstone', 'denylist_entry'];
    const counts = () =>
      tables.map((table) => connection.prepare(`SELECT count(*) AS rows FROM ${table}`).get()?.['rows']);
    const touch = () => store.oneTime.consumeOnce({ kind: 'code', id: 'touch', expiresAt: time.clock() + 60 });
    const { refreshFamilies, oneTime, denylist } = store;
    await Promise.all(
      Array.from({ length: 300 }, (_, index) => [
        oneTime.consumeOnce({ kind: 'assertion', id: `jti-${index}`, expiresAt: START + 60 }),
        refreshFamilies.begin(
          { kind: 'code', id: `code-${index}`, expiresAt: START + 60 },
          { ...FAMILY, familyId: `family-${index}`, absoluteLifetime: 60 },
        ),
        refreshFamilies.revoke(`never-begun-${index}`, 60),
        denylist.deny({ kind: 'jti', id: `jti-${index}`, lifetime: 60 }),
      ]).flat(),
    );
    expect(counts()).toEqual([600, 300, 300, 300]);

    time.advance(60 + 7_199);
    await touch();
    expect(counts()).toEqual([601, 300, 300, 300]);
    time.advance(1);
    await touch();
    expect(counts()).toEqual([401, 100, 100, 100]);
    await touch();
    await touch();
    expect(counts()).toEqual([1, 0, 0, 0]);
    expect(await denylist.snapshot()).toMatchObject({ sequence: '300', entries: [] });
  });

  it('undoes a call that fails and answers those that share its transaction', async () => {
    using folder = temporaryFolder();
    await using store = disposable(createEmbeddedStore({ file: join(folder.path, 'store.db'), clock }));
    const codeOf = (id: string) => ({ kind: 'code', id, expiresAt: START + 60 }) as const;
    const wrong = { ...FAMILY, familyId: 'family-2', authTime: Number.NaN };

    const [one, two, three] = await Promise.allSettled([
      store.refreshFamilies.begin(codeOf('one'), FAMILY),
      store.refreshFamilies.begin(codeOf('two'), wrong),
      store.oneTime.consumeOnce(codeOf('three')),
    ]);

    expect([one, three]).toMatchObject([{ value: { outcome: 'first' } }, { value: 'first' }]);
    expect(two.status === 'rejected' && !(two.reason instanceof UnavailableError)).toBe(true);
    expect(await store.refreshFamilies.find('family-2')).toBeUndefined();
    expect(await store.oneTime.consumeOnce(codeOf('two'))).toBe('first');
  });

  it('works in memory as well', async () => {
    await using store = disposable(createEmbeddedStore({ file: ':memory:', clock }));
    const marker = { kind: 'code', id: 'one', expiresAt: START + 60 } as const;

    expect(await store.oneTime.consumeOnce(marker)).toBe('first');
    expect(await store.oneTime.consumeOnce(marker)).toBe('again');
  });
});

function disposable<Store extends { close(): Promise<void> }>(store: Store): Store & AsyncDisposable {
  return { ...store, [Symbol.asyncDispose]: () => store.close() };
}
