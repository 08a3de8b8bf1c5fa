import type { Context } from 'koa';
import { type EpochSeconds, redirectDestination, type Scope, type Seconds } from '../oauth/index.ts';
import { type Clock, sha256 } from '../platform/index.ts';
import { type DenylistStore, denylistKeys, isDenied, type Sealer } from '../tokens/index.ts';
import { createOwnCookie } from './cookies.ts';
import type { Session } from './session.ts';
import type { InteractionTicket } from './ticket.ts';

/**
 * The consents this browser remembers, in one sealed cookie: nothing of them is stored. One is of a person, a client, a
 * resource, an origin the answer goes to and, for a metadata document, what that document said.
 */
export interface ConsentMemory {
  /**
   * How long a consent to this request would be remembered; `undefined` where it never is. It is for clients that did not
   * introduce themselves, and only where the answer goes to an `https` URL: who answers at a port of this computer, or for a
   * private-use scheme, nobody can know. And only for those that may refresh: without a refresh token the store keeps nothing
   * of a grant that the person could see and end.
   */
  lifetimeOf(ticket: InteractionTicket): Seconds | undefined;
  /** Whether the person allowed all of this before, and nothing ended it since. @throws UnavailableError */
  covers(ctx: Context, ticket: InteractionTicket, session: Session): Promise<boolean>;
  /** Remembers what the person allowed, as far as consents to this request are remembered. */
  keep(ctx: Context, ticket: InteractionTicket, session: Session, allowed: Allowed): Promise<void>;
  /** Notes the grant that was begun by a consent that was remembered: who ends it ends the consent. */
  noteGrant(ctx: Context, ticket: InteractionTicket, session: Session, grantId: string): Promise<void>;
  /** Forgets what the person allowed a client at a resource. */
  forget(ctx: Context, parties: Parties): Promise<void>;
}

/** What a person allowed: the scope, and the grant that began with it. */
export interface Allowed {
  readonly scope: Scope;
  readonly grantId: string;
}

/** Who may do what where. */
export interface Parties {
  readonly subject: string;
  /** SHA-256 of the client_id. */
  readonly client: string;
  readonly resource: string;
}

interface Remembered {
  /** SHA-256 over the parties. */
  readonly parties: string;
  /** SHA-256 over the origin of the redirect URI and the digest of the client's document. */
  readonly terms: string;
  /** Wire form. */
  readonly scope: string;
  readonly at: EpochSeconds;
  /** The grant that began with the consent, and the last one that was begun by it. */
  readonly grants: readonly string[];
}

// Browsers keep 4,096 bytes of a cookie, name and attributes included (RFC 6265bis §5.6).
const MAX_SEALED_LENGTH = 3_800;

export function createConsentMemory(deps: {
  settings: { readonly issuer: string; readonly lifetimes: { readonly consent: Seconds } };
  sealer: Sealer;
  denylist: DenylistStore;
  /** Whether a grant was ended before its time. Absent: nobody knows. @throws UnavailableError */
  hasEnded?: ((grantId: string) => Promise<boolean>) | undefined;
  clock: Clock;
}): ConsentMemory {
  const { settings, sealer, denylist, hasEnded, clock } = deps;
  const lifetime = settings.lifetimes.consent;
  const cookie = createOwnCookie(settings.issuer, 'consent');

  async function read(ctx: Context): Promise<readonly Remembered[]> {
    const opened = await sealer.open<{ consents: readonly Remembered[] }>('consent+jwe', cookie.read(ctx) ?? '');
    return opened?.consents.filter(({ at }) => at + lifetime > clock()) ?? [];
  }

  /** Writes them, the oldest first to go where there are too many. */
  async function write(ctx: Context, consents: readonly Remembered[]): Promise<void> {
    for (let kept = consents.toSorted((one, other) => one.at - other.at); kept.length > 0; kept = kept.slice(1)) {
      const sealed = await sealer.seal('consent+jwe', { consents: kept }, lifetime);
      if (sealed.length <= MAX_SEALED_LENGTH) return cookie.write(ctx, sealed, lifetime);
    }
    cookie.clear(ctx);
  }

  function lifetimeOf(ticket: InteractionTicket): Seconds | undefined {
    const { scheme, isLoopback } = redirectDestination(ticket.redirectUri);
    const isEligible = ticket.origin !== 'registered' && ticket.canRefresh && scheme === 'https' && !isLoopback;
    return isEligible && lifetime > 0 ? lifetime : undefined;
  }

  async function covers(ctx: Context, ticket: InteractionTicket, session: Session): Promise<boolean> {
    if (lifetimeOf(ticket) === undefined) return false;
    const found = (await read(ctx)).find(isOf(ticket, session));
    if (found === undefined || found.at < (session.user.signedInSince ?? 0)) return false;
    const allowed = found.scope.split(' ');
    if (!ticket.scope.every((name) => allowed.includes(name))) return false;
    for (const grantId of found.grants) {
      const thing = { subject: session.user.subject, clientHash: ticket.client, grantId, issuedAt: found.at };
      if (isDenied(thing, await denylist.match(denylistKeys(thing)))) return false;
      if ((await hasEnded?.(grantId)) === true) return false;
    }
    return true;
  }

  async function keep(ctx: Context, ticket: InteractionTicket, session: Session, allowed: Allowed): Promise<void> {
    if (lifetimeOf(ticket) === undefined) return;
    const isIt = isOf(ticket, session);
    const consents = await read(ctx);
    const before = consents.find(isIt)?.scope.split(' ') ?? [];
    // What was asked for and left out this time is not remembered from an earlier one.
    const scope = new Set([...before.filter((name) => !ticket.scope.includes(name)), ...allowed.scope]);
    await write(ctx, [
      ...consents.filter((consent) => !isIt(consent)),
      { ...digestsOf(ticket, session), scope: [...scope].join(' '), at: clock(), grants: [allowed.grantId] },
    ]);
  }

  async function noteGrant(ctx: Context, ticket: InteractionTicket, session: Session, grantId: string): Promise<void> {
    const isIt = isOf(ticket, session);
    const consents = await read(ctx);
    await write(
      ctx,
      consents.map((consent) =>
        isIt(consent) ? { ...consent, grants: [...consent.grants.slice(0, 1), grantId] } : consent,
      ),
    );
  }

  async function forget(ctx: Context, parties: Parties): Promise<void> {
    const consents = await read(ctx);
    const digest = digestOfParties(parties);
    const others = consents.filter((consent) => consent.parties !== digest);
    if (others.length < consents.length) await write(ctx, others);
  }

  return { lifetimeOf, covers, keep, noteGrant, forget };
}

function isOf(ticket: InteractionTicket, session: Session): (consent: Remembered) => boolean {
  const { parties, terms } = digestsOf(ticket, session);
  return (consent) => consent.parties === parties && consent.terms === terms;
}

function digestsOf(ticket: InteractionTicket, session: Session): { parties: string; terms: string } {
  const { client, resource, redirectUri, metadataHash = '' } = ticket;
  return {
    parties: digestOfParties({ subject: session.user.subject, client, resource }),
    terms: sha256(JSON.stringify([new URL(redirectUri).origin, metadataHash])),
  };
}

function digestOfParties({ subject, client, resource }: Parties): string {
  return sha256(JSON.stringify([subject, client, resource]));
}
