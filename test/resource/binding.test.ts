import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type BindingContext, createBinding, principalOf } from '../../src/resource/index.ts';
import { testSigner } from '../support/keys.ts';
import { createTestClock, forge, NOW, verifierOf } from './issuer.ts';

const SECRET = 'a secret of this test, 32 bytes or more';
const OTHER_SECRET = 'another secret of this test, 32 bytes or more';
const ALICE: BindingContext = { principal: 'alice', purpose: 'basket' };

const bindingOf = (secrets: readonly (string | Uint8Array)[] = [SECRET], clock = createTestClock()) =>
  createBinding({ secrets, clock: clock.read });

describe('a bound value', () => {
  test('comes back to its principal as it was, from any replica with the secret [RS-45]', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), fc.string(), fc.string(), async (value, principal, purpose) => {
        const text = await bindingOf().issue(value, { principal, purpose, lifetime: 60 });

        expect(text).toMatch(/^[\w.-]+$/);
        expect(JSON.stringify(await bindingOf().open(text, { principal, purpose }))).toBe(JSON.stringify(value));
      }),
      { numRuns: 50 },
    );
  });

  test.each([
    ['another principal', { principal: 'bob' }],
    ['another purpose', { purpose: 'order' }],
    ['another context', { context: 'tool-2' }],
    ['no context', { context: undefined }],
    ['parts that only look the same', { principal: 'alice","x', purpose: 'basket' }],
  ])('is nothing for %s [RS-45, RS-46]', async (_title, change) => {
    const binding = bindingOf();
    const text = await binding.issue({ basketId: 7 }, { ...ALICE, context: 'tool-1', lifetime: 60 });
    const { context, ...rest } = { ...ALICE, context: 'tool-1' as string | undefined, ...change };

    expect(await binding.open(text, { ...rest, ...(context !== undefined && { context }) })).toBeUndefined();
    expect(await binding.open(text, { ...ALICE, context: 'tool-1' })).toEqual({ basketId: 7 });
  });

  test('is nothing from the end of its lifetime on [RS-46]', async () => {
    const clock = createTestClock();
    const binding = bindingOf([SECRET], clock);
    const text = await binding.issue('x', { ...ALICE, lifetime: 60 });

    clock.now = NOW + 59;
    expect(await binding.open(text, ALICE)).toBe('x');
    clock.now = NOW + 60;
    expect(await binding.open(text, ALICE)).toBeUndefined();
  });

  test('is nothing once any of its characters is another [RS-46]', async () => {
    const binding = bindingOf();
    const text = await binding.issue({ isAdmin: false }, { ...ALICE, lifetime: 60 });
    const changed = [...text].map((old, at) => text.slice(0, at) + (old === 'A' ? 'B' : 'A') + text.slice(at + 1));

    expect(await Promise.all(changed.map((one) => binding.open(one, ALICE)))).toEqual(changed.map(() => undefined));
  });

  test('has one spelling', async () => {
    const binding = bindingOf();
    const text = await binding.issue('x', { ...ALICE, lifetime: 60 });

    for (const other of [`${text}=`, ` ${text}`, text.replaceAll('.', '..'), `${text}.`, text.replace('b1', 'b2')])
      expect(await binding.open(other, ALICE)).toBeUndefined();
  });

  test('is asked for with any text', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string(), async (text) => {
        expect(await bindingOf().open(text, ALICE)).toBeUndefined();
      }),
      { numRuns: 50 },
    );
    expect(await bindingOf().open('b1.'.padEnd(100_000, 'A'), ALICE)).toBeUndefined();
    expect(await bindingOf().open(undefined as unknown as string, ALICE)).toBeUndefined();
  });

  test('outlives the replacement of the secret, and ends with the secret', async () => {
    const old = bindingOf([SECRET]);
    const both = bindingOf([OTHER_SECRET, new TextEncoder().encode(SECRET)]);
    const fresh = bindingOf([OTHER_SECRET]);
    const before = await old.issue('x', { ...ALICE, lifetime: 60 });
    const after = await both.issue('y', { ...ALICE, lifetime: 60 });

    expect([await both.open(before, ALICE), await both.open(after, ALICE)]).toEqual(['x', 'y']);
    expect([await fresh.open(before, ALICE), await fresh.open(after, ALICE)]).toEqual([undefined, 'y']);
    expect(await old.open(after, ALICE)).toBeUndefined();
  });

  test('does not show its principal', async () => {
    const text = await bindingOf().issue(1, { ...ALICE, lifetime: 60 });

    expect(Buffer.from(text.split('.')[1] ?? '', 'base64url').toString()).toBe(`[${NOW + 60},1]`);
  });

  test.each([[[]], [['too short']], [[SECRET, 'too short']]])('is not made with the secrets %j', (secrets) => {
    expect(() => bindingOf(secrets)).toThrow(TypeError);
  });

  test.each([
    ['no JSON', undefined, 60, TypeError],
    ['too much', 'é'.repeat(17_000), 60, RangeError],
    ['no lifetime', 1, 0, RangeError],
    ['an endless lifetime', 1, Number.POSITIVE_INFINITY, RangeError],
  ])('is not made of %s', async (_title, value, lifetime, error) => {
    await expect(bindingOf().issue(value, { ...ALICE, lifetime })).rejects.toThrow(error);
  });

  test('may be as large as it may be', async () => {
    const value = 'é'.repeat(16_000);

    expect(await bindingOf().open(await bindingOf().issue(value, { ...ALICE, lifetime: 60 }), ALICE)).toBe(value);
  });
});

describe('a principal', () => {
  test('is the same for every token of a grant, in every form, and another for all others [RS-45]', async () => {
    const verifier = verifierOf([testSigner()]);
    const principal = async (claims: Record<string, unknown>) => {
      const accessToken = await verifier.loadAccessToken(forge({ claims }));
      if (accessToken === undefined) throw new Error('the token is not valid');
      return principalOf(accessToken);
    };
    const first = await principal({ jti: 'a' });

    expect(await principal({ jti: 'b', scope: '', gid: 'grant-2' })).toBe(first);
    expect(principalOf(await verifier.verifyAccessToken(forge()))).toBe(first);
    expect(await principal({ sub: 'user-2' })).not.toBe(first);
    expect(await principal({ client_id: 'client-2' })).not.toBe(first);
    expect(principalOf({ issuer: 'a', clientId: 'b","c', subject: 'd' })).not.toBe(
      principalOf({ issuer: 'a', clientId: 'b', subject: 'c","d' }),
    );
  });
});
