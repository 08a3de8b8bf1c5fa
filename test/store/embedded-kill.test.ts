import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { createEmbeddedStore } from '../../src/store/embedded/index.ts';
import type { Answer } from './racer.child.ts';
import { FAMILY, START } from './samples.ts';
import { temporaryFolder } from './subjects.ts';
import type { Acknowledgement } from './worker.child.ts';

const clock = () => START;
const WORKER = join(import.meta.dirname, 'worker.child.ts');
const RACER = join(import.meta.dirname, 'racer.child.ts');

/** Runs a child and collects its whole lines, calling `onLine` for each. */
async function collect<Line>(child: ChildProcess, onLine: (count: number) => void): Promise<Line[]> {
  const lines: Line[] = [];
  const exit = once(child, 'close');
  for await (const line of createInterface({ input: child.stdout! })) {
    // A line the kill cut off was never read by anybody.
    if (!line.endsWith('}')) continue;
    lines.push(JSON.parse(line) as Line);
    onLine(lines.length);
  }
  await exit;
  return lines;
}

/** Opens the file again and names every acknowledged operation that is not in it. */
async function findMissing(file: string, acknowledged: readonly Acknowledgement[]): Promise<Acknowledgement[]> {
  const store = createEmbeddedStore({ file, clock });
  const missing: Acknowledgement[] = [];
  for (const done of acknowledged) {
    if (!(await isThere(done))) missing.push(done);
  }
  await store.close();
  return missing;

  async function isThere(done: Acknowledgement): Promise<boolean> {
    switch (done.op) {
      case 'begin':
        return (await store.refreshFamilies.find(done.familyId)) !== undefined;
      case 'rotate':
        return ((await store.refreshFamilies.find(done.familyId))?.generation ?? -1) >= done.generation;
      case 'revoke':
        return (await store.refreshFamilies.find(done.familyId))?.revokedAt !== undefined;
      case 'deny':
        return (await store.denylist.match([{ kind: 'jti', id: done.id }])).length === 1;
      case 'spend':
        return (await store.oneTime.consumeOnce({ kind: 'assertion', id: done.id, expiresAt: START + 60 })) === 'again';
      case 'fault':
        return true;
    }
  }
}

/** Families without their code or codes without their family: what a half-applied `begin` would leave. */
function findHalves(file: string): unknown[] {
  using connection = new DatabaseSync(file);
  return connection
    .prepare(
      `SELECT family_id FROM refresh_family
        WHERE NOT EXISTS (SELECT 1 FROM spent_marker WHERE kind = 'code' AND id = 'code-of-' || family_id)
      UNION ALL SELECT id FROM spent_marker
        WHERE kind = 'code' AND NOT EXISTS (SELECT 1 FROM refresh_family WHERE id = 'code-of-' || family_id)`,
    )
    .all();
}

describe('a store whose process is killed', () => {
  it('has everything it ever acknowledged, and nothing by half [I12]', async () => {
    using folder = temporaryFolder();
    const file = join(folder.path, 'store.db');
    const acknowledged: Acknowledgement[] = [];

    for (let run = 0; run < 8; run += 1) {
      const child = spawn(process.execPath, [WORKER, file, String(run)], { stdio: ['ignore', 'pipe', 'inherit'] });
      const killAfter = 1 + Math.floor(Math.random() * 600);
      const lines = await collect<Acknowledgement>(child, (count) => count === killAfter && child.kill('SIGKILL'));
      expect(child.signalCode).toBe('SIGKILL');
      expect(lines.length).toBeGreaterThanOrEqual(killAfter);
      acknowledged.push(...lines);

      expect(await findMissing(file, acknowledged)).toEqual([]);
      expect(findHalves(file)).toEqual([]);
    }
  });
});

describe('a store that can write no more', () => {
  // The limit on the size of a file stands for a full disk: it needs no mount and fails in the middle of a write.
  it.skipIf(process.platform === 'win32')('says so, and has everything it acknowledged before [I5, I12]', async () => {
    using folder = temporaryFolder();
    const file = join(folder.path, 'store.db');
    const command = 'ulimit -f 800; exec "$0" "$@"';
    const child = spawn('sh', ['-c', command, process.execPath, WORKER, file, '0'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });

    const lines = await collect<Acknowledgement>(child, () => {});

    expect(child.exitCode).toBe(3);
    expect(lines.filter(({ op }) => op === 'fault')).toEqual([
      {
        op: 'fault',
        error: expect.stringMatching(/^store is unavailable: Error: (disk I\/O error|database or disk is full)/),
      },
    ]);
    expect(lines.length).toBeGreaterThan(10);
    expect(await findMissing(file, lines)).toEqual([]);
    expect(findHalves(file)).toEqual([]);
  });
});

describe('four processes on one file', () => {
  it('make it together and have one winner for each generation [I2]', async () => {
    // On a busy machine one may be through before the others have begun; that was no race, and there is another.
    let winners = 0;
    for (let attempt = 0; attempt < 5 && winners < 2; attempt += 1) winners = await race();
    expect(winners).toBeGreaterThan(1);
  });

  async function race(): Promise<number> {
    using folder = temporaryFolder();
    const file = join(folder.path, 'store.db');
    const racers = Array.from({ length: 4 }, (_, index) =>
      spawn(process.execPath, [RACER, file, `racer-${index}`, '150'], { stdio: ['pipe', 'pipe', 'inherit'] }),
    );
    const finished = racers.map((racer) => collect<Answer>(racer, () => {}));
    await Promise.all(racers.map((racer) => once(racer.stdout, 'data')));
    const store = createEmbeddedStore({ file, clock });
    await store.refreshFamilies.begin({ kind: 'code', id: 'code-1', expiresAt: START + 60 }, FAMILY);

    for (const racer of racers) racer.stdin.end();
    const answers = (await Promise.all(finished)).flat();

    const family = await store.refreshFamilies.find('family-1');
    await store.close();
    expect(racers.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0, 0]);
    expect(new Set(answers.map(({ outcome }) => outcome))).not.toContain('reused');
    const rotated = answers.filter(({ outcome }) => outcome === 'rotated');
    const generations = rotated.map(({ generation }) => generation!).sort((one, other) => one - other);
    expect(generations).toEqual(Array.from({ length: family!.generation }, (_, index) => index + 1));
    const winners = new Map(rotated.map(({ generation, keyId }) => [generation, keyId]));
    const strays = answers.filter(({ generation, keyId }) => winners.get(generation) !== keyId);
    expect(strays).toEqual([]);
    const names = new Set(rotated.map(({ keyId }) => keyId?.replace(/-\d+$/, '')));
    return names.size;
  }
});
