import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  canonicalResource,
  createResourceDirectory,
  isLoopbackUrl,
  isSameResource,
  OAuthError,
} from '../../src/oauth/index.ts';

describe('a resource in its comparable form', () => {
  test.each([
    ['https://mcp.example/mcp', 'https://mcp.example/mcp'],
    ['HTTPS://MCP.Example/Mcp', 'https://mcp.example/Mcp'],
    ['https://mcp.example', 'https://mcp.example'],
    ['https://mcp.example/', 'https://mcp.example'],
    ['https://mcp.example:443/', 'https://mcp.example'],
    ['https://mcp.example:443/mcp', 'https://mcp.example/mcp'],
    ['https://mcp.example:/mcp', 'https://mcp.example/mcp'],
    ['http://mcp.example:80/mcp', 'http://mcp.example/mcp'],
    ['http://mcp.example:443/mcp', 'http://mcp.example:443/mcp'],
    ['https://mcp.example:8443', 'https://mcp.example:8443'],
    ['https://mcp.example/mcp/', 'https://mcp.example/mcp/'],
    ['https://mcp.example/a/../b', 'https://mcp.example/a/../b'],
    ['https://mcp.example/%7Ea', 'https://mcp.example/%7Ea'],
    ['https://mcp.example//', 'https://mcp.example//'],
    ['https://mcp.example?tenant=7', 'https://mcp.example?tenant=7'],
    ['https://mcp.example/?tenant=7', 'https://mcp.example/?tenant=7'],
    ['https://mcp.example/a?b=/', 'https://mcp.example/a?b=/'],
    ['https://mcp.example./mcp', 'https://mcp.example./mcp'],
    ['https://mcp.example/@x', 'https://mcp.example/@x'],
    ['http://[::1]:3000/mcp', 'http://[::1]:3000/mcp'],
    ['http://[0:0:0:0:0:0:0:1]:3000/mcp', 'http://[::1]:3000/mcp'],
    ['http://localhost:3000/mcp', 'http://localhost:3000/mcp'],
  ])('%s is %s', (text, canonical) => {
    expect(canonicalResource(text)).toBe(canonical);
  });

  test.each([
    ['a fragment [AS-RS-03]', 'https://mcp.example/mcp#x'],
    ['an empty fragment', 'https://mcp.example/mcp#'],
    ['script [AS-RS-10]', 'javascript:alert(1)'],
    ['another scheme', 'ftp://mcp.example/'],
    ['a URN', 'urn:example:mcp'],
    ['no scheme', 'mcp.example/mcp'],
    ['a path', '/mcp'],
    ['a scheme-relative reference', '//mcp.example/mcp'],
    ['nothing', ''],
    ['no host', 'https://'],
    ['no host but a path', 'https:///mcp'],
    ['a host behind too many slashes', 'https:////mcp.example/mcp'],
    ['one slash', 'https:/mcp.example/mcp'],
    ['no slash', 'https:mcp.example/mcp'],
    ['userinfo', 'https://user@mcp.example/mcp'],
    ['a password', 'https://user:pw@mcp.example/mcp'],
    ['empty userinfo', 'https://@mcp.example/mcp'],
    ['a backslash', 'https://mcp.example\\mcp'],
    ['a backslash before another host', 'https://mcp.example\\@evil.example/'],
    ['a space', 'https://mcp.example/m cp'],
    ['a space in front', ' https://mcp.example/mcp'],
    ['a line feed', 'https://mcp.example/mcp\n'],
    ['a tab inside', 'https://mcp.exa\tmple/mcp'],
    ['a letter that is not ASCII', 'https://mcp.exämple/mcp'],
    ['an escaped host', 'https://mcp.ex%61mple/mcp'],
    ['an escaped slash in the host', 'https://mcp.example%2f.evil.example/'],
    ['an empty label', 'https://mcp..example/mcp'],
    ['a port out of range', 'https://mcp.example:65536/mcp'],
    ['a port that is no number', 'https://mcp.example:x/mcp'],
    ['an IPv6 zone', 'http://[fe80::1%25eth0]/mcp'],
    ['markup', 'https://mcp.example/<b>'],
    ['more than 2,048 characters', `https://mcp.example/${'a'.repeat(2_029)}`],
  ])('does not exist with %s', (_, text) => {
    expect(canonicalResource(text)).toBeUndefined();
  });

  const label = fc.stringMatching(/^[a-zA-Z0-9_-]{1,8}$/);
  const uri = fc
    .record({
      scheme: fc.constantFrom('http', 'https', 'HTTP', 'Https'),
      host: fc.oneof(
        fc.array(label, { minLength: 1, maxLength: 3 }).map((labels) => labels.join('.')),
        fc.ipV4(),
        fc.ipV6().map((ip) => `[${ip}]`),
      ),
      port: fc.option(fc.nat({ max: 70_000 }), { nil: undefined }),
      rest: fc.stringMatching(/^([/?][!$-;=?-[\]_a-z~%]{0,12})?$/),
    })
    .map(({ scheme, host, port, rest }) => `${scheme}://${host}${port === undefined ? '' : `:${port}`}${rest}`);

  test('is its own comparable form', () => {
    fc.assert(
      fc.property(fc.oneof(uri, fc.string(), fc.webUrl()), (text) => {
        const canonical = canonicalResource(text);
        if (canonical !== undefined) expect(canonicalResource(canonical)).toBe(canonical);
      }),
    );
  });

  // An independent reading: the WHATWG origin, and everything after the authority as it is written.
  const parts = (text: string): string => {
    const after = text.slice(text.indexOf('//') + 2);
    const start = after.search(/[/?]/);
    const rest = start === -1 ? '' : after.slice(start);
    return `${new URL(text).origin} ${rest === '/' ? '' : rest}`;
  };

  test('never brings two hosts, ports, paths or queries together, and never parts one', () => {
    fc.assert(
      fc.property(uri, uri, fc.boolean(), (one, second, isMutation) => {
        const other = isMutation
          ? one.replace(/^(\w+):\/\/([^/?]*)/, (_, scheme, host) => `${scheme.toUpperCase()}://${host.toUpperCase()}`)
          : second;
        if (canonicalResource(one) === undefined || canonicalResource(other) === undefined) return;
        expect(isSameResource(one, other)).toBe(parts(one) === parts(other));
      }),
      { numRuns: 1_000 },
    );
  });
});

test.each([
  ['http://localhost:3000/mcp', true],
  ['https://127.0.0.1/mcp', true],
  ['http://[::1]/mcp', true],
  ['http://127.1/mcp', true],
  ['http://127.0.0.2/mcp', false],
  ['http://localhost.evil.example/mcp', false],
  ['http://localhost@evil.example/mcp', false],
  ['http://app.localhost/mcp', false],
  ['ftp://localhost/mcp', false],
  ['localhost', false],
])('%s is on this machine: %s', (text, isLocal) => {
  expect(isLoopbackUrl(text)).toBe(isLocal);
});

describe('the resource a request means', () => {
  const notes = { resource: 'https://notes.example/mcp' };
  const files = { resource: 'https://files.example/' };
  const two = createResourceDirectory({ resources: [notes, files] });
  const refusal = (directory: typeof two, requested: readonly string[]) => {
    try {
      return directory.resolve(requested);
    } catch (thrown) {
      return thrown instanceof OAuthError ? thrown.reason : thrown;
    }
  };

  test.each([
    ['its name', ['https://notes.example/mcp'], notes],
    ['another spelling of its host [AS-RS-05]', ['HTTPS://Notes.Example/mcp'], notes],
    ['the default port written out [AS-RS-08]', ['https://notes.example:443/mcp'], notes],
    ['an origin without its slash [AS-RS-04]', ['https://files.example'], files],
    ['the same name twice [AS-RS-13]', ['https://notes.example/mcp', 'https://notes.example/mcp'], notes],
    ['two spellings of one name', ['https://files.example', 'https://files.example/'], files],
  ])('is found by %s', (_, requested, resource) => {
    expect(two.resolve(requested)).toBe(resource);
  });

  test.each([
    ['a slash too many [AS-RS-04]', ['https://notes.example/mcp/'], 'resource_unknown'],
    ['a name that begins like one of ours [AS-RS-07]', ['https://notes.example/mcp.evil.example'], 'resource_unknown'],
    ['a host that begins like one of ours [AS-RS-07]', ['https://notes.example.evil.example/mcp'], 'resource_unknown'],
    ['two different names', [notes.resource, files.resource], 'resource_unknown'],
    ['http for https', ['http://notes.example/mcp'], 'resource_unknown'],
    ['a malformed name', ['notes'], 'resource_malformed'],
    ['a malformed name beside a good one', [notes.resource, 'https://notes.example/mcp#x'], 'resource_malformed'],
    ['no name where none is the default', [], 'resource_missing'],
    ['a loopback name nobody configured', ['http://localhost:3000/mcp'], 'resource_unknown'],
  ])('is refused: %s', (_, requested, reason) => {
    expect(refusal(two, requested)).toBe(reason);
  });

  test('is the only one, or the default, when the request names none', () => {
    expect(createResourceDirectory({ resources: [notes] }).resolve([])).toBe(notes);
    expect(
      createResourceDirectory({ resources: [notes, files], defaultResource: 'https://files.example' }).resolve([]),
    ).toBe(files);
  });

  test('is any on this machine where none is configured, in its comparable form', () => {
    const open = createResourceDirectory({ resources: [] });
    expect(open.resolve(['HTTP://LocalHost:80/'])).toEqual({ resource: 'http://localhost' });
    expect(refusal(open, ['https://notes.example/mcp'])).toBe('resource_unknown');
    expect(refusal(open, [])).toBe('resource_missing');
    expect(open.known).toEqual([]);
  });
});
