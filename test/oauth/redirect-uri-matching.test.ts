import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  isAcceptableRedirectUri,
  matchesRedirectUri,
  OAuthError,
  redirectDestination,
  refusalUrl,
  reject,
  responseUrl,
  verifyRedirectTarget,
} from '../../src/oauth/index.ts';

const WEB = 'https://client.example/cb';
const IPV4 = 'http://127.0.0.1/cb';
const NAMED = 'http://localhost/cb';
const IPV6 = 'http://[::1]/cb';
const APP = 'com.example.app:/cb';

describe('a presented redirect URI is the registered one', () => {
  test.each([
    ['AS-RU-01', WEB, WEB],
    ['AS-RU-67', `${WEB}?a=1`, `${WEB}?a=1`],
    ['AS-RU-72', IPV4, 'http://127.0.0.1:51004/cb'],
    ['AS-RU-73', 'http://127.0.0.1:8080/cb', 'http://127.0.0.1:51004/cb'],
    ['AS-RU-75', NAMED, 'http://localhost:51004/cb'],
    ['AS-RU-100', APP, APP],
    ['a port left out', 'http://127.0.0.1:8080/cb', IPV4],
    ['IPv6 with a port', IPV6, 'http://[::1]:51004/cb'],
    ['a port and a query', `${NAMED}?a=1`, 'http://localhost:1/cb?a=1'],
    ['the highest port', NAMED, 'http://localhost:65535/cb'],
    [
      'a scheme of its own',
      'cursor://anysphere.cursor-mcp/oauth/callback',
      'cursor://anysphere.cursor-mcp/oauth/callback',
    ],
    ['loopback without a path', 'http://localhost', 'http://localhost:3000'],
  ])('%s: %s as %s', (_, registered, presented) => {
    expect(matchesRedirectUri(registered, presented)).toBe(true);
    expect(isAcceptableRedirectUri(registered)).toBe(true);
  });

  test.each([
    ['AS-RU-03', WEB, 'https://client.example/CB'],
    ['AS-RU-06', WEB, 'http://client.example/cb'],
    ['AS-RU-09', WEB, `${WEB}?x=1`],
    ['AS-RU-12', WEB, `${WEB}#frag`],
    ['AS-RU-14', WEB, `${WEB}/../evil`],
    ['AS-RU-15', WEB, `${WEB}/..%2fevil`],
    ['AS-RU-16', WEB, `${WEB}%2f..%2fevil`],
    ['AS-RU-17', WEB, `${WEB}/%2e%2e/evil`],
    ['AS-RU-19', WEB, `${WEB}/..;/evil`],
    ['AS-RU-22', WEB, 'https://client.example/x/../cb'],
    ['AS-RU-23', WEB, 'https://client.example/%63b'],
    ['AS-RU-24', WEB, `${WEB}%00`],
    ['AS-RU-25', WEB, `${WEB}%20`],
    ['AS-RU-27', WEB, `${WEB} `],
    ['AS-RU-28', WEB, `${WEB}\t`],
    ['AS-RU-30', WEB, 'https://client.example\\cb'],
    ['AS-RU-31', WEB, 'https:\\\\client.example\\cb'],
    ['AS-RU-33', WEB, 'https:/client.example/cb'],
    ['AS-RU-35', WEB, '//client.example/cb'],
    ['AS-RU-36', WEB, '/cb'],
    ['AS-RU-37', WEB, 'client.example/cb'],
    ['AS-RU-38', WEB, 'https://user@client.example/cb'],
    ['AS-RU-40', WEB, 'https://client.example:x@evil.example/cb'],
    ['AS-RU-42', WEB, 'https://evil.example\\@client.example/cb'],
    ['AS-RU-44', WEB, 'https://evil.example?@client.example/cb'],
    ['AS-RU-45', WEB, 'https://client.example.evil.example/cb'],
    ['AS-RU-47', WEB, 'https://evil-client.example/cb'],
    ['AS-RU-49', WEB, 'https://client.example./cb'],
    ['AS-RU-52', WEB, 'https://client\u3002example/cb'],
    ['AS-RU-53', WEB, 'https://client.example\uff0fcb'],
    ['AS-RU-54', WEB, `${WEB}\u200b`],
    ['AS-RU-55', WEB, `${WEB}\u0301`],
    ['AS-RU-60', WEB, 'vbscript:x'],
    ['AS-RU-62', WEB, 'blob:https://client.example/x'],
    ['AS-RU-63', WEB, 'about:blank'],
    ['AS-RU-68', `${WEB}?a=1`, `${WEB}?a=2`],
    ['AS-RU-69', `${WEB}?a=1`, WEB],
    ['AS-RU-70', `${WEB}?a=1&b=2`, `${WEB}?b=2&a=1`],
    ['AS-RU-71', `${WEB}?a=%2F`, `${WEB}?a=/`],
    ['AS-RU-76', IPV4, 'http://localhost:51004/cb'],
    ['AS-RU-77', NAMED, 'http://127.0.0.1:51004/cb'],
    ['AS-RU-80', IPV4, 'https://127.0.0.1:51004/cb'],
    ['AS-RU-81', IPV4, 'http://127.0.0.1:51004/cb/'],
    ['AS-RU-82', IPV4, 'http://127.000.000.001:51004/cb'],
    ['AS-RU-83', IPV4, 'http://127.1:51004/cb'],
    ['AS-RU-84', IPV4, 'http://2130706433:51004/cb'],
    ['AS-RU-85', IPV4, 'http://0x7f000001:51004/cb'],
    ['AS-RU-86', IPV4, 'http://127.0.0.2:51004/cb'],
    ['AS-RU-91', IPV4, 'http://127.0.0.1:/cb'],
    ['AS-RU-92', IPV4, 'http://127.0.0.1:080/cb'],
    ['AS-RU-94', NAMED, 'http://localhost.evil.example:51004/cb'],
    ['AS-RU-102', APP, 'COM.EXAMPLE.APP:/cb'],
    ['a slash at the end', WEB, `${WEB}/`],
    ['a slash too many', WEB, 'https://client.example//cb'],
    ['a scheme in upper case', WEB, 'HTTPS://client.example/cb'],
    ['a host in upper case', WEB, 'https://CLIENT.example/cb'],
    ['the default port', WEB, 'https://client.example:443/cb'],
    ['another port', WEB, 'https://client.example:8443/cb'],
    ['an empty query', WEB, `${WEB}?`],
    ['an empty fragment', WEB, `${WEB}#`],
    ['a path parameter', WEB, `${WEB};x=1`],
    ['a subdomain', WEB, 'https://a.client.example/cb'],
    ['a parent domain', 'https://a.client.example/cb', WEB],
    ['a longer path', WEB, `${WEB}/more`],
    ['a shorter path', WEB, 'https://client.example/'],
    ['two values, space between', WEB, `${WEB} https://evil.example/cb`],
    ['two values, comma between', WEB, `${WEB},https://evil.example/cb`],
    ['a header injection', WEB, `${WEB}\r\nLocation: https://evil.example`],
    ['an escape in other case', `${WEB}?a=%2F`, `${WEB}?a=%2f`],
    ['loopback, path in other case', IPV4, 'http://127.0.0.1:51004/CB'],
    ['loopback, a query added', IPV4, 'http://127.0.0.1:51004/cb?x=1'],
    ['loopback, a query left out', `${IPV4}?x=1`, 'http://127.0.0.1:51004/cb'],
    ['loopback, a fragment', IPV4, 'http://127.0.0.1:51004/cb#x'],
    ['loopback, userinfo', IPV4, 'http://user@127.0.0.1:51004/cb'],
    ['loopback, userinfo instead of a port', NAMED, 'http://localhost:51004@evil.example/cb'],
    ['loopback, port zero', IPV4, 'http://127.0.0.1:0/cb'],
    ['loopback, port too large', IPV4, 'http://127.0.0.1:65536/cb'],
    ['loopback, a port with a sign', IPV4, 'http://127.0.0.1:+80/cb'],
    ['loopback, a port with a space', IPV4, 'http://127.0.0.1: 80/cb'],
    ['loopback, a full-width port', IPV4, 'http://127.0.0.1:５１/cb'],
    ['loopback, IPv6 for IPv4', IPV4, 'http://[::1]:51004/cb'],
    ['loopback, IPv4 mapped to IPv6', IPV6, 'http://[::ffff:127.0.0.1]:51004/cb'],
    ['loopback, IPv6 written long', IPV6, 'http://[0:0:0:0:0:0:0:1]:51004/cb'],
    ['loopback, a name in upper case', NAMED, 'http://LOCALHOST:51004/cb'],
    ['loopback, a scheme in upper case', NAMED, 'HTTP://localhost:51004/cb'],
    ['loopback, a trailing dot', NAMED, 'http://localhost.:51004/cb'],
    ['loopback, a dot segment', NAMED, 'http://localhost:51004/x/../cb'],
    ['loopback, no slash for a slash', 'http://localhost/', 'http://localhost:51004'],
    ['a TLS server on this machine keeps its port', 'https://localhost/cb', 'https://localhost:8443/cb'],
    ['an app scheme, more slashes', APP, 'com.example.app:///cb'],
    ['an app scheme, a longer path', APP, 'com.example.app:/cb/x'],
    ['an app scheme with a port', 'myapp://localhost/cb', 'myapp://localhost:51004/cb'],
    ['nothing', WEB, ''],
  ])('or is refused: %s', (_, registered, presented) => {
    expect(matchesRedirectUri(registered, presented)).toBe(false);
    expect(() => verifyRedirectTarget([registered], presented, undefined)).toThrow(
      expect.objectContaining({ reason: 'redirect_uri_not_registered' }),
    );
  });

  test('no text but itself matches a registered URI that is not loopback', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.webUrl()),
        fc.constantFrom(WEB, APP, `${WEB}?a=1`),
        (presented, registered) => {
          expect(matchesRedirectUri(registered, presented)).toBe(presented === registered);
        },
      ),
    );
  });

  test('whatever matches a loopback URI differs from it in the port only', () => {
    const port = fc.oneof(fc.nat({ max: 70_000 }).map(String), fc.string({ maxLength: 6 }));
    fc.assert(
      fc.property(
        fc.constantFrom('127.0.0.1', 'localhost', '[::1]'),
        port,
        fc.webPath(),
        (host, presentedPort, path) => {
          const presented = `http://${host}:${presentedPort}${path}`;
          if (!matchesRedirectUri(`http://${host}${path}`, presented)) return;
          const url = new URL(presented);
          expect([url.protocol, url.hostname, url.username, url.hash]).toEqual(['http:', host, '', '']);
          expect(Number(url.port === '' ? 80 : url.port)).toBe(Number(presentedPort));
        },
      ),
    );
  });
});

describe('the target of an authorization response', () => {
  const reasonOf = (act: () => unknown) => {
    try {
      act();
    } catch (thrown) {
      if (thrown instanceof OAuthError) return thrown.reason;
    }
    return undefined;
  };

  test('may be left out by a client with one redirect URI [AS-RU-105]', () => {
    expect(verifyRedirectTarget([WEB], undefined, 'xyz')).toEqual({ uri: WEB, provided: false, state: 'xyz' });
  });

  test('must be named by a client with several or none', () => {
    expect(reasonOf(() => verifyRedirectTarget([WEB, APP], undefined, undefined))).toBe('redirect_uri_missing');
    expect(reasonOf(() => verifyRedirectTarget([], undefined, undefined))).toBe('redirect_uri_missing');
  });

  test('is never a URI of another client, nor of a client without any [AS-RU-109]', () => {
    expect(reasonOf(() => verifyRedirectTarget([WEB], 'https://other.example/cb', 'x'))).toBe(
      'redirect_uri_not_registered',
    );
    expect(reasonOf(() => verifyRedirectTarget([], WEB, 'x'))).toBe('redirect_uri_not_registered');
  });

  test('is the presented URI, its port included, not the registered one', () => {
    const target = verifyRedirectTarget([WEB, NAMED], 'http://localhost:51004/cb', undefined);
    expect(target).toEqual({ uri: 'http://localhost:51004/cb', provided: true, state: undefined });
  });

  test('gets its parameters after a query it already has, with state and issuer as they are', () => {
    const issuer = 'https://as.example/tenant';
    const plain = verifyRedirectTarget([WEB], WEB, 'a b&c=d#é');
    const queried = verifyRedirectTarget([`${WEB}?a=1`], `${WEB}?a=1`, undefined);
    expect(responseUrl(plain, issuer, { code: 'x.y' })).toBe(
      `${WEB}?code=x.y&state=a+b%26c%3Dd%23%C3%A9&iss=https%3A%2F%2Fas.example%2Ftenant`,
    );
    expect(responseUrl(queried, issuer, { code: 'x' })).toBe(`${WEB}?a=1&code=x&iss=https%3A%2F%2Fas.example%2Ftenant`);
    expect(refusalUrl(queried, issuer, reject('access_denied', { secret: 'never shown' }))).toBe(
      `${WEB}?a=1&error=access_denied&error_description=The+request+was+denied.&iss=https%3A%2F%2Fas.example%2Ftenant`,
    );
  });

  test('of an app gets its parameters too', () => {
    const uri = 'cursor://anysphere.cursor-mcp/oauth/callback';
    expect(responseUrl(verifyRedirectTarget([uri], uri, 's'), 'https://as.example', { code: 'x' })).toBe(
      `${uri}?code=x&state=s&iss=https%3A%2F%2Fas.example`,
    );
  });

  test('every parameter comes back once, unchanged, whatever the state is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (state) => {
        const target = verifyRedirectTarget([`${WEB}?a=1`], undefined, state);
        const { searchParams, origin, pathname, hash } = new URL(
          responseUrl(target, 'https://as.example', { code: 'c' }),
        );
        expect([...searchParams]).toEqual([
          ['a', '1'],
          ['code', 'c'],
          ['state', state],
          ['iss', 'https://as.example'],
        ]);
        expect([origin, pathname, hash]).toEqual(['https://client.example', '/cb', '']);
      }),
    );
  });
});

test.each([
  [WEB, { scheme: 'https', host: 'client.example', isLoopback: false }],
  ['https://client.example:8443/cb', { scheme: 'https', host: 'client.example:8443', isLoopback: false }],
  ['http://127.0.0.1:51004/cb', { scheme: 'http', host: '127.0.0.1:51004', isLoopback: true }],
  ['http://[::1]:1/cb', { scheme: 'http', host: '[::1]:1', isLoopback: true }],
  ['https://localhost/cb', { scheme: 'https', host: 'localhost', isLoopback: true }],
  ['https://app.localhost/cb', { scheme: 'https', host: 'app.localhost', isLoopback: true }],
  ['https://127.8.0.1/cb', { scheme: 'https', host: '127.8.0.1', isLoopback: true }],
  ['https://0.0.0.0/cb', { scheme: 'https', host: '0.0.0.0', isLoopback: true }],
  ['https://[::]/cb', { scheme: 'https', host: '[::]', isLoopback: true }],
  ['https://[::ffff:7f00:1]/cb', { scheme: 'https', host: '[::ffff:7f00:1]', isLoopback: true }],
  ['https://[::ffff:0:0]/cb', { scheme: 'https', host: '[::ffff:0:0]', isLoopback: true }],
  ['https://[::ffff:808:808]/cb', { scheme: 'https', host: '[::ffff:808:808]', isLoopback: false }],
  ['https://127.0.0.1.example/cb', { scheme: 'https', host: '127.0.0.1.example', isLoopback: false }],
  ['https://notlocalhost/cb', { scheme: 'https', host: 'notlocalhost', isLoopback: false }],
  ['cursor://localhost/oauth', { scheme: 'cursor', host: 'cursor:', isLoopback: false }],
  [APP, { scheme: 'com.example.app', host: 'com.example.app:', isLoopback: false }],
])('people are shown where %s leads', (uri, destination) => {
  expect(redirectDestination(uri)).toEqual(destination);
});
