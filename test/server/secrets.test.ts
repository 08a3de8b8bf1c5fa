import { describe, expect, test } from 'vitest';
import { createForeignSigner } from '../support/assertion.ts';
import { startGuardmint } from '../support/guardmint.ts';

describe('a whole run', () => {
  test('leaves no password, code, token, verifier, secret, cookie or ticket in its log or audit', async () => {
    await using server = await startGuardmint();
    const secrets = new Set<string>([server.credentials.password]);
    const keep = <T>(value: T): T => {
      if (typeof value === 'string' && value.length >= 8) secrets.add(value);
      return value;
    };

    const confidential = await server.register({ token_endpoint_auth_method: 'client_secret_basic' });
    const secret = keep(String(confidential.client_secret));
    const basic = {
      authorization: `Basic ${keep(Buffer.from(`${confidential.client_id}:${secret}`).toString('base64'))}`,
    };
    const person = server.person();

    // Wrong passwords, a wrong form, a sign-in, a refusal by the person.
    const stranger = server.person();
    const page = await stranger.open(
      `${server.issuer}/authorize?client_id=nobody&code=${keep('a-planted-code-in-a-query')}`,
    );
    expect(page.status).toBe(400);
    const denied = await server.authorize({ client: confidential, person: server.person({ decision: 'deny' }) });
    expect(denied.redirect.searchParams.get('error')).toBe('access_denied');

    const authorized = await server.authorize({ client: confidential, person });
    keep(authorized.code);
    keep(authorized.verifier);
    const { client_id: _id, ...exchange } = authorized.exchange;
    await server.post('/token', { ...exchange, code_verifier: keep('w'.repeat(64)) }, basic);
    const issued = await server.post('/token', exchange, basic);
    expect(issued.status).toBe(200);
    keep(issued.body['access_token']);
    keep(issued.body['refresh_token']);
    const refreshed = await server.post(
      '/token',
      { grant_type: 'refresh_token', refresh_token: String(issued.body['refresh_token']) },
      basic,
    );
    keep(refreshed.body['access_token']);
    await server.post('/token', exchange, basic);
    await server.post(
      '/token',
      { grant_type: 'refresh_token', refresh_token: keep('gmr_a-planted-refresh-token') },
      basic,
    );
    await server.post('/token', exchange, {
      authorization: `Basic ${keep(Buffer.from('client:planted-secret').toString('base64'))}`,
    });
    keep('planted-secret');
    await server.post(`/token?client_secret=${keep('planted-query-secret')}`, {
      client_secret: keep('planted-body-secret'),
    });
    await server.post('/revoke', { token: String(refreshed.body['access_token']) }, basic);

    const signer = await createForeignSigner();
    const keyed = await server.register({
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [{ ...signer.publicJwk }] },
    });
    const claims = {
      iss: keyed.client_id,
      sub: keyed.client_id,
      aud: server.issuer,
      jti: 'once',
      exp: server.now() + 60,
    };
    const assertion = {
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: keep(await signer.sign(claims)),
    };
    for (let use = 0; use < 2; use++) await server.post('/token', { grant_type: 'refresh_token', ...assertion });

    const granted = await server.grant({ person });
    keep(granted.access_token);
    keep(granted.refresh_token);
    const form = { grant_type: 'refresh_token', refresh_token: granted.refresh_token, client_id: granted.clientId };
    const first = await server.post('/token', form);
    keep(first.body['refresh_token']);
    const second = await server.post('/token', { ...form, refresh_token: String(first.body['refresh_token']) });
    keep(second.body['refresh_token']);
    server.advance(20);
    await server.post('/token', form);
    const last = await server.grant({ person });
    await server.post('/revoke', { client_id: last.clientId, token: keep(last.access_token) });
    keep(last.refresh_token);
    for (const cookie of [...person.cookies.values(), ...stranger.cookies.values()]) keep(cookie);

    expect(secrets.size).toBeGreaterThan(18);
    expect(server.events.map((event) => event.event)).toEqual(
      expect.arrayContaining([
        'sign_in.succeeded',
        'consent.denied',
        'code.replayed',
        'token.refresh_reused',
        'token.revoked',
      ]),
    );
    const said = [...server.lines, ...server.events.map((event) => JSON.stringify(event))].join('\n');
    expect(server.lines.length).toBeGreaterThan(30);
    const told = [...secrets].filter((one) => said.includes(one));
    expect(told).toEqual([]);
    // Sealed things and tokens of any kind, not only those seen above.
    expect(said).not.toMatch(/eyJ[\w-]{20,}\.[\w-]*\.[\w-]+|gmr_[\w-]{40,}/);
  });
});
