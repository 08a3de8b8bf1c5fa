import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';

const MAIN = new URL('../../src/cli/main.ts', import.meta.url).pathname;
const folder = await mkdtemp(join(tmpdir(), 'guardmint-cli-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

async function run(args: readonly string[], options: { input?: string; env?: Record<string, string> } = {}) {
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: folder,
    env: { PATH: process.env['PATH'], ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  child.stdin.end(options.input ?? '');
  const code = await new Promise((resolve) => child.once('close', resolve));
  return { code, out, err };
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
      /^username +subject +disabled +created +passwordChanged\nalice /,
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
    const secret = JSON.parse((await run(['clients', 'secret', '--json'])).out) as Record<string, string>;
    expect(secret).toEqual({
      client_secret: expect.stringMatching(/^[\w-]{43}$/),
      client_secret_hash: expect.stringMatching(/^[\w-]{43}$/),
    });
  });
});
