import { expect, test } from 'vitest';
import { networkOf } from '../../src/platform/index.ts';

test.each([
  ['203.0.113.7', '203.0.113.7'],
  ['::ffff:203.0.113.7', '203.0.113.7'],
  ['203.0.113.7:50123', '203.0.113.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
  ['2001:0DB8:0001:0002::9', '2001:db8:1:2::/64'],
  ['[2001:db8:1:2::9]:50123', '2001:db8:1:2::/64'],
  ['[2001:db8:1:2::9]', '2001:db8:1:2::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
])('%s is of %s', (address, network) => {
  expect(networkOf(address)).toBe(network);
});

test('what is no address stands for itself, whatever it looks like', () => {
  for (const text of [
    '',
    'unknown',
    '_hidden',
    '1:2:3:4:5:6:7:8:9::1',
    '1.2.3',
    '[::1',
    ':'.repeat(20),
    '203.0.113.7:x',
  ])
    expect(networkOf(text)).toBe(text);
});
