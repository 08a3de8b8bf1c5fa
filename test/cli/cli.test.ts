import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, describe, expect, test } from 'vitest';
import { EXAMPLES } from '../../src/cli/examples.ts';
import { createProgram } from '../../src/cli/index.ts';
import { loadConfig } from '../../src/config/index.ts';
import { sha256 } from '../../src/platform/index.ts';
import { createEmbeddedStore } from '../../src/store/embedded/index.ts';
import { freePort } from '../support/redis-server.ts';
import { startProgram } from '../support/started-program.ts';

const MAIN = new URL('../../src/cli/main.ts', import.meta.url).pathname;
const folder = await mkdtemp(join(tmpdir(), 'guardmint-cli-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

async function run(args: readonly string[], options: { input?: string; env?: Record<string, string> } = {}) {
  const program = startProgram([MAIN, ...args], { cwd: folder, ...(options.env && { env: options.env }) });
  program.child.stdin.end(options.input ?? '');
  return program.ended();
}

describe('the admin command line', () => {
  test('adds, lists, disables and enables people, and never shows a password it did not make', async () => {
    const added = await run(['users', 'add', 'Alice', '--password-stdin', '--json'], { input: 'correct horse\n' });
    expect([added.code, added.err]).toEqual([0, '']);
    expect(JSON.parse(added.out)).toEqual({ username: 'alice', subject: expect.any(String) });
    expect(await run(['users', 'add', 'alice', '--generate'])).toMatchObject({
      code: 1,
      err: 'There is a user of that name already.\n',
    });

    const disabled = await run(['users', 'disable', 'alice']);
    expect(disabled).toMatchObject({ code: 0, out: 'Disabled. Every session and token of alice has ended.\n' });
    const [alice] = JSON.parse((await run(['users', 'list', '--json'])).out) as Record<string, unknown>[];
    expect(alice).toMatchObject({ username: 'alice', disabled: true });
    expect((await run(['users', 'enable', 'alice'])).code).toBe(0);
    const changed = await run(['users', 'passwd', 'alice', '--generate', '--json']);
    expect(JSON.parse(changed.out)).toMatchObject({
      username: 'alice',
      password: expect.stringMatching(/^[\w-]{20}$/),
    });
    expect((await run(['users', 'list'])).out).toMatch(
      /^username +subject +disabled +created UTC +passwordChanged UTC\nalice /,
    );
  });

  test.each([
    { args: ['users', 'disable', 'nobody'], code: 1, err: /no user of that name/ },
    { args: ['users', 'add', 'bob'], code: 64, err: /--generate or --password-stdin/ },
    { args: ['users', 'add', 'bob', '--password-stdin'], input: 'short\n', code: 1, err: /at least 8/ },
    { args: ['nonsense'], code: 64, err: /unknown command/ },
    { args: ['users', 'add'], code: 64, err: /missing required argument/ },
    { args: ['config', 'check'], env: { GUARDMINT_PROT: '1' }, code: 78, err: /did you mean GUARDMINT_PORT/ },
  ])('ends with $code for $args', async ({ args, code, err, ...options }) => {
    const ended = await run(args, options);
    expect(ended.code).toBe(code);
    expect(ended.err).toMatch(err);
    expect(ended.out).toBe('');
  });

  test('helps, checks and prints settings, and makes client secrets', async () => {
    expect(await run(['--help'])).toMatchObject({ code: 0, out: expect.stringContaining('Exit codes') });
    expect((await run(['config', 'check'])).out).toContain('The settings are usable.');
    expect(JSON.parse((await run(['config', 'print'])).out)).toMatchObject({ issuer: 'http://localhost:3000' });
    const initial = JSON.parse((await run(['clients', 'initial-access-token', '--json'])).out) as Record<
      string,
      string
    >;
    expect(initial['hash']).toBe(sha256(initial['initial_access_token'] ?? ''));
    const secret = JSON.parse((await run(['clients', 'secret', '--json'])).out) as Record<string, string>;
    expect(secret).toEqual({
      client_secret: expect.stringMatching(/^[\w-]{43}$/),
      client_secret_hash: expect.stringMatching(/^[\w-]{43}$/),
    });
  });

  test('ends in order when whoever reads a list stops reading, and shows what a stranger wrote without its effects', async () => {
    await using store = await openStoreOf(folder);
    for (let index = 0; index < 300; index++)
      await store.denylist.deny({ kind: 'subject', id: `\u001b[2J-${'x'.repeat(500)}-${index}`, lifetime: 60 });
    const child = spawn(process.execPath, [MAIN, 'denylist', 'list'], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [first] = (await once(child.stdout, 'data')) as [Buffer];
    child.stdout.destroy();
    const complaint = await text(child.stderr);
    const [code] = child.exitCode === null ? await once(child, 'exit') : [child.exitCode];

    expect([code, complaint]).toEqual([0, '']);
    expect(first.toString()).toContain('\uFFFD[2J-');
    expect(first.toString()).not.toContain('\u001b');
    const all = await run(['denylist', 'list']);
    expect(all.out.match(/\uFFFD\[2J-x+-\d+ /g)).toHaveLength(300);
  });

  test('says which name it does not know, and that there was nothing to end', async () => {
    const revoked = await run(['tokens', 'revoke', '--subject', 'alcie']);

    expect(revoked.err).toBe('There is no local user alcie; it is taken for the subject of somebody else.\n');
    expect(revoked.out).toMatch(/^Revoked: everything issued to the subject alcie until now\. There was no session\. /);
    expect(revoked.code).toBe(0);
  });

  test('says why the store cannot be used, without the password of its URL', async () => {
    const env = { GUARDMINT_REDIS_URL: `redis://guardmint:hunter2@127.0.0.1:${await freePort()}` };
    const { code, out, err } = await run(['tokens', 'revoke', '--jti', 'one'], { env });

    expect([code, out]).toEqual([1, '']);
    expect(err).toMatch(/^The store cannot be used \(.+\)\. If something was to be changed, look whether it was\.\n$/);
    expect(err).not.toContain('hunter2');
  });

  test('has examples in its help that are commands it has, and a version', async () => {
    const { out } = await run(['tokens', 'revoke', '--help']);
    expect(out).toContain('Examples:\n  guardmint tokens revoke --subject alice\n');
    expect((await run(['--version'])).out).toMatch(/^\d+\.\d+\.\d+\n$/);

    const program = createProgram(() => loadConfig({ env: {}, readFile: () => undefined }));
    const optionsOf = (first: string, second: string) => {
      const group = program.commands.find((command) => command.name() === first);
      const command = group?.commands.length === 0 ? group : group?.commands.find((one) => one.name() === second);
      return command?.options.map(({ long }) => long) ?? [];
    };
    const unknown = Object.values(EXAMPLES)
      .flat()
      .flatMap(([line]) => {
        const [, first = '', second = '', rest = ''] = /guardmint (\w+)(?: ([\w-]+))?([^|<]*)/.exec(line) ?? [];
        const known = optionsOf(first, second);
        const given = `${second}${rest}`.matchAll(/--[\w-]+/g);
        return [...given].flatMap(([option]) => (known.includes(option) ? [] : [`${first} ${option}`]));
      });
    expect(unknown).toEqual([]);
  });
});

async function openStoreOf(directory: string) {
  const clock = () => Math.floor((performance.timeOrigin + performance.now()) / 1000);
  await mkdir(join(directory, 'data'), { recursive: true });
  const store = createEmbeddedStore({ file: join(directory, 'data/guardmint.db'), clock });
  return { ...store, [Symbol.asyncDispose]: () => store.close() };
}
