import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, test, vi } from 'vitest';
import { describeFailure } from '../../src/cli/failure.ts';
import { createProgram } from '../../src/cli/index.ts';
import { loadConfig } from '../../src/config/index.ts';
import { createFileKeyBackend, createKeyEncryption, parseKeySecret } from '../../src/keys/index.ts';
import { isJsonObject, type JsonObject, parseJsonBytes, parseJsonObject } from '../../src/oauth/index.ts';
import { systemRandom } from '../../src/platform/index.ts';
import { createEmbeddedStore } from '../../src/store/embedded/index.ts';
import { startGuardmint } from '../support/guardmint.ts';

const PRIVATE_MEMBERS = ['d', 'k', 'p', 'q', 'dp', 'dq', 'qi', 'priv'];

/** Every spelling in which bytes that must stay secret could be met. */
function spellings(value: string): readonly Buffer[] {
  const bytes = Buffer.from(value, 'base64url');
  const texts = [value, bytes.toString('base64').replace(/=+$/, ''), bytes.toString('hex'), [...bytes].join(',')];
  return [bytes, ...texts.map((text) => Buffer.from(text))];
}

async function everyFile(folder: string): Promise<ReadonlyMap<string, Buffer>> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(await Promise.all(paths.map(async (path) => [path, await readFile(path)] as const)));
}

describe('with a secret for the keys', () => {
  test('no private key is on disk, in the log, in what commands print or in an error, in any spelling', async () => {
    const secret = systemRandom(32);
    const encryption = createKeyEncryption(parseKeySecret(secret));
    let home = '';
    await using server = await startGuardmint({
      settings: { keysSecret: secret },
      store(clock, folder) {
        home = folder;
        return createEmbeddedStore({ file: join(folder, 'guardmint.db'), clock });
      },
    });
    const keysDir = join(home, 'keys');
    const said: string[] = [];
    const found = new Set<string>();

    /** The private members of all keys that are there now, opened with the secret. */
    async function collect(): Promise<void> {
      for (const name of (await readdir(keysDir)).filter((one) => one.endsWith('.json'))) {
        const file = parseJsonObject(await readFile(join(keysDir, name), 'utf8'));
        const sealed = isJsonObject(file?.['private']) ? file['private']['jwe'] : undefined;
        if (typeof sealed !== 'string') continue;
        const opened = await encryption.open(sealed);
        const jwk: JsonObject = (typeof opened === 'string' ? undefined : parseJsonBytes(opened.content)) ?? {};
        for (const member of PRIVATE_MEMBERS) if (typeof jwk[member] === 'string') found.add(jwk[member]);
      }
    }

    async function run(...args: string[]): Promise<string> {
      const config = () => loadConfig({ env: {}, readFile: () => JSON.stringify(server.settings) });
      const lines: string[] = [];
      const writing = vi.spyOn(process.stdout, 'write').mockImplementation((text) => lines.push(String(text)) > 0);
      try {
        await createProgram(config).parseAsync(['keys', ...args], { from: 'user' });
      } catch (error) {
        lines.push(describeFailure(error).message, inspect(error, { depth: 12, showHidden: true }));
      } finally {
        writing.mockRestore();
        process.exitCode = 0;
      }
      await collect();
      said.push(...lines);
      return lines.join('');
    }

    await collect();
    await server.grant();
    const listed = JSON.parse(await run('list', '--json')) as { kid: string; family: string; state: string }[];
    await run('list');
    for (const { kid } of listed) {
      await run('show', kid);
      await run('show', kid, '--json');
    }
    await run('check');
    await run('check', '--json');
    await run('export-jwks');
    await run('rotate', '--family', 'sealing', '--json');
    await run('rotate');
    const signing = listed.find(({ family, state }) => family === 'signing' && state === 'active');
    await run('rotate', '--emergency', String(signing?.kid), '--yes');
    await run('retire', String(signing?.kid), '--yes');
    await run('rewrap');

    // Keys in files to be taken in, one of them spoilt where the cause of the error would quote it.
    const { privateKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
      'sign',
      'verify',
    ]);
    const jwk = await crypto.subtle.exportKey('jwk', privateKey);
    const outside = join(home, '..', `import-${systemRandom(8)}.json`);
    for (const { key_ops: _, ext: __, ...members } of [{ ...jwk, y: jwk.x }, jwk]) {
      await writeFile(outside, JSON.stringify(members), { mode: 0o600 });
      await run('import', outside);
    }
    await rm(outside);
    found.add(String(jwk.d));
    const backend = createFileKeyBackend({ directory: keysDir, random: systemRandom, encryption });
    const times = { createdAt: 1, publishAt: 1, activateAt: 1, retireAt: 2, removeAt: 3 };
    const spoilt = await backend
      .adopt({ family: 'signing', alg: 'ES256', epoch: 99, times }, { ...jwk, y: jwk.x })
      .catch((error: unknown) => error);
    said.push(inspect(spoilt, { depth: 12, showHidden: true }));

    // A file that was put together from two, and one that is torn, under the running server.
    const [first = ''] = (await readdir(keysDir)).filter((name) => name.startsWith('client'));
    const text = await readFile(join(keysDir, first), 'utf8');
    for (const bad of [text.slice(0, -40), text.replace('"epoch": 1', '"epoch": 7')]) {
      await writeFile(join(keysDir, first), bad);
      await server.guardmint.keys.reload();
      await run('check');
      await run('list');
    }

    expect(found.size).toBeGreaterThanOrEqual(8);
    expect(said.join('\n')).toMatch(/Rotated|Revoked/);
    const places = new Map([
      ...(await everyFile(home)),
      ['the log', Buffer.from(server.lines.join('\n'))],
      ['the audit', Buffer.from(JSON.stringify(server.events))],
      ['what commands printed', Buffer.from(said.join('\n'))],
      ['the server, inspected', Buffer.from(inspect(server.guardmint.keys, { depth: 12, showHidden: true }))],
    ]);
    const leaks = [...places].flatMap(([place, content]) =>
      [...found, secret]
        .filter((one) => spellings(one).some((spelling) => content.includes(spelling)))
        .map(() => place),
    );
    expect(leaks).toEqual([]);
    expect(places.size).toBeGreaterThan(12);
  });
});
