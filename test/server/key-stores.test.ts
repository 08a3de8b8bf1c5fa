import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createMcpApp } from '../../examples/koa-mcp-server.ts';
import { createProgram } from '../../src/cli/index.ts';
import { loadConfig } from '../../src/config/index.ts';
import { createExternalKeyBackend, createFileKeyBackend, createPkcs11KeyStore } from '../../src/keys/index.ts';
import { systemClock, systemRandom } from '../../src/platform/index.ts';
import { createKeyFolder, DAY, type KeyFolder, openRing } from '../keys/key-folder.ts';
import { createClientMemory } from '../support/client-memory.ts';
import { type RunningGuardmint, startGuardmint } from '../support/guardmint.ts';
import { createMemoryKeyStore } from '../support/memory-key-store.ts';
import { serve } from '../support/serve.ts';
import { createSoftHsm, killModuleHosts, SOFTHSM_MISSING, type SoftHsm } from '../support/softhsm.ts';

describe.skipIf(SOFTHSM_MISSING !== undefined)(
  `a server whose signing keys are in an HSM ${SOFTHSM_MISSING ?? ''}`,
  () => {
    let hsm: SoftHsm;
    let folder: KeyFolder;
    let server: RunningGuardmint;
    beforeAll(async () => {
      hsm = await createSoftHsm();
      folder = await createKeyFolder();
      // Another server made the keys two days ago, so that the next one has been known for long enough.
      const files = createFileKeyBackend({ directory: folder.directory, random: systemRandom });
      const backend = createExternalKeyBackend({ folder: files, store: createPkcs11KeyStore(hsm.options) });
      await (await openRing(folder.directory, { backend, now: systemClock() - 2 * DAY })).ring.close();
      const keys = { backend: { kind: 'pkcs11', ...hsm.options } };
      server = await startGuardmint({
        settings: { keysDir: folder.directory, keys, resources: [], defaultResource: undefined },
      });
    });
    afterAll(async () => {
      await server[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
      await hsm[Symbol.asyncDispose]();
    });

    /** The command line over the same settings. */
    async function runKeys(...args: readonly string[]): Promise<string> {
      const settings = JSON.stringify({ ...server.settings, keysDir: folder.directory });
      const program = createProgram(() => loadConfig({ env: {}, readFile: () => settings }));
      const out: string[] = [];
      const writing = vi.spyOn(process.stdout, 'write').mockImplementation((text) => out.push(String(text)) > 0);
      try {
        await program.parseAsync(['keys', ...args], { from: 'user' });
      } finally {
        writing.mockRestore();
      }
      return out.join('');
    }

    const resource = 'http://localhost:7778/mcp';
    const grant = () => server.grant({ parameters: { resource } });
    const kidOf = (token: string) => decodeProtectedHeader(token).kid;
    const refresh = (granted: { clientId: string; refresh_token: string }) =>
      server.post('/token', {
        grant_type: 'refresh_token',
        client_id: granted.clientId,
        refresh_token: granted.refresh_token,
      });
    const verify = async (token: string) => {
      const answer = await fetch(`${server.issuer}/.well-known/jwks.json`);
      return await jwtVerify(token, createLocalJWKSet((await answer.json()) as never), { issuer: server.issuer });
    };

    test('signs an MCP client in, and goes on over a rotation by command', async () => {
      await using mcp = await serve(
        (origin) =>
          createMcpApp({ issuer: server.issuer, resource: `${origin}/mcp`, name: 'notes', scope: 'notes:read' }).app,
      );
      const memory = createClientMemory();
      const connect = async () => {
        const transport = new StreamableHTTPClientTransport(new URL(`${mcp.origin}/mcp`), {
          authProvider: memory.provider as never,
        });
        const client = new Client({ name: 'test', version: '1' });
        return { transport, client, open: () => client.connect(transport) };
      };
      const greet = async () => {
        const { client, open } = await connect();
        await open();
        const answer = await client.callTool({ name: 'greet', arguments: { word: 'hello' } });
        await client.close();
        return JSON.stringify(answer);
      };
      const first = await connect();
      await expect(first.open()).rejects.toThrow(/unauthorized/i);
      const redirect = await server.person().authorize(memory.location()?.href ?? '');
      await first.transport.finishAuth(redirect.searchParams);
      expect(await greet()).toContain('hello');

      const before = kidOf(memory.tokens().access_token);
      expect(await runKeys('rotate')).toMatch(/^Rotated: /);
      await server.guardmint.keys.reload();
      expect(await greet()).toContain('hello');
      memory.setTokens({ ...memory.tokens(), access_token: 'no longer good' });
      expect(await greet()).toContain('hello');
      expect(kidOf(memory.tokens().access_token)).not.toBe(before);
      await verify(memory.tokens().access_token);
    });

    test('keys list, show and check say where the keys are', async () => {
      const listed = JSON.parse(await runKeys('list', '--json')) as { family: string; location: string; kid: string }[];
      const locations = (family: string) => listed.filter((key) => key.family === family).map((key) => key.location);
      expect(locations('signing').filter((one) => one.startsWith('pkcs11 ')).length).toBeGreaterThanOrEqual(2);
      expect(new Set(locations('client'))).toEqual(new Set(['folder']));
      expect(await runKeys('list')).toMatch(/where[\s\S]*pkcs11/);
      const kid = server.guardmint.keys.signer().kid;
      expect(await runKeys('show', kid)).toMatch(/location +pkcs11 [0-9a-f]{32}/);
      const { findings } = JSON.parse(await runKeys('check', '--json')) as { findings: { reason: string }[] };
      expect(findings.filter(({ reason }) => reason === 'in_store').length).toBeGreaterThanOrEqual(2);
    });

    test('answers 503 while the HSM is away, loses nothing, and what was issued goes on validating', async () => {
      const granted = await grant();
      const authorized = await server.authorize({ parameters: { resource } });
      await hsm.unplug();
      killModuleHosts();
      try {
        await refresh(granted);
        for (const answer of [await refresh(granted), await server.post('/token', authorized.exchange)]) {
          expect(answer).toMatchObject({ status: 503, body: { error: 'temporarily_unavailable' } });
          expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
        }
        expect(await verify(granted.access_token)).toBeDefined();
        expect(await runKeys('check')).toMatch(/cannot be used now.*pkcs11/);
      } finally {
        process.exitCode = 0;
        await hsm.plug();
      }
      expect(await refresh(granted)).toMatchObject({ status: 200 });
      expect(await server.post('/token', authorized.exchange)).toMatchObject({ status: 200 });
    });

    test('rotates by its schedule, and deletes what retired in the HSM', async () => {
      const { kid } = server.guardmint.keys.signer();
      server.advance(33 * DAY);
      await server.guardmint.keys.reload();
      const granted = await grant();
      expect(kidOf(granted.access_token)).not.toBe(kid);
      await verify(granted.access_token);
      const records = await Promise.all((await folder.files()).map((file) => folder.json(file)));
      expect(records.find((record) => record['kid'] === kid)?.['external']).toBeUndefined();
    });
  },
);

describe('a server with a key backend of its own', () => {
  const start = async (store = createMemoryKeyStore()) => {
    const server = await startGuardmint({
      keyBackend: (directory) =>
        createExternalKeyBackend({ folder: createFileKeyBackend({ directory, random: systemRandom }), store }),
    });
    return { server, store };
  };

  test('signs with it', async () => {
    const { server, store } = await start();
    await using _ = server;
    const { access_token } = await server.grant();
    expect(decodeProtectedHeader(access_token).kid).toBe(server.guardmint.keys.signer().kid);
    expect(store.calls.filter((call) => call === 'sign').length).toBeGreaterThan(0);
  });

  test('spends neither code nor refresh token for a signature that it cannot have, and none of them twice', async () => {
    const { server, store } = await start();
    await using _ = server;
    const granted = await server.grant();
    const authorized = await server.authorize();
    const refresh = {
      grant_type: 'refresh_token',
      client_id: granted.clientId,
      refresh_token: granted.refresh_token,
    };
    store.mode = 'away';
    for (const form of [authorized.exchange, refresh]) {
      expect(await server.post('/token', form)).toMatchObject({
        status: 503,
        body: { error: 'temporarily_unavailable' },
      });
    }
    expect(server.events.map(({ event }) => event)).not.toContain('code.replayed');
    store.mode = 'here';
    for (const form of [authorized.exchange, refresh]) {
      expect(await server.post('/token', form)).toMatchObject({ status: 200 });
    }
    const again = await server.post('/token', authorized.exchange);
    expect(again).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
  });
});
