import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Config, ConfigError, loadConfig } from '../../src/config/index.ts';
import { silentAudit, systemClock, systemRandom } from '../../src/platform/index.ts';
import { checkKeySettings } from '../../src/server/index.ts';
import { openKeyRing } from '../../src/server/keys.ts';

const PUBLIC = { GUARDMINT_ISSUER: 'https://auth.example.com' };
const deps = { clock: systemClock, random: systemRandom, audit: silentAudit };

async function createFolder() {
  const parent = await mkdtemp(join(tmpdir(), 'guardmint-server-keys-'));
  const directory = join(parent, 'keys');
  return {
    directory,
    load: (env: NodeJS.ProcessEnv): Config =>
      loadConfig({ env: { GUARDMINT_KEYS_DIR: directory, ...env }, readFile: () => undefined }),
    texts: async () => {
      const names = (await readdir(directory)).filter((name) => !name.startsWith('.'));
      return await Promise.all(names.map((name) => readFile(join(directory, name), 'utf8')));
    },
    [Symbol.asyncDispose]: () => rm(parent, { recursive: true, force: true }),
  };
}

describe('the keys of a server', () => {
  test('an issuer that others reach does not start without a secret, and is told both ways out', async () => {
    await using folder = await createFolder();
    const refusal = await openKeyRing(folder.load(PUBLIC), deps).catch((error: unknown) => error);

    expect(refusal).toBeInstanceOf(ConfigError);
    expect(String(refusal)).toContain('GUARDMINT_KEYS_SECRET: is required');
    expect(String(refusal)).toContain('guardmint keys secret');
    expect(String(refusal)).toContain('GUARDMINT_DANGEROUSLY_KEEP_KEYS_IN_CLEAR=1');
    await expect(readdir(folder.directory)).rejects.toThrow('ENOENT');
  });

  test.each([
    ['with a secret', { ...PUBLIC, GUARDMINT_KEYS_SECRET: systemRandom(32) }, false],
    ['told so in plain words', { ...PUBLIC, GUARDMINT_DANGEROUSLY_KEEP_KEYS_IN_CLEAR: '1' }, true],
    ['on this machine', {}, true],
    ['on this machine with a secret', { GUARDMINT_KEYS_SECRET: systemRandom(32) }, false],
  ])('an issuer %s starts', async (_what, env, inClear) => {
    await using folder = await createFolder();
    const ring = await openKeyRing(folder.load(env), deps);
    await ring.close();

    const isClear = (await folder.texts()).map((text) => /"(d|k)": "/.test(text));
    expect(isClear).toEqual(Array(5).fill(inClear));
  });

  test('a secret that is none is refused by the name of its setting', async () => {
    await using folder = await createFolder();

    expect(() => checkKeySettings(folder.load({ ...PUBLIC, GUARDMINT_KEYS_SECRET: 'hunter2' }))).toThrow(
      'GUARDMINT_KEYS_SECRET: must be 32 bytes in base64url',
    );
  });

  test('keys in clear are read beside a new secret on this machine, and refused for others', async () => {
    await using folder = await createFolder();
    await (await openKeyRing(folder.load({}), deps)).close();
    const env = { GUARDMINT_KEYS_SECRET: systemRandom(32) };

    await (await openKeyRing(folder.load(env), deps)).close();
    await expect(openKeyRing(folder.load({ ...PUBLIC, ...env }), deps)).rejects.toThrow('(not_encrypted)');
  });
});
