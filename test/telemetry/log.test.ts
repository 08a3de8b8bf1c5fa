import { describe, expect, test } from 'vitest';
import { UnavailableError } from '../../src/oauth/index.ts';
import { createAuditLog, createLog, describeRequest, type LogLevel } from '../../src/telemetry/index.ts';

const JWS = 'eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg';
const JWE = 'eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..aXYtb2YtMTItYnl0ZXM.Y2lwaGVydGV4dA.dGFn';
const REFRESH = 'gmr_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIj';
const PASSWORD = 'correct horse battery staple';
const SECRET = 'Zm9yLW9uZS1jbGllbnQtb25seQ';
const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
const SECRETS = [JWS, JWE, REFRESH, PASSWORD, SECRET, VERIFIER];

function capture(level: LogLevel = 'trace') {
  const written: string[] = [];
  const log = createLog({ level, destination: { write: (line: string) => written.push(line) } });
  return { log, text: () => written.join(''), lines: () => written.map((line) => JSON.parse(line) as object) };
}

describe('log', () => {
  test('a line is one JSON object with level, time and message', () => {
    const { log, lines } = capture();

    log.info({ issuer: 'https://auth.example.com', port: 3000 }, 'listening');

    expect(lines()).toEqual([
      {
        level: 'info',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        issuer: 'https://auth.example.com',
        port: 3000,
        msg: 'listening',
      },
    ]);
  });

  test('lines below the level are not written', () => {
    const { log, text } = capture('warn');

    log.info({}, 'quiet');
    log.warn({}, 'loud');

    expect(text()).toContain('loud');
    expect(text()).not.toContain('quiet');
  });

  test('a token is seen behind whatever stands before it', () => {
    const { log, text } = capture();
    for (const before of ['', ' ', '"', '=', ':', '/', '-', 'x-', 'x.', 'a.b.', 'x-y.z-'])
      log.info({}, `${before}${JWS}`);
    expect(text()).not.toContain(JWS.slice(-20));
    expect(text()).not.toContain(JWS.slice(0, 20));
    log.info({ host: 'auth.eu-west.example.com', version: '24.21.0' }, 'kept');
    expect(text()).toContain('auth.eu-west.example.com');
    expect(text()).toContain('24.21.0');
  });

  // A parameter may have a name of 64 KiB, and its name is in the line of the refusal. Where every place a token could begin
  // at is read to the end, this takes a minute.
  test('text that a stranger chose costs what its length costs', () => {
    const { log, text } = capture();
    for (const piece of ['ey-', 'ey-a.', 'eyaaaaaa.!', 'a.', 'gmr_-', 'Bearer ', 'client_'])
      log.info({ parameter: piece.repeat(Math.ceil(200_000 / piece.length)) }, 'request.refused');
    expect(text().length).toBeLessThan(100_000);
  });

  test('no secret comes out, wherever it stands [RS-22]', () => {
    const { log, text } = capture();
    const failure = Object.assign(new Error(`POST /token failed: code=${VERIFIER}&client_secret=${SECRET}`), {
      request: { headers: { authorization: `Basic ${SECRET}` }, body: `password=${PASSWORD}` },
      cause: new UnavailableError('store', { cause: new Error(`token ${REFRESH}`) }),
    });

    log.error({ err: failure }, `could not use ${JWS}`);
    log.warn(
      { headers: { Authorization: `Bearer ${SECRET}`, Cookie: `session=${SECRET}`, 'Set-Cookie': [SECRET] } },
      'seen',
    );
    log.info(
      { form: { username: 'alice', password: PASSWORD, client_secret: SECRET, code_verifier: VERIFIER } },
      'form',
    );
    log.info({ deep: { deeper: [{ access_token: JWS, refreshToken: REFRESH, clientSecret: SECRET }] } }, 'deep');
    log.info({ location: `https://app.example/cb?code=${JWE}&state=${SECRET}`, jwk: { kty: 'oct', k: SECRET } }, 'url');
    log.info({ bytes: Buffer.from(SECRET), note: `DPoP ${JWS}` }, `gave ${REFRESH} and ${JWE}`);
    log.child({ token: SECRET, assertion: JWS }).info({ note: JWE }, `Bearer ${SECRET}`);

    expect(text().match(/\n/g)).toHaveLength(7);
    for (const secret of SECRETS) expect(text()).not.toContain(secret);
    expect(text()).not.toContain(Buffer.from(SECRET).toString('hex'));
  });

  test('what is no secret is left readable', () => {
    const { log, lines } = capture();
    const fields = {
      jti: 'AAECAwQFBgcICQoLDA0ODw',
      kid: VERIFIER.slice(0, 20),
      host: 'authorization-server.example.internal-net',
    };

    log.info({ ...fields, err: new UnavailableError('store') }, 'state');

    expect(lines()[0]).toMatchObject({
      ...fields,
      err: { type: 'UnavailableError', message: 'store is unavailable', dependency: 'store' },
    });
  });
});

describe('audit', () => {
  test('an event is a line with its stable name, however high the level is', () => {
    const { log, lines } = capture('error');

    createAuditLog(log)({ event: 'token.issued', jti: 'AAEC', subject: 'alice' });
    createAuditLog(log)({ event: 'token.refresh_reused', grantId: 'AAEC' });

    expect(lines()).toMatchObject([
      { level: 'info', audit: true, event: 'token.issued', jti: 'AAEC', subject: 'alice' },
      { level: 'warn', audit: true, event: 'token.refresh_reused', grantId: 'AAEC' },
    ]);
  });

  test('a silent log keeps no events', () => {
    const { log, text } = capture('silent');

    createAuditLog(log)({ event: 'token.issued' });

    expect(text()).toBe('');
  });
});

describe('request description', () => {
  const REQUEST = { requestId: 'r1', method: 'GET', status: 302, milliseconds: 1.6, address: '203.0.113.7' };

  test('it holds the route template and the names of parameters, never a value', () => {
    const search = `?client_id=desk&state=${SECRET}&code_challenge=${VERIFIER}`;

    expect(describeRequest({ ...REQUEST, route: '/authorize', search })).toEqual({
      ...REQUEST,
      milliseconds: 2,
      route: '/authorize',
      parameters: ['client_id', 'state', 'code_challenge'],
    });
  });

  test('a secret in the place of a name, a method or an unknown path is left out', () => {
    const search = `?${REFRESH}&${JWS}=1&${SECRET}=`;

    const description = describeRequest({ ...REQUEST, method: `GET${SECRET}`, route: undefined, search });

    expect(description).toEqual({ ...REQUEST, method: 'other', milliseconds: 2, route: 'none' });
  });
});
