import { type EpochSeconds, type Seconds, UnavailableError } from '../oauth/index.ts';
import type { Audit } from '../platform/index.ts';
import { type DeniableThing, denylistKeys, isDenied, type TokenStore } from '../tokens/index.ts';

/** Ends grants, and tells what has been ended. */
export interface GrantRevocation {
  /** Whether any entry of the denylist stands against the thing. @throws UnavailableError */
  isThingDenied(thing: DeniableThing): Promise<boolean>;
  /**
   * When a token that no code or refresh token stands behind may say it was issued: the store's clock, so that every
   * watermark written later denies it; `denied` when it would be denied already, or when what it stands on (`basis`) is.
   * @throws UnavailableError also in the very second of a watermark, in which nothing new can be told from what it denies.
   */
  momentOfIssue(thing: Omit<DeniableThing, 'issuedAt'>, basis?: DeniableThing): Promise<EpochSeconds | 'denied'>;
  /** Ends the refresh family and every access token of the grant. Idempotent; durable. @throws UnavailableError */
  revokeGrant(grantId: string): Promise<void>;
  /**
   * Denies a grant whose family was revoked at `revokedAt` where nothing denies it: whoever revoked it may have died before
   * that second step. Does nothing once the last access token of the grant has ended. @throws UnavailableError
   */
  completeRevocation(grantId: string, revokedAt: EpochSeconds, now: EpochSeconds): Promise<void>;
  /** Denies one access token alone. @throws UnavailableError */
  denyAccessToken(jti: string): Promise<void>;
}

export function createGrantRevocation(deps: {
  store: TokenStore;
  audit: Audit;
  /** How long an access token may still be accepted somewhere, in seconds. */
  denialLifetime: Seconds;
  /** How long a grant that never began is kept from beginning, in seconds. */
  tombstoneLifetime: Seconds;
}): GrantRevocation {
  const { store, audit } = deps;
  const isThingDenied = async (thing: DeniableThing) =>
    isDenied(thing, await store.denylist.match(denylistKeys(thing)));

  return {
    isThingDenied,

    // The clock first: what is denied after this moment denies the token, what was denied before is seen here.
    async momentOfIssue(thing, basis) {
      const at = await store.now();
      if (basis !== undefined && (await isThingDenied(basis))) return 'denied';
      const entries = await store.denylist.match(denylistKeys({ ...thing, issuedAt: at }));
      if (!isDenied({ ...thing, issuedAt: at }, entries)) return at;
      if (isDenied({ ...thing, issuedAt: at + 1 }, entries)) return 'denied';
      throw new UnavailableError('denylist', { retryAfter: 1 });
    },

    // The family first: it is what could still mint tokens while the entry is being written.
    async revokeGrant(grantId) {
      await store.refreshFamilies.revoke(grantId, deps.tombstoneLifetime);
      await store.denylist.deny({ kind: 'grant', id: grantId, lifetime: deps.denialLifetime });
      audit({ event: 'grant.revoked', grantId });
    },

    async completeRevocation(grantId, revokedAt, now) {
      const lifetime = revokedAt + deps.denialLifetime - now;
      if (lifetime <= 0 || (await store.denylist.match([{ kind: 'grant', id: grantId }])).length > 0) return;
      await store.denylist.deny({ kind: 'grant', id: grantId, lifetime });
      audit({ event: 'grant.revoked', grantId });
    },

    async denyAccessToken(jti) {
      await store.denylist.deny({ kind: 'jti', id: jti, lifetime: deps.denialLifetime });
      audit({ event: 'denylist.entry_added', kind: 'jti', id: jti });
    },
  };
}
