import { expect, test } from 'vitest';
import { silentAudit, systemClock, systemRandom } from '../../src/platform/index.ts';

test('the clock gives whole seconds, not milliseconds', () => {
  const now = systemClock();
  expect(Number.isSafeInteger(now)).toBe(true);
  expect(now).toBeGreaterThan(1_700_000_000);
  expect(now).toBeLessThan(100_000_000_000);
});

test.each([1, 12, 16, 32])('%d random bytes are that many, in base64url, and never the same', (bytes) => {
  const text = systemRandom(bytes);
  expect(text).toMatch(/^[A-Za-z0-9_-]+$/);
  expect(Buffer.from(text, 'base64url')).toHaveLength(bytes);
  if (bytes >= 12) expect(new Set(Array.from({ length: 1_000 }, () => systemRandom(bytes))).size).toBe(1_000);
});

test('an audit that keeps nothing takes every event', () => {
  expect(silentAudit({ event: 'code.issued', grantId: 'x' })).toBeUndefined();
});
