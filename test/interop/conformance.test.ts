import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { RESOURCE, startGuardmint } from '../support/guardmint.ts';

const RUNNER = 'node_modules/@modelcontextprotocol/conformance/dist/index.js';

interface Check {
  readonly id: string;
  readonly status: string;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

describe('the MCP authorization conformance runner', () => {
  test.each([{ resource: RESOURCE }, { resource: undefined }])(
    'finds every check of both scenarios passed, with resource $resource [AS-10, AS-13, AS-14, AS-69]',
    async ({ resource }) => {
      await using server = await startGuardmint({
        settings: { clients: [{ client_id: 'conformance', redirect_uris: ['http://127.0.0.1/callback'] }] },
      });
      const results = await mkdtemp(join(tmpdir(), 'conformance-'));
      const port = await freePort();
      const args = [RUNNER, 'authorization', '--url', server.issuer, '--client-id', 'conformance', '-p', String(port)];
      args.push('--spec-version', '2026-07-28', '-o', results);
      if (resource !== undefined) args.push('--resource', resource);

      const runner = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
      const exited = new Promise<number | null>((resolve) => runner.once('exit', resolve));
      let output = '';
      let walk: Promise<unknown> | undefined;
      for (const stream of [runner.stdout, runner.stderr]) {
        stream.setEncoding('utf8').on('data', (text: string) => {
          output += text;
          const url = /^(https?:\/\/\S+[?&]response_type=code\S*)\n/m.exec(output)?.[1];
          walk ??=
            url === undefined
              ? undefined
              : server
                  .person()
                  .authorize(url)
                  .then((callback) => fetch(callback));
        });
      }
      const code = await exited;
      await walk;
      expect(code, output).toBe(0);

      const checks: Check[] = [];
      const folders = await readdir(results);
      for (const folder of folders)
        checks.push(...JSON.parse(await readFile(join(results, folder, 'checks.json'), 'utf8')));
      await rm(results, { recursive: true });
      expect(folders.map((folder) => folder.replace(/-\d{4}-.*$/, '')).sort()).toEqual([
        'authorization-server-authorization-code-grant',
        'authorization-server-authorization-server-metadata-endpoint',
      ]);
      expect(checks.filter((check) => check.status !== 'SUCCESS')).toEqual([]);
    },
  );
});
