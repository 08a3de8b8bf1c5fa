import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningGuardmint, startGuardmint } from '../support/guardmint.ts';

const TOP = new URL('../../', import.meta.url).pathname;
const SETTINGS = { resources: [], defaultResource: undefined };

interface Started {
  readonly resource: string;
  /** Asks it to end, and answers its exit code. */
  stop(): Promise<number | null>;
}

const processes: ChildProcess[] = [];

/** Starts an example as a reader would, and waits for the line in which it says where it is. */
async function start(file: string, issuer: string): Promise<Started> {
  const resource = `http://localhost:${await freePort()}/mcp`;
  const env = { ...process.env, ISSUER: issuer, RESOURCE: resource, SCOPE: 'notes:read', NAME: 'notes' };
  const child = spawn(process.execPath, [file], { cwd: TOP, env, stdio: ['ignore', 'pipe', 'inherit'] });
  processes.push(child);
  const lines = createInterface({ input: child.stdout });
  const ended = once(child, 'exit') as Promise<[number | null]>;
  const said = await Promise.race([
    once(lines, 'line') as Promise<[string]>,
    ended.then(([code]) => Promise.reject(new Error(`${file} ended with ${code}`))),
  ]);
  expect(said).toEqual([`notes: ${resource}, tokens from ${issuer}`]);
  return {
    resource,
    async stop() {
      child.kill('SIGTERM');
      const [code] = await ended;
      return code;
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function greet(resource: string, token: string): Promise<unknown> {
  const client = new Client({ name: 'test', version: '1' });
  const headers = { authorization: `Bearer ${token}` };
  await client.connect(new StreamableHTTPClientTransport(new URL(resource), { requestInit: { headers } }));
  const { content } = await client.callTool({ name: 'greet', arguments: { word: 'hello' } });
  await client.close();
  return content;
}

describe('the examples', () => {
  let server: RunningGuardmint;
  beforeAll(async () => {
    server = await startGuardmint({ settings: SETTINGS });
  });
  afterAll(async () => {
    for (const child of processes) child.kill('SIGKILL');
    await server[Symbol.asyncDispose]();
  });

  test.each(['koa', 'express', 'hono', 'node', 'fetch'])(
    'examples/%s-mcp-server.ts starts, asks strangers to sign in, greets who did, and ends when told to',
    async (name) => {
      const example = await start(`examples/${name}-mcp-server.ts`, server.issuer);
      const { resource } = example;

      const stranger = await fetch(resource, { method: 'POST', body: '{}' });
      const place = /resource_metadata="([^"]+)"/.exec(stranger.headers.get('www-authenticate') ?? '')?.[1] ?? '';
      const { access_token } = await server.grant({ parameters: { resource, scope: 'notes:read' } });
      const { sub } = JSON.parse(Buffer.from(access_token.split('.')[1] ?? '', 'base64url').toString()) as {
        sub: string;
      };

      expect([stranger.status, await (await fetch(place)).json()]).toEqual([
        401,
        expect.objectContaining({ resource, authorization_servers: [server.issuer], resource_name: 'notes' }),
      ]);
      expect(await greet(resource, access_token)).toEqual([{ type: 'text', text: `notes says hello to ${sub}` }]);
      expect(await example.stop()).toBe(0);
    },
  );
});
