import type { Config } from '../config/index.ts';
import { CLOCK_SKEW } from '../keys/index.ts';
import type { EpochSeconds } from '../oauth/index.ts';
import { sha256, silentAudit, systemClock } from '../platform/index.ts';
import { createGrantRevocation } from '../provider/index.ts';
import type { DenylistEntry, DenylistKey, TokenStore } from '../tokens/index.ts';
import { printOutcome } from './output.ts';
import { withStore } from './store.ts';

/** What is to be revoked. */
export type Revocation =
  | { readonly kind: 'jti' | 'grant' | 'subject'; readonly id: string }
  | { readonly kind: 'client'; readonly clientId: string }
  | { readonly kind: 'all' };

/** A revocation that is written down where servers and validators learn of it. */
interface Acknowledged {
  readonly entry: DenylistEntry;
  readonly at: EpochSeconds;
  readonly milliseconds: number;
  /** How many entries the denylist holds. */
  readonly live: number;
}

/** Revokes, and says when that was acknowledged and how many entries are live. Validators hear of it by themselves. */
export async function revoke(config: Config, revocation: Revocation, asJson: boolean): Promise<void> {
  const { entry, at, milliseconds, live } = await withStore(config, async (store) => {
    const started = performance.now();
    const standing = await write(config, store, revocation);
    const finished = performance.now();
    const { entries } = await store.denylist.snapshot();
    return { entry: standing, at: systemClock(), milliseconds: finished - started, live: entries.length };
  });
  printOutcome(
    `Revoked: ${describe(revocation, entry)}. Acknowledged in ${milliseconds.toFixed(1)} ms; ` +
      `${live} ${live === 1 ? 'entry is' : 'entries are'} live.`,
    {
      outcome: 'revoked',
      kind: entry.kind,
      ...(revocation.kind === 'client' ? { client_id: revocation.clientId } : { id: entry.id }),
      ...(entry.issuedBefore !== undefined && { issuedBefore: entry.issuedBefore }),
      expiresAt: entry.expiresAt,
      acknowledgedAt: at,
      milliseconds: Number(milliseconds.toFixed(3)),
      live,
    } satisfies Record<string, unknown> & Partial<Acknowledged>,
    asJson,
  );
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
