import { expect, test } from 'vitest';
import { ADAPTERS, seeing } from '../resource/adapters.ts';
import { forge, ISSUER, RESOURCE, verifierOf } from '../resource/issuer.ts';
import { chromiumMissing, launchChromium } from '../support/chromium.ts';
import { testSigner } from '../support/keys.ts';
import { serve } from '../support/serve.ts';

if (chromiumMissing !== undefined) console.warn(`skipped: MCP clients in pages (${chromiumMissing})`);

test.skipIf(chromiumMissing !== undefined)(
  'a client in a page reads refusals and the metadata where its origin is allowed, and the metadata alone where not [RS-40]',
  async () => {
    await using pages = await serve(() => ({
      callback: () => (_request, response) => {
        response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>a page</title>');
      },
    }));
    const { port } = new URL(pages.origin);
    const [ours, theirs] = [`http://app.example.com:${port}`, `http://evil.example.com:${port}`];
    const gate = {
      verifier: verifierOf([testSigner()]),
      metadata: { resource: RESOURCE, authorizationServers: [ISSUER] },
      scopes: ['mcp:read'],
      origins: { resource: RESOURCE, allowed: [ours] },
    };
    await using stack = new AsyncDisposableStack();
    const servers: string[] = [];
    for (const adapter of ADAPTERS) {
      const listener = adapter.listen(
        gate,
        seeing(() => ({ inside: true })),
      );
      servers.push(
        stack.use(await serve(() => ({ callback: () => listener }))).origin.replace('localhost', '127.0.0.1'),
      );
    }
    const browser = await launchChromium();
    stack.defer(() => browser.close());

    /** What a page gets to know of each server, asking as an MCP client does. */
    async function askFrom(origin: string): Promise<unknown[]> {
      const page = await browser.newPage();
      await page.goto(origin);
      return page.evaluate(
        async ({ servers, token }) => {
          const ask = async (url: string, init: RequestInit) => {
            try {
              const response = await fetch(url, init);
              return [response.status, response.headers.get('www-authenticate')?.slice(0, 6) ?? null];
            } catch {
              return 'unreadable';
            }
          };
          const version = { 'mcp-protocol-version': '2026-07-28' };
          const headers = { ...version, 'content-type': 'application/json' };
          const post = { method: 'POST', body: '{}' };
          return Promise.all(
            servers.map(async (server) => [
              await ask(`${server}/.well-known/oauth-protected-resource/mcp`, { headers: version }),
              await ask(`${server}/mcp`, { ...post, headers }),
              await ask(`${server}/mcp`, { ...post, headers: { ...headers, authorization: `Bearer ${token}` } }),
            ]),
          );
        },
        { servers, token: forge() },
      );
    }

    expect(await askFrom(ours)).toEqual(
      servers.map(() => [
        [200, null],
        [401, 'Bearer'],
        [200, null],
      ]),
    );
    expect(await askFrom(theirs)).toEqual(servers.map(() => [[200, null], 'unreadable', 'unreadable']));
  },
);
