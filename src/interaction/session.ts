import type { Context } from 'koa';
import type { EpochSeconds, Seconds } from '../oauth/index.ts';
import type { Clock, Random } from '../platform/index.ts';
import { type DenylistStore, denylistKeys, isDenied, type Sealer } from '../tokens/index.ts';
import { createOwnCookie } from './cookies.ts';
import type { People, UpstreamOrigin } from './people.ts';
import type { User } from './users.ts';

/** A person signed in in this browser. */
export interface Session {
  readonly sid: string;
  readonly user: User;
  /** When the person was last asked who they are (OpenID Connect Core §2, `auth_time`); may lie before `signedInAt`. */
  readonly authTime: EpochSeconds;
  /** A provider vouched for the person and did not say when it asked them: then `authTime` is when they came from there. */
  readonly isAuthTimeUnknown?: true;
  /** When this session began. */
  readonly signedInAt: EpochSeconds;
  /** How the person proved who they are (RFC 8176); empty where that is not known. */
  readonly amr: readonly string[];
  /** Who vouched for the person; absent: they are of the directory. */
  readonly upstream?: UpstreamOrigin;
}

/** A person who has just proved who they are. */
export interface Authentication {
  readonly user: User;
  readonly amr: readonly string[];
  /** Absent: now, for people of the directory; not known, for others. */
  readonly authTime?: EpochSeconds;
  readonly upstream?: UpstreamOrigin;
}

/** The sign-in sessions. Each is a sealed cookie; ending one denies its `sid`. */
export interface Sessions {
  /** The live session of the request, its idle time begun anew. @throws UnavailableError */
  find(ctx: Context): Promise<Session | undefined>;
  /** A new session under a fresh `sid`; one this browser had before is ended (session fixation). @throws UnavailableError */
  begin(ctx: Context, authentication: Authentication): Promise<Session>;
  /** Ends the session, wherever copies of its cookie are. @throws UnavailableError */
  end(ctx: Context, session: Session): Promise<void>;
  /** Whether the person signed out here, or was refused, and nobody signed in since: who comes next is to be asked. */
  hasLeft(ctx: Context): boolean;
  markLeft(ctx: Context): void;
}

/** How long a session lasts, in seconds. */
export interface SessionLifetimes {
  readonly sessionIdle: Seconds;
  readonly sessionAbsolute: Seconds;
}

interface SessionClaims {
  readonly sid: string;
  readonly sub: string;
  readonly authTime: EpochSeconds;
  readonly isAuthTimeUnknown?: true;
  readonly signedInAt: EpochSeconds;
  readonly amr: readonly string[];
  /** The name of a person whom no directory has. */
  readonly username?: string;
  readonly upstream?: UpstreamOrigin;
}

const RENEWAL_INTERVAL: Seconds = 60;

export function createSessions(deps: {
  settings: { readonly issuer: string; readonly lifetimes: SessionLifetimes };
  sealer: Sealer;
  denylist: DenylistStore;
  people: People;
  clock: Clock;
  random: Random;
}): Sessions {
  const { settings, sealer, denylist, people, clock, random } = deps;
  const { sessionIdle, sessionAbsolute } = settings.lifetimes;
  const cookie = createOwnCookie(settings.issuer, 'session');
  const left = createOwnCookie(settings.issuer, 'left');

  async function write(ctx: Context, claims: SessionClaims): Promise<void> {
    const lifetime = Math.min(sessionIdle, claims.signedInAt + sessionAbsolute - clock());
    cookie.write(ctx, await sealer.seal('session+jwe', { ...claims }, lifetime));
  }

  async function find(ctx: Context): Promise<Session | undefined> {
    const opened = await sealer.open<SessionClaims>('session+jwe', cookie.read(ctx) ?? '');
    if (opened === undefined) return undefined;
    const { iat, exp: _exp, ...claims } = opened;
    const { sid, sub, signedInAt } = claims;
    // The moment of sign-in, not of the last renewal: a watermark ends every session that began before it.
    const session = { jti: sid, subject: sub, issuedAt: signedInAt };
    if (isDenied(session, await denylist.match(denylistKeys(session)))) return undefined;
    const user = await people.find(claims);
    if (user === undefined || signedInAt < (user.signedInSince ?? 0)) return undefined;
    if (clock() - iat >= RENEWAL_INTERVAL) await write(ctx, claims);
    const { sub: _sub, username: _username, ...rest } = claims;
    return { ...rest, user };
  }

  async function begin(ctx: Context, { user, amr, authTime, upstream }: Authentication): Promise<Session> {
    const former = await find(ctx);
    if (former !== undefined) await deny(former);
    const signedInAt = clock();
    const session = {
      sid: random(16),
      authTime: Math.min(authTime ?? signedInAt, signedInAt),
      ...(upstream !== undefined && authTime === undefined && { isAuthTimeUnknown: true as const }),
      signedInAt,
      amr,
      ...(upstream !== undefined && { upstream }),
    };
    const { subject: sub, username } = user;
    await write(ctx, { ...session, sub, ...(upstream !== undefined && { username }) });
    if (left.read(ctx) !== undefined) left.clear(ctx);
    return { ...session, user };
  }

  async function deny(session: Session): Promise<void> {
    const lifetime = session.signedInAt + sessionAbsolute - clock();
    if (lifetime > 0) await denylist.deny({ kind: 'jti', id: session.sid, lifetime });
  }

  async function end(ctx: Context, session: Session): Promise<void> {
    await deny(session);
    cookie.clear(ctx);
    markLeft(ctx);
  }

  function markLeft(ctx: Context): void {
    left.write(ctx, '1');
  }

  return { find, begin, end, hasLeft: (ctx) => left.read(ctx) !== undefined, markLeft };
}
