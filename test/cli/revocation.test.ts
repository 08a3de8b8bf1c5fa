import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { describe, expect, test, vi } from 'vitest';
import { describeFailure } from '../../src/cli/failure.ts';
import { createProgram } from '../../src/cli/index.ts';
import { loadConfig } from '../../src/config/index.ts';
import { createVerifier } from '../../src/resource/index.ts';
import { createEmbeddedStore } from '../../src/store/embedded/index.ts';
import { type Granted, RESOURCE, type RunningGuardmint, startGuardmint } from '../support/guardmint.ts';

const MAIN = new URL('../../src/cli/main.ts', import.meta.url).pathname;
const TRUE_YES = /yes|Type/;

/** A server on a file, and the command line over the same settings. */
async function startServed(): Promise<RunningGuardmint> {
  return startGuardmint({
    store: (clock, folder) => createEmbeddedStore({ file: join(folder, 'guardmint.db'), clock }),
    settings: { logLevel: 'silent' },
  });
}

async function run(server: RunningGuardmint, ...args: string[]): Promise<{ code: unknown; out: string; err: string }> {
  const folder = join(String(server.settings['dataDir']), '..');
  const settings = JSON.stringify({
    ...server.settings,
    dataDir: folder,
    usersFile: join(folder, 'data', 'users.json'),
  });
  const program = createProgram(() => loadConfig({ env: {}, readFile: () => settings }));
  const out: string[] = [];
  const writing = vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => out.push(String(chunk)) > 0);
  try {
    await program.parseAsync(args, { from: 'user' });
    return { code: 0, out: out.join(''), err: '' };
  } catch (error) {
    const { exitCode, message } = describeFailure(error);
    return { code: exitCode, out: out.join(''), err: message };
  } finally {
    writing.mockRestore();
  }
}

async function runJson<T>(server: RunningGuardmint, ...args: string[]): Promise<T> {
  const { code, out, err } = await run(server, ...args, '--json');
  expect([code, err]).toEqual([0, '']);
  return JSON.parse(out) as T;
}

type Row = Readonly<Record<string, unknown>>;

const claimsOf = ({ access_token }: Granted) => decodeJwt(access_token) as Record<string, string>;

const refresh = (server: RunningGuardmint, { clientId, refresh_token }: Granted) =>
  server.post('/token', { grant_type: 'refresh_token', client_id: clientId, refresh_token });

describe('tokens revoke', () => {
  test.each([
    ['--jti', (granted: Granted) => claimsOf(granted)['jti'], 200],
    ['--grant', (granted: Granted) => claimsOf(granted)['gid'], 400],
    ['--subject', (granted: Granted) => claimsOf(granted)['sub'], 400],
    ['--subject', () => 'Alice', 400],
    ['--client', (granted: Granted) => granted.clientId, 400],
  ] as const)('%s reaches validators, and refresh tokens where it must', async (option, target, refreshStatus) => {
    await using server = await startServed();
    using verifier = createVerifier({ issuer: server.issuer, resource: RESOURCE, clock: server.now });
    const granted = await server.grant();
    expect(await verifier.loadAccessToken(granted.access_token)).toBeDefined();

    const outcome = await runJson<Row>(server, 'tokens', 'revoke', option, target(granted) ?? '');

    expect(outcome).toMatchObject({ outcome: 'revoked', live: 1, milliseconds: expect.any(Number) });
    expect(Math.abs(Number(outcome['acknowledgedAt']) - server.now())).toBeLessThan(60);
    await vi.waitFor(async () => expect(await verifier.loadAccessToken(granted.access_token)).toBeUndefined(), {
      timeout: 10_000,
    });
    expect((await refresh(server, granted)).status).toBe(refreshStatus);
  });

  test('--all asks first, and ends everything', async () => {
    await using server = await startServed();
    const [one, other] = [await server.grant(), await server.grant()];

    expect(await run(server, 'tokens', 'revoke', '--all')).toMatchObject({
      code: 64,
      err: expect.stringMatching(TRUE_YES),
    });
    expect((await refresh(server, one)).status).toBe(200);
    const said = await run(server, 'tokens', 'revoke', '--all', '--yes');

    expect(said.out).toMatch(
      /^Revoked: everything issued until now\. 2 sessions ended\. Acknowledged in [\d.]+ ms; 1 entry is live\.\n$/,
    );
    expect((await refresh(server, other)).status).toBe(400);
  });

  test('takes one thing at a time, and no token for an id', async () => {
    await using server = await startServed();
    const { access_token } = await server.grant();

    for (const args of [[], ['--jti', 'a', '--grant', 'b'], ['--jti', ''], ['--jti', access_token], ['--grant', 'x y']])
      expect([args, (await run(server, 'tokens', 'revoke', ...args)).code]).toEqual([args, 64]);
    expect(await runJson(server, 'denylist', 'list')).toEqual([]);
  });
});

describe('keys rotate --emergency', () => {
  test('has validators of a running server refuse the key at once, and accept what its successor signs', async () => {
    await using server = await startServed();
    using verifier = createVerifier({ issuer: server.issuer, resource: RESOURCE, clock: server.now });
    const [stolen, other] = [await server.grant(), await server.grant()];
    for (const { access_token } of [stolen, other]) expect(await verifier.loadAccessToken(access_token)).toBeDefined();
    const { kid: bad = '' } = decodeProtectedHeader(stolen.access_token);
    const next = verifier.state().keys.kids.find((kid) => kid !== bad);
    await vi.waitFor(() => expect(verifier.state().revocations?.freshness).toBe('fresh'));

    await runJson(server, 'keys', 'rotate', '--emergency', bad, '--yes');

    // Long before anybody has to ask for the JWK Set again.
    for (const { access_token } of [stolen, other])
      await vi.waitFor(async () => expect(await verifier.loadAccessToken(access_token)).toBeUndefined(), {
        timeout: 10_000,
      });
    await vi.waitFor(() => expect(server.guardmint.keys.signer().kid).toBe(next), { timeout: 10_000 });
    const refreshed = (await refresh(server, stolen)).body as unknown as Granted;
    expect(decodeProtectedHeader(refreshed.access_token).kid).toBe(next);
    expect(await verifier.loadAccessToken(refreshed.access_token)).toBeDefined();
    expect(verifier.state().keys.kids).not.toContain(bad);
    // A validator that starts now never trusts it.
    using newcomer = createVerifier({ issuer: server.issuer, resource: RESOURCE, clock: server.now });
    expect(await newcomer.loadAccessToken(stolen.access_token)).toBeUndefined();
    expect(await newcomer.loadAccessToken(refreshed.access_token)).toBeDefined();
  });
});

describe('tokens inspect', () => {
  test('tells what a token says and that it is accepted, without its signature', async () => {
    await using server = await startServed();
    const { access_token: token } = await server.grant();
    const [, , signature = ''] = token.split('.');

    const inspected = await runJson<Row>(server, 'tokens', 'inspect', token);
    const { out } = await run(server, 'tokens', 'inspect', token);

    expect(inspected).toEqual({
      header: { alg: 'ES256', typ: 'at+jwt', kid: expect.any(String) },
      claims: decodeJwt(token),
      signature: 'valid',
      keyState: 'active',
      denied: false,
      deniedBy: [],
      accepted: true,
    });
    expect(out).toMatch(/^A validator of its resource accepts it now\.\nsignature {2}valid \(the key is active\)\n/);
    expect(out + JSON.stringify(inspected)).not.toContain(signature);
  });

  test('tells what denies it', async () => {
    await using server = await startServed();
    const granted = await server.grant();
    await run(server, 'tokens', 'revoke', '--subject', 'alice');
    await run(server, 'sessions', 'revoke', claimsOf(granted)['gid'] ?? '');

    const inspected = await runJson<Row>(server, 'tokens', 'inspect', granted.access_token);

    expect(inspected).toMatchObject({ denied: true, deniedBy: ['grant', 'subject'], accepted: false });
  });

  test('tells what is wrong with it', async () => {
    await using server = await startServed();
    const { access_token: token, clientId } = await server.grant();
    const [head, body, signature = ''] = token.split('.');
    const forged = `${head}.${body}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`;
    const inspect = (jwt: string) => runJson<Row>(server, 'tokens', 'inspect', jwt);

    expect(await inspect(forged)).toMatchObject({ signature: 'invalid', accepted: false });
    expect(await inspect(clientId)).toMatchObject({ signature: 'not checked', accepted: false });
    expect(await run(server, 'tokens', 'inspect', 'nonsense')).toMatchObject({ code: 1, out: '' });
    expect(await run(server, 'tokens', 'inspect', `${token}=`)).toMatchObject({ code: 1, out: '' });
  });

  test('shows what a stranger wrote into a token without its effects, to people and as JSON', async () => {
    await using server = await startServed();
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const sub = 'a\u009b2J\u202eb\u{e0001}\u007f';
    const token = `${encode({ alg: 'ES256', kid: 'k', typ: 'at+jwt' })}.${encode({ sub })}.AAAA`;

    const outputs = [
      (await run(server, 'tokens', 'inspect', token)).out,
      (await run(server, 'tokens', 'inspect', token, '--json')).out,
    ];

    expect(outputs.map((out) => /[\p{Cf}\u007f-\u009f]/u.test(out))).toEqual([false, false]);
    expect(JSON.parse(outputs[1] ?? '')).toMatchObject({ claims: { sub } });
  });

  test('verifies with a JWK Set it is given, and reads a token from standard input', async () => {
    await using server = await startServed();
    const { access_token: token } = await server.grant();
    const file = join(String(server.settings['dataDir']), 'jwks.json');
    await writeFile(file, server.guardmint.keys.jwkSet().body);
    await writeFile(join(String(server.settings['dataDir']), 'empty.json'), '{"keys":[]}');

    expect(await runJson(server, 'tokens', 'inspect', token, '--jwks', file)).toMatchObject({ accepted: true });
    const without = ['tokens', 'inspect', token, '--jwks', file.replace('jwks.json', 'empty.json')];
    expect(await runJson(server, ...without)).toMatchObject({ signature: 'unknown key', accepted: false });

    const child = spawn(process.execPath, [MAIN, 'tokens', 'inspect', '-', '--json'], {
      cwd: String(server.settings['dataDir']),
      env: { GUARDMINT_ISSUER: server.issuer, GUARDMINT_KEYS_DIR: String(server.settings['keysDir']) },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    child.stdin.end(`${token}\n`);
    expect(JSON.parse(await text(child.stdout))).toMatchObject({ accepted: true });
  });
});

describe('sessions', () => {
  test('are listed by person and client, and end one by one', async () => {
    await using server = await startServed();
    const client = await server.register({ client_name: 'Notebook' });
    const [one, other] = [await server.grant({ client }), await server.grant()];
    const grants = async (...args: string[]) =>
      (await runJson<Row[]>(server, 'sessions', 'list', ...args)).map(({ grant }) => grant);
    const [{ gid: first = '', sub = '' }, { gid: second = '' }] = [claimsOf(one), claimsOf(other)];

    expect(new Set(await grants())).toEqual(new Set([first, second]));
    for (const person of ['alice', 'ALICE', sub]) expect(await grants('--subject', person)).toHaveLength(2);
    expect(await grants('--subject', 'nobody')).toEqual([]);
    expect(await grants('--client', client.client_id)).toEqual([first]);
    const [listed] = await runJson<Row[]>(server, 'sessions', 'list', '--client', client.client_id);
    expect(listed).toMatchObject({ subject: sub, username: 'alice', client: 'Notebook', resource: RESOURCE });
    expect((await run(server, 'sessions', 'list')).out).toMatch(/^grant +person +client +resource/);

    expect(await runJson(server, 'sessions', 'revoke', first)).toMatchObject({ kind: 'grant', id: first, live: 1 });
    expect(await grants()).toEqual([second]);
    expect((await refresh(server, one)).status).toBe(400);
    await run(server, 'tokens', 'revoke', '--subject', 'alice');
    expect(await grants()).toEqual([]);
    expect((await run(server, 'sessions', 'list')).out).toBe('(none)\n');
    expect(await run(server, 'sessions', 'revoke', '-no-such-grant')).toMatchObject({
      code: 1,
      err: 'There is no session -no-such-grant.',
    });
  });
});

test('denylist list shows what is denied, and until when', async () => {
  await using server = await startServed();
  await run(server, 'tokens', 'revoke', '--jti', 'jti-1');
  await run(server, 'tokens', 'revoke', '--subject', 'alice');
  const { entries } = await server.guardmint.store.denylist.snapshot();

  const rows = await runJson<Row[]>(server, 'denylist', 'list');

  expect(rows.map(({ kind }) => kind)).toEqual(['subject', 'jti']);
  expect(new Set(rows.map(({ expires }) => expires))).toEqual(new Set(entries.map(({ expiresAt }) => expiresAt)));
  expect((await run(server, 'denylist', 'list')).out).toMatch(
    /^kind +id +issuedBefore UTC +expires UTC\nsubject .*\njti +jti-1 /,
  );
});
