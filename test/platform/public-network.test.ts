import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isFetchableUrl, isPublicAddress, isPublicHostname } from '../../src/platform/index.ts';

const SPECIAL = [
  ['this network', '0.0.0.0'],
  ['this network', '0.1.2.3'],
  ['private use', '10.0.0.1'],
  ['private use', '172.16.0.1'],
  ['private use', '172.31.255.255'],
  ['private use', '192.168.1.1'],
  ['shared address space', '100.64.0.1'],
  ['loopback', '127.0.0.1'],
  ['loopback', '127.255.255.254'],
  ['link-local, cloud metadata', '169.254.169.254'],
  ['IETF protocol assignments', '192.0.0.170'],
  ['documentation', '192.0.2.1'],
  ['documentation', '198.51.100.1'],
  ['documentation', '203.0.113.1'],
  ['AS112', '192.31.196.1'],
  ['6to4 relay anycast', '192.88.99.1'],
  ['benchmarking', '198.18.0.1'],
  ['multicast', '224.0.0.1'],
  ['reserved', '240.0.0.1'],
  ['broadcast', '255.255.255.255'],
  ['unspecified', '::'],
  ['loopback', '::1'],
  ['IPv4-mapped', '::ffff:127.0.0.1'],
  ['IPv4-mapped public', '::ffff:1.1.1.1'],
  ['IPv4-compatible', '::7f00:1'],
  ['IPv4-translated', '::ffff:0:127.0.0.1'],
  ['NAT64', '64:ff9b::7f00:1'],
  ['local NAT64', '64:ff9b:1::1'],
  ['6to4', '2002:7f00:1::'],
  ['Teredo', '2001::1'],
  ['ORCHID', '2001:20::1'],
  ['documentation', '2001:db8::1'],
  ['documentation', '3fff::1'],
  ['unique local', 'fc00::1'],
  ['unique local, cloud metadata', 'fd00:ec2::254'],
  ['link-local', 'fe80::1'],
  ['link-local with a zone', 'fe80::1%eth0'],
  ['site-local', 'fec0::1'],
  ['multicast', 'ff02::1'],
  ['discard-only', '100::1'],
  ['segment routing', '5f00::1'],
  ['not assigned', '4000::1'],
  ['octal', '0177.0.0.1'],
  ['decimal', '2130706433'],
  ['short', '127.1'],
  ['nothing', ''],
  ['a name', 'client.example'],
] as const;

describe('isPublicAddress', () => {
  it.each(SPECIAL)('refuses %s %s [CI-08]', (_kind, address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  it.each(['1.1.1.1', '93.184.216.34', '223.255.255.255', '2606:4700:4700::1111', '2a00:1450:4001::1'])(
    'admits %s',
    (address) => {
      expect(isPublicAddress(address)).toBe(true);
    },
  );

  it('refuses every IPv4 address that is hidden in IPv6, public or not [CI-08]', () => {
    const byte = fc.integer({ min: 0, max: 255 });
    fc.assert(
      fc.property(fc.tuple(byte, byte, byte, byte), ([a, b, c, d]) => {
        const hex = `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
        const disguises = [`::ffff:${hex}`, `::${hex}`, `::ffff:0:${hex}`, `64:ff9b::${hex}`, `2002:${hex}::1`];
        expect(disguises.filter(isPublicAddress)).toEqual([]);
      }),
    );
  });

  it('refuses the whole of every private IPv4 network', () => {
    const inside = fc
      .constantFrom([10, 8], [127, 8], [0xac10, 12], [0xc0a8, 16], [0xa9fe, 16], [0x6440, 10], [0, 8])
      .chain(([network = 0, bits = 8]) =>
        fc.nat(2 ** (32 - bits) - 1).map((host) => {
          const base = network > 255 ? network * 2 ** 16 : network * 2 ** 24;
          const value = base + host;
          return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
        }),
      );
    fc.assert(fc.property(inside, (address) => !isPublicAddress(address)));
  });
});

describe('isPublicHostname', () => {
  it.each([
    'localhost',
    'localhost.',
    'intranet',
    'metadata.google.internal',
    'printer.local',
    'router.lan',
    'nas.home.arpa',
    '1.0.0.127.in-addr.arpa',
    'db.corp',
    'api.svc.cluster.local',
    'x.onion',
    'client.example.',
    '127.0.0.1',
    '[::1]',
    'localhost.localdomain',
  ])('refuses %s', (hostname) => {
    expect(isPublicHostname(hostname)).toBe(false);
  });

  it.each(['claude.ai', 'client.example', 'xn--bcher-kva.example', 'localhost.evil.example', 'mylocal.example'])(
    'admits %s',
    (hostname) => {
      expect(isPublicHostname(hostname)).toBe(true);
    },
  );
});

describe('isFetchableUrl', () => {
  it.each([
    ['http://client.example/c', 'http'],
    ['ftp://client.example/c', 'another scheme'],
    ['javascript:alert(1)', 'script'],
    ['https://user@client.example/c', 'userinfo'],
    ['https://client.example/c#f', 'a fragment'],
    ['https://client.example:22/c', 'a port of another service'],
    ['https://2130706433/c', 'a decimal address'],
    ['https://0x7f.1/c', 'a hexadecimal address'],
    ['https://localhost/c', 'this machine'],
    ['http://127.0.0.1:8080/c', 'this machine'],
    ['not a URL', 'no URL'],
  ])('refuses %s: %s', (url) => {
    expect(isFetchableUrl(url)).toBe(false);
  });

  it('admits https on the usual port and on high ones', () => {
    expect(['https://client.example/', 'https://client.example:8443/c?v=1'].every((url) => isFetchableUrl(url))).toBe(
      true,
    );
  });

  it('admits this machine, http included, only where it is allowed', () => {
    const urls = ['http://localhost:3000/c', 'http://127.0.0.1:3000/c', 'https://[::1]:3000/c'];
    expect(urls.filter((url) => isFetchableUrl(url))).toEqual([]);
    expect(urls.filter((url) => isFetchableUrl(url, { allowLoopback: true }))).toEqual(urls);
    expect(isFetchableUrl('http://client.example/c', { allowLoopback: true })).toBe(false);
    expect(isFetchableUrl('http://10.0.0.1:3000/c', { allowLoopback: true })).toBe(false);
  });
});

it('what an operator wrote down may be anywhere, over https', () => {
  const urls = ['https://10.0.0.1/jwks', 'https://kubernetes.default.svc.cluster.local:6443/jwks', 'https://keys/jwks'];

  expect(urls.filter((url) => isFetchableUrl(url, { allowPrivate: true }))).toEqual(urls);
  expect(urls.filter((url) => isFetchableUrl(url, { allowLoopback: true }))).toEqual([]);
  for (const url of ['http://10.0.0.1/jwks', 'https://a:b@keys/jwks', 'https://keys/jwks#x', 'ftp://keys/jwks'])
    expect(isFetchableUrl(url, { allowPrivate: true })).toBe(false);
});
