import type { Config } from '../config/index.ts';
import { CLOCK_SKEW } from '../keys/index.ts';
import { sha256, silentAudit, systemClock } from '../platform/index.ts';
import { createGrantRevocation } from '../provider/index.ts';
import { type DenylistEntry, type DenylistKey, findLiveFamilies, type TokenStore } from '../tokens/index.ts';
import { printOutcome } from './output.ts';
import { withStore } from './store.ts';

/** How many a list has at most. */
export const LONGEST_LIST = 1_000;

/** What is to be revoked. */
export type Revocation =
  | { readonly kind: 'jti' | 'grant' | 'subject'; readonly id: string }
  | { readonly kind: 'client'; readonly clientId: string }
  | { readonly kind: 'all' };

/** Revokes, and says when that was acknowledged and what it ended. Validators hear of it by themselves. */
export async function revoke(config: Config, revocation: Revocation, asJson: boolean): Promise<void> {
  const { entry, at, milliseconds, live, ended } = await withStore(config, async (store) => {
    const ended = await countSessions(config, store, revocation);
    const started = performance.now();
    const standing = await write(config, store, revocation);
    const finished = performance.now();
    const { entries } = await store.denylist.snapshot();
    return { entry: standing, at: systemClock(), milliseconds: finished - started, live: entries.length, ended };
  });
  printOutcome(
    `Revoked: ${describe(revocation, entry)}.${describeEnded(ended)} Acknowledged in ${milliseconds.toFixed(1)} ms; ` +
      `${live} ${live === 1 ? 'entry is' : 'entries are'} live.`,
    {
      outcome: 'revoked',
      kind: entry.kind,
      ...(revocation.kind === 'client' ? { client_id: revocation.clientId } : { id: entry.id }),
      ...(entry.issuedBefore !== undefined && { issuedBefore: entry.issuedBefore }),
      expiresAt: entry.expiresAt,
      acknowledgedAt: at,
      milliseconds: Number(milliseconds.toFixed(3)),
      ...(ended !== undefined && { sessions: ended }),
      live,
    },
    asJson,
  );
}

/** How many sessions a revocation ends, as far as a list goes (1,000): a mistyped name is seen by it. */
async function countSessions(config: Config, store: TokenStore, revocation: Revocation): Promise<number | undefined> {
  if (revocation.kind === 'jti') return undefined;
  const rules = { idleLifetime: config.lifetimes.refreshIdle, now: systemClock() };
  try {
    if (revocation.kind === 'grant') {
      const family = await store.refreshFamilies.find(revocation.id);
      return family === undefined || family.revokedAt !== undefined ? 0 : 1;
    }
    const filter =
      revocation.kind === 'subject'
        ? { subject: revocation.id }
        : revocation.kind === 'client'
          ? { clientHash: sha256(revocation.clientId) }
          : {};
    return (await findLiveFamilies(store, filter, rules)).length;
  } catch {
    // Nothing may keep a revocation from being written.
    return undefined;
  }
}

function describeEnded(sessions: number | undefined): string {
  if (sessions === undefined) return '';
  if (sessions === 0) return ' There was no session.';
  return ` ${sessions >= LONGEST_LIST ? '1,000 sessions or more' : sessions === 1 ? '1 session' : `${sessions} sessions`} ended.`;
}

async function write(config: Config, store: TokenStore, revocation: Revocation): Promise<DenylistEntry> {
  const { accessToken, refreshAbsolute, sessionAbsolute } = config.lifetimes;
  const denialLifetime = accessToken + 2 * CLOCK_SKEW;
  if (revocation.kind === 'grant') {
    const revocations = createGrantRevocation({
      store,
      audit: silentAudit,
      denialLifetime,
      tombstoneLifetime: refreshAbsolute,
    });
    await revocations.revokeGrant(revocation.id);
  }
  const isOne = revocation.kind === 'jti' || revocation.kind === 'grant';
  const lifetime = isOne ? denialLifetime : Math.max(refreshAbsolute, sessionAbsolute, denialLifetime);
  return store.denylist.deny({ ...keyOf(revocation), lifetime });
}

function keyOf(revocation: Revocation): DenylistKey {
  switch (revocation.kind) {
    case 'client':
      return { kind: 'client', id: sha256(revocation.clientId) };
    case 'all':
      return { kind: 'all', id: '' };
    default:
      return revocation;
  }
}

function describe(revocation: Revocation, { id }: DenylistEntry): string {
  switch (revocation.kind) {
    case 'jti':
      return `the access token ${id}`;
    case 'grant':
      return `the grant ${id}, its refresh tokens and its access tokens`;
    case 'subject':
      return `everything issued to the subject ${id} until now`;
    case 'client':
      return `everything issued to the client ${revocation.clientId} until now`;
    case 'all':
      return 'everything issued until now';
  }
}
