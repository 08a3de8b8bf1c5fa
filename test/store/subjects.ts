import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEmbeddedStore } from '../../src/store/embedded/index.ts';
import { createMemoryStore } from '../../src/store/memory/index.ts';
import type { OpenTokenStore } from '../../src/testing/index.ts';
import type { TokenStore } from '../../src/tokens/index.ts';
import { START } from './samples.ts';

/** A clock that stands until it is moved. */
export function standingClock(start = START) {
  let now = start;
  const clock = () => now;
  const advance = (seconds: number) => {
    now += seconds;
  };
  return { clock, advance };
}

/** A folder of this test's own, removed with everything in it. */
export function temporaryFolder() {
  const path = mkdtempSync(join(tmpdir(), 'guardmint-store-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

export const openMemory: OpenTokenStore = async () => {
  const { clock, advance } = standingClock();
  const store = createMemoryStore({ clock });
  return { store, now: clock, advance, [Symbol.asyncDispose]: () => store.close() };
};

export const openEmbedded: OpenTokenStore = async () => {
  const folder = temporaryFolder();
  const { clock, advance } = standingClock();
  const stores: TokenStore[] = [];
  const openFile = (file: string) => {
    const store = createEmbeddedStore({ file, clock });
    stores.push(store);
    return store;
  };
  const file = join(folder.path, 'store.db');
  return {
    store: openFile(file),
    now: clock,
    advance,
    join: async () => openFile(file),
    // What a crash leaves behind is what the files hold while the store is open: nothing was checkpointed or closed.
    crash: async () => {
      const left = join(folder.path, 'left-by-crash.db');
      for (const suffix of ['', '-wal']) if (existsSync(file + suffix)) copyFileSync(file + suffix, left + suffix);
      return openFile(left);
    },
    async [Symbol.asyncDispose]() {
      for (const store of stores) await store.close();
      folder[Symbol.dispose]();
    },
  };
};
