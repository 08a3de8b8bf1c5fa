import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/oauth/index.ts';
import { startGuardmint } from '../support/guardmint.ts';
import { claimsOf, clientError, type Expectation, expectSound, jsonError, revoked, tokens } from './expectations.ts';
import { observe, type Row, runTable } from './runner.ts';
import {
  basic,
  createWorld,
  encodeParameters,
  FORM,
  OTHER_RESOURCE,
  openWorld,
  type Parameters,
  postForm,
  REDIRECT,
  RESOURCE,
  type World,
} from './world.ts';

const ODD = { client_id: 'an:odd%id+with=all&of/it?', client_secret: 'a:secret%with+all=of it é' };
const world = await openWorld({
  settings: {
    clients: [
      {
        client_id: ODD.client_id,
        redirect_uris: [REDIRECT],
        client_secret_hash: createHash('sha256').update(ODD.client_secret).digest('base64url'),
        token_endpoint_auth_method: 'client_secret_basic',
      },
    ],
  },
});
const { publicClient, basicClient, postClient, otherClient } = world;
const header = (value: string) => [['Authorization', value]] as const;
const base64 = (text: string | Uint8Array) => Buffer.from(text).toString('base64');

/** A row over a fresh code. */
function codeRow(title: string, change: (form: Parameters) => Parameters, expectation: Expectation): Row {
  return {
    title,
    request: async (open) => postForm('/token', change((await open.code()).form)),
    expect: expectation,
  };
}
/** A row over a fresh refresh token. */
function refreshRow(title: string, change: (form: Parameters) => Parameters, expectation: Expectation): Row {
  return {
    title,
    request: async (open) => postForm('/token', change((await open.tokens()).form)),
    expect: expectation,
  };
}

describe('a code is exchanged', () => {
  runTable(world, [
    codeRow('with everything OAuth 2.0 sends', (form) => form, tokens({ claims: { aud: RESOURCE } })),
    codeRow('without its redirect URI [AS-CD-08]', (form) => ({ ...form, redirect_uri: undefined }), tokens()),
    codeRow('with a redirect URI without a value', (form) => ({ ...form, redirect_uri: '' }), tokens()),
    codeRow(
      'without its resource [AS-RS-12]',
      (form) => ({ ...form, resource: undefined }),
      tokens({ claims: { aud: RESOURCE } }),
    ),
    codeRow(
      'with its resource twice [AS-RS-13]',
      (form) => ({ ...form, resource: [RESOURCE, RESOURCE] }),
      tokens({ claims: { aud: RESOURCE } }),
    ),
    codeRow(
      'with its resource in another spelling',
      (form) => ({ ...form, resource: 'HTTPS://MCP.example.test:443/mcp' }),
      tokens({ claims: { aud: RESOURCE } }),
    ),
    codeRow(
      'with parameters nobody knows [AS-TK-29]',
      (form) => ({ ...form, foo: 'bar', state: 'x', client_secret: '' }),
      tokens(),
    ),
    codeRow(
      'with a scope, which means nothing here',
      (form) => ({ ...form, scope: 'admin' }),
      tokens({ scope: 'mcp:read mcp:write' }),
    ),
    {
      title: 'as a form with a charset [AS-TK-11]',
      request: async (open) =>
        postForm('/token', (await open.code()).form, { headers: [['Content-Type', `${FORM}; charset=utf-8`]] }),
      expect: tokens(),
    },
    {
      title: 'as a form in capitals',
      request: async (open) =>
        postForm('/token', (await open.code()).form, {
          headers: [['Content-Type', 'Application/X-WWW-Form-URLencoded;Charset="UTF-8"']],
        }),
      expect: tokens(),
    },
    ...[43, 128].map(
      (length): Row => ({
        title: `with a verifier of ${length} characters`,
        request: async (open) => {
          const verifier = 'Aa0-._~'.repeat(20).slice(0, length);
          const code_challenge = createHash('sha256').update(verifier).digest('base64url');
          return postForm('/token', {
            ...(await open.code(publicClient, { code_challenge })).form,
            code_verifier: verifier,
          });
        },
        expect: tokens(),
      }),
    ),
    {
      title: 'by a client that sends its secret in the body',
      request: async (open) =>
        postForm('/token', { ...(await open.code(postClient)).form, client_secret: postClient.client_secret }),
      expect: tokens(),
    },
  ]);
});

describe('a code verifier', () => {
  const verifierRow = (
    title: string,
    change: (verifier: string) => Parameters['code_verifier'],
    expectation: Expectation,
  ) => codeRow(title, (form) => ({ ...form, code_verifier: change(String(form['code_verifier'])) }), expectation);
  const wrong = jsonError('code_verifier_wrong');
  runTable(world, [
    verifierRow('is required [AS-PK-13]', () => undefined, jsonError('code_verifier_missing')),
    verifierRow('has a value [AS-PK-14]', () => '', jsonError('code_verifier_missing')),
    verifierRow('has more than 42 characters [AS-PK-17]', () => 'a'.repeat(42), wrong),
    verifierRow('has fewer than 129 characters [AS-PK-18]', () => 'a'.repeat(129), wrong),
    verifierRow('is given once [AS-PK-19]', (verifier) => [verifier, verifier], jsonError('parameter_repeated')),
    verifierRow('ends without a line break [AS-PK-20]', (verifier) => `${verifier}\n`, wrong),
    verifierRow('keeps its letter case [AS-PK-21]', (verifier) => verifier.toUpperCase(), wrong),
    verifierRow('begins without a space', (verifier) => ` ${verifier}`, wrong),
    verifierRow('has no padding', (verifier) => `${verifier}=`, wrong),
    verifierRow('ends without NUL', (verifier) => `${verifier}\0`, wrong),
    verifierRow('is not its challenge', (verifier) => createHash('sha256').update(verifier).digest('base64url'), wrong),
    verifierRow('has no letters beyond ASCII', () => 'é'.repeat(43), wrong),
    verifierRow('is not another one', () => 'x'.repeat(43), wrong),
    verifierRow('is not a megabyte', () => 'a'.repeat(60_000), wrong),
    {
      title: 'that the challenge was made of must be one: a short one never matches',
      request: async (open) => {
        const short = 'a'.repeat(42);
        const code_challenge = createHash('sha256').update(short).digest('base64url');
        return postForm('/token', {
          ...(await open.code(publicClient, { code_challenge })).form,
          code_verifier: short,
        });
      },
      expect: wrong,
    },
  ]);
});

describe('a code', () => {
  const unknown = jsonError('code_unknown');
  runTable(world, [
    codeRow('left out is missing [AS-CD-11]', (form) => ({ ...form, code: undefined }), jsonError('parameter_missing')),
    codeRow('without a value is missing [AS-CD-12]', (form) => ({ ...form, code: '' }), jsonError('parameter_missing')),
    codeRow(
      'given twice is refused',
      (form) => ({ ...form, code: [String(form['code']), String(form['code'])] }),
      jsonError('parameter_repeated'),
    ),
    codeRow(
      "cut short is nobody's [AS-CD-15]",
      (form) => ({ ...form, code: String(form['code']).slice(0, -1) }),
      unknown,
    ),
    codeRow("with something after it is nobody's", (form) => ({ ...form, code: `${String(form['code'])}.` }), unknown),
    codeRow("with a space after it is nobody's", (form) => ({ ...form, code: `${String(form['code'])} ` }), unknown),
    codeRow(
      "with a line break after it is nobody's",
      (form) => ({ ...form, code: `${String(form['code'])}\n` }),
      unknown,
    ),
    codeRow("in capitals is nobody's", (form) => ({ ...form, code: String(form['code']).toUpperCase() }), unknown),
    codeRow(
      'of another client is refused [AS-CD-06]',
      (form) => ({ ...form, client_id: otherClient.client_id }),
      jsonError('code_of_other_client'),
    ),
    codeRow(
      'with another redirect URI is refused [AS-CD-07]',
      (form) => ({ ...form, redirect_uri: 'https://evil.example/cb' }),
      jsonError('code_redirect_uri_mismatch'),
    ),
    codeRow(
      'with another port is refused [AS-CD-09]',
      (form) => ({ ...form, redirect_uri: REDIRECT.replace('7777', '1') }),
      jsonError('code_redirect_uri_mismatch'),
    ),
    codeRow(
      'for another resource is refused [AS-RS-11]',
      (form) => ({ ...form, resource: OTHER_RESOURCE }),
      jsonError('resource_mismatch'),
    ),
    codeRow(
      'for two resources is refused',
      (form) => ({ ...form, resource: [RESOURCE, OTHER_RESOURCE] }),
      jsonError('resource_mismatch'),
    ),
    codeRow('for nonsense is refused', (form) => ({ ...form, resource: 'nonsense' }), jsonError('resource_mismatch')),
    codeRow(
      'given as a refresh token is none',
      (form) => ({ grant_type: 'refresh_token', refresh_token: form['code'], client_id: form['client_id'] }),
      jsonError('refresh_token_unknown'),
    ),
    {
      title: 'in the query is not read [AS-CD-22]',
      request: async (open) => postForm(`/token?${encodeParameters((await open.code()).form)}`, ''),
      expect: jsonError('client_missing'),
    },
    {
      title: 'by GET is not exchanged [AS-TK-01]',
      request: async (open) => ({ target: `/token?${encodeParameters((await open.code()).form)}` }),
      expect: jsonError('method_not_allowed'),
    },
    {
      title: 'by HEAD is not exchanged [AS-TK-05]',
      request: async (open) => ({ method: 'HEAD', target: `/token?${encodeParameters((await open.code()).form)}` }),
      expect: ({ answer }) => expect([answer.status, answer.text]).toEqual([405, '']),
    },
    {
      title: 'of a confidential client without its secret is not exchanged [AS-CA-02]',
      request: async (open) => postForm('/token', (await open.code(basicClient)).form),
      expect: jsonError('client_credentials_missing'),
    },
    {
      title: 'of one confidential client is not exchanged by another, whose secret is right',
      request: async (open) => {
        const { form } = await open.code(basicClient);
        return postForm('/token', {
          ...form,
          client_id: postClient.client_id,
          client_secret: postClient.client_secret,
        });
      },
      expect: jsonError('code_of_other_client'),
    },
    ...['access_token', 'refresh_token'].map(
      (kind): Row => ({
        title: `is not ${kind === 'access_token' ? 'an access token' : 'a refresh token'}`,
        request: async (open) => {
          const [{ form }, granted] = [await open.code(), await open.tokens()];
          return postForm('/token', { ...form, code: granted[kind as 'access_token'] });
        },
        expect: unknown,
      }),
    ),
    {
      title: 'is not the sealed request of a page',
      request: async (open) => {
        const { form } = await open.code();
        const { headers } = await fetch(
          `${open.issuer}/authorize?${encodeParameters({ response_type: 'code', client_id: publicClient.client_id, code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', code_challenge_method: 'S256' })}`,
          { redirect: 'manual' },
        );
        const ticket = new URL(headers.get('location') ?? '').searchParams.get('request') ?? '';
        return postForm('/token', { ...form, code: ticket });
      },
      expect: unknown,
    },
    {
      title: 'is not a cookie',
      request: async (open) => {
        const { form } = await open.code();
        const cookie = [...open.person.cookies.values()].find((value) => value.startsWith('ey')) ?? '';
        expect(cookie).not.toBe('');
        return postForm('/token', { ...form, code: cookie });
      },
      expect: unknown,
    },
  ]);

  test('survives every refused exchange, and is then good for one [AS-61]', async () => {
    const { form } = await world.code();
    const refused: Parameters[] = [
      { ...form, code_verifier: 'x'.repeat(43) },
      { ...form, code_verifier: undefined },
      { ...form, client_id: otherClient.client_id },
      { ...form, client_id: 'nobody' },
      { ...form, redirect_uri: 'https://evil.example' },
      { ...form, resource: OTHER_RESOURCE },
      { ...form, grant_type: 'refresh_token' },
      { ...form, foo: ['1', '2'] },
    ];
    for (const attempt of refused) {
      expect((await observe(world, postForm('/token', attempt))).answer.status).toBeGreaterThanOrEqual(400);
    }
    tokens()(await observe(world, postForm('/token', form)));
    jsonError('code_spent')(await observe(world, postForm('/token', form)));
  });

  test('replayed without its verifier or by a stranger leaves the tokens of its owner alone [AS-CD-04]', async () => {
    const granted = await world.tokens();
    const { form } = granted.code;
    jsonError('code_verifier_wrong')(
      await observe(world, postForm('/token', { ...form, code_verifier: 'x'.repeat(43) })),
    );
    jsonError('code_of_other_client')(
      await observe(world, postForm('/token', { ...form, client_id: otherClient.client_id })),
    );
    tokens()(await observe(world, postForm('/token', granted.form)));
    expect(await isDenied(world, granted.access_token)).toBe(false);
  });

  test('replayed ends the tokens it gave, the access token too [AS-60]', async () => {
    const granted = await world.tokens();
    jsonError('code_spent')(await observe(world, postForm('/token', granted.code.form)));
    jsonError('refresh_token_revoked')(await observe(world, postForm('/token', granted.form)));
    expect(await isDenied(world, granted.access_token)).toBe(true);
  });

  test("of another server is nobody's, the client of both included [AS-CD-18]", async () => {
    const clients = [{ client_id: 'both', redirect_uris: [REDIRECT] }];
    await using one = await startGuardmint({ settings: { clients } });
    await using other = await startGuardmint({ settings: { clients } });
    const { form } = await (await createWorld(one)).code({ client_id: 'both' });
    jsonError('code_unknown')(await observe(await createWorld(other), postForm('/token', form)));
  });

  test('of a person who was disabled is worth nothing [AS-CD-19]', async () => {
    await using own = await startGuardmint();
    const open = await createWorld(own);
    const { form } = await open.code();
    for (const { subject, username } of await own.guardmint.users.list()) {
      await own.guardmint.users.disable(username);
      await own.guardmint.store.denylist.deny({ kind: 'subject', id: subject, lifetime: 86_400 });
    }
    jsonError('code_revoked')(await observe(open, postForm('/token', form)));
  });
});

describe('a repeated parameter at /token and /revoke', () => {
  const names = [
    'grant_type',
    'code',
    'redirect_uri',
    'client_id',
    'code_verifier',
    'refresh_token',
    'scope',
    'client_secret',
    'client_assertion',
    'token',
    'token_type_hint',
    'anything',
  ];
  runTable(
    world,
    ['/token', '/revoke'].flatMap((path) =>
      names.flatMap((name) =>
        [
          ['x', 'x'],
          ['x', 'y'],
          ['x', ''],
          ['', ''],
        ].map(
          (values): Row => ({
            title: `is refused: ${path} ${name}=${values.join(`&${name}=`)}${path === '/token' && name === 'client_id' && values[1] === 'x' ? ' [AS-TK-28]' : ''}${path === '/token' && name === 'refresh_token' && values[1] === 'y' ? ' [AS-RF-14]' : ''}${path === '/revoke' && name === 'token' && values[1] === 'y' ? ' [AS-RV-12]' : ''}`,
            request: () =>
              postForm(path, {
                grant_type: 'refresh_token',
                client_id: publicClient.client_id,
                token: 'x',
                [name]: values,
              }),
            expect: jsonError('parameter_repeated'),
          }),
        ),
      ),
    ),
  );
});

describe('the body of a token request', () => {
  const form = encodeParameters({ grant_type: 'refresh_token', client_id: publicClient.client_id, refresh_token: 'x' });
  const read = jsonError('refresh_token_unknown');
  runTable(world, [
    ...[
      'application/json',
      'application/JSON; charset=utf-8',
      'text/plain',
      'text/html',
      'multipart/form-data; boundary=x',
      'application/xml',
      'application/x-www-form-urlencodedx',
      'application/x-www-form-urlencoded+json',
      '*/*',
      'x',
      '',
      ';',
      'application/octet-stream',
    ].map(
      (type): Row => ({
        title: `is not read as ${JSON.stringify(type)}${type === 'application/json' ? ' [AS-TK-07]' : ''}`,
        request: () => postForm('/token', form, { headers: [['Content-Type', type]] }),
        expect: jsonError('content_type_unsupported'),
      }),
    ),
    ...['gzip', 'br', 'deflate', 'zstd', 'compress', 'gzip, gzip', 'nonsense'].map(
      (coding): Row => ({
        title: `is not unpacked: ${coding}`,
        request: () => postForm('/token', form, { headers: [['Content-Encoding', coding]] }),
        expect: jsonError('content_type_unsupported'),
      }),
    ),
    {
      title: 'may be called identity',
      request: () => postForm('/token', form, { headers: [['Content-Encoding', 'identity']] }),
      expect: read,
    },
    {
      title: 'is empty: the client is missing [AS-TK-14]',
      request: () => postForm('/token', ''),
      expect: jsonError('client_missing'),
    },
    {
      title: 'is not there',
      request: () => ({ method: 'POST', target: '/token', headers: [['Content-Type', FORM]] }),
      expect: jsonError('content_type_unsupported'),
    },
    {
      title: 'names no client [AS-TK-27]',
      request: async (open) => postForm('/token', { ...(await open.code()).form, client_id: undefined }),
      expect: jsonError('client_missing'),
    },
    {
      title: 'begins with a question mark, which is part of a name',
      request: () => postForm('/token', `?${form}`),
      expect: jsonError('grant_type_missing'),
    },
    { title: 'begins and ends with ampersands', request: () => postForm('/token', `&&${form}&&`), expect: read },
    {
      title: 'is separated by semicolons, which separate nothing',
      request: () => postForm('/token', form.replaceAll('&', ';')),
      expect: jsonError('client_missing'),
    },
    {
      title: 'has brackets, which mean nothing',
      request: () => postForm('/token', `${form}&a[b]=1&a[b][c]=2&__proto__[x]=1`),
      expect: read,
    },
    { title: 'has bad escapes', request: () => postForm('/token', `${form}&a=%&b=%zz&c=%u0041`), expect: read },
    {
      title: 'has bytes that are no UTF-8',
      request: () => ({
        ...postForm('/token', ''),
        body: Buffer.concat([Buffer.from(form), Buffer.from([0x26, 0x61, 0x3d, 0xff])]),
      }),
      expect: jsonError('body_malformed'),
    },
    { title: 'has letters beyond ASCII', request: () => postForm('/token', `${form}&a=é\u{1f511}`), expect: read },
    {
      title: 'escapes its names',
      request: () => postForm('/token', form.replace('grant_type', 'grant%5Ftype')),
      expect: read,
    },
    {
      title: 'is JSON that is called a form',
      request: () => postForm('/token', '{"grant_type":"refresh_token"}'),
      expect: jsonError('client_missing'),
    },
    ...[
      'implicit',
      'password',
      'client_credentials',
      'AUTHORIZATION_CODE',
      'authorization-code',
      'authorization_code ',
      ' authorization_code',
      'code',
      'constructor',
      '__proto__',
      'toString',
      'urn:ietf:params:oauth:grant-type:device_code',
      'urn:ietf:params:oauth:grant-type:jwt-bearer',
      'urn:ietf:params:oauth:grant-type:token-exchange',
      'a'.repeat(10_000),
    ].map(
      (grant_type): Row => ({
        title: `asks for ${JSON.stringify(grant_type).slice(0, 60)}, which is not offered${
          new Map([
            ['implicit', ' [AS-TK-19]'],
            ['AUTHORIZATION_CODE', ' [AS-TK-23]'],
            ['constructor', ' [AS-TK-25]'],
          ]).get(grant_type) ?? ''
        }`,
        request: () =>
          postForm('/token', { grant_type, client_id: publicClient.client_id, username: 'a', password: 'b' }),
        expect: jsonError('grant_type_unsupported'),
      }),
    ),
  ]);
});

describe('client authentication', () => {
  const { client_id, client_secret } = basicClient;
  const ask = (authorization: string, form: Parameters = {}) =>
    postForm(
      '/token',
      { grant_type: 'refresh_token', refresh_token: 'x', ...form },
      { headers: header(authorization) },
    );
  const accepted = jsonError('refresh_token_unknown');
  const row = (title: string, authorization: string, expectation: Expectation, form: Parameters = {}): Row => ({
    title,
    request: () => ask(authorization, form),
    expect: expectation,
  });
  const malformed = clientError('client_credentials_malformed');
  const right = base64(`${client_id}:${client_secret}`);

  runTable(world, [
    row('by Basic, form-encoded', basic(client_id, client_secret), accepted),
    row('by Basic, as it stands', `Basic ${right}`, accepted),
    row('by basic in lower case', `basic ${right}`, accepted),
    row('by BASIC in capitals', `BASIC ${right}`, accepted),
    row('by Basic with more than one space', `Basic   ${right}`, accepted),
    row('by Basic without padding', `Basic ${right.replace(/=+$/, '')}`, accepted),
    row('by Basic, with its client_id in the body too', `Basic ${right}`, accepted, { client_id }),
    row('by Basic, with an empty secret in the body', `Basic ${right}`, accepted, { client_secret: '' }),
    row(
      'by Basic, everything escaped',
      `Basic ${base64(`${escapeAll(client_id)}:${escapeAll(client_secret)}`)}`,
      accepted,
    ),
    row('by Basic, an odd client_id and secret escaped [AS-CA-11]', basic(ODD.client_id, ODD.client_secret), accepted),
    row(
      'by Basic, an odd client_id escaped and with plus for space',
      `Basic ${base64(`${encodeURIComponent(ODD.client_id)}:${encodeURIComponent(ODD.client_secret).replaceAll('%20', '+')}`)}`,
      accepted,
    ),
    row('with a wrong secret [AS-CA-03]', basic(client_id, 'wrong'), clientError('client_credentials_wrong')),
    row(
      'with a secret of another letter case',
      basic(client_id, client_secret.toUpperCase()),
      clientError('client_credentials_wrong'),
    ),
    row(
      'with a secret cut short',
      basic(client_id, client_secret.slice(0, -1)),
      clientError('client_credentials_wrong'),
    ),
    row('with a secret and more', basic(client_id, `${client_secret}x`), clientError('client_credentials_wrong')),
    row(
      'with a secret and a colon',
      `Basic ${base64(`${client_id}:${client_secret}:`)}`,
      clientError('client_credentials_wrong'),
    ),
    row(
      'with the hash of the secret',
      basic(client_id, createHash('sha256').update(client_secret).digest('base64url')),
      clientError('client_credentials_wrong'),
    ),
    row(
      'with a secret of sixteen thousand characters less',
      basic(client_id, 'x'.repeat(8_000)),
      clientError('client_credentials_wrong'),
    ),
    row(
      'with the secret of another client',
      basic(client_id, postClient.client_secret),
      clientError('client_credentials_wrong'),
    ),
    row('with an empty secret [AS-CA-05]', basic(client_id, ''), clientError('client_credentials_missing')),
    row(
      'with a secret in the body as well [AS-CA-06]',
      `Basic ${right}`,
      jsonError('client_authentication_ambiguous'),
      { client_id, client_secret },
    ),
    row('with another client in the body [AS-CA-08]', `Basic ${right}`, jsonError('client_id_mismatch'), {
      client_id: otherClient.client_id,
    }),
    row('with bad escapes [AS-CA-14]', 'Basic JXp6OiV6eg==', clientError('client_unknown')),
    row('with NUL and UTF-8 [AS-CA-15]', 'Basic AADDqTrDqQ==', clientError('client_unknown')),
    row(
      'with control characters',
      `Basic ${base64(`${client_id}\r\n:${client_secret}`)}`,
      clientError('client_unknown'),
    ),
    row(
      'with a line break behind the secret',
      `Basic ${base64(`${client_id}:${client_secret}\n`)}`,
      clientError('client_unknown'),
    ),
    row('with an empty client_id', `Basic ${base64(`:${client_secret}`)}`, malformed),
    row('with nothing but a colon', `Basic ${base64(':')}`, malformed),
    row('without a colon', `Basic ${base64(client_id)}`, malformed),
    row('with bytes that are no UTF-8', `Basic ${base64(Uint8Array.of(0xff, 0x3a, 0xff))}`, malformed),
    row(
      'with a byte order mark',
      `Basic ${base64(`\ufeff${client_id}:${client_secret}`)}`,
      clientError('client_unknown'),
    ),
    row('in base64url', `Basic ${base64('~~~:???>>>').replaceAll('+', '-').replaceAll('/', '_')}`, malformed),
    row('in something that is no base64', 'Basic !!!!', malformed),
    row('in base64 with spaces', `Basic ${right.slice(0, 8)} ${right.slice(8)}`, malformed),
    row('in base64 with spare bits', 'Basic YTpifx', malformed),
    row('with too much padding', `Basic ${right}====`, malformed),
    row('with more after it', `Basic ${right}, Basic ${right}`, malformed),
    row('with a comma after it', `Basic ${right},`, malformed),
    row('with the scheme alone', 'Basic', malformed),
    row('with the scheme and a space', 'Basic ', malformed),
    row('with a tab after the scheme', `Basic\t${right}`, malformed),
    row('with no space after the scheme', `Basic${right}`, malformed),
    row('without a scheme', right, malformed),
    row('by Bearer', 'Bearer x', malformed),
    row('by Digest', 'Digest username="a"', malformed),
    row('by DPoP', 'DPoP x', malformed),
    row('by Negotiate', 'Negotiate x', malformed),
    row('by an empty header', '', malformed),
    row(
      'of a public client by Basic',
      basic(publicClient.client_id, 'x'),
      clientError('client_authentication_method_wrong'),
    ),
    row(
      'of a public client by Basic without a secret',
      basic(publicClient.client_id, ''),
      clientError('client_credentials_missing'),
    ),
    row(
      'of a client that registered for the body by Basic',
      basic(postClient.client_id, postClient.client_secret),
      clientError('client_authentication_method_wrong'),
    ),
    {
      title: 'of a client that registered for Basic in the body [AS-CA-10]',
      request: () => postForm('/token', { grant_type: 'refresh_token', refresh_token: 'x', client_id, client_secret }),
      expect: jsonError('client_authentication_method_wrong'),
    },
    {
      title: 'in the query is not read',
      request: () =>
        postForm(`/token?client_id=${client_id}&client_secret=${client_secret}`, { grant_type: 'refresh_token' }),
      expect: jsonError('client_missing'),
    },
    {
      title: 'in a header of a proxy is not read',
      request: () =>
        postForm(
          '/token',
          { grant_type: 'refresh_token' },
          {
            headers: [
              ['X-Forwarded-Authorization', `Basic ${right}`],
              ['Proxy-Authorization', `Basic ${right}`],
              ['X-Client-Id', client_id],
            ],
          },
        ),
      expect: jsonError('client_missing'),
    },
    {
      title: 'in a cookie is not read',
      request: () =>
        postForm(
          '/token',
          { grant_type: 'refresh_token' },
          { headers: [['Cookie', `client_id=${client_id}; client_secret=${client_secret}`]] },
        ),
      expect: jsonError('client_missing'),
    },
  ]);

  test('works the same at /revoke', async () => {
    const revoke = (authorization: string, form: Parameters = {}) =>
      postForm('/revoke', { token: 'x', ...form }, { headers: header(authorization) });
    revoked(await observe(world, revoke(basic(client_id, client_secret))));
    clientError('client_credentials_wrong')(await observe(world, revoke(basic(client_id, 'x'))));
    clientError('client_credentials_malformed')(await observe(world, revoke('Bearer x')));
    jsonError('client_authentication_ambiguous')(
      await observe(world, revoke(basic(client_id, client_secret), { client_secret })),
    );
    jsonError('client_credentials_missing')(await observe(world, postForm('/revoke', { token: 'x', client_id })));
  });

  test('answers a wrong client and a wrong secret alike', async () => {
    const answers = await Promise.all(
      [
        basic('nobody', 'x'),
        basic(client_id, 'x'),
        basic(postClient.client_id, 'x'),
        basic(publicClient.client_id, 'x'),
        'Basic !',
      ].map(async (authorization) => {
        const { answer } = await observe(world, ask(authorization));
        return [answer.status, answer.text, answer.header('www-authenticate')];
      }),
    );
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  });
});

describe('a refresh token', () => {
  const unknown = jsonError('refresh_token_unknown');
  const change = (edit: (token: string) => Parameters['refresh_token']) => (form: Parameters) => ({
    ...form,
    refresh_token: edit(String(form['refresh_token'])),
  });
  runTable(world, [
    refreshRow('brings tokens [AS-RF-01]', (form) => form, tokens({ claims: { aud: RESOURCE } })),
    refreshRow(
      'with its resource brings tokens',
      (form) => ({ ...form, resource: RESOURCE }),
      tokens({ claims: { aud: RESOURCE } }),
    ),
    refreshRow(
      'with its scope brings tokens',
      (form) => ({ ...form, scope: 'mcp:write mcp:read' }),
      tokens({ scope: 'mcp:write mcp:read' }),
    ),
    refreshRow(
      'with less scope brings tokens with less',
      (form) => ({ ...form, scope: 'mcp:read' }),
      tokens({ scope: 'mcp:read', claims: { scope: 'mcp:read' } }),
    ),
    refreshRow('with a scope without a value brings tokens', (form) => ({ ...form, scope: '' }), tokens()),
    refreshRow(
      'with more scope is refused',
      (form) => ({ ...form, scope: 'mcp:read mcp:write admin' }),
      jsonError('scope_not_allowed'),
    ),
    refreshRow(
      'with another scope is refused',
      (form) => ({ ...form, scope: 'calc:use' }),
      jsonError('scope_not_allowed'),
    ),
    refreshRow(
      'with offline_access that was not granted is refused',
      (form) => ({ ...form, scope: 'offline_access' }),
      jsonError('scope_not_allowed'),
    ),
    refreshRow('with a malformed scope is refused', (form) => ({ ...form, scope: '"' }), jsonError('scope_malformed')),
    refreshRow(
      'with another resource is refused',
      (form) => ({ ...form, resource: OTHER_RESOURCE }),
      jsonError('resource_mismatch'),
    ),
    refreshRow(
      'left out is missing',
      (form) => ({ ...form, refresh_token: undefined }),
      jsonError('parameter_missing'),
    ),
    refreshRow(
      'without a value is missing',
      (form) => ({ ...form, refresh_token: '' }),
      jsonError('parameter_missing'),
    ),
    refreshRow(
      "that is garbage is nobody's [AS-RF-13]",
      change(() => 'xxx'),
      unknown,
    ),
    refreshRow(
      "cut short is nobody's",
      change((token) => token.slice(0, -1)),
      unknown,
    ),
    refreshRow(
      "with more after it is nobody's",
      change((token) => `${token}A`),
      unknown,
    ),
    refreshRow(
      "with padding is nobody's",
      change((token) => `${token}=`),
      unknown,
    ),
    refreshRow(
      "with a space after it is nobody's",
      change((token) => `${token} `),
      unknown,
    ),
    refreshRow(
      "with a line break after it is nobody's",
      change((token) => `${token}\n`),
      unknown,
    ),
    refreshRow(
      "without its prefix is nobody's",
      change((token) => token.replace('gmr_', '')),
      unknown,
    ),
    refreshRow(
      "in capitals is nobody's",
      change((token) => token.toUpperCase()),
      unknown,
    ),
    refreshRow(
      "of twenty thousand characters is nobody's",
      change((token) => token + 'A'.repeat(20_000)),
      unknown,
    ),
    refreshRow(
      'of another client is refused',
      (form) => ({ ...form, client_id: otherClient.client_id }),
      jsonError('refresh_token_of_other_client'),
    ),
    refreshRow(
      'given as a code is none',
      (form) => ({
        ...form,
        grant_type: 'authorization_code',
        code: form['refresh_token'],
        code_verifier: 'x'.repeat(43),
      }),
      jsonError('code_unknown'),
    ),
    {
      title: 'is not an access token [AS-RF-15]',
      request: async (open) => {
        const granted = await open.tokens();
        return postForm('/token', { ...granted.form, refresh_token: granted.access_token });
      },
      expect: unknown,
    },
    {
      title: 'of a confidential client without its secret is refused',
      request: async (open) => postForm('/token', (await open.tokens(basicClient)).form),
      expect: jsonError('client_credentials_missing'),
    },
  ]);

  test('is replaced, and whose answer was lost gets the same successor again [AS-RF-06, AS-63]', async () => {
    const granted = await world.tokens();
    const [one, other] = [
      await observe(world, postForm('/token', granted.form)),
      await observe(world, postForm('/token', granted.form)),
    ];
    const [first, second] = [one.answer.json() as JsonObject, other.answer.json() as JsonObject];
    expect(first['refresh_token']).not.toBe(granted.refresh_token);
    expect(second['refresh_token']).toBe(first['refresh_token']);
    expect(second['access_token']).not.toBe(first['access_token']);
    expect(claimsOf(String(second['access_token']))['jti']).not.toBe(claimsOf(String(first['access_token']))['jti']);
  });

  test('that was used long ago ends the grant, the access tokens too [AS-RF-04, AS-63]', async () => {
    await using own = await startGuardmint();
    const open = await createWorld(own);
    const granted = await open.tokens();
    const issued = [granted.access_token];
    let form = granted.form;
    for (let generation = 0; generation < 3; generation++) {
      const body = (await observe(open, postForm('/token', form))).answer.json() as JsonObject;
      issued.push(String(body['access_token']));
      form = { ...form, refresh_token: String(body['refresh_token']) };
    }
    own.advance(11);
    jsonError('refresh_token_reused')(await observe(open, postForm('/token', granted.form)));
    jsonError('refresh_token_revoked')(await observe(open, postForm('/token', form)));
    for (const token of issued) expect(await isDenied(open, token)).toBe(true);
    expect(own.events.filter((event) => event.event === 'token.refresh_reused')).toHaveLength(1);
  });

  test('ends unused after thirty days, used after ninety [AS-RF-16]', async () => {
    await using own = await startGuardmint();
    const open = await createWorld(own);
    let { form } = await open.tokens();
    for (const days of [29, 29, 29]) {
      own.advance(days * 86_400);
      await own.guardmint.keys.reload();
      const { answer } = await observe(open, postForm('/token', form));
      expect(answer.status).toBe(200);
      form = { ...form, refresh_token: (answer.json() as { refresh_token: string }).refresh_token };
    }
    own.advance(3 * 86_400 + 1);
    jsonError('refresh_token_expired')(await observe(open, postForm('/token', form)));
  });

  test('of a person who was disabled or has a new password is worth nothing [AS-RF-19, AS-RF-20]', async () => {
    await using own = await startGuardmint();
    const open = await createWorld(own);
    const granted = await open.tokens();
    const [user] = (await own.guardmint.users.list()).filter(({ username }) => username === own.credentials.username);
    await own.guardmint.store.denylist.deny({ kind: 'subject', id: user?.subject ?? '', lifetime: 90 * 86_400 });
    jsonError('refresh_token_revoked')(await observe(open, postForm('/token', granted.form)));
    expect(await isDenied(open, granted.access_token)).toBe(true);
  });

  test('of a client that is gone is refused in words that make it register again [AS-RF-22]', async () => {
    const clients = [{ client_id: 'leaving', redirect_uris: [REDIRECT] }];
    await using before = await startGuardmint({ settings: { clients } });
    const granted = await (await createWorld(before)).tokens({ client_id: 'leaving' });
    const { store } = before.guardmint;
    await using after = await startGuardmint({ store: () => store });
    jsonError('client_unknown')(await observe(await createWorld(after), postForm('/token', granted.form)));
  });

  test('is not given to a client that did not register for it [AS-65]', async () => {
    const client = await world.client({ grant_types: ['authorization_code'] });
    const { answer } = await observe(world, postForm('/token', (await world.code(client)).form));
    expect(answer.status).toBe(200);
    expect(Object.keys(answer.json() as JsonObject).sort()).toEqual([
      'access_token',
      'expires_in',
      'scope',
      'token_type',
    ]);
  });
});

describe('a revocation', () => {
  const { client_id } = publicClient;
  const given =
    (change: (granted: { access_token: string; refresh_token: string }) => Parameters) => async (open: World) =>
      postForm('/revoke', { client_id, ...change(await open.tokens()) });
  runTable(world, [
    { title: 'of a refresh token', request: given(({ refresh_token }) => ({ token: refresh_token })), expect: revoked },
    {
      title: 'of an access token [AS-RV-03]',
      request: given(({ access_token }) => ({ token: access_token, token_type_hint: 'access_token' })),
      expect: revoked,
    },
    {
      title: 'with the wrong hint [AS-RV-08]',
      request: given(({ refresh_token }) => ({ token: refresh_token, token_type_hint: 'access_token' })),
      expect: revoked,
    },
    {
      title: 'with a hint nobody knows [AS-RV-09]',
      request: given(({ refresh_token }) => ({ token: refresh_token, token_type_hint: 'foo' })),
      expect: revoked,
    },
    {
      title: 'with a hint without a value',
      request: given(({ refresh_token }) => ({ token: refresh_token, token_type_hint: '' })),
      expect: revoked,
    },
    {
      title: 'without a token [AS-RV-11]',
      request: () => postForm('/revoke', { client_id }),
      expect: jsonError('parameter_missing'),
    },
    {
      title: 'of a token without a value',
      request: () => postForm('/revoke', { client_id, token: '' }),
      expect: jsonError('parameter_missing'),
    },
    {
      title: 'by GET [AS-RV-13]',
      request: () => ({ target: '/revoke?token=x' }),
      expect: jsonError('method_not_allowed'),
    },
    {
      title: 'of a token in the query',
      request: given(({ refresh_token }) => ({ token: undefined, x: refresh_token })),
      expect: jsonError('parameter_missing'),
    },
    {
      title: 'of a token of bytes [AS-RV-16]',
      request: () => postForm('/revoke', `token=%00%ff&client_id=${client_id}`),
      expect: revoked,
    },
    ...[
      'x',
      'a.b.c',
      'gmr_',
      'gmr_.',
      '..',
      'null',
      '\0',
      '[object Object]',
      'A'.repeat(20_000),
      `${'a'.repeat(20)}.`.repeat(2_000),
    ].map(
      (token): Row => ({
        title: `of ${JSON.stringify(token).slice(0, 30)}, which is nothing`,
        request: () => postForm('/revoke', { client_id, token }),
        expect: revoked,
      }),
    ),
    {
      title: 'of a code, which is no token',
      request: async (open) => postForm('/revoke', { client_id, token: (await open.code()).code }),
      expect: revoked,
    },
  ]);

  test.each([
    ['the refresh token [AS-RV-02, AS-RV-05]', 'refresh_token', {}],
    ['the access token', 'access_token', {}],
    ['the refresh token under the wrong hint [AS-RV-08]', 'refresh_token', { token_type_hint: 'access_token' }],
    ['the access token under the wrong hint', 'access_token', { token_type_hint: 'refresh_token' }],
    ['the refresh token under a hint nobody knows [AS-RV-09]', 'refresh_token', { token_type_hint: 'foo' }],
  ] as const)('of %s ends both, and twice is as good as once', async (_, kind, hint) => {
    const granted = await world.tokens();
    for (const _time of [1, 2])
      revoked(await observe(world, postForm('/revoke', { client_id, token: granted[kind], ...hint })));
    jsonError('refresh_token_revoked')(await observe(world, postForm('/token', granted.form)));
    expect(await isDenied(world, granted.access_token)).toBe(true);
  });

  test('of the token of another client does nothing [AS-RV-10]', async () => {
    const granted = await world.tokens();
    for (const token of [granted.refresh_token, granted.access_token]) {
      revoked(await observe(world, postForm('/revoke', { client_id: otherClient.client_id, token })));
      revoked(
        await observe(
          world,
          postForm('/revoke', { token }, { headers: header(basic(basicClient.client_id, basicClient.client_secret)) }),
        ),
      );
    }
    tokens()(await observe(world, postForm('/token', granted.form)));
    expect(await isDenied(world, granted.access_token)).toBe(false);
  });

  test('of an access token that has ended is no matter [AS-RV-15]', async () => {
    await using own = await startGuardmint();
    const open = await createWorld(own);
    const granted = await open.tokens();
    own.advance(3_600);
    revoked(
      await observe(open, postForm('/revoke', { client_id: open.publicClient.client_id, token: granted.access_token })),
    );
    tokens()(await observe(open, postForm('/token', granted.form)));
  });

  test('of a code takes nothing from it', async () => {
    const { form, code } = await world.code();
    revoked(await observe(world, postForm('/revoke', { client_id, token: code })));
    tokens()(await observe(world, postForm('/token', form)));
  });

  test('is told to every validator by the list of revocations [AS-RV-04]', async () => {
    const granted = await world.tokens();
    revoked(await observe(world, postForm('/revoke', { client_id, token: granted.access_token })));
    const listed = await observe(world, { target: '/revocations' });
    expectSound(listed);
    expect(JSON.stringify(claimsOf(listed.answer.text))).toContain(String(claimsOf(granted.access_token)['gid']));
  });
});

describe('many at once', () => {
  test('of forty exchanges of one code one wins, and the others end what it gave [AS-60]', async () => {
    const { form } = await world.code();
    const answers = await Promise.all(
      Array.from({ length: 40 }, async () => (await world.server.post('/token', encodeParameters(form))).status),
    );
    expect(answers.filter((status) => status === 200)).toHaveLength(1);
    expect(answers.filter((status) => status === 400)).toHaveLength(39);
  });

  test('forty uses of one refresh token have one successor', async () => {
    const { form } = await world.tokens();
    const answers = await Promise.all(
      Array.from({ length: 40 }, () => world.server.post('/token', encodeParameters(form))),
    );
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([200]));
    expect(new Set(answers.map((answer) => answer.body['refresh_token'])).size).toBe(1);
  });

  test('a refresh and a revocation at once end in a grant that is over', async () => {
    for (let round = 0; round < 5; round++) {
      const granted = await world.tokens();
      const [refreshed, ended] = await Promise.all([
        world.server.post('/token', encodeParameters(granted.form)),
        world.server.post('/revoke', { client_id: publicClient.client_id, token: granted.refresh_token }),
      ]);
      expect(ended.status).toBe(200);
      const latest = refreshed.status === 200 ? String(refreshed.body['refresh_token']) : granted.refresh_token;
      jsonError('refresh_token_revoked')(
        await observe(world, postForm('/token', { ...granted.form, refresh_token: latest })),
      );
      if (refreshed.status === 200) expect(await isDenied(world, String(refreshed.body['access_token']))).toBe(true);
    }
  });
});

/** Whether the denylist stands against the grant of an access token. */
async function isDenied(open: World, accessToken: string): Promise<boolean> {
  const { entries } = await open.server.guardmint.store.denylist.snapshot();
  const { gid, sub } = claimsOf(accessToken);
  return entries.some((entry) => entry.kind !== 'all' && (entry.id === gid || entry.id === sub));
}

function escapeAll(text: string): string {
  return [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
}
