import { afterAll, describe, expect, test } from 'vitest';
import { type Answer, OTHER_RESOURCE, REDIRECT, RESOURCE, startGuardmint } from '../support/guardmint.ts';

const server = await startGuardmint();
afterAll(() => server[Symbol.asyncDispose]());
const client = await server.register();
const stranger = await server.register({ client_name: 'stranger' });
const confidential = await server.register({ token_endpoint_auth_method: 'client_secret_basic' });
const person = server.person();

const CODE = { error: 'invalid_grant', error_description: 'The authorization code is not valid.' };
const REFRESH = { error: 'invalid_grant', error_description: 'The refresh token is not valid.' };

/** Every refusal of the token endpoint: JSON, kept by nobody, without a token. */
function expectRefusal(answer: Answer, status: number, error: string): void {
  expect({ status: answer.status, error: answer.body['error'] }).toEqual({ status, error });
  expect(answer.headers.get('cache-control')).toBe('no-store');
  expect(answer.headers.get('content-type')).toContain('application/json');
  expect(Object.keys(answer.body).sort()).toEqual(['error', 'error_description']);
}

const authorize = () => server.authorize({ client, person });
type Form = Record<string, string>;
const without = (form: Form, name: string): Form =>
  Object.fromEntries(Object.entries(form).filter(([key]) => key !== name));

describe('a code', () => {
  test.each<[string, string, (form: Form) => Form, string]>([
    ['without a verifier', 'AS-PK-13', (form) => without(form, 'code_verifier'), 'invalid_request'],
    ['with an empty verifier', 'AS-PK-14', (form) => ({ ...form, code_verifier: '' }), 'invalid_request'],
    [
      'with a verifier of 42 characters',
      'AS-PK-17',
      (form) => ({ ...form, code_verifier: 'a'.repeat(42) }),
      'invalid_grant',
    ],
    [
      'with a verifier of 129 characters',
      'AS-PK-18',
      (form) => ({ ...form, code_verifier: 'a'.repeat(129) }),
      'invalid_grant',
    ],
    [
      'with a newline after its verifier',
      'AS-PK-20',
      (form) => ({ ...form, code_verifier: `${form['code_verifier']}\n` }),
      'invalid_grant',
    ],
    [
      'with its verifier in upper case',
      'AS-PK-21',
      (form) => ({ ...form, code_verifier: (form['code_verifier'] ?? '').toUpperCase() }),
      'invalid_grant',
    ],
    ['of another client', 'AS-CD-06', (form) => ({ ...form, client_id: stranger.client_id }), 'invalid_grant'],
    [
      'with another redirect URI',
      'AS-CD-07',
      (form) => ({ ...form, redirect_uri: 'https://client.example/cb' }),
      'invalid_grant',
    ],
    [
      'with another loopback port',
      'AS-CD-09',
      (form) => ({ ...form, redirect_uri: 'http://127.0.0.1:7778/callback' }),
      'invalid_grant',
    ],
    ['left out', 'AS-CD-11', (form) => without(form, 'code'), 'invalid_request'],
    ['left empty', 'AS-CD-12', (form) => ({ ...form, code: '' }), 'invalid_request'],
    ['cut short', 'AS-CD-15', (form) => ({ ...form, code: (form['code'] ?? '').slice(0, -4) }), 'invalid_grant'],
    ['that is a sentence', 'AS-CD-15', (form) => ({ ...form, code: 'give me tokens' }), 'invalid_grant'],
    ['for another resource', 'AS-RS-11', (form) => ({ ...form, resource: OTHER_RESOURCE }), 'invalid_target'],
    ['for no resource', 'AS-RS-11', (form) => ({ ...form, resource: 'nonsense' }), 'invalid_target'],
  ])('%s is refused, and still works afterwards [%s]', async (_, _id, change, error) => {
    const { exchange } = await authorize();
    expectRefusal(await server.post('/token', change(exchange)), 400, error);
    expect((await server.post('/token', exchange)).status).toBe(200);
  });

  test.each<[string, (form: Form) => Form]>([
    ['AS-CD-08', (form) => without(form, 'redirect_uri')],
    ['AS-RS-12', (form) => without(form, 'resource')],
    ['AS-RS-13', (form) => ({ ...form, resource: RESOURCE })],
    ['AS-TK-29', (form) => ({ ...form, foo: 'bar' })],
  ])('is redeemed in this form too [%s]', async (_, change) => {
    const { exchange } = await authorize();
    const answer = await server.post('/token', change(exchange));
    expect(answer.status).toBe(200);
    const claims = JSON.parse(
      Buffer.from(String(answer.body['access_token']).split('.')[1] ?? '', 'base64url').toString(),
    );
    expect(claims.aud).toBe(RESOURCE);
  });

  test('is over after its minute [AS-29]', async () => {
    await using own = await startGuardmint();
    const { exchange } = await own.authorize();
    own.advance(61);
    const answer = await own.post('/token', exchange);
    expectRefusal(answer, 400, 'invalid_grant');
    expect(answer.body).toEqual(CODE);
    expect(own.events.filter((event) => event.event === 'request.refused').at(-1)?.['reason']).toBe('code_expired');
  });

  test('of a megabyte is too large [AS-CD-16, AS-TK-32]', async () => {
    const { exchange } = await authorize();
    const answer = await server.post('/token', { ...exchange, code: 'x'.repeat(1_048_577) });
    expectRefusal(answer, 413, 'invalid_request');
  });

  test('of another server is refused [AS-CD-18]', async () => {
    await using other = await startGuardmint();
    const { exchange } = await other.authorize();
    const answer = await server.post('/token', { ...exchange, client_id: client.client_id });
    expect(answer.body).toEqual(CODE);
  });

  test('in the query of the token endpoint is not read [AS-CD-22]', async () => {
    const { exchange } = await authorize();
    const answer = await server.post(`/token?code=${exchange['code']}`, without(exchange, 'code'));
    expectRefusal(answer, 400, 'invalid_request');
  });

  test('used with the wrong verifier or by another client leaves the tokens of its owner alone [AS-CD-04]', async () => {
    const { authorized, refresh_token } = await server.grant({ client, person });
    await server.post('/token', { ...authorized.exchange, code_verifier: 'x'.repeat(50) });
    await server.post('/token', { ...authorized.exchange, client_id: stranger.client_id });
    const answer = await server.post('/token', {
      grant_type: 'refresh_token',
      refresh_token,
      client_id: client.client_id,
    });
    expect(answer.status).toBe(200);
  });
});

describe('the token endpoint', () => {
  test.each(['GET', 'PUT', 'PATCH', 'DELETE', 'HEAD'])(
    'answers %s with 405 [AS-TK-01, AS-TK-04, AS-TK-05]',
    async (method) => {
      const response = await fetch(`${server.issuer}/token`, { method });
      expect(response.status).toBe(405);
      expect(response.headers.get('allow')).toBe('POST, OPTIONS');
    },
  );

  test.each<[string, string, string]>([
    ['application/json', '{"grant_type":"authorization_code"}', 'AS-TK-07'],
    ['text/plain', 'grant_type=authorization_code', 'AS-TK-07'],
    ['multipart/form-data; boundary=x', '--x--', 'AS-TK-07'],
    ['application/xml', '<a/>', 'AS-TK-07'],
  ])('does not read %s [AS-TK-07]', async (type, body) => {
    expectRefusal(await server.post('/token', body, { 'content-type': type }), 400, 'invalid_request');
  });

  test('reads a form with a charset [AS-TK-11]', async () => {
    const { exchange } = await authorize();
    const type = 'application/x-www-form-urlencoded; charset=UTF-8';
    expect((await server.post('/token', exchange, { 'content-type': type })).status).toBe(200);
  });

  test('refuses an empty body [AS-TK-14]', async () => {
    expectRefusal(await server.post('/token', ''), 400, 'invalid_request');
  });

  test.each([
    'implicit',
    'password',
    'client_credentials',
    'AUTHORIZATION_CODE',
    'constructor',
    '__proto__',
    'authorization_code ',
  ])('does not know the grant type "%s" [AS-TK-19, AS-TK-23, AS-TK-25]', async (grant_type) => {
    expectRefusal(
      await server.post('/token', { grant_type, client_id: client.client_id }),
      400,
      'unsupported_grant_type',
    );
  });

  test('wants a grant type and a client [AS-TK-27]', async () => {
    const { exchange } = await authorize();
    expectRefusal(await server.post('/token', { client_id: client.client_id }), 400, 'invalid_request');
    expectRefusal(await server.post('/token', without(exchange, 'client_id')), 400, 'invalid_request');
  });

  test.each(['client_id', 'code', 'code_verifier', 'grant_type', 'redirect_uri', 'foo'])(
    'refuses a repeated %s and consumes nothing [AS-TK-28, AS-PK-19]',
    async (name) => {
      const { exchange } = await authorize();
      const text = `${new URLSearchParams(exchange)}&${name}=x&${name}=y`;
      expectRefusal(await server.post('/token', text), 400, 'invalid_request');
      expect((await server.post('/token', exchange)).status).toBe(200);
    },
  );

  test('speaks to scripts of other origins, without credentials [AS-TK-38]', async () => {
    const preflight = await fetch(`${server.issuer}/token`, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://app.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization, content-type, mcp-protocol-version',
      },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe('*');
    expect(preflight.headers.get('access-control-allow-credentials')).toBeNull();
    expect(preflight.headers.get('access-control-allow-headers')?.toLowerCase()).toContain('authorization');
    const refused = await server.post('/token', {}, { origin: 'https://app.example' });
    expect(refused.headers.get('access-control-allow-origin')).toBe('*');
  });

  test('answers 401 and names Basic to a confidential client with wrong credentials [AS-CA-02, AS-CA-03]', async () => {
    const form = { grant_type: 'refresh_token', refresh_token: 'x' };
    const basic = (secret: string) => `Basic ${Buffer.from(`${confidential.client_id}:${secret}`).toString('base64')}`;
    const wrong = await server.post('/token', form, { authorization: basic('wrong') });
    expectRefusal(wrong, 401, 'invalid_client');
    expect(wrong.headers.get('www-authenticate')).toMatch(/^Basic realm=/);
    expectRefusal(await server.post('/token', { ...form, client_id: confidential.client_id }), 401, 'invalid_client');
    const posted = { ...form, client_id: confidential.client_id, client_secret: String(confidential.client_secret) };
    expectRefusal(await server.post('/token', posted), 401, 'invalid_client');
    const both = await server.post('/token', posted, { authorization: basic(String(confidential.client_secret)) });
    expectRefusal(both, 400, 'invalid_request');
  });

  test('answers an unknown signed client_id with 401, which makes clients register again [AS-RG-88]', async () => {
    await using other = await startGuardmint();
    const { client_id } = await other.register();
    expectRefusal(
      await server.post('/token', { grant_type: 'refresh_token', refresh_token: 'x', client_id }),
      401,
      'invalid_client',
    );
  });
});

describe('a refresh token', () => {
  const refresh = (refresh_token: string, more: Form = {}) =>
    server.post('/token', { grant_type: 'refresh_token', refresh_token, client_id: client.client_id, ...more });

  test('is replaced by another [AS-RF-01]', async () => {
    const granted = await server.grant({ client, person });
    const answer = await refresh(granted.refresh_token);
    expect(answer.status).toBe(200);
    expect(answer.body['refresh_token']).not.toBe(granted.refresh_token);
    expect(answer.body['access_token']).not.toBe(granted.access_token);
  });

  test('whose answer was lost brings the same successor again [AS-RF-06]', async () => {
    const granted = await server.grant({ client, person });
    const [first, second] = [await refresh(granted.refresh_token), await refresh(granted.refresh_token)];
    expect(second.body['refresh_token']).toBe(first.body['refresh_token']);
  });

  test.each<[string, string, (token: string, access: string) => string]>([
    ['that is garbage', 'AS-RF-13', () => 'garbage'],
    [
      'with one character changed',
      'AS-RF-13',
      (token) => `${token.slice(0, 20)}${token[20] === 'A' ? 'B' : 'A'}${token.slice(21)}`,
    ],
    ['that is an access token', 'AS-RF-15', (_, access) => access],
    ['with "=" after it', 'AS-RF-13', (token) => `${token}=`],
    ['with a space after it', 'AS-RF-13', (token) => `${token} `],
  ])('%s is refused [%s]', async (_, _id, change) => {
    const granted = await server.grant({ client, person });
    const answer = await refresh(change(granted.refresh_token, granted.access_token));
    expect(answer.body).toEqual(REFRESH);
    expect((await refresh(granted.refresh_token)).status).toBe(200);
  });

  test('repeated in one request is refused [AS-RF-14]', async () => {
    const granted = await server.grant({ client, person });
    const form = { grant_type: 'refresh_token', refresh_token: granted.refresh_token, client_id: client.client_id };
    const answer = await server.post('/token', `${new URLSearchParams(form)}&refresh_token=x`);
    expectRefusal(answer, 400, 'invalid_request');
  });

  test('narrows its scope for one access token, and never widens it [AS-67]', async () => {
    const granted = await server.grant({ client, person });
    const narrowed = await refresh(granted.refresh_token, { scope: 'mcp:read' });
    expect(narrowed.body['scope']).toBe('mcp:read');
    const wide = await refresh(String(narrowed.body['refresh_token']));
    expect(wide.body['scope']).toBe('mcp:read mcp:write');
    expectRefusal(await refresh(String(wide.body['refresh_token']), { scope: 'mcp:read admin' }), 400, 'invalid_scope');
    expectRefusal(
      await refresh(String(wide.body['refresh_token']), { resource: OTHER_RESOURCE }),
      400,
      'invalid_target',
    );
    expect((await refresh(String(wide.body['refresh_token']))).status).toBe(200);
  });

  test('ends unused after its idle life, and in any case after its absolute one [AS-RF-16]', async () => {
    await using own = await startGuardmint();
    const granted = await own.grant();
    const again = (token: string) =>
      own.post('/token', { grant_type: 'refresh_token', refresh_token: token, client_id: granted.clientId });
    own.advance(30 * 86_400 + 1);
    expect((await again(granted.refresh_token)).body).toEqual(REFRESH);
  });

  test('of a person whose password was changed or who was disabled is dead, and so are their access tokens [AS-RF-19, AS-RF-20, AS-CD-19]', async () => {
    await using own = await startGuardmint();
    const granted = await own.grant();
    const { exchange } = await own.authorize();
    const user = (await own.guardmint.users.list()).find((one) => one.username === own.credentials.username);
    await own.guardmint.store.denylist.deny({ kind: 'subject', id: user?.subject ?? '', lifetime: 86_400 });
    const answer = await own.post('/token', {
      grant_type: 'refresh_token',
      refresh_token: granted.refresh_token,
      client_id: granted.clientId,
    });
    expect(answer.body).toEqual(REFRESH);
    expect((await own.post('/token', exchange)).body).toEqual(CODE);
  });
});

describe('the revocation endpoint', () => {
  const revoke = (form: Form | string, headers: Form = {}) => server.post('/revoke', form, headers);
  const isAlive = async (token: string) => {
    const answer = await server.post('/token', {
      grant_type: 'refresh_token',
      refresh_token: token,
      client_id: client.client_id,
    });
    return answer.status === 200;
  };
  const { client_id } = client;

  test.each<[string, string, (granted: { access_token: string; refresh_token: string }) => Form]>([
    ['the refresh token', 'AS-RV-02', (granted) => ({ token: granted.refresh_token })],
    ['the access token', 'AS-RV-03', (granted) => ({ token: granted.access_token })],
    [
      'the refresh token with the wrong hint',
      'AS-RV-08',
      (granted) => ({ token: granted.refresh_token, token_type_hint: 'access_token' }),
    ],
    [
      'the access token with the wrong hint',
      'AS-RV-08',
      (granted) => ({ token: granted.access_token, token_type_hint: 'refresh_token' }),
    ],
    [
      'the refresh token with an unknown hint',
      'AS-RV-09',
      (granted) => ({ token: granted.refresh_token, token_type_hint: 'pizza' }),
    ],
  ])('ends the grant by %s [%s, AS-RV-05]', async (_, _id, form) => {
    const granted = await server.grant({ client, person });
    const answer = await revoke({ client_id, ...form(granted) });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(await isAlive(granted.refresh_token)).toBe(false);
  });

  test('does nothing to the token of another client [AS-RV-10]', async () => {
    const granted = await server.grant({ client, person });
    for (const token of [granted.access_token, granted.refresh_token]) {
      expect((await revoke({ client_id: stranger.client_id, token })).status).toBe(200);
    }
    expect(await isAlive(granted.refresh_token)).toBe(true);
  });

  test('wants one token of a known client [AS-RV-11, AS-RV-12, AS-RV-13]', async () => {
    expectRefusal(await revoke({ client_id }), 400, 'invalid_request');
    expectRefusal(await revoke(`client_id=${client_id}&token=a&token=b`), 400, 'invalid_request');
    expectRefusal(await revoke({ client_id: 'nobody', token: 'a' }), 401, 'invalid_client');
    expect((await fetch(`${server.issuer}/revoke`)).status).toBe(405);
  });

  test.each(['garbage', '', 'a.b.c', 'gmr_', '\u0000', 'x'.repeat(20_000)])(
    'says nothing about the token %j [AS-RV-16]',
    async (token) => {
      const answer = await revoke({ client_id, token });
      expect([200, 400]).toContain(answer.status);
      expect(answer.text).not.toMatch(/\bError\b|stack|sqlite|redis/);
    },
  );

  test('takes an access token that has ended [AS-RV-15]', async () => {
    await using own = await startGuardmint();
    const granted = await own.grant();
    own.advance(3_600);
    const answer = await own.post('/revoke', { client_id: granted.clientId, token: granted.access_token });
    expect(answer.status).toBe(200);
  });
});

test('registration with a repeated member is refused [AS-RG-75]', async () => {
  const response = await fetch(`${server.issuer}/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: `{"redirect_uris":["${REDIRECT}"],"client_name":"a","client_name":"b"}`,
  });
  expect(response.status).toBe(400);
});
