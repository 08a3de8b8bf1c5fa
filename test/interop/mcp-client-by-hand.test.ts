import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { createMcpApp } from '../../examples/koa-mcp-server.ts';
import { startGuardmint } from '../support/guardmint.ts';
import { serve } from '../support/serve.ts';

const EXAMPLE = new URL('../../examples/mcp-client.ts', import.meta.url).pathname;

test('the example client takes a pasted address, after one that is not the answer, and uses its tokens', async () => {
  await using server = await startGuardmint({ settings: { resources: [], defaultResource: undefined } });
  await using mcp = await serve(
    (origin) =>
      createMcpApp({ issuer: server.issuer, resource: `${origin}/mcp`, name: 'notes', scope: 'notes:read' }).app,
  );
  const child = spawn(process.execPath, [EXAMPLE, `${mcp.origin}/mcp`], { stdio: 'pipe' });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    out += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    err += chunk;
  });
  const closed = once(child, 'close');
  const told = async (pattern: RegExp) => {
    while (!pattern.test(err)) {
      if (child.exitCode !== null) throw new Error(err);
      await Promise.race([once(child.stderr, 'data'), closed]);
    }
    return pattern.exec(err)?.[1] ?? '';
  };

  const link = await told(/^(http\S+\/authorize\?\S+)$[\s\S]*paste it here/m);
  const callback = (await server.person().authorize(link)).href;
  child.stdin.write('http://127.0.0.1:7777/callback?code=x&state=other\n');
  await told(/(not the answer to this link)/);
  child.stdin.write(`${callback}\n`);

  expect(await closed).toEqual([0, null]);
  expect(out).toBe('greet: Says who is asking\n');
});
