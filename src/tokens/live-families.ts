import type { EpochSeconds, Seconds } from '../oauth/index.ts';
import { denylistKeys, isDenied } from './denylist.ts';
import type { RefreshFamily } from './refresh-family.ts';
import type { TokenStore } from './store.ts';

/**
 * The families whose token would be exchanged if it came now: neither idle for too long nor denied, not even by a
 * watermark. Newest first, at most 1,000.
 * @throws UnavailableError
 */
export async function findLiveFamilies(
  store: Pick<TokenStore, 'refreshFamilies' | 'denylist'>,
  filter: { readonly subject?: string; readonly clientHash?: string },
  rules: { readonly idleLifetime: Seconds; readonly now: EpochSeconds },
): Promise<readonly RefreshFamily[]> {
  const idleSince = rules.now - rules.idleLifetime;
  const listed = (await store.refreshFamilies.list(filter)).filter(({ usedAt }) => usedAt > idleSince);
  const things = listed.map((family) => ({
    family,
    thing: {
      grantId: family.familyId,
      subject: family.subject,
      clientHash: family.clientHash,
      issuedAt: family.createdAt,
    },
  }));
  const keys = new Map(
    things.flatMap(({ thing }) => denylistKeys(thing)).map((key) => [`${key.kind}:${key.id}`, key] as const),
  );
  const entries = await store.denylist.match([...keys.values()]);
  const denials = new Map(entries.map((entry) => [`${entry.kind}:${entry.id}`, entry]));
  return things
    .filter(({ thing }) => {
      const own = denylistKeys(thing).flatMap(({ kind, id }) => denials.get(`${kind}:${id}`) ?? []);
      return !isDenied(thing, own);
    })
    .map(({ family }) => family);
}
