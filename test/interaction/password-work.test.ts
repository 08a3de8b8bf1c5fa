import type { Argon2Parameters } from 'node:crypto';
import { describe, expect, test, vi } from 'vitest';
import { ALICE, BOB, startInteractionSite } from '../support/interaction-site.ts';
import { createWalkingBrowser } from '../support/walking-browser.ts';

const work: { algorithm: string; parameters: Argon2Parameters }[] = [];

// Node's own function, with a note of what it was asked for.
vi.mock('node:crypto', async (load) => {
  const crypto = await load<typeof import('node:crypto')>();
  const argon2: typeof crypto.argon2 = (algorithm, parameters, done) => {
    work.push({ algorithm, parameters });
    crypto.argon2(algorithm, parameters, done);
  };
  return { ...crypto, argon2 };
});

const lengthOf = (bytes: Argon2Parameters['message']) =>
  typeof bytes === 'string' ? Buffer.byteLength(bytes) : bytes.byteLength;

describe('a sign-in', () => {
  test('does the same work whoever is named: one hash of one cost [AS-UI-20]', async () => {
    await using site = await startInteractionSite();
    const browser = createWalkingBrowser();
    const signIn = await browser.open(await site.begin());
    await site.users.disable('bob');
    const attempts = [
      { username: 'alice', password: 'wrong password' },
      { username: 'nobody', password: 'wrong password' },
      BOB,
      { username: 'no body at all', password: 'wrong password' },
      { username: '', password: 'wrong password' },
      { username: 'x'.repeat(500), password: 'wrong password' },
      { username: 'alice', password: '' },
      { username: 'alice', password: 'x'.repeat(1_025) },
      { username: 'nobody', password: 'x'.repeat(1_025) },
    ];
    const seen: unknown[] = [];
    for (const attempt of attempts) {
      work.length = 0;
      const events = site.audit.length;
      const page = await browser.submit(signIn, attempt);
      seen.push({
        status: page.status,
        events: site.audit.slice(events).map(({ event }) => event),
        work: work.map(({ algorithm, parameters: { message, nonce, ...cost } }) => ({
          algorithm,
          ...cost,
          salt: lengthOf(nonce),
          // A hash reads its message once: its length is nothing beside the memory it fills.
          isShort: lengthOf(message) <= 4_096,
        })),
      });
    }

    const cost = { memory: 19_456, passes: 2, parallelism: 1, tagLength: 32, salt: 16 };
    const one = { status: 403, events: ['sign_in.failed'], work: [{ algorithm: 'argon2id', ...cost, isShort: true }] };
    expect(seen).toEqual(attempts.map(() => one));
  });

  test('takes a password of 1,024 characters of any kind, and its field neither forbids pasting nor managers', async () => {
    await using site = await startInteractionSite();
    const password = '비밀 🔑'.repeat(204).padEnd(1_024, 'x').slice(0, 1_024);
    await site.users.setPassword('alice', password);
    site.advance(1);
    const browser = createWalkingBrowser();

    const signIn = await browser.open(await site.begin());
    const consent = await browser.submit(signIn, { ...ALICE, password });

    expect(consent.html).toContain('name="decision"');
    expect(signIn.html).toMatch(/<input id="password" [^>]*autocomplete="current-password" maxlength="1024"/);
    expect(signIn.html).not.toMatch(/onpaste|autocomplete="off"/);
  });
});
