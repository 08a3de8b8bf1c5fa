import { describe, test } from 'vitest';
import { RESOURCE } from '../support/guardmint.ts';
import { type Consumer, startRecipe } from './consumer.ts';
import { ALL_RECIPES } from './recipes.ts';
import { SCOPE, startTokenWorld } from './token-world.ts';

const WAIT = { timeout: 60_000, interval: 250 };
const LONG = { timeout: 150_000 };

/** Who the sender says they are, in whatever spelling a server behind a proxy may read. */
const PRETENDED = Object.fromEntries(
  ['x-subject', 'x_subject', 'x-client-id', 'x_client_id', 'x-client_id', 'x_client-id'].map((name) => [
    name,
    'somebody else',
  ]),
);

type Tokens = Readonly<Record<string, string>>;

/** What the consumer answers to each token, by its name. */
async function statuses(consumer: Consumer, tokens: Tokens): Promise<Record<string, number>> {
  const entries = Object.entries(tokens).map(async ([name, token]) => [name, (await consumer.call(token)).status]);
  return Object.fromEntries(await Promise.all(entries));
}

const each = (tokens: Tokens, status: number) => Object.fromEntries(Object.keys(tokens).map((name) => [name, status]));

describe.concurrent.each(ALL_RECIPES.map((recipe) => [recipe.name, recipe] as const))('%s', (_, recipe) => {
  const skipped = recipe.absent === undefined ? '' : ` (skipped: ${recipe.absent})`;
  const check = test.skipIf(skipped !== '').concurrent;
  const lacks = (what: string) => recipe.lacks.some((lack) => lack === what);

  const unmet = lacks('503 without keys') ? 401 : 503;

  check(`takes a good token and refuses every bad one${skipped}`, LONG, async ({ expect }) => {
    await using world = await startTokenWorld();
    await using consumer = await startRecipe(recipe, world.server.issuer);
    const statusOf = async (token?: string) => (await consumer.call(token)).status;

    const good = await world.grant();
    await expect.poll(() => statusOf(good), WAIT).toBe(200);
    expect(await statusOf(await world.sign())).toBe(200);
    const claimed = await consumer.call(good, PRETENDED);
    expect([claimed.status, await claimed.text()]).toEqual([200, expect.not.stringContaining('somebody else')]);
    const unscoped = await world.grant({ scope: 'mcp:write' });
    expect(await statusOf(unscoped)).toBe(lacks('403 for a missing scope') ? 401 : 403);

    const bad = Object.fromEntries(await world.badTokens());
    const expected = Object.keys(bad).map((fault) => [fault, lacks(fault) ? 200 : 401]);
    expect(await statuses(consumer, bad)).toEqual(Object.fromEntries(expected));

    const challenge = (await consumer.call()).headers.get('www-authenticate') ?? '';
    expect(challenge).toMatch(/^Bearer/);
    expect(challenge).toContain(`scope="${SCOPE}"`);
    expect(challenge).toContain(`/.well-known/oauth-protected-resource${new URL(RESOURCE).pathname}"`);
    if (!lacks('a challenge without error')) expect(challenge).not.toContain('error');
    expect(await statusOf(good)).toBe(200);
    const metadata = await consumer.metadata();
    expect(metadata.headers.get('content-type')).toMatch(/^application\/json/);
    expect(await metadata.json()).toEqual({
      resource: RESOURCE,
      authorization_servers: [expect.any(String)],
      scopes_supported: [SCOPE],
    });
  });

  check(
    `goes on while the issuer is away, and without ever having met it says ${unmet}${skipped}`,
    LONG,
    async ({ expect }) => {
      const world = await startTokenWorld();
      await using consumer = await startRecipe(recipe, world.server.issuer);
      const good = await world.grant();
      await expect.poll(() => statuses(consumer, { good }), WAIT).toEqual({ good: 200 });
      await world[Symbol.asyncDispose]();
      expect(await statuses(consumer, { good })).toEqual({ good: 200 });

      await using alone = await startRecipe(recipe, world.server.issuer);
      expect(await statuses(alone, { good })).toEqual({ good: unmet });
    },
  );

  if (lacks('revocations')) {
    check(`follows the keys of the issuer${skipped}`, LONG, async ({ expect }) => {
      await using world = await startTokenWorld();
      await using consumer = await startRecipe(recipe, world.server.issuer);
      const old = await world.grant();
      await expect.poll(() => statuses(consumer, { old }), WAIT).toEqual({ old: 200 });

      // Twice: the key that signs then was not published yet when the recipe read the keys first.
      await world.endSigningKey();
      await world.endSigningKey();
      const next = await world.grant();
      await consumer.refresh();

      await expect.poll(() => statuses(consumer, { old, next }), WAIT).toEqual({ old: 401, next: 200 });
    });
    return;
  }

  check(`refuses what was revoked, and what a key signed that was ended${skipped}`, LONG, async ({ expect }) => {
    await using world = await startTokenWorld();
    await using consumer = await startRecipe(recipe, world.server.issuer);
    const kept = { kept: await world.grant() };
    const revoked = {
      jti: await world.sign({ claims: { jti: 'a-denied-jti' } }),
      grant: await world.sign({ claims: { gid: 'a-denied-grant' } }),
      subject: await world.sign({ claims: { sub: 'a denied subject' } }),
      client: await world.sign({ claims: { client_id: 'https://client.example.test/metadata.json' } }),
    };
    const before = { ...kept, ...revoked };
    await expect.poll(() => statuses(consumer, before), WAIT).toEqual(each(before, 200));

    await world.deny('jti', 'a-denied-jti');
    await world.deny('grant', 'a-denied-grant');
    await world.deny('subject', 'a denied subject');
    await world.deny('client', 'https://client.example.test/metadata.json');
    await expect.poll(() => statuses(consumer, revoked), WAIT).toEqual(each(revoked, 401));
    expect(await statuses(consumer, kept)).toEqual(each(kept, 200));
    // A watermark denies what was issued until then.
    const later = world.server.now() + 1;
    const since = await world.sign({ claims: { sub: 'a denied subject', iat: later, exp: later + 600 } });
    expect(await statuses(consumer, { since })).toEqual({ since: 200 });

    // Twice: the key that signs after the second time was not published yet when the recipe read the keys first.
    let old = kept.kept;
    for (const time of ['first', 'second']) {
      await world.endSigningKey();
      const next = await world.grant();
      await expect
        .poll(() => statuses(consumer, { old, next }), { ...WAIT, message: time })
        .toEqual({ old: 401, next: 200 });
      old = next;
    }

    await world.deny('all');
    await expect.poll(() => statuses(consumer, { old }), WAIT).toEqual({ old: 401 });
  });

  check(
    `without news of revocations, accepts tokens or says 503, as it is told${skipped}`,
    LONG,
    async ({ expect }) => {
      await using world = await startTokenWorld({ revocations: false });
      const good = await world.grant();
      await using accepting = await startRecipe(recipe, world.server.issuer);
      await using careful = await startRecipe(recipe, world.server.issuer, { WHEN_STALE: 'unavailable' });

      await expect.poll(() => statuses(accepting, { good }), WAIT).toEqual({ good: 200 });
      expect(await statuses(careful, { good })).toEqual({ good: 503 });
    },
  );
});
