import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { chmod, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import nodeJose from 'node-jose';
import { describe, expect, test, vi } from 'vitest';
import { describeFailure } from '../../src/cli/failure.ts';
import { createProgram } from '../../src/cli/index.ts';
import { loadConfig } from '../../src/config/index.ts';
import { createFileKeyBackend, createKeyRing, defaultTimings } from '../../src/keys/index.ts';
import { systemClock, systemRandom } from '../../src/platform/index.ts';
import { createEmbeddedStore } from '../../src/store/embedded/index.ts';
import { createKeyFolder, DAY, openRing } from '../keys/key-folder.ts';

const MAIN = new URL('../../src/cli/main.ts', import.meta.url).pathname;

interface Ended {
  readonly code: number | string;
  readonly out: string;
  readonly err: string;
}
interface Listed {
  readonly kid: string;
  readonly family: string;
  readonly state: string;
  readonly file: string;
  readonly [member: string]: unknown;
}

/** The command line as a process of its own. */
async function runProcess(args: readonly string[], cwd: string): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, 'keys', ...args], {
    cwd,
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [out, err] = [text(child.stdout), text(child.stderr)];
  const code = await new Promise<number>((resolve) => child.once('close', resolve));
  return { code, out: await out, err: await err };
}

/** A folder of keys that was first used `age` seconds ago, and the command line over it. */
async function createInstallation(age = 2 * DAY) {
  const folder = await createKeyFolder();
  const parent = join(folder.directory, '..');
  // A server made these keys then; nobody has touched them since.
  await (await openRing(folder.directory, { now: systemClock() - age })).ring.close();

  const settings = { GUARDMINT_KEYS_DIR: folder.directory, GUARDMINT_DATA_DIR: join(parent, 'data') };

  async function run(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
    const program = createProgram(() => loadConfig({ env: { ...settings, ...env } }));
    const out: string[] = [];
    const writing = vi.spyOn(process.stdout, 'write').mockImplementation((text) => out.push(String(text)) > 0);
    try {
      await program.parseAsync(['keys', ...args], { from: 'user' });
      return { code: process.exitCode ?? 0, out: out.join(''), err: '' };
    } catch (error) {
      const { exitCode, message } = describeFailure(error);
      return { code: exitCode, out: out.join(''), err: message };
    } finally {
      writing.mockRestore();
      process.exitCode = 0;
    }
  }
  const json = async (args: readonly string[], env?: Record<string, string>) =>
    JSON.parse((await run([...args, '--json'], env)).out);
  const list = async (): Promise<Listed[]> => await json(['list']);
  const find = async (state: string, family = 'signing') =>
    (await list()).find((key) => key.state === state && key.family === family)?.kid ?? '';
  const denied = async () => {
    const store = createEmbeddedStore({ file: join(parent, 'data/guardmint.db'), clock: systemClock });
    const { entries } = await store.denylist.snapshot();
    await store.close();
    return entries;
  };
  return { folder, run, json, list, find, denied, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

describe('keys list, show and export-jwks', () => {
  test('tell state, age, next change and a timeline, and change nothing', async () => {
    await using installation = await createInstallation();
    const { folder, run, list } = installation;
    const before = await Promise.all((await folder.everything()).map((name) => folder.read(name)));

    const table = (await run(['list'])).out;
    const keys = await list();
    expect(table).toMatch(/^kid +family +alg +state +age +next change +timeline\n/);
    expect(table).toMatch(/signing +ES256 +active +2 d +rotates in (28 d|27 d 23 h) +█│█+\n/);
    expect(table).toMatch(/signing +ES256 +next +2 d +in force in (28 d|27 d 23 h) +·│·+█+\n/);
    expect(keys.map(({ family, state }) => `${family} ${state}`).sort()).toEqual([
      'client active',
      'refresh active',
      'sealing active',
      'signing active',
      'signing next',
    ]);
    expect(keys[0]).toMatchObject({ age: expect.any(Number), activateAt: expect.any(Number) });
    expect(await Promise.all((await folder.everything()).map((name) => folder.read(name)))).toEqual(before);
  });

  test('never show a private part', async () => {
    await using installation = await createInstallation();
    const { run, find, list } = installation;
    for (const { kid, family } of await list()) {
      const shown = await run(['show', kid.slice(0, 10)]);
      expect(shown.out).toContain(kid);
      expect(shown.out + (await run(['show', kid, '--json'])).out).not.toMatch(/"(d|k|private|jwk)"|private/);
      expect(shown.out.includes('publicJwk')).toBe(family === 'signing');
    }
    const jwks = JSON.parse((await run(['export-jwks'])).out);
    expect(jwks.keys.map(({ kid }: Listed) => kid)).toEqual([await find('active'), await find('next')]);
    expect(JSON.stringify(jwks)).not.toContain('"d"');
  });

  test.each([
    [['show', 'nobody-has-this-kid'], 1, /No key of keys has the kid/],
    [['show', 'one', 'two'], 64, /too many arguments/],
    [['retire', '--dryrun', 'kid'], 64, /too many arguments/],
    [['retire', '-a-kid-with-a-hyphen'], 1, /No key of keys has the kid -a-kid/],
    [['show'], 64, /missing required argument/],
    [['rotate', '--family', 'signing', '--watermark'], 64, /goes with --emergency/],
    [['rotate', '--family', 'rsa'], 64, /Allowed choices are signing, sealing, client, refresh/],
    [['rewrap'], 78, /GUARDMINT_KEYS_SECRET is not set/],
  ])('%j ends with %i', async (args, code, err) => {
    await using installation = await createInstallation();
    const cwd = join(installation.folder.directory, '..');
    expect(await runProcess(args, cwd)).toMatchObject({ code, out: '', err: expect.stringMatching(err) });
  });
});

describe('keys rotate', () => {
  test('brings the next key into force once everybody knows it, and publishes another', async () => {
    await using installation = await createInstallation();
    const { run, json, find, list } = installation;
    const [active, next] = [await find('active'), await find('next')];

    expect(await json(['rotate', '--dry-run'])).toMatchObject({ kid: next, former: active, dryRun: true });
    expect(await find('active')).toBe(active);

    expect(await run(['rotate'])).toMatchObject({ code: 0, out: expect.stringMatching(`^Rotated: ${next} is the`) });
    expect(await find('active')).toBe(next);
    expect(await find('retiring')).toBe(active);
    expect(await find('next')).not.toBe('');
    expect(await list()).toHaveLength(6);
  });

  test('refuses before that, says when it may, and changes nothing', async () => {
    await using installation = await createInstallation(DAY - 3600);
    const { run, find } = installation;
    const active = await find('active');

    const refused = await run(['rotate']);
    expect(refused).toMatchObject({ code: 1, out: '' });
    expect(refused.err).toMatch(/some may not know it yet. It may come into force at .* UTC, in (1 h|59 min)/);
    expect(await find('active')).toBe(active);
  });

  test('makes the next secret of a family that has none, which waits like any other', async () => {
    await using installation = await createInstallation();
    const { run, json, find } = installation;
    const active = await find('active', 'sealing');

    expect(await json(['rotate', '--family', 'sealing', '--dry-run'])).toMatchObject({ outcome: 'created' });
    expect(await find('next', 'sealing')).toBe('');
    const made = await json(['rotate', '--family', 'sealing']);
    expect(made).toMatchObject({ outcome: 'created', family: 'sealing', kid: await find('next', 'sealing') });
    expect(await find('active', 'sealing')).toBe(active);
    expect(await run(['rotate', '--family', 'sealing'])).toMatchObject({ code: 1 });
  });

  test('is noticed by a running server at once', async () => {
    await using installation = await createInstallation();
    const { folder, run, find } = installation;
    const next = await find('next');
    let promoted: (kid: unknown) => void = () => {};
    const seen = new Promise((resolve) => {
      promoted = resolve;
    });
    const ring = await createKeyRing({
      backend: createFileKeyBackend({ directory: folder.directory, random: systemRandom }),
      clock: systemClock,
      audit: ({ event, kid }) => event === 'key.promoted' && promoted(kid),
      pollInterval: DAY,
    });

    await run(['rotate']);
    expect(await seen).toBe(next);
    expect(ring.signer().kid).toBe(next);
    await ring.close();
  });
});

describe('keys rotate --emergency', () => {
  test('asks first, and changes nothing without an answer', async () => {
    await using installation = await createInstallation();
    const { run, find, denied } = installation;
    const active = await find('active');

    expect(await run(['rotate', '--emergency', active])).toMatchObject({
      code: 64,
      err: expect.stringMatching(/cannot be undone.\nNo terminal to confirm at: use --yes/),
    });
    expect((await run(['rotate', '--emergency', active, '--dry-run'])).out).toContain('Would revoke.');
    expect(await find('active')).toBe(active);
    expect(await denied()).toEqual([]);
  });

  test('puts the next key into force, takes the bad one from the JWK Set and denies it', async () => {
    await using installation = await createInstallation();
    const { folder, json, run, find, denied } = installation;
    const [active, next] = [await find('active'), await find('next')];

    expect(await json(['rotate', '--emergency', active.slice(0, 12), '--yes'])).toEqual({
      outcome: 'revoked',
      family: 'signing',
      kid: active,
      successor: next,
      watermark: false,
      dryRun: false,
    });
    expect(await find('active')).toBe(next);
    expect(await find('revoked')).toBe(active);
    expect((await run(['export-jwks'])).out).not.toContain(active);
    expect(JSON.stringify(await folder.json('signing-ES256-1.json'))).not.toContain('"d"');
    const { hold, activePeriod } = defaultTimings.signing;
    const [entry, ...others] = await denied();
    expect(others).toEqual([]);
    expect(entry).toMatchObject({ kind: 'key', id: active });
    expect(entry!.expiresAt).toBeGreaterThan(systemClock() + activePeriod - 3 * DAY + hold);
  });

  test('with --watermark ends everything that was issued until now; and again changes nothing', async () => {
    await using installation = await createInstallation();
    const { run, find, denied } = installation;
    const active = await find('active');
    for (let turn = 0; turn < 2; turn++) {
      expect(await run(['rotate', '--emergency', active, '--watermark', '--yes'])).toMatchObject({ code: 0 });
      expect((await denied()).map(({ kind }) => kind).sort()).toEqual(['all', 'key']);
      expect(await find('revoked')).toBe(active);
    }
  });

  test('without the denylist revokes all the same, says what is missing, and is completed by the same command', async () => {
    await using installation = await createInstallation();
    const { json, run, find, denied } = installation;
    const [active, next] = [await find('active'), await find('next')];
    const withoutStore = { GUARDMINT_REDIS_URL: 'redis://127.0.0.1:1' };

    const cut = await run(['rotate', '--emergency', active, '--watermark', '--yes'], withoutStore);
    expect(cut.code).toBe(1);
    expect(cut.err).toMatch(/is revoked and out of the JWK Set, but the denylist could not be written/);
    expect(cut.err).toMatch(/Running servers write it as soon as it answers; until then validators accept/);
    expect(cut.err).toMatch(/The watermark is not set, and no server sets it by itself/);
    expect([await find('revoked'), await find('active')]).toEqual([active, next]);
    expect(await find('next')).not.toBe('');

    const shown = await json(['show', active]);
    expect(await run(['rotate', '--emergency', active, '--watermark', '--yes'])).toMatchObject({ code: 0 });
    expect((await denied()).map(({ kind }) => kind).sort()).toEqual(['all', 'key']);
    expect(await json(['show', active])).toEqual(shown);
  });

  test('says when some may not know the next key yet, whose period begins at once', async () => {
    await using installation = await createInstallation();
    const { json, run, find } = installation;
    const warning = /was published only \d+ s ago: who has not fetched the JWK Set since then refuses new tokens/;
    const first = await run(['rotate', '--emergency', await find('active'), '--yes']);
    expect(first.out).not.toMatch(warning);
    const { activateAt, retireAt } = await json(['show', await find('active')]);
    expect(retireAt - activateAt).toBe(defaultTimings.signing.activePeriod);
    expect((await run(['rotate', '--emergency', await find('active'), '--dry-run'])).out).toMatch(warning);
  });

  test('of a secret ends what it made without a denylist entry', async () => {
    await using installation = await createInstallation();
    const { json, find, denied } = installation;
    const refresh = await find('active', 'refresh');
    await json(['rotate', '--emergency', refresh, '--yes']);
    expect(await find('revoked', 'refresh')).toBe(refresh);
    expect(await find('active', 'refresh')).not.toBe('');
    expect(await denied()).toEqual([]);
  });
});

describe('keys retire', () => {
  test('removes a next key, which is replaced', async () => {
    await using installation = await createInstallation();
    const { json, run, find } = installation;
    const next = await find('next');
    expect(await run(['retire', next])).toMatchObject({ code: 64 });
    expect(await json(['retire', next, '--dry-run'])).toMatchObject({ kid: next, dryRun: true });
    expect(await find('next')).toBe(next);
    expect(await json(['retire', next, '--yes'])).toMatchObject({ outcome: 'removed', kid: next });
    expect(await find('next')).not.toBe(next);
  });

  test('refuses a key in force, and one whose tokens may still be valid', async () => {
    await using installation = await createInstallation();
    const { run, find } = installation;
    const active = await find('active');
    expect(await run(['retire', active, '--yes'])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/is in force, or about to be: keys rotate --family signing comes first/),
    });
    await run(['rotate']);
    expect(await run(['retire', active, '--yes'])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/may be removed at .* UTC, in (16|17) min/),
    });
  });
});

describe('keys import', () => {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

  test('takes a key in as a next one, with the ordinary lead, encrypted like any other', async () => {
    await using installation = await createInstallation();
    const { folder, json, run, find, list } = installation;
    const path = join(folder.directory, '..', 'key.pem');
    await writeFile(path, key.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o644 });
    const env = { GUARDMINT_KEYS_SECRET: systemRandom(32) };

    const plan = await json(['import', path, '--dry-run'], env);
    expect(plan).toMatchObject({ keys: [{ alg: 'ES256' }], skipped: [], dryRun: true });
    expect(await list()).toHaveLength(5);

    const told = await run(['import', path], env);
    const { kid } = plan.keys[0];
    expect(told.out).toContain(`Imported ES256 ${kid} as signing-ES256-3.json; published now, in force at`);
    expect(told.out).toContain('still holds private keys, and others may read it: delete it.');
    const imported = await json(['show', kid], env);
    expect(imported).toMatchObject({ state: 'next', activateAt: imported.publishAt + DAY });
    expect(await folder.json('signing-ES256-3.json')).toMatchObject({ private: { protection: 'jwe' } });
    expect((await run(['export-jwks'], env)).out).toContain(kid);
    expect(await find('active')).not.toBe(kid);

    expect(await json(['import', path], env)).toMatchObject({
      keys: [],
      skipped: [{ name: kid, reason: 'duplicate_kid' }],
    });
  });

  test('lets several keys of a node-jose keystore take their turns', async () => {
    await using installation = await createInstallation();
    const { folder, json } = installation;
    const keystore = nodeJose.JWK.createKeyStore();
    await keystore.generate('EC', 'P-256', { use: 'sig', kid: 'one' });
    await keystore.generate('RSA', 2048, { use: 'sig', kid: 'two' });
    const path = join(folder.directory, '..', 'keystore.json');
    await writeFile(path, JSON.stringify(keystore.toJSON(true)), { mode: 0o600 });

    const { keys } = await json(['import', path, '--format', 'node-jose', '--alg', 'PS256']);
    expect(keys).toMatchObject([
      { formerKid: 'one', alg: 'ES256', file: 'signing-ES256-3.json' },
      { formerKid: 'two', alg: 'PS256', file: 'signing-PS256-4.json' },
    ]);
    expect(keys[1].activateAt).toBe(keys[0].activateAt + defaultTimings.signing.activePeriod);
  });

  test('takes an ML-DSA-44 key only where keys.postQuantum is on; it is exported and checked as such', async () => {
    await using installation = await createInstallation();
    const { folder, run } = installation;
    const path = join(folder.directory, '..', 'pq.pem');
    const pem = generateKeyPairSync('ml-dsa-44').privateKey.export({ type: 'pkcs8', format: 'pem' });
    await writeFile(path, pem, { mode: 0o600 });
    const settings = join(folder.directory, '..', 'settings.json');
    await writeFile(settings, JSON.stringify({ keys: { postQuantum: true } }));
    const on = { GUARDMINT_CONFIG: settings };

    expect(await run(['import', path])).toMatchObject({ code: 1, out: '', err: expect.stringMatching(/postQuantum/) });
    expect((await run(['import', path], on)).out).toMatch(/^Imported ML-DSA-44 \S+ as signing-ML-DSA-44-3.json;/);
    const second = await run(['export-jwks', '--post-quantum'], on);
    expect(JSON.parse(second.out).keys).toMatchObject([{ kty: 'AKP', alg: 'ML-DSA-44', use: 'sig' }]);
    expect(second.out).not.toContain('"priv"');
    expect(JSON.parse((await run(['export-jwks'], on)).out).keys).toMatchObject([{ kty: 'EC' }, { kty: 'EC' }]);
    expect(await run(['check'], on)).toMatchObject({ code: 0 });
    expect(await run(['check'])).toMatchObject({
      code: 1,
      out: expect.stringContaining('keys.postQuantum: must be on'),
    });
  });

  test('names what is wrong and quotes nothing of the file', async () => {
    await using installation = await createInstallation();
    const { folder, run } = installation;
    const path = join(folder.directory, '..', 'key.pem');
    expect(await run(['import', path])).toMatchObject({ code: 1, err: `${path} cannot be read (ENOENT).` });
    await writeFile(path, String(key.export({ type: 'pkcs8', format: 'pem' })).replace('M', ''));
    expect(await run(['import', path])).toMatchObject({
      code: 1,
      out: '',
      err: 'The file holds a private key that is damaged.',
    });
  });
});

describe('keys rewrap', () => {
  test('encrypts what lies in clear, then moves to another secret', async () => {
    await using installation = await createInstallation();
    const { folder, run, json } = installation;
    const secret = (await json(['secret'])).keys_secret as string;
    const env = { GUARDMINT_KEYS_SECRET: secret };
    const files = [...(await folder.files())];

    expect(await json(['rewrap', '--dry-run'], env)).toEqual({ files, dryRun: true });
    expect(await json(['rewrap'], env)).toEqual({ files, dryRun: false });
    for (const name of files) expect(await folder.read(name)).not.toMatch(/"(d|k)": "/);
    expect(await json(['rewrap'], env)).toEqual({ files: [], dryRun: false });

    const other = (await run(['secret'])).out.trim();
    expect(await json(['rewrap'], { GUARDMINT_KEYS_SECRET: `${other}\n${secret}` })).toMatchObject({ files });
    expect(await run(['rewrap'], env)).toMatchObject({ code: 1, err: expect.stringMatching(/\(secret_unknown\)/) });
    expect(await run(['check'], { GUARDMINT_KEYS_SECRET: other })).toMatchObject({ code: 0 });
  });
});

describe('keys check', () => {
  test('finds nothing wrong with a sound folder, a new one and none', async () => {
    await using installation = await createInstallation();
    const { folder, run } = installation;
    expect(await run(['check'])).toEqual({ code: 0, out: `${folder.directory} is in order.\n`, err: '' });
    await rm(folder.directory, { recursive: true });
    expect(await run(['check'])).toMatchObject({ code: 0, out: expect.stringMatching(/the first start makes it/) });
  });

  test('names open, torn and foreign files with what to do, and ends with 1', async () => {
    await using installation = await createInstallation();
    const { folder, json, run } = installation;
    await chmod(join(folder.directory, 'signing-ES256-1.json'), 0o644);
    await folder.write('client-HS256-1.json', '{"form');
    await writeFile(join(folder.directory, 'tls.pem'), 'x', { mode: 0o600 });
    await chmod(folder.directory, 0o755);

    const { ok, findings } = await json(['check']);
    expect(ok).toBe(false);
    expect(findings.map(({ file, reason }: Record<string, string>) => `${file} ${reason}`)).toEqual([
      `${folder.directory} folder_was_open`,
      'client-HS256-1.json malformed_json',
      'signing-ES256-1.json open_to_others',
      'tls.pem foreign_file',
      'signing: no_next_key',
      'client: no_active_key',
    ]);
    const told = await run(['check']);
    expect(told.code).toBe(1);
    expect(told.out).toContain('fault: signing-ES256-1.json others may read it: chmod 600');
    expect((await run(['list'])).out).toContain('3 files cannot be used');
  });

  test.each([
    ['nobody rotated for months', 60 * DAY, ['no_next_key', 'rotation_overdue']],
    ['the clock is behind', -DAY, ['clock_behind']],
  ])('sees that %s', async (_what, age, faults) => {
    await using installation = await createInstallation(age);
    const { findings } = await installation.json(['check']);
    const reasons = findings.map(({ reason }: { reason: string }) => reason) as string[];
    expect([...new Set(reasons)].sort()).toEqual(faults);
  });

  test('does the arithmetic of the periods', async () => {
    await using installation = await createInstallation();
    const { folder, json } = installation;
    const settings = join(folder.directory, '..', 'guardmint.json');
    await writeFile(settings, JSON.stringify({ keys: { timings: { signing: { hold: 60 } } } }));
    const env = { GUARDMINT_CONFIG: settings };
    expect((await json(['check'], env)).findings[0]).toMatchObject({
      reason: 'setting_refused',
      advice: expect.stringMatching(/signing.hold of 60 s is too short: .* = 1020 s/),
    });
  });
});
