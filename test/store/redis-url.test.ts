import { describe, expect, it } from 'vitest';
import { parseRedisUrl, RedisUrlError } from '../../src/store/redis/index.ts';

describe('a Redis URL', () => {
  it.each([
    ['redis://r.example', { form: 'standalone', hosts: [{ host: 'r.example', port: 6379 }], isTls: false, db: 0 }],
    [
      'rediss://app:p%40ss%2Fw%3Ard@r.example:6380/3',
      {
        form: 'standalone',
        hosts: [{ host: 'r.example', port: 6380 }],
        isTls: true,
        db: 3,
        username: 'app',
        password: 'p@ss/w:rd',
      },
    ],
    [
      'redis://:secret@[::1]:7000',
      { form: 'standalone', hosts: [{ host: '::1', port: 7000 }], isTls: false, db: 0, password: 'secret' },
    ],
    [
      'redis+sentinel://app:pw@h1:26380,h2,h3:5/2?name=mymaster&sentinelUsername=watch&sentinelPassword=s%2Bt',
      {
        form: 'sentinel',
        hosts: [
          { host: 'h1', port: 26_380 },
          { host: 'h2', port: 26_379 },
          { host: 'h3', port: 5 },
        ],
        isTls: false,
        db: 2,
        username: 'app',
        password: 'pw',
        masterName: 'mymaster',
        sentinelUsername: 'watch',
        sentinelPassword: 's+t',
      },
    ],
    [
      'rediss+cluster://h1:7001,h2:7002',
      {
        form: 'cluster',
        hosts: [
          { host: 'h1', port: 7001 },
          { host: 'h2', port: 7002 },
        ],
        isTls: true,
        db: 0,
      },
    ],
  ])('%s is read', (url, address) => {
    expect(parseRedisUrl(url)).toEqual(address);
  });

  it.each([
    'http://r.example',
    'redis:r.example',
    'redis://',
    'redis://h1,h2',
    'redis://h:0',
    'redis://h:70000',
    'redis://h/one',
    'redis://h?name=mymaster',
    'redis://u:%zz@h',
    'redis+sentinel://h1,h2/0',
    'redis+sentinel://h1?name=m&unknown=1',
    'redis+cluster://h1,h2/1',
    'redis+cluster://h1,,h2',
    'redis://a b',
  ])('%s is refused', (url) => {
    expect(() => parseRedisUrl(url)).toThrow(RedisUrlError);
  });

  it('is not repeated by its refusal, because a password may be in it', () => {
    const refusal = () => parseRedisUrl('redis+cluster://app:hunter2@h1/1');

    expect(refusal).toThrow(RedisUrlError);
    expect(refusal).not.toThrow(/hunter2|app/);
  });
});
