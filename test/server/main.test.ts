import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createPerson } from '../../examples/person.ts';
import { pkcePair } from '../support/pkce.ts';

const ROOT = new URL('../..', import.meta.url).pathname;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

interface Running extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly issuer: string;
  readonly management: string;
  readonly exited: Promise<number | null>;
  out(): string;
  err(): string;
  /** Resolves with the first line of standard output that holds the text, or when the process has ended. */
  said(text: string): Promise<string>;
}

async function start(folder: string, env: Record<string, string> = {}): Promise<Running> {
  const [port, managementPort] = [await freePort(), await freePort()];
  const child = spawn(process.execPath, [join(ROOT, 'src/server/main.ts')], {
    cwd: folder,
    env: {
      PATH: process.env['PATH'],
      GUARDMINT_PORT: String(port),
      GUARDMINT_MANAGEMENT_PORT: String(managementPort),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  const waiting: (() => void)[] = [];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
    for (const look of waiting) look();
  });
  return {
    child,
    issuer: `http://localhost:${port}`,
    management: `http://localhost:${managementPort}`,
    exited,
    out: () => out,
    err: () => err,
    said: (text) =>
      new Promise((resolve) => {
        const look = () => {
          const line = out.split('\n').find((one) => one.includes(text));
          if (line !== undefined) resolve(line);
        };
        waiting.push(look);
        look();
        void exited.then(() => resolve(''));
      }),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'guardmint-main-'));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const post = async (url: string, form: Record<string, string>) => {
  const response = await fetch(url, { method: 'POST', body: new URLSearchParams(form) });
  return { status: response.status, body: (await response.json()) as Record<string, string> };
};

describe('node src/server/main.ts', () => {
  test('starts with no setting at all, tells the first password once and not in the log, and ends on SIGTERM', () =>
    withFolder(async (folder) => {
      await using server = await start(folder);
      const line = JSON.parse(await server.said('"listening"')) as Record<string, unknown>;
      expect(line).toMatchObject({ issuer: server.issuer, msg: 'listening' });
      expect((await fetch(`${server.management}/readyz`)).status).toBe(200);
      expect((await fetch(`${server.management}/livez`)).status).toBe(200);
      expect((await fetch(`${server.management}/nothing`)).status).toBe(404);

      server.child.kill('SIGTERM');
      expect(await server.exited).toBe(0);
      const password = /Password: (\S+)/.exec(server.err())?.[1] ?? '';
      expect(password).toHaveLength(20);
      expect(server.out()).not.toContain(password);
      expect((await readdir(join(folder, 'keys'))).filter((name) => name.endsWith('.json'))).toHaveLength(5);

      await using again = await start(folder);
      await again.said('"listening"');
      expect(again.err()).toBe('');
    }));

  test('has its management port at an address of its own, where it is given one', () =>
    withFolder(async (folder) => {
      await using server = await start(folder, { GUARDMINT_MANAGEMENT_HOST: '127.0.0.2' });
      await server.said('"listening"');
      const { port } = new URL(server.management);
      expect((await fetch(`http://127.0.0.2:${port}/livez`)).status).toBe(200);
      await expect(fetch(`http://127.0.0.1:${port}/livez`)).rejects.toThrow();
    }));

  test('ends with 78 and every problem when the settings cannot work', () =>
    withFolder(async (folder) => {
      await writeFile(join(folder, 'guardmint.json'), '{"issuer":"https://a.example/","lifetimes":{"accessToken":5}}');
      await using server = await start(folder, { GUARDMINT_PROT: '1' });
      expect(await server.exited).toBe(78);
      expect(server.err()).toContain('GUARDMINT_PROT: is not a setting');
      expect(server.err()).toContain('issuer: must have no trailing slash');
      expect(server.err()).toContain('lifetimes.accessToken');
      expect(server.err()).not.toMatch(/\bat .*\.ts:/);
    }));

  test('says in a sentence that its port is taken', () =>
    withFolder(async (folder) => {
      await using first = await start(folder);
      await first.said('"listening"');
      const port = new URL(first.issuer).port;
      await using second = await start(folder, { GUARDMINT_PORT: port });
      expect(await second.exited).toBe(1);
      expect(second.err()).toContain(port);
      expect(second.err().trim().split('\n')).toHaveLength(1);
    }));

  test('killed at once, it knows everything it acknowledged: the spent code, the rotation, the revocation', () =>
    withFolder(async (folder) => {
      const ports: Record<string, string> = {};
      const before = await (async () => {
        await using server = await start(folder);
        await server.said('"listening"');
        ports['GUARDMINT_PORT'] = new URL(server.issuer).port;
        ports['password'] = /Password: (\S+)/.exec(server.err())?.[1] ?? '';
        const registered = await fetch(`${server.issuer}/register`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ redirect_uris: ['http://127.0.0.1/cb'], token_endpoint_auth_method: 'none' }),
        });
        const { client_id } = (await registered.json()) as { client_id: string };
        const person = createPerson({ username: 'admin', password: ports['password'] });
        const grant = async () => {
          const { challenge, verifier } = pkcePair();
          const query = new URLSearchParams({
            response_type: 'code',
            client_id,
            redirect_uri: 'http://127.0.0.1:7777/cb',
            code_challenge: challenge,
            code_challenge_method: 'S256',
            resource: 'http://localhost:4001/mcp',
            scope: 'read',
          });
          const callback = await person.authorize(`${server.issuer}/authorize?${query}`);
          const code = callback.searchParams.get('code') ?? '';
          const exchange = { grant_type: 'authorization_code', client_id, code, code_verifier: verifier };
          return { exchange, issued: await post(`${server.issuer}/token`, exchange) };
        };
        const kept = await grant();
        const rotated = await post(`${server.issuer}/token`, {
          grant_type: 'refresh_token',
          client_id,
          refresh_token: kept.issued.body['refresh_token'] ?? '',
        });
        const given = await grant();
        const revoked = await post(`${server.issuer}/revoke`, {
          client_id,
          token: given.issued.body['refresh_token'] ?? '',
        });
        expect([kept.issued.status, rotated.status, given.issued.status, revoked.status]).toEqual([200, 200, 200, 200]);
        server.child.kill('SIGKILL');
        await server.exited;
        return {
          client_id,
          exchange: given.exchange,
          dead: given.issued.body['refresh_token'],
          live: rotated.body['refresh_token'],
        };
      })();

      await using server = await start(folder, { GUARDMINT_PORT: ports['GUARDMINT_PORT'] ?? '' });
      await server.said('"listening"');
      const token = `http://localhost:${ports['GUARDMINT_PORT']}/token`;
      const { client_id } = before;
      const refresh = (refresh_token = '') => post(token, { grant_type: 'refresh_token', client_id, refresh_token });
      expect((await post(token, before.exchange)).body['error']).toBe('invalid_grant');
      expect((await refresh(before.dead)).body['error']).toBe('invalid_grant');
      expect((await refresh(before.live)).status).toBe(200);
    }));
});
