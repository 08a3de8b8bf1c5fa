import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { callTool, createMemory, present, signIn } from '../../examples/mcp-client.ts';
import { startGuardmint } from '../support/guardmint.ts';
import { programAbsent } from '../support/program.ts';
import { freePort } from '../support/redis-server.ts';

const TOP = new URL('../../', import.meta.url).pathname;
const WAIT = { timeout: 20_000, interval: 50 };
const missing = programAbsent('nginx', '-v');
const title = `two replicas behind nginx${missing === undefined ? '' : ` (skipped: ${missing})`}`;

describe.skipIf(missing !== undefined)(title, () => {
  test('validate by themselves, refuse what was revoked, and go on without each other and without the issuer', async () => {
    await using started = new AsyncDisposableStack();
    const folder = mkdtempSync(join(tmpdir(), 'guardmint-mcp-replicas-'));
    chmodSync(folder, 0o755);
    started.defer(() => rmSync(folder, { recursive: true, force: true }));
    const [edge, one, two] = await Promise.all([freePort(), freePort(), freePort()]);
    const resource = `http://localhost:${edge}/mcp`;
    const scopes = { 'mcp:use': 'Use it' };
    const server = await startGuardmint({
      settings: {
        resources: [{ resource, name: 'Notes', scopes, defaultScopes: ['mcp:use'] }],
        defaultResource: resource,
      },
    });
    const closed = { server: false };
    started.defer(async () => {
      if (!closed.server) await server[Symbol.asyncDispose]();
    });

    const start = (program: string, args: readonly string[], env: Record<string, string> = {}): ChildProcess => {
      const child = spawn(program, args, { cwd: folder, env: { ...process.env, ...env }, stdio: 'ignore' });
      started.defer(() => stop(child));
      return child;
    };
    const replicas = [one, two].map((port) =>
      start(process.execPath, [join(TOP, 'examples/koa-mcp-server.ts')], {
        ISSUER: server.issuer,
        RESOURCE: resource,
        PORT: String(port),
        NAME: `replica at ${port}`,
      }),
    );
    const config = join(folder, 'nginx.conf');
    const ports: Readonly<Record<string, number>> = { 8080: edge, 4001: one, 4002: two };
    const text = readFileSync(join(TOP, 'examples/replicas/nginx.conf'), 'utf8');
    writeFileSync(
      config,
      text.replace(/127\.0\.0\.1:(\d+)/g, (_, port: string) => `127.0.0.1:${ports[port]}`),
    );
    start('nginx', ['-p', folder, '-c', config, '-g', 'daemon off;']);

    // Each of them answers at the one address.
    const metadata = `http://localhost:${edge}/.well-known/oauth-protected-resource/mcp`;
    const seen = new Set<string>();
    await vi.waitFor(async () => {
      const { resource_name } = (await (await fetch(metadata)).json()) as { resource_name: string };
      seen.add(resource_name);
      expect([...seen].toSorted()).toEqual([`replica at ${one}`, `replica at ${two}`].toSorted());
    }, WAIT);

    const [memory, other] = [createMemory(), createMemory()];
    const { access_token: kept } = await signIn(resource, memory, server.person());
    const { access_token: revoked, refresh_token } = await signIn(resource, other, server.person());
    const statuses = (token: string, at: readonly number[]) =>
      Promise.all(at.map(async (port) => (await present(`http://127.0.0.1:${port}/mcp`, token)).status));
    for (const token of [kept, revoked]) expect(await statuses(token, [one, two])).not.toContain(401);

    const { status } = await server.post('/revoke', {
      token: refresh_token,
      client_id: other.kept.client?.client_id ?? '',
    });
    expect(status).toBe(200);
    await vi.waitFor(async () => expect(await statuses(revoked, [one, two])).toEqual([401, 401]), WAIT);

    await server[Symbol.asyncDispose]();
    closed.server = true;
    expect(await callTool(resource, memory)).toMatch(/^replica at \d+ says hello/);
    expect(await statuses(revoked, [one, two])).toEqual([401, 401]);

    await stop(replicas[0]);
    expect(await callTool(resource, memory)).toMatch(new RegExp(`^replica at ${two} says hello`));
    expect((await present(resource, revoked)).status).toBe(401);
  });
});

async function stop(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}
