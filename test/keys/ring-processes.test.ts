import { chmod, chown, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFileKeyBackend, defaultTimings } from '../../src/keys/index.ts';
import { systemRandom } from '../../src/platform/index.ts';
import { createKeyFolder, openRing, START } from './key-folder.ts';
import { startRingProcess } from './start-ring-process.ts';

const NOBODY = 65_534;
const { activePeriod, publishLead } = defaultTimings.signing;

const signingFiles = (files: readonly string[]) => files.filter((name) => name.startsWith('signing'));

function outcomeOf(answer: object, kid: string | undefined): string {
  if ('outcome' in answer && 'kid' in answer) return answer.kid === kid ? String(answer.outcome) : 'another key';
  return String('error' in answer && answer.error).includes('may come into force at')
    ? 'too late'
    : JSON.stringify(answer).slice(0, 300);
}

// Twenty processes take a while to start on a small machine.
const PATIENCE = { timeout: 180_000 };

describe('twenty processes on one directory', PATIENCE, () => {
  it('start at once on an empty one, make one key of each slot, agree, and rotate together, by schedule and by command [F11, I10]', async () => {
    await using folder = await createKeyFolder();
    const processes = await Promise.all(Array.from({ length: 20 }, () => startRingProcess(folder.directory)));
    using cleanup = new DisposableStack();
    for (const process of processes) cleanup.use(process);

    const started = await Promise.all(processes.map((process) => process.ask(`${START}`)));
    expect(await folder.everything()).toEqual([
      'client-HS256-1.json',
      'refresh-HS256-1.json',
      'sealing-A256GCM-1.json',
      'signing-ES256-1.json',
      'signing-ES256-2.json',
    ]);
    expect(started.flatMap(({ events }) => events).filter(({ event }) => event !== 'key.created')).toEqual([]);
    expect(started.flatMap(({ events }) => events)).toHaveLength(5);
    for (const answer of started) expect(answer).toMatchObject({ list: started[0]?.list, jwkSet: started[0]?.jwkSet });

    const rotated = await Promise.all(processes.map((process) => process.ask(`${START + activePeriod}`)));
    expect(signingFiles(await folder.files())).toHaveLength(3);
    for (const answer of rotated) expect(answer).toMatchObject({ list: rotated[0]?.list, jwkSet: rotated[0]?.jwkSet });

    // Each destroys the old private half, one after the other, and none of them spoils the file.
    const later = await Promise.all(processes.map((process) => process.ask(`${START + activePeriod + 60}`)));
    expect(later.flatMap(({ events }) => events).filter(({ event }) => event === 'key.unreadable')).toEqual([]);
    expect(await folder.json('signing-ES256-1.json')).not.toHaveProperty('private');
    expect(await folder.json('signing-ES256-2.json')).toHaveProperty('private');

    // All of them bring the same key into force, and make one after it; who comes too late is told when the next may.
    const moment = START + activePeriod + publishLead;
    const next = later[0]?.list.find(({ family, state }) => family === 'signing' && state === 'next')?.kid;
    const commands = await Promise.all(processes.map((process) => process.ask(`rotate ${moment} signing`)));
    const outcomes = new Set(commands.map((answer) => outcomeOf(answer, next)));
    expect([...outcomes].filter((outcome) => outcome !== 'rotated' && outcome !== 'too late')).toEqual([]);
    expect(commands).toContainEqual(expect.objectContaining({ outcome: 'rotated', kid: next }));
    expect(signingFiles(await folder.files())).toHaveLength(4);

    // A family that has no next key gets it from one of them.
    const made = await Promise.all(processes.map((process) => process.ask(`rotate ${moment} client`)));
    expect(made.filter((answer) => 'outcome' in answer)).toHaveLength(1);
    expect((await folder.files()).filter((name) => name.startsWith('client'))).toHaveLength(2);
  });
});

describe('a process with a key ring', PATIENCE, () => {
  it('ends by itself when nothing else is left to do', async () => {
    await using folder = await createKeyFolder();
    using process = await startRingProcess(folder.directory);
    await process.ask(`${START}`);
    expect(await process.end()).toBe(0);
  });

  it('sees what another wrote at its next reading', async () => {
    await using folder = await createKeyFolder();
    using one = await startRingProcess(folder.directory);
    const { list } = await one.ask(`${START}`);
    const bad = list.find(({ state, family }) => state === 'active' && family === 'signing');
    const backend = createFileKeyBackend({ directory: folder.directory, random: systemRandom });
    await backend.revoke(bad!.kid, START);
    const { jwkSet } = await one.ask(`${START}`);
    expect(jwkSet.body).not.toContain(bad!.kid);
  });

  it('killed at any moment of its rotations leaves whole keys only, and others go on [F09, I10, I12]', async () => {
    await using folder = await createKeyFolder();
    let from = START;
    const [delays] = fc.sample(fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 8, maxLength: 8 }), 1);
    for (const answers of delays ?? []) {
      using one = await startRingProcess(folder.directory);
      using other = await startRingProcess(folder.directory);
      let last = await one.ask(`year ${from}`);
      await other.ask(`year ${from}`);
      for (let count = 0; count < answers; count++) last = await one.next();
      await one.kill();
      const survivor = await other.next();
      expect(survivor).not.toHaveProperty('error');
      await other.kill();
      from = Math.max(last.now, survivor.now);
      const listing = await createFileKeyBackend({ directory: folder.directory, random: systemRandom }).list();
      expect(listing.unreadable).toEqual([]);
    }
    await using keys = await openRing(folder.directory, { now: from });
    const signing = keys.ring.list().filter(({ family }) => family === 'signing');
    expect(signing.filter(({ state }) => state === 'active')).toHaveLength(1);
    expect(signing.filter(({ state }) => state === 'next').length).toBeGreaterThanOrEqual(1);
    expect(keys.ring.signer().kid).toBe(signing.find(({ state }) => state === 'active')?.kid);
  });

  it.skipIf(process.getuid?.() !== 0)(
    'uses a directory it may only read, and says what it could not write',
    async () => {
      await using folder = await createKeyFolder();
      await chmod(dirname(folder.directory), 0o755);
      await mkdir(folder.directory, { mode: 0o700 });
      await chown(folder.directory, NOBODY, NOBODY);
      using writer = await startRingProcess(folder.directory, { user: NOBODY });
      const { jwkSet } = await writer.ask(`${START}`);
      await chmod(folder.directory, 0o500);
      using reader = await startRingProcess(folder.directory, { user: NOBODY });
      expect(await reader.ask(`${START}`)).toMatchObject({ jwkSet, events: [] });
      const later = await reader.ask(`${START + activePeriod + 60}`);
      expect(later.list.filter(({ state, family }) => state === 'active' && family === 'signing')).toHaveLength(1);
      expect(later.events).toContainEqual({
        event: 'key.write_failed',
        operation: 'create',
        family: 'signing',
        reason: 'EACCES',
      });
    },
  );
});
