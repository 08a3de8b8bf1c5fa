import { expect, test } from 'vitest';
import { createMcpApp } from '../../examples/koa-mcp-server.ts';
import { startGuardmint } from '../support/guardmint.ts';
import { serve } from '../support/serve.ts';
import { startProgram } from '../support/started-program.ts';

const EXAMPLE = new URL('../../examples/mcp-client.ts', import.meta.url).pathname;

test('the example client takes a pasted address, after one that is not the answer, and uses its tokens', async () => {
  await using server = await startGuardmint({ settings: { resources: [], defaultResource: undefined } });
  await using mcp = await serve(
    (origin) =>
      createMcpApp({ issuer: server.issuer, resource: `${origin}/mcp`, name: 'notes', scope: 'notes:read' }).app,
  );
  const client = startProgram([EXAMPLE, `${mcp.origin}/mcp`]);

  const [, link = ''] = await client.told(/^(http\S+\/authorize\?\S+)$[\s\S]*paste it here/m);
  const callback = (await server.person().authorize(link)).href;
  client.paste('http://127.0.0.1:7777/callback?code=x&state=other');
  await client.told(/not the answer to this link/);
  client.paste(callback);

  expect(await client.ended()).toMatchObject({ code: 0, out: 'greet: Says who is asking\n' });
});
