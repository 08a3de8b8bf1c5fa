import type { EpochSeconds, Seconds } from '../../oauth/index.ts';
import type { RefreshFamily, RefreshFamilyStore } from '../../tokens/index.ts';
import { isCluster, type RedisClient } from './client.ts';
import { createCommands, type RedisCommands } from './commands.ts';
import { readFamily } from './family-record.ts';
import type { KeyLayout } from './key-layout.ts';
import { INDEX } from './refresh-family-scripts.ts';
import { KEPT_PAST_END, type StoreClock } from './store-clock.ts';

type Owner = Pick<RefreshFamily, 'familyId' | 'subject' | 'clientHash'>;

/**
 * Which families a person and a client have. The indexes lie in other slots than the families and so are not written with
 * them: they are a superset. A member without a live family is passed over, and taken out when the family is revoked.
 */
export interface FamilyIndex {
  /** Enters a family that begins, or enters it again. @throws UnavailableError */
  enter(owner: Owner, lifetime: Seconds): Promise<void>;
  /** Takes a revoked family out. @throws UnavailableError */
  remove(owner: Owner): Promise<void>;
  /** Live families, newest first, at most `MAX_LISTED`. @throws UnavailableError */
  list(filter: Parameters<RefreshFamilyStore['list']>[0], now: EpochSeconds): Promise<readonly RefreshFamily[]>;
}

const MAX_LISTED = 1_000;
const PAGE = 200;

export function createFamilyIndex(deps: {
  client: RedisClient;
  commands: RedisCommands;
  keys: KeyLayout;
  clock: StoreClock;
  commandTimeout: number;
}): FamilyIndex {
  const { client, commands, keys, clock } = deps;

  function indexesOf({ subject, clientHash }: Owner): readonly string[] {
    return [keys.familiesOf({ subject }), keys.familiesOf({ clientHash })];
  }

  async function find(familyId: string): Promise<RefreshFamily | undefined> {
    return readFamily(familyId, await commands.call('hgetall', keys.family(familyId)));
  }

  async function* pagesOf(index: string): AsyncGenerator<readonly string[]> {
    for (let start = 0; ; start += PAGE) {
      const page = textsOf(await commands.call('zrevrange', index, start, start + PAGE - 1));
      yield page;
      if (page.length < PAGE) return;
    }
  }

  /** Every family there is, in no order. For an administrator who asks for all; takes time in proportion to the keys. */
  async function* everyPage(): AsyncGenerator<readonly string[]> {
    const nodes = isCluster(client) ? client.nodes('master') : [client];
    for (const node of nodes) {
      const scanned = createCommands(node, deps.commandTimeout);
      let cursor = '0';
      do {
        const reply = await scanned.call('scan', cursor, 'MATCH', keys.familyPattern, 'COUNT', PAGE);
        const [next, found] = Array.isArray(reply) ? reply : ['0', []];
        cursor = String(next);
        yield textsOf(found).map(keys.familyIdOf);
      } while (cursor !== '0');
    }
  }

  return {
    async enter(owner, lifetime) {
      const args = [clock(), owner.familyId, lifetime, KEPT_PAST_END];
      await Promise.all(indexesOf(owner).map((index) => commands.evaluate(INDEX, [index], args)));
    },

    async remove(owner) {
      await Promise.all(indexesOf(owner).map((index) => commands.call('zrem', index, owner.familyId)));
    },

    async list({ subject, clientHash }, now) {
      const isListed = (family: RefreshFamily) =>
        family.revokedAt === undefined &&
        family.expiresAt > now &&
        (subject === undefined || family.subject === subject) &&
        (clientHash === undefined || family.clientHash === clientHash);
      const isIndexed = subject !== undefined || clientHash !== undefined;
      const filter = subject !== undefined ? { subject } : { clientHash: clientHash ?? '' };
      const pages = isIndexed ? pagesOf(keys.familiesOf(filter)) : everyPage();

      let listed: RefreshFamily[] = [];
      for await (const ids of pages) {
        const families = await Promise.all([...new Set(ids)].map(find));
        listed.push(...families.filter((family) => family !== undefined).filter(isListed));
        if (isIndexed && listed.length >= MAX_LISTED) break;
        if (listed.length > 2 * MAX_LISTED) listed = newestOf(listed);
      }
      return newestOf(listed);
    },
  };
}

function newestOf(families: readonly RefreshFamily[]): RefreshFamily[] {
  const unique = new Map(families.map((family) => [family.familyId, family]));
  return [...unique.values()].sort((one, other) => other.createdAt - one.createdAt).slice(0, MAX_LISTED);
}

function textsOf(reply: unknown): readonly string[] {
  return Array.isArray(reply) ? reply.map(String) : [];
}
