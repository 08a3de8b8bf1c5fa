import { describe, expect, test } from 'vitest';
import { loadConfig, printableConfig } from '../../src/config/index.ts';
import { openSharedLimits } from '../../src/server/shared-limits.ts';
import { createLog } from '../../src/telemetry/index.ts';
import { type RunningGuardmint, startGuardmint } from '../support/guardmint.ts';
import { programMissing, reasonToSkip } from '../support/redis.ts';
import { startRedis } from '../support/redis-server.ts';
import { createWalkingBrowser, wordsOf } from '../support/walking-browser.ts';

const missing = reasonToSkip(programMissing);

async function attempt({ issuer }: RunningGuardmint, credentials: { username: string; password: string }) {
  const browser = createWalkingBrowser();
  return browser.submit(await browser.open(`${issuer}/interaction/apps`), credentials);
}

describe.skipIf(missing !== undefined)(
  `sign-in attempts that servers count together (${missing ?? 'real Redis'})`,
  () => {
    test('ten at three servers are ten, also after a restart of that Redis; without it nobody signs in [AS-UI-24]', async () => {
      await using redis = await startRedis();
      const settings = { rateLimits: { redisUrl: redis.url } };
      await using one = await startGuardmint({ settings });
      await using two = await startGuardmint({ settings });
      await using three = await startGuardmint({ settings });
      const wrong = { username: 'alice', password: 'wrong password' };

      const statuses: number[] = [];
      for (const server of [one, two, three, one, two, three, one, two, three, one])
        statuses.push((await attempt(server, wrong)).status);
      expect(statuses).toEqual(Array(10).fill(403));
      for (const server of [one, two, three]) {
        const page = await attempt(server, server.credentials);
        expect(page.status).toBe(429);
        expect(Number(page.headers.get('retry-after'))).toBeGreaterThan(200);
      }

      await redis.stop();
      const page = await attempt(two, { username: 'bob', password: 'wrong password' });
      expect(page.status).toBe(503);
      expect(wordsOf(page)).toContain('Not available right now');
      expect(two.events.filter(({ event }) => event === 'sign_in.failed')).toHaveLength(3);

      await redis.restart();
      await expect.poll(async () => (await attempt(three, two.credentials)).status, { timeout: 20_000 }).toBe(429);
    });

    test('a sign-in takes back what the mistakes before it counted, at all of them', async () => {
      await using redis = await startRedis();
      const settings = { rateLimits: { redisUrl: redis.url } };
      await using one = await startGuardmint({ settings });
      await using two = await startGuardmint({ settings });
      const wrong = { username: 'alice', password: 'wrong password' };

      for (let time = 0; time < 9; time++) await attempt(one, wrong);
      expect((await attempt(one, one.credentials)).status).toBe(200);
      const again: number[] = [];
      for (let time = 0; time < 9; time++) again.push((await attempt(two, wrong)).status);

      expect(again).toEqual(Array(9).fill(403));
    });
  },
);

test('the URL of that Redis is a secret, and one that is none refuses to start', async () => {
  const configOf = (redisUrl: string) =>
    loadConfig({ env: { GUARDMINT_RATE_LIMITS_REDIS_URL: redisUrl }, readFile: () => undefined });
  const log = createLog({ level: 'silent' });

  expect(JSON.stringify(printableConfig(configOf('redis://:hunter2@cache:6379')))).not.toContain('hunter2');
  await expect(openSharedLimits(configOf('redis+sentinel://cache:26379'), log)).rejects.toThrow(/rateLimits\.redisUrl/);
});
