import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFileKeyBackend, createKeyRing, type KeyRing, type KeyRingDeps } from '../../src/keys/index.ts';
import { type AuditEvent, systemRandom } from '../../src/platform/index.ts';

export const START = 1_800_000_000;
export const DAY = 86_400;

/** A directory for keys that is deleted at the end of a test. */
export interface KeyFolder extends AsyncDisposable {
  readonly directory: string;
  /** The key files, sorted; not the dot files. */
  files(): Promise<readonly string[]>;
  /** Every name, dot files too. */
  everything(): Promise<readonly string[]>;
  read(name: string): Promise<string>;
  json(name: string): Promise<Record<string, unknown>>;
  /** Writes a file with mode 0600. */
  write(name: string, text: string): Promise<void>;
  setMode(name: string, mode: number): Promise<void>;
  /** Changes members of a key file. */
  edit(name: string, change: (file: Record<string, unknown>) => object): Promise<void>;
}

export async function createKeyFolder(): Promise<KeyFolder> {
  const parent = await mkdtemp(join(tmpdir(), 'guardmint-keys-'));
  const directory = join(parent, 'keys');
  const path = (name: string) => join(directory, name);
  const everything = async () => (await readdir(directory)).sort();
  const write = async (name: string, text: string) => {
    await writeFile(path(name), text, { mode: 0o600 });
    await chmod(path(name), 0o600);
  };
  const json = async (name: string) => JSON.parse(await readFile(path(name), 'utf8'));
  return {
    directory,
    everything,
    files: async () => (await everything()).filter((name) => !name.startsWith('.')),
    read: (name) => readFile(path(name), 'utf8'),
    json,
    write,
    setMode: (name, mode) => chmod(path(name), mode),
    edit: async (name, change) => write(name, JSON.stringify(change(await json(name)))),
    [Symbol.asyncDispose]: () => rm(parent, { recursive: true, force: true }),
  };
}

/** A ring over a directory with a clock that the test moves. */
export interface TestRing extends AsyncDisposable {
  readonly ring: KeyRing;
  readonly events: readonly AuditEvent[];
  /** Sets the clock and reads the keys. */
  at(now: number): Promise<void>;
  /** Sets the clock only. */
  setClock(now: number): void;
  kids(): readonly string[];
}

export async function openRing(
  directory: string,
  options: Partial<KeyRingDeps> & { now?: number } = {},
): Promise<TestRing> {
  const { now: start = START, ...deps } = options;
  let now = start;
  const events: AuditEvent[] = [];
  const ring = await createKeyRing({
    backend: createFileKeyBackend({ directory, random: systemRandom }),
    clock: () => now,
    audit: (event) => events.push(event),
    // Tests say when the keys are read.
    pollInterval: DAY,
    ...deps,
  });
  return {
    ring,
    events,
    setClock(moment) {
      now = moment;
    },
    async at(moment) {
      now = moment;
      await ring.reload();
    },
    kids: () => JSON.parse(ring.jwkSet().body).keys.map(({ kid }: { kid: string }) => kid),
    [Symbol.asyncDispose]: () => ring.close(),
  };
}
