import { afterAll, beforeAll, describe, it } from 'vitest';
import { describeTokenStore } from '../../src/testing/index.ts';
import { findRedisSource, openRedis, programMissing, reasonToSkip, type SharedRedis } from '../support/redis.ts';
import { type ClusterGroup, startCluster } from '../support/redis-groups.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { openOver } from './redis-subjects.ts';

const source = await findRedisSource();
const noRedis = reasonToSkip(source.kind === 'none' ? source.reason : undefined);
const noProgram = reasonToSkip(programMissing);

function titled(title: string, missing: string | undefined): string {
  return missing === undefined ? title : `${title} (skipped: ${missing})`;
}

describe.skipIf(noRedis !== undefined)(titled(`a Redis from ${source.kind}`, noRedis), () => {
  let redis: SharedRedis | undefined;
  beforeAll(async () => {
    if (source.kind !== 'none') redis = await openRedis(source);
  });
  afterAll(() => redis?.[Symbol.asyncDispose]());

  const open = () => openOver({ url: redis?.url ?? '' })();
  describeTokenStore('redis', open, { isShared: true, isDurable: false }, { describe, it });
});

describe.skipIf(noProgram !== undefined)(titled('a Redis of its own that is killed', noProgram), () => {
  let server: RedisServer | undefined;
  beforeAll(async () => {
    server = await startRedis({ settings: { appendfsync: 'always' } });
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  const open = () =>
    openOver({ url: server?.url ?? '' }, async () => {
      await server?.stop('SIGKILL');
      await server?.restart();
    })();
  describeTokenStore('redis with AOF', open, { isShared: true, isDurable: true }, { describe, it });
});

describe.skipIf(noProgram !== undefined)(titled('a cluster of three masters', noProgram), () => {
  let cluster: ClusterGroup | undefined;
  beforeAll(async () => {
    cluster = await startCluster();
  });
  afterAll(() => cluster?.[Symbol.asyncDispose]());

  const open = () => openOver({ url: cluster?.url ?? '' })();
  describeTokenStore('redis cluster', open, { isShared: true, isDurable: false }, { describe, it });
});
