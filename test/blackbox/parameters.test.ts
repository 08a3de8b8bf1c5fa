import { describe, expect, test } from 'vitest';
import { createPerson } from '../../examples/person.ts';
import { jsonError, page, proceeds, redirectError } from './expectations.ts';
import { observe, type Row, runTable } from './runner.ts';
import {
  authorizationRequest,
  authorizeRequest,
  CHALLENGE,
  encodeParameters,
  OTHER_RESOURCE,
  openWorld,
  type Parameters,
  postForm,
  REDIRECT,
  RESOURCE,
} from './world.ts';

const world = await openWorld({
  settings: { clients: [{ client_id: 'narrow', redirect_uris: [REDIRECT], scope: 'mcp:read calc:use' }] },
});

const KNOWN = Object.keys(authorizationRequest(world.publicClient));

describe('a parameter of an authorization request given twice', () => {
  const shownToPerson = new Set(['client_id', 'redirect_uri']);
  const names = [
    ...KNOWN,
    'prompt',
    'max_age',
    'login_hint',
    'ui_locales',
    'request',
    'request_uri',
    'response_mode',
    'nonce',
    'anything',
  ];
  runTable(
    world,
    names
      .filter((name) => name !== 'resource')
      .flatMap((name): Row[] => {
        const ids: Record<string, string> = {
          response_type: ' [AS-AZ-17]',
          scope: ' [AS-AZ-19]',
          state: ' [AS-AZ-20]',
          code_challenge_method: ' [AS-AZ-22]',
          request_uri: ' [AS-AZ-24]',
        };
        const refused = shownToPerson.has(name)
          ? page('parameter_repeated')
          : redirectError('parameter_repeated', name === 'state' ? { state: null } : {});
        const given = String(authorizationRequest(world.publicClient)[name] ?? 'x');
        return [
          ['with the same value', [given, given]],
          ['with another value', [given, 'other']],
          ['the second without a value', [given, '']],
          ['twice without a value', ['', '']],
        ].map(
          ([how, values]): Row => ({
            title: `is refused: ${name}, ${String(how)}${how === 'with the same value' ? (ids[name] ?? '') : ''}`,
            request: () => authorizeRequest(world, { [name]: values } as Parameters),
            expect: refused,
          }),
        );
      }),
  );
});

describe('the resource of an authorization request', () => {
  const goesOn: readonly (readonly [string, Parameters['resource'], string?])[] = [
    ['as it is configured', RESOURCE],
    ['left out', undefined],
    ['without a value', ''],
    ['given twice', [RESOURCE, RESOURCE]],
    ['given thrice', [RESOURCE, RESOURCE, RESOURCE]],
    ['given once without a value', ['', RESOURCE]],
    ['given in two spellings of one', [RESOURCE, RESOURCE.replace('mcp.example', 'MCP.example')]],
    ['with an upper-case host', 'https://MCP.EXAMPLE.TEST/mcp', '[AS-RS-05]'],
    ['with an upper-case scheme', 'HTTPS://mcp.example.test/mcp'],
    ['with the default port', 'https://mcp.example.test:443/mcp', '[AS-RS-08]'],
    ['with an empty port', 'https://mcp.example.test:/mcp'],
  ];
  const unknown: readonly (readonly [string, Parameters['resource'], string?])[] = [
    ['with a slash after it', `${RESOURCE}/`, '[AS-RS-04]'],
    ['with something after it', `${RESOURCE}.evil.example`, '[AS-RS-07]'],
    ['with a path below it', `${RESOURCE}/below`],
    ['with a query', `${RESOURCE}?x=1`],
    ['with an empty query', `${RESOURCE}?`],
    ['of another path', 'https://mcp.example.test/other'],
    ['of another letter case of the path', 'https://mcp.example.test/MCP'],
    ['of its origin', 'https://mcp.example.test'],
    ['of its origin with a slash', 'https://mcp.example.test/'],
    ['over http', 'http://mcp.example.test/mcp'],
    ['at another port', 'https://mcp.example.test:8443/mcp'],
    ['with a dot after its host', 'https://mcp.example.test./mcp'],
    ['below its host', 'https://a.mcp.example.test/mcp'],
    ['with its host as prefix', 'https://mcp.example.test.evil.example/mcp'],
    ['with an escaped letter', 'https://mcp.example.test/%6dcp'],
    ['with a dot segment', 'https://mcp.example.test/x/../mcp'],
    ['with two slashes', 'https://mcp.example.test//mcp'],
    ['with a semicolon', 'https://mcp.example.test/mcp;x'],
    ['of our own issuer', world.issuer],
    ['and another', [RESOURCE, OTHER_RESOURCE]],
    ['and a stranger', [RESOURCE, 'https://evil.example/mcp']],
  ];
  const malformed: readonly (readonly [string, Parameters['resource'], string?])[] = [
    ['with a fragment', `${RESOURCE}#x`, '[AS-RS-03]'],
    ['with an empty fragment', `${RESOURCE}#`],
    ['that is a script', 'javascript:alert(1)', '[AS-RS-10]'],
    ['that is data', 'data:text/html,x'],
    ['that is a URN', 'urn:example:mcp'],
    ['that is a file', 'file:///etc/passwd'],
    ['that is a path', '/mcp'],
    ['without a scheme', 'mcp.example.test/mcp'],
    ['without a host', 'https:///mcp'],
    ['with one slash', 'https:/mcp.example.test/mcp'],
    ['with user information', 'https://user@mcp.example.test/mcp'],
    ['with a password', 'https://user:password@mcp.example.test/mcp'],
    ['with a space', `${RESOURCE} `],
    ['with a space before it', ` ${RESOURCE}`],
    ['with a line break', `${RESOURCE}\n`],
    ['with a tab in it', 'https://mcp.example\t.test/mcp'],
    ['with NUL', `${RESOURCE}\0`],
    ['with a backslash', 'https://mcp.example.test\\mcp'],
    ['with letters beyond ASCII', 'https://mcp.exämple.test/mcp'],
    ['with a wide full stop', 'https://mcp\u3002example.test/mcp'],
    ['of two thousand characters and more', `${RESOURCE}/${'a'.repeat(2_048)}`],
    ['that is a list', `["${RESOURCE}"]`],
    ['and nonsense', [RESOURCE, 'nonsense']],
  ];
  const rows = (table: typeof goesOn, what: string, expectation: Row['expect']): Row[] =>
    table.map(([how, resource, ids = '']) => ({
      title: `${what}: ${how} ${ids}`.trim(),
      request: () => authorizeRequest(world, { resource }),
      expect: expectation,
    }));
  runTable(world, [
    ...rows(goesOn, 'goes on', proceeds),
    ...rows(unknown, 'is not known', redirectError('resource_unknown')),
    ...rows(malformed, 'is malformed', redirectError('resource_malformed')),
  ]);

  test('becomes the audience of the token in its configured spelling, however it was asked for', async () => {
    for (const resource of ['HTTPS://MCP.example.test:443/mcp', RESOURCE, '']) {
      const { access_token } = await world.tokens(world.publicClient, { resource });
      expect(JSON.parse(Buffer.from(access_token.split('.')[1] ?? '', 'base64url').toString())).toMatchObject({
        aud: RESOURCE,
      });
    }
  });
});

describe('the scope of an authorization request', () => {
  const granted = async (parameters: Parameters, client = world.publicClient) => {
    const fresh = await world.code(client, parameters);
    const { answer } = await observe(world, postForm('/token', fresh.form, {}));
    return (answer.json() as { scope?: string }).scope;
  };

  test.each([
    ['in another order is kept in its order [AS-AZ-27]', 'mcp:write mcp:read', 'mcp:write mcp:read'],
    ['with repeats is told once', 'mcp:read mcp:read', 'mcp:read'],
    ['with spaces around it', '  mcp:read   mcp:write ', 'mcp:read mcp:write'],
    ['without a value is the default [AS-AZ-30]', '', 'mcp:read'],
    ['of spaces is the default', '   ', 'mcp:read'],
    ['with names nobody knows keeps the others', 'openid mcp:read email', 'mcp:read'],
    ['with names of another resource keeps the others', 'mcp:read calc:use', 'mcp:read'],
    ['with offline_access', 'mcp:read offline_access', 'mcp:read offline_access'],
    ['of offline_access alone', 'offline_access', 'offline_access'],
    ['of broader and narrower names together', 'admin mcp:read', 'admin mcp:read'],
  ])('%s', async (_, scope, expected) => {
    expect(await granted({ scope })).toBe(expected);
  });

  test('left out is the default', async () => {
    expect(await granted({ scope: undefined })).toBe('mcp:read');
  });

  test('of a configured client keeps to its own list', async () => {
    expect(await granted({ scope: undefined }, { client_id: 'narrow' })).toBe('mcp:read');
    expect(await granted({ scope: 'mcp:read' }, { client_id: 'narrow' })).toBe('mcp:read');
    const asked = authorizeRequest(world, { client_id: 'narrow', scope: 'mcp:read mcp:write' });
    redirectError('scope_not_allowed')(await observe(world, asked));
  });

  test('of a registered client may be more than it registered: a step up must be possible', async () => {
    const client = await world.client({ scope: 'mcp:read' });
    expect(await granted({ scope: 'mcp:read mcp:write' }, client)).toBe('mcp:read mcp:write');
  });

  runTable(world, [
    ...[
      'openid',
      'openid profile email',
      'calc:use',
      'MCP:READ',
      'mcp:read,mcp:write',
      'mcp:*',
      '*',
      'mcp:read:x',
      '__proto__',
      'constructor',
      'mcp:read;mcp:write',
    ].map(
      (scope): Row => ({
        title: `that is not allowed: ${scope}`,
        request: () => authorizeRequest(world, { scope }),
        expect: redirectError('scope_not_allowed'),
      }),
    ),
    ...[
      'mcp:read"\\',
      '"',
      '\\',
      'mcp:read\tmcp:write',
      'mcp:read\nmcp:write',
      'mcp:r\u00e9ad',
      'mcp:read\0',
      'mcp:read\u00a0mcp:write',
      '\u{1f511}',
      '\x7f',
    ].map(
      (scope): Row => ({
        title: `that is malformed: ${JSON.stringify(scope)}${scope === 'mcp:read"\\' ? ' [AS-AZ-29]' : ''}`,
        request: () => authorizeRequest(world, { scope }),
        expect: redirectError('scope_malformed'),
      }),
    ),
    {
      title: 'that has a hundred and one names',
      request: () =>
        authorizeRequest(world, { scope: Array.from({ length: 101 }, (_, index) => `s${index}`).join(' ') }),
      expect: redirectError('scope_malformed'),
    },
    {
      title: 'that is given as a list',
      request: () => authorizeRequest(world, { scope: undefined, 'scope[]': ['mcp:read', 'mcp:write'] }),
      expect: redirectError('parameter_repeated'),
    },
  ]);
});

describe('the code challenge', () => {
  const change = (changes: Parameters) => () => authorizeRequest(world, changes);
  runTable(world, [
    ...[undefined, ''].map(
      (challenge): Row => ({
        title: `is required: ${challenge === '' ? 'without a value [AS-PK-02]' : 'left out [AS-20]'}`,
        request: change({ code_challenge: challenge }),
        expect: redirectError('code_challenge_missing'),
      }),
    ),
    ...[
      ['plain', '[AS-PK-03]'],
      [undefined, '[AS-PK-04]'],
      ['', ''],
      ['s256', ''],
      ['S512', '[AS-PK-06]'],
      ['S256 ', ''],
      ['RS256', ''],
      ['SHA-256', ''],
      ['none', ''],
    ].map(
      ([method, ids = '']): Row => ({
        title: `is not made by the method ${String(method && JSON.stringify(method))} ${ids}`.trim(),
        request: change({ code_challenge_method: method }),
        expect: redirectError('code_challenge_method_unsupported'),
      }),
    ),
    ...[
      ['of 44 characters', `${CHALLENGE}A`, '[AS-PK-08]'],
      ['with padding', `${CHALLENGE.slice(0, 42)}=`, '[AS-PK-10]'],
      ['of 42 characters', CHALLENGE.slice(1)],
      ['of 43 characters with padding after them', `${CHALLENGE}=`],
      ['with spare bits', `${CHALLENGE.slice(0, 42)}B`],
      ['in base64', `${CHALLENGE.slice(0, 41)}+M`],
      ['in hexadecimal', '13d31e961a1ad8ec2f16b10c4c982e0876a878ad6df144566ee1894acb70f9c3'],
      ['with a space', `${CHALLENGE} `],
      ['with a line break', `${CHALLENGE}\n`],
      ['of one character', 'A'],
      ['of 128 characters', 'A'.repeat(128)],
      ['of ten thousand characters', 'A'.repeat(10_000)],
    ].map(
      ([how, challenge, ids = '']): Row => ({
        title: `is malformed: ${how} ${ids}`.trim(),
        request: change({ code_challenge: challenge }),
        expect: redirectError('code_challenge_malformed'),
      }),
    ),
    {
      title: 'is required of confidential clients too [AS-20]',
      request: change({
        client_id: world.basicClient.client_id,
        code_challenge: undefined,
        code_challenge_method: undefined,
      }),
      expect: redirectError('code_challenge_missing'),
    },
    {
      title: 'refused tells the client who refuses [AS-AZ-56, AS-26]',
      request: change({ code_challenge_method: 'plain' }),
      expect: redirectError('code_challenge_method_unsupported'),
    },
  ]);
});

describe('the response of an authorization request', () => {
  runTable(world, [
    ...[
      ['id_token', '[AS-AZ-05]'],
      ['code token', '[AS-AZ-06]'],
      ['code id_token', '[AS-AZ-07]'],
      ['none', '[AS-AZ-08]'],
      ['CODE', '[AS-AZ-09]'],
      ['token', ''],
      ['token id_token', ''],
      ['code ', ''],
      [' code', ''],
      ['code code', ''],
      ['code\n', ''],
      ['constructor', ''],
      ['c\u043ede', ''],
    ].map(
      ([type, ids = '']): Row => ({
        title: `is not of the type ${JSON.stringify(type)} ${ids}`.trim(),
        request: () => authorizeRequest(world, { response_type: type }),
        expect: redirectError('response_type_unsupported'),
      }),
    ),
    ...[undefined, ''].map(
      (type): Row => ({
        title: `has a type: ${type === '' ? 'without a value' : 'left out [AS-AZ-03]'}`,
        request: () => authorizeRequest(world, { response_type: type }),
        expect: redirectError('response_type_missing'),
      }),
    ),
    ...['fragment', 'form_post', 'query.jwt', 'jwt', 'web_message', 'QUERY', 'query '].map(
      (mode): Row => ({
        title: `is not sent by ${JSON.stringify(mode)}`,
        request: () => authorizeRequest(world, { response_mode: mode }),
        expect: redirectError('response_mode_unsupported'),
      }),
    ),
    ...['query', ''].map(
      (mode): Row => ({
        title: `is sent by the query: ${JSON.stringify(mode)}`,
        request: () => authorizeRequest(world, { response_mode: mode }),
        expect: proceeds,
      }),
    ),
  ]);
});

describe('other parameters of an authorization request', () => {
  const onward = (changes: Parameters, extra = '') => ({
    request: () => authorizeRequest(world, changes, extra),
    expect: proceeds,
  });
  runTable(world, [
    { title: 'are ignored where nobody knows them [AS-AZ-26]', ...onward({}, '&foo=bar') },
    { title: 'may have names of prototypes [AS-AZ-39]', ...onward({}, '&__proto__=x') },
    { title: 'may have names of prototypes in brackets [AS-AZ-41]', ...onward({}, '&constructor[prototype][admin]=1') },
    { title: 'may have names of methods [AS-AZ-44]', ...onward({}, '&hasOwnProperty=1') },
    { title: 'may have names with dots', ...onward({}, '&a.b.c=1&toString.x=2') },
    { title: 'may have no name', ...onward({}, '&=x') },
    { title: 'may have neither name nor value', ...onward({}, '&&&') },
    { title: 'may be overlong UTF-8 [AS-AZ-38]', ...onward({}, '&x=%C0%AF') },
    { title: 'may be no UTF-8', ...onward({}, '&x=%ff%fe') },
    { title: 'may have bad escapes', ...onward({}, '&x=%&y=%zz') },
    { title: 'are no registration [AS-AZ-47]', ...onward({ registration: '{}' }) },
    { title: 'are no hint that is believed [AS-AZ-55]', ...onward({ id_token_hint: 'eyJhbGciOiJub25lIn0.e30.' }) },
    { title: 'are no claims request', ...onward({ claims: '{"userinfo":{"admin":{"essential":true}}}' }) },
    { title: 'are no acr', ...onward({ acr_values: 'high', nonce: 'x', display: 'popup' }) },
    { title: 'may hint with markup [AS-AZ-53]', ...onward({ login_hint: '"><script>alert(1)</script>' }) },
    { title: 'may hint at length', ...onward({ login_hint: 'a'.repeat(5_000) }) },
    { title: 'may name languages nobody speaks', ...onward({ ui_locales: 'xx-klingon ../../etc '.repeat(50) }) },
    ...['login', 'consent', 'select_account', 'login consent', 'create', 'nonsense', ' ', 'none', ' none '].map(
      (prompt): Row => ({ title: `may prompt for ${JSON.stringify(prompt)}`, ...onward({ prompt }) }),
    ),
    ...['0', '1', '999999999', ''].map(
      (max_age): Row => ({ title: `may have a max_age of ${JSON.stringify(max_age)}`, ...onward({ max_age }) }),
    ),
    ...['-1', '1.5', '1e3', '0x10', ' 1', '1 ', '+1', '9999999999', 'NaN', 'x'].map(
      (max_age): Row => ({
        title: `have no max_age of ${JSON.stringify(max_age)}`,
        request: () => authorizeRequest(world, { max_age }),
        expect: redirectError('parameter_malformed'),
      }),
    ),
    {
      title: 'bring no request object [AS-AZ-45]',
      request: () => authorizeRequest(world, { request: 'eyJhbGciOiJub25lIn0.e30.' }),
      expect: redirectError('request_object_unsupported'),
    },
    {
      title: 'refer to no request object',
      request: () => authorizeRequest(world, { request_uri: 'https://client.example/r' }),
      expect: redirectError('request_uri_unsupported'),
    },
    {
      title: 'refer to no pushed request',
      request: () => authorizeRequest(world, { request_uri: 'urn:ietf:params:oauth:request_uri:x' }),
      expect: page('request_uri_invalid'),
    },
    {
      title: 'may arrive by POST [AS-AZ-02]',
      request: () => postForm('/authorize', encodeParameters(authorizationRequest(world.publicClient))),
      expect: (observed) => {
        proceeds(observed);
        expect(observed.answer.status).toBe(303);
      },
    },
    {
      title: 'do not count in the query of a POST',
      request: () => ({
        ...postForm(`/authorize?${encodeParameters(authorizationRequest(world.publicClient))}`, ''),
        headers: [
          ['Accept', 'text/html'],
          ['Content-Type', 'application/x-www-form-urlencoded'],
        ],
      }),
      expect: page('client_missing'),
    },
    {
      title: 'do not count in the body of a GET',
      request: () => ({
        target: '/authorize',
        headers: [
          ['Accept', 'text/html'],
          ['Content-Type', 'application/x-www-form-urlencoded'],
        ],
        body: encodeParameters(authorizationRequest(world.publicClient)),
      }),
      expect: page('client_missing'),
    },
    {
      title: 'do not count behind a semicolon',
      request: () => ({
        target: `/authorize?${encodeParameters(authorizationRequest(world.publicClient)).replaceAll('&', ';')}`,
        headers: [['Accept', 'text/html']],
      }),
      expect: page('client_missing'),
    },
  ]);

  test('are escaped on the page of the person [AS-AZ-53]', async () => {
    const parameters = {
      ...authorizationRequest(world.publicClient),
      login_hint: '"><script>alert(1)</script>',
      ui_locales: '"><script>',
    };
    const signIn = await createPerson(world.server.credentials).open(
      `${world.issuer}/authorize?${encodeParameters(parameters)}`,
    );
    expect(signIn.html).toContain('name="password"');
    expect(signIn.html).not.toContain('<script');
    expect(signIn.headers.get('content-security-policy')).toContain("default-src 'none'");
  });

  test('pollute nothing', () => {
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined();
  });
});

describe('the state of an authorization request', () => {
  test.each([
    ['plain', 'abc'],
    [
      'of every printable character',
      Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).join(''),
    ],
    ['beyond ASCII', 'é\u{1f511}日本'],
    ['with line breaks', 'a\r\nLocation: https://evil.example\r\n'],
    ['with NUL', 'a\0b'],
    ['of markup', '"><script>alert(1)</script>'],
    ['of parameters', 'x&code=stolen&iss=https://evil.example#y'],
    ['of percent signs', '%2526%00%'],
    ['of plus signs', 'a+b c'],
    ['of 2,048 characters', 's'.repeat(2_048)],
  ])('comes back unchanged: %s [AS-28]', async (_, state) => {
    redirectError('code_challenge_missing', { state })(
      await observe(world, authorizeRequest(world, { state, code_challenge: undefined })),
    );
    const { redirect } = await world.server.authorize({
      client: world.publicClient,
      person: world.person,
      parameters: { state },
    });
    expect(redirect.searchParams.getAll('state')).toEqual([state]);
    expect(redirect.searchParams.getAll('iss')).toEqual([world.issuer]);
    expect(redirect.searchParams.getAll('code')).toHaveLength(1);
    expect(redirect.hash).toBe('');
  });

  test('left out or without a value does not come back', async () => {
    for (const state of [undefined, '']) {
      redirectError('code_challenge_missing', { state: null })(
        await observe(world, authorizeRequest(world, { state, code_challenge: undefined })),
      );
    }
  });

  test('that is no UTF-8 cannot come back unchanged, and is refused [AS-AZ-36]', async () => {
    for (const state of ['%ff', '%F0%9F%92%A9%ED%A0%80', '%C0%AF', 'a%80b']) {
      const request = authorizeRequest(world, { state: undefined }, `&state=${state}`);
      redirectError('parameter_malformed', { state: null })(await observe(world, request));
    }
  });
});

describe('a client_id in an authorization request', () => {
  test('forges no line of the log [AS-AZ-16]', async () => {
    const before = world.server.lines.length;
    page('client_unknown_at_authorize')(
      await observe(world, authorizeRequest(world, { client_id: 'x\r\nLEVEL=fatal\u001b[2J' })),
    );
    const lines = world.server.lines.slice(before);
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) expect(() => JSON.parse(line) as unknown).not.toThrow();
    expect(lines.join('')).not.toContain('LEVEL=fatal');
  });

  test('asks for JSON and gets JSON', async () => {
    for (const accept of ['application/json', '*/*', '']) {
      const request = { ...authorizeRequest(world, { client_id: 'nobody' }), headers: [['Accept', accept]] as const };
      jsonError('client_unknown_at_authorize')(await observe(world, request));
    }
  });
});
