import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { UnavailableError } from '../../src/oauth/index.ts';
import { createTrustedFetch } from '../../src/platform/index.ts';

async function serving(answer: RequestListener) {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const causeOf = (attempt: Promise<unknown>) =>
  attempt.then(
    () => 'an answer',
    (error: unknown) => (error instanceof UnavailableError ? String((error.cause as Error).message) : 'another error'),
  );

describe('the fetch of addresses the operator wrote down', () => {
  test('sends a form and reads the answer, whatever its status below 500', async () => {
    await using server = await serving((request, response) => {
      request.on('data', (chunk) =>
        response.writeHead(400, { 'content-type': 'text/plain' }).end(`${request.method} ${chunk}`),
      );
    });
    const fetch = createTrustedFetch({ dependency: 'elsewhere' });

    const answer = await fetch(server.url, { method: 'POST', body: new URLSearchParams({ a: 'b c' }) });

    expect([answer.status, await answer.text()]).toEqual([400, 'POST a=b+c']);
  });

  test('follows no redirect', async () => {
    await using server = await serving((_, response) => void response.writeHead(302, { location: '/elsewhere' }).end());

    expect((await createTrustedFetch({ dependency: 'elsewhere' })(server.url)).status).toBe(302);
  });

  test.each([
    ['plain http of another machine', 'http://id.example.com/', 'address refused'],
    ['another scheme', 'file:///etc/passwd', 'address refused'],
    ['what is no address', 'id.example.com', 'address refused'],
    ['a port where nobody listens', 'http://127.0.0.1:1/', 'ECONNREFUSED'],
  ])('%s is unavailable, and nothing is told but why', async (_, url, why) => {
    expect(await causeOf(createTrustedFetch({ dependency: 'elsewhere' })(url))).toBe(why);
  });

  test.each([
    ['a server that is out of order', 503, 'status 503'],
    ['a server that has too much to do', 429, 'status 429'],
  ])('%s is unavailable', async (_, status, why) => {
    await using server = await serving((_request, response) => void response.writeHead(status).end('secret'));

    expect(await causeOf(createTrustedFetch({ dependency: 'elsewhere' })(server.url))).toBe(why);
  });

  test('an answer without an end is cut off at the limit', async () => {
    await using server = await serving((_, response) => {
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(16_384))) {}
      };
      response.on('drain', more).on('error', () => {});
      more();
    });

    expect(await causeOf(createTrustedFetch({ dependency: 'elsewhere', maxBytes: 65_536 })(server.url))).toBe(
      'the answer is too long',
    );
  });

  test('a server that says nothing is not waited for', async () => {
    await using server = await serving(() => {});

    expect(await causeOf(createTrustedFetch({ dependency: 'elsewhere', timeout: 0.05 })(server.url))).toBe(
      'TimeoutError',
    );
  });
});
