import {
  createMcpHandler,
  McpServer,
  ResourceTemplate,
  type ScopeChallengeHandler,
} from '@modelcontextprotocol/server';
import express from 'express';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type AccessToken, type OperationScopes, type ToolScopes, toolScopes } from '../../src/resource/index.ts';
import { bearerGate } from '../../src/resource/mcp.ts';
import { testSigner } from '../support/keys.ts';
import { serve } from '../support/serve.ts';
import { forge, RESOURCE, verifierOf } from './issuer.ts';

const METADATA_URL = 'https://mcp.example.test/.well-known/oauth-protected-resource/mcp';

const TABLE: OperationScopes = {
  tools: { list: [], erase: ['files:write', 'files:erase'], publish: ['files:write', 'web:write'] },
  prompts: { review: ['files:review'] },
  resources: {
    'file:///*': ['files:read'],
    'file:///public/*': [],
    'file:///secret/*': ['files:secret'],
    'file:///exact': ['files:secret'],
  },
  methods: { 'logging/setLevel': ['admin'] },
  default: ['mcp:use'],
};

const scopesOf = (change: Partial<OperationScopes> = {}, implies = {}): ToolScopes =>
  toolScopes({ verifier: verifierOf([testSigner()], { implies }), ...TABLE, ...change });

const call = (name: unknown, id: number | undefined = 1) => ({
  jsonrpc: '2.0',
  ...(id !== undefined && { id }),
  method: 'tools/call',
  params: { name, arguments: {} },
});
const read = (uri: string, method = 'resources/read') => ({ jsonrpc: '2.0', id: 1, method, params: { uri } });

/** A token with a scope, as the verifier of this test loads it. */
async function holder(scope: string, claims: object = {}): Promise<AccessToken> {
  const verifier = verifierOf([testSigner()]);
  const accessToken = await verifier.loadAccessToken(forge({ claims: { scope, ...claims } }));
  if (accessToken === undefined) throw new Error('the token is not valid');
  return accessToken;
}

const challengeFor = (scope: string) =>
  `Bearer error="insufficient_scope", error_description="The access token does not allow this.", scope="${scope}", resource_metadata="${METADATA_URL}"`;

const posting = (body: BodyInit, headers: Record<string, string> = {}) =>
  new Request(RESOURCE, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', ...headers },
    duplex: 'half',
  } as RequestInit);

describe('what an operation needs', () => {
  test.each([
    ['a tool', call('erase'), ['files:write', 'files:erase']],
    ['a tool that needs nothing', call('list'), []],
    ['a tool nobody named', call('new'), ['mcp:use']],
    ['a tool called like a member of every object', call('constructor'), ['mcp:use']],
    ['a tool without a name', call(undefined), ['mcp:use']],
    ['a name that is none', call({ toString: 'list' }), ['mcp:use']],
    ['a tool without parameters', { jsonrpc: '2.0', id: 1, method: 'tools/call' }, ['mcp:use']],
    ['a call without an id', call('erase', undefined), ['files:write', 'files:erase']],
    ['a prompt', { jsonrpc: '2.0', id: 1, method: 'prompts/get', params: { name: 'review' } }, ['files:review']],
    ['a method', { jsonrpc: '2.0', id: 1, method: 'logging/setLevel', params: {} }, ['admin']],
    ['another method', { jsonrpc: '2.0', id: 1, method: 'tools/list' }, []],
    ['an answer to the server', { jsonrpc: '2.0', id: 1, result: {} }, []],
    ['a resource', read('file:///notes/a.md'), ['files:read']],
    ['a resource below an exception', read('file:///public/a.md'), []],
    ['a subscription to a resource', read('file:///secret/a', 'resources/subscribe'), ['files:secret']],
    ['a resource nobody named', read('https://example.test/'), ['mcp:use']],
    ['a resource without a URI', { jsonrpc: '2.0', id: 1, method: 'resources/read', params: {} }, ['mcp:use']],
    [
      'the completion of a prompt',
      { jsonrpc: '2.0', id: 1, method: 'completion/complete', params: { ref: { type: 'ref/prompt', name: 'review' } } },
      ['files:review'],
    ],
    [
      'the completion of a resource',
      {
        jsonrpc: '2.0',
        id: 1,
        method: 'completion/complete',
        params: { ref: { type: 'ref/resource', uri: 'file:///secret/{name}' } },
      },
      ['files:secret'],
    ],
    ['the completion of nothing', { jsonrpc: '2.0', id: 1, method: 'completion/complete', params: {} }, ['mcp:use']],
    [
      'a stream about resources',
      {
        jsonrpc: '2.0',
        id: 1,
        method: 'subscriptions/listen',
        params: { notifications: { resourceSubscriptions: ['file:///a', 'file:///secret/b'] } },
      },
      ['files:read', 'files:secret'],
    ],
  ])('%s is known from its message [RS-31]', (_title, message, expected) => {
    expect(scopesOf().required(message)).toEqual(expected);
  });

  test('of a batch is what all of it needs, each scope once [RS-32]', () => {
    const batch = [call('list', 1), call('erase', 2), call('publish', 3), read('file:///secret/a')];

    expect(scopesOf().required(batch)).toEqual(['files:write', 'files:erase', 'web:write', 'files:secret']);
  });

  test.each([
    'file:///public/../secret/a',
    'file:///public/%2e%2e/secret/a',
    'file:///public/..%2fsecret/a',
    'file:///%73ecret/a',
    'FILE:///secret/a',
    'file:///public/..%2fsecret/a?%ff',
    'file:///public/..%2fsecret/%ff',
    'file:///secret/a#b',
    'file:///exact#b',
    'file:///exact?b',
    'file:///%65xact%23b',
    'file:///public/..%2fexact?%ff',
  ])('of %s is what any reading of that URI needs', (uri) => {
    expect(scopesOf().required(read(uri))).toContain('files:secret');
  });

  test('can be asked of any JSON, and depends on nothing but the message', () => {
    const scopes = scopesOf();

    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(scopes.required(value)).toEqual(scopes.required(JSON.stringify(value)));
      }),
    );
  });

  test.each([undefined, Buffer.from('{}'), new ArrayBuffer(2)])(
    'cannot be asked of %j, which no body parser has read',
    (body) => {
      expect(() => scopesOf().required(body)).toThrow(TypeError);
    },
  );

  test.each([
    { tools: { erase: ['two words'] } },
    { prompts: { review: ['offline_access'] } },
    { resources: { 'file:///*': [''] } },
    { methods: { ping: ['"'] } },
    { default: ['offline_access'] },
  ])('is refused when it is declared as %j', (change) => {
    expect(() => scopesOf(change)).toThrow(TypeError);
  });
});

describe('a parsed body', () => {
  test.each(['', 'mcp:use', 'files:write', 'files:write mcp:use x:y'])(
    'gets the same challenge whatever else the token has: "%s" [RS-30, RS-31, RS-33]',
    async (scope) => {
      const refusal = scopesOf().refusal(call('erase'), await holder(scope));

      expect(refusal).toEqual({
        status: 403,
        headers: { 'WWW-Authenticate': challengeFor('files:write files:erase'), 'Cache-Control': 'no-store' },
        body: { error: 'insufficient_scope', error_description: 'The access token does not allow this.' },
      });
    },
  );

  test('may pass with the scopes it needs, or with one that implies them [RS-34]', async () => {
    const implies = { admin: ['files:write'], 'files:write': ['files:erase'] };

    expect(scopesOf().refusal(call('erase'), await holder('files:erase files:write'))).toBeUndefined();
    expect(scopesOf({}, implies).refusal(call('erase'), await holder('admin'))).toBeUndefined();
    expect(scopesOf({}, { admin: ['files:erase'] }).refusal(call('erase'), await holder('admin'))).toBeDefined();
  });

  test('of nobody is answered with 401 and no error', () => {
    const refusal = scopesOf().refusal(call('erase'), undefined);

    expect([refusal?.status, refusal?.headers['WWW-Authenticate']]).toEqual([
      401,
      `Bearer scope="files:write files:erase", resource_metadata="${METADATA_URL}"`,
    ]);
  });

  test('with a token bound to a key is challenged for its scheme', async () => {
    const bound = { scope: [], claims: { ...(await holder('')).claims, cnf: { jkt: 'x' } } };

    expect(scopesOf().refusal(call('erase'), bound)?.headers['WWW-Authenticate']).toMatch(/^DPoP error=/);
  });

  test('may be asked about a tool, for lists', async () => {
    const scopes = scopesOf();
    const token = await holder('files:write files:erase');

    expect(['list', 'erase', 'publish', 'new'].filter((name) => scopes.allowsTool(name, token))).toEqual([
      'list',
      'erase',
    ]);
  });
});

test('whatever is declared and granted: all that is needed passes, less is challenged for exactly that [RS-31, RS-33]', async () => {
  const { claims } = await holder('');
  const names = fc.constantFrom('a', 'b', 'c', 'd');
  const scope = fc.uniqueArray(fc.constantFrom<string>('s:1', 's:2', 's:3', 's:4'));
  fc.assert(
    fc.property(
      fc.dictionary(names, scope),
      scope,
      fc.array(names, { minLength: 1 }),
      scope,
      (tools, otherwise, called, granted) => {
        const scopes = scopesOf({ tools, default: otherwise });
        const needed = [...new Set(called.flatMap((name) => (Object.hasOwn(tools, name) ? tools[name] : otherwise)))];

        const refusal = scopes.refusal(
          called.map((name) => call(name)),
          { scope: granted, claims },
        );

        if (needed.every((one) => granted.includes(one ?? ''))) expect(refusal).toBeUndefined();
        else expect(refusal?.headers['WWW-Authenticate']).toBe(challengeFor(needed.join(' ')));
      },
    ),
  );
});

describe('the body of a web request', () => {
  test('decides, and can still be read', async () => {
    const request = posting(JSON.stringify(call('erase')));

    expect(await scopesOf().gate(request, await holder('files:write files:erase'))).toBeUndefined();
    expect(await request.json()).toEqual(call('erase'));
  });

  test('decides whatever the headers say [RS-48]', async () => {
    const headers = { 'mcp-method': 'tools/call', 'mcp-name': 'list', 'mcp-protocol-version': '2026-07-28' };

    const refused = await scopesOf().gate(posting(JSON.stringify(call('erase')), headers), await holder('mcp:use'));
    const passed = await scopesOf().gate(
      posting(JSON.stringify(call('list')), { ...headers, 'mcp-name': 'erase' }),
      await holder(''),
    );

    expect([refused?.status, refused?.headers.get('www-authenticate')]).toEqual([
      403,
      challengeFor('files:write files:erase'),
    ]);
    expect(await refused?.json()).toEqual({
      error: 'insufficient_scope',
      error_description: 'The access token does not allow this.',
    });
    expect(passed).toBeUndefined();
  });

  test.each([
    ['is no JSON', '{"method":'],
    ['is no message', '[1, "x", null]'],
    ['is empty', ''],
  ])('is left to the server where it %s, but not for nobody', async (_title, body) => {
    expect(await scopesOf().gate(posting(body), await holder(''))).toBeUndefined();
    expect((await scopesOf().gate(posting(body), undefined))?.status).toBe(401);
  });

  test('is read as request.json() reads it', async () => {
    const text = `\uFEFF${JSON.stringify(call('erase'))}`;
    const utf16 = new Uint8Array(Buffer.from(JSON.stringify(call('erase')), 'utf16le'));

    expect((await scopesOf().gate(posting(text), await holder('')))?.status).toBe(403);
    expect(await posting(text).json()).toEqual(call('erase'));
    expect(await scopesOf().gate(posting(utf16), await holder(''))).toBeUndefined();
    await expect(posting(utf16).json()).rejects.toThrow(SyntaxError);
  });

  test.each([
    ['says so', (text: string): BodyInit => text],
    [
      'does not say so',
      (text: string): BodyInit =>
        new ReadableStream({
          start(controller) {
            for (const part of text.match(/.{1,50}/gs) ?? []) controller.enqueue(Buffer.from(part));
            controller.close();
          },
        }),
    ],
  ])('is not read where it is too large and %s', async (_title, bodyOf) => {
    const scopes = toolScopes({ verifier: verifierOf([testSigner()]), ...TABLE, maxBodyBytes: 200 });
    const text = JSON.stringify({ ...call('list'), padding: 'x'.repeat(400) });

    const answer = await scopes.gate(posting(bodyOf(text), { 'content-length': '0' }), await holder(''));

    expect([answer?.status, await answer?.json()]).toEqual([
      413,
      { error: 'invalid_request', error_description: 'The request is too large.' },
    ]);
  });

  test('is none of GET and DELETE', async () => {
    for (const method of ['GET', 'DELETE'])
      expect(await scopesOf().gate(new Request(RESOURCE, { method }), await holder(''))).toBeUndefined();
  });
});

describe('an MCP server of the SDK v2', () => {
  const META = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
  };

  /** Every operation asks the one handler; what ran says what it is. */
  function createServer() {
    const ran: string[] = [];
    const verifier = verifierOf([testSigner()]);
    const scopes = toolScopes({ verifier, ...TABLE });
    const scopeChallenge: ScopeChallengeHandler = scopes.scopeChallenge;
    const handler = createMcpHandler(() => {
      const server = new McpServer({ name: 'test', version: '1' });
      for (const name of ['list', 'erase', 'new'])
        server.registerTool(name, { inputSchema: z.object({}), scopeChallenge }, async () => {
          ran.push(name);
          return { content: [] };
        });
      server.registerResource(
        'file',
        new ResourceTemplate('file:///{+path}', { list: undefined }),
        { scopeChallenge },
        async (uri) => {
          ran.push(uri.href);
          return { contents: [] };
        },
      );
      return server;
    });
    const gate = bearerGate({ verifier });
    const ask = async (token: string | undefined, message: object, headers: Record<string, string> = {}) => {
      const request = posting(JSON.stringify(message), {
        accept: 'application/json, text/event-stream',
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...headers,
      });
      const authInfo = token === undefined ? undefined : await gate(request);
      if (authInfo instanceof Response) return authInfo;
      return handler.fetch(request, authInfo && { authInfo });
    };
    return { ran, ask };
  }

  const modern = (message: ReturnType<typeof call>, name: string) => ({
    message: { ...message, params: { ...message.params, _meta: META } },
    headers: { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': name },
  });

  test.each(['2025-11-25', '2026-07-28'])(
    'challenges and runs its tools by their declaration, at %s [RS-30, RS-32]',
    async (version) => {
      const { ran, ask } = createServer();
      const askTool = (scope: string, name: string) => {
        const { message, headers } = modern(call(name), name);
        const token = forge({ claims: { scope } });
        return version === '2026-07-28'
          ? ask(token, message, headers)
          : ask(token, call(name), { 'mcp-protocol-version': version });
      };

      const refused = await askTool('mcp:use files:write', 'erase');
      expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([
        403,
        challengeFor('files:write files:erase'),
      ]);
      expect((await askTool('', 'new')).status).toBe(403);
      expect(ran).toEqual([]);

      for (const [scope, name] of [
        ['files:write files:erase', 'erase'],
        ['', 'list'],
        ['mcp:use', 'new'],
      ] as const)
        expect((await askTool(scope, name)).status).toBe(200);
      expect(ran).toEqual(['erase', 'list', 'new']);
    },
  );

  test('challenges who has no token too: forgetting the gate opens nothing', async () => {
    const { ran, ask } = createServer();

    expect((await ask(undefined, call('erase'))).status).toBe(403);
    expect(ran).toEqual([]);
  });

  test('challenges for resources', async () => {
    const { ran, ask } = createServer();

    const refused = await ask(forge({ claims: { scope: 'files:read' } }), read('file:///public/../secret/a'));
    await ask(forge({ claims: { scope: 'files:read' } }), read('file:///a'));

    expect(refused.headers.get('www-authenticate')).toContain('files:secret');
    expect(ran).toEqual(['file:///a']);
  });

  test('refuses headers that say something else than the body, and runs nothing [RS-48]', async () => {
    const { ran, ask } = createServer();
    const { message, headers } = modern(call('erase'), 'list');

    const answer = await ask(forge({ claims: { scope: 'mcp:use' } }), message, headers);

    expect([answer.status, await answer.json()]).toEqual([
      400,
      expect.objectContaining({ error: expect.objectContaining({ code: -32020 }) }),
    ]);
    expect(ran).toEqual([]);
  });
});

describe('an Express app, which is what servers of the SDK v1 stand in', () => {
  test('is asked by its parsed body, a batch for everything at once [RS-32, RS-48]', async () => {
    const verifier = verifierOf([testSigner()]);
    const scopes = toolScopes({ verifier, ...TABLE });
    const reached: unknown[] = [];
    await using served = await serve(() => {
      const app = express();
      app.use(express.json());
      app.post('/mcp', async (request, response) => {
        const accessToken = await verifier.loadAccessToken(request.headers.authorization?.slice(7) ?? '');
        const refusal = scopes.refusal(request.body, accessToken);
        if (refusal !== undefined) return void response.status(refusal.status).set(refusal.headers).json(refusal.body);
        reached.push(request.body);
        response.status(202).end();
      });
      return { callback: () => app };
    });
    const ask = (scope: string, body: object) =>
      fetch(`${served.origin}/mcp`, {
        method: 'POST',
        body: JSON.stringify(body),
        headers: {
          'content-type': 'application/json',
          authorization: `Bearer ${forge({ claims: { scope } })}`,
          'mcp-name': 'list',
        },
      });

    const refused = await ask('files:write', [call('list', 1), call('erase', 2), call('publish', 3)]);
    const passed = await ask('files:write web:write', [call('list', 1), call('publish', 2)]);

    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([
      403,
      challengeFor('files:write files:erase web:write'),
    ]);
    expect([passed.status, reached.length]).toEqual([202, 1]);
  });
});
