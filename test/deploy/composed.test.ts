import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { callTool, createMemory, present, signIn } from '../../examples/mcp-client.ts';
import { createPerson } from '../../examples/person.ts';
import { programAbsent } from '../support/program.ts';
import { programMissing, reasonToSkip } from '../support/redis.ts';
import { openEvents } from '../support/revocation-events.ts';
import { type ComposedSystem, startComposedSystem } from './composed-system.ts';

const missing = reasonToSkip(programMissing) ?? programAbsent('nginx', '-v');
const title = `what docker-compose.yml describes${missing === undefined ? '' : ` (skipped: ${missing})`}`;

describe.skipIf(missing !== undefined)(title, () => {
  let system: ComposedSystem;
  beforeAll(async () => {
    system = await startComposedSystem();
  });
  afterAll(() => system[Symbol.asyncDispose]());

  const person = () => {
    const password = /Password: (\S+)/.exec(system.prepared)?.[1] ?? '';
    return createPerson({ username: 'admin', password });
  };
  const refused = (resource: string, token: string) =>
    vi.waitFor(async () => expect((await present(resource, token)).status).toBe(401), { timeout: 5_000, interval: 20 });

  test('serves a client of both MCP servers, keeps their tokens apart, and ends them all at once', async () => {
    const [toNotes, toCalculator, alice] = [createMemory(), createMemory(), person()];
    const forNotes = await signIn(system.notes, toNotes, alice);
    const forCalculator = await signIn(system.calculator, toCalculator, alice);

    expect(await callTool(system.notes, toNotes)).toMatch(/^notes says hello to /);
    expect(await callTool(system.calculator, toCalculator)).toMatch(/^calculator says hello to /);
    expect((await present(system.calculator, forNotes.access_token)).status).toBe(401);
    expect((await present(system.notes, forCalculator.access_token)).status).toBe(401);

    expect(await system.admin('tokens', 'revoke', '--subject', 'admin')).toMatch(/^Revoked: .* 1 entry is live\.$/m);
    await refused(system.notes, forNotes.access_token);
    await refused(system.calculator, forCalculator.access_token);
  });

  test('streams revocations through nginx as they happen', async () => {
    await using events = await openEvents(`${system.issuer}/revocations/stream`);
    expect(JSON.stringify(await events.next())).not.toContain('one-of-a-test');

    await system.admin('tokens', 'revoke', '--jti', 'one-of-a-test');

    let heard = await events.next();
    while (heard !== undefined && !JSON.stringify(heard.claims).includes('one-of-a-test')) heard = await events.next();
    expect(heard).toBeDefined();
    expect(events.response.headers.get('content-type')).toMatch(/^text\/event-stream/);
  });

  test('counts callers by their own address, whatever they claim', async () => {
    await fetch(`${system.issuer}/authorize`, { headers: { 'x-forwarded-for': '203.0.113.7' } });

    const lines = system.replicas.map(({ output }) => output()).join('');
    expect(lines).toContain('"address":"127.0.0.1"');
    expect(lines).not.toContain('203.0.113.7');
  });

  test('is prepared again without changing a key, a secret or a user', async () => {
    const volumes = () =>
      ['keys', 'secrets', 'redis-users', 'data'].flatMap((volume) =>
        readdirSync(join(system.folder, volume))
          .filter((name) => /^[a-z].*[a-z]$/.test(name) && !name.includes('lock'))
          .map((name) => [name, readFileSync(join(system.folder, volume, name), 'utf8')]),
      );
    const before = volumes();

    const again = await system.prepare();

    expect(again).toMatch(/keys already[\s\S]*is in order/);
    expect(volumes()).toEqual(before);
  });

  test('goes on when a replica is killed, says 503 when none is left, and goes on where it was', async () => {
    const [memory, alice] = [createMemory(), person()];
    const tokens = await signIn(system.notes, memory, alice);
    const refresh = async (refresh_token: string) => {
      const form = { grant_type: 'refresh_token', refresh_token, client_id: memory.kept.client?.client_id ?? '' };
      const answer = await fetch(`${system.issuer}/token`, { method: 'POST', body: new URLSearchParams(form) });
      return { status: answer.status, headers: answer.headers, body: (await answer.json()) as Record<string, string> };
    };

    await system.replicas[0]?.stop('SIGKILL');
    const refreshed = await refresh(tokens.refresh_token);
    expect(refreshed.status).toBe(200);
    await signIn(system.calculator, createMemory(), person());
    expect(await callTool(system.notes, memory)).toMatch(/^notes says hello/);

    await system.replicas[1]?.stop('SIGKILL');
    const unavailable = await refresh(refreshed.body['refresh_token'] ?? '');
    expect([unavailable.status, unavailable.body['error']]).toEqual([503, 'temporarily_unavailable']);
    expect(unavailable.headers.get('retry-after')).toBe('2');
    expect(await callTool(system.notes, memory)).toMatch(/^notes says hello/);

    await Promise.all([system.restart(0), system.restart(1)]);
    const last = await vi.waitFor(
      async () => {
        const answer = await refresh(refreshed.body['refresh_token'] ?? '');
        expect(answer.status).toBe(200);
        return answer;
      },
      { timeout: 15_000, interval: 100 },
    );
    await system.admin('tokens', 'revoke', '--subject', 'admin');
    await refused(system.notes, last.body['access_token'] ?? '');
  });
});
