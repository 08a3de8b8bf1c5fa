import { describe, expect, it } from 'vitest';
import { findRedisSource, type Machine, openRedis, reasonToSkip } from '../support/redis.ts';

const BARE: Machine = { hasContainerRuntime: () => false, program: undefined };
const WITH_ENGINE: Machine = { hasContainerRuntime: () => true, program: '/usr/bin/valkey-server' };

const started = (url: string) => async () => ({ url, async [Symbol.asyncDispose]() {} });
const refused = (reason: string) => async () => Promise.reject(new Error(reason));

describe('where tests find Redis', () => {
  it('is where REDIS_URL says, before anything else', async () => {
    expect(await findRedisSource({ REDIS_URL: 'redis://r.example' }, WITH_ENGINE)).toEqual({
      kind: 'url',
      url: 'redis://r.example',
    });
  });

  it('is a container where an engine answers, then a program, then nowhere, with the reason', async () => {
    expect(await findRedisSource({}, WITH_ENGINE)).toEqual({ kind: 'container' });
    expect(await findRedisSource({}, { ...WITH_ENGINE, hasContainerRuntime: () => false })).toEqual({
      kind: 'program',
      path: '/usr/bin/valkey-server',
    });
    expect(await findRedisSource({}, BARE)).toEqual({
      kind: 'none',
      reason: 'no REDIS_URL, no container runtime that answers, no redis-server or valkey-server on the PATH',
    });
  });

  it('is the container that was started, and no program beside it', async () => {
    const starters = { container: started('redis://container'), program: refused('not asked for') };

    expect(await openRedis({ kind: 'container' }, starters)).toMatchObject({
      url: 'redis://container',
      source: 'container',
    });
  });

  it('is a program where the engine cannot start a container, which says why', async () => {
    const starters = { container: refused('no such image'), program: started('redis://program') };

    expect(await openRedis({ kind: 'container' }, starters)).toMatchObject({
      url: 'redis://program',
      source: 'program',
      instead: 'Error: no such image',
    });
    await expect(openRedis({ kind: 'container' }, { ...starters, program: undefined })).rejects.toThrow(
      'no such image',
    );
  });

  it('missing, is a reason to skip, and with REQUIRE_REAL_REDIS=1 a failure', () => {
    expect(reasonToSkip('there is none', {})).toBe('there is none');
    expect(reasonToSkip(undefined, { REQUIRE_REAL_REDIS: '1' })).toBeUndefined();
    expect(() => reasonToSkip('there is none', { REQUIRE_REAL_REDIS: '1' })).toThrow('there is none');
  });
});

const here = await findRedisSource({});
const isWithoutEngine = here.kind === 'program';
describe.skipIf(!isWithoutEngine)(`without an engine${isWithoutEngine ? '' : ' (skipped: there is one)'}`, () => {
  it('the library that starts containers says so at once, and a program serves', async () => {
    await using redis = await openRedis({ kind: 'container' });

    expect(redis).toMatchObject({ source: 'program', instead: expect.stringContaining('container runtime') });
    expect(redis.url).toMatch(/^redis:\/\/127\.0\.0\.1:\d+$/);
  });
});
