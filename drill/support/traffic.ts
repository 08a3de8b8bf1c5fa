import type { EpochSeconds, Seconds } from '../../src/oauth/index.ts';
import { type Client, CutOff, type HeldToken, type SignIn, signIn } from './clients.ts';
import type { Validator } from './validators.ts';

/** What was asked and how it was answered. */
export interface TrafficCounts {
  readonly signIns: number;
  readonly refreshes: number;
  readonly validations: number;
  /** Each valid request that was refused, as a sentence. */
  readonly refused: readonly string[];
  /** Validations by which a token of a revoked key was accepted after the bound, as sentences. */
  readonly acceptedTooLate: readonly string[];
  /** The longest that a kind of validator still accepted a revoked key, in seconds of the drill. */
  readonly acceptedFor: Readonly<Record<Validator['kind'], Seconds>>;
}

/** Clients that sign in and refresh, and validators that meet their tokens. */
export interface Traffic {
  /** One round of everything at once, `isSigningIn` with a new client too. */
  round(now: EpochSeconds, isSigningIn: boolean): Promise<void>;
  /** From now on tokens of this key must be refused, by each kind of validator at its bound. */
  revoke(kid: string, at: EpochSeconds): void;
  /** A token that nobody issued, to be judged like the others. */
  hold(token: HeldToken): void;
  newest(): HeldToken | undefined;
  counts(): TrafficCounts;
}

interface Revoked {
  readonly at: EpochSeconds;
  /** Kids that were published until then: who fetches keys only for an unknown kid has no reason to before another comes. */
  readonly known: ReadonlySet<string>;
  isOldNews: boolean;
}

/** jose's `cacheMaxAge`. */
const JOSE_CACHE: Seconds = 600;
const CLIENTS = 6;

export function createTraffic(deps: {
  signIn: SignIn;
  validators: readonly Validator[];
  /** Seconds by which the clocks move at once, while requests are under way. */
  step: Seconds;
  /** Every kid that was ever published. */
  published: () => readonly string[];
}): Traffic {
  const { validators, step, published } = deps;
  const refused: string[] = [];
  const acceptedTooLate: string[] = [];
  const acceptedFor = { guardmint: 0, jose: 0, 'aws-jwt-verify': 0 };
  const revoked = new Map<string, Revoked>();
  const droppedBy = new Map<Validator, Set<string>>();
  let clients: Client[] = [];
  let held: readonly HeldToken[] = [];
  let turn = 0;
  let signIns = 0;
  let refreshes = 0;
  let validations = 0;

  async function attempt(work: () => Promise<HeldToken>): Promise<boolean> {
    try {
      held = [...held, await work()];
      return true;
    } catch (error) {
      // Who was cut off tries again in the next round: with the same refresh token, or from the beginning.
      if (!(error instanceof CutOff)) refused.push(error instanceof Error ? error.message : String(error));
      return false;
    }
  }

  async function join(): Promise<void> {
    const isIn = await attempt(async () => {
      const { client, first } = await signIn(deps.signIn);
      clients = [...clients, client].slice(-CLIENTS);
      return first;
    });
    if (isIn) signIns += 1;
  }

  async function refresh(client: Client | undefined): Promise<void> {
    if (client !== undefined && (await attempt(() => client.refresh()))) refreshes += 1;
  }

  /** The oldest and the newest token of each key. */
  function samples(): readonly HeldToken[] {
    return [...new Set(held.map(({ kid }) => kid))].flatMap((kid) => {
      const ofKey = held.filter((token) => token.kid === kid);
      return [...new Set([ofKey.at(0), ofKey.at(-1)])].filter((token) => token !== undefined);
    });
  }

  async function validate(validator: Validator, token: HeldToken, now: EpochSeconds): Promise<void> {
    if (droppedBy.get(validator)?.has(token.kid) === true) return;
    const revocation = revoked.get(token.kid);
    const isAccepted = await validator.accepts(token.token);
    validations += 1;
    if (revocation === undefined) {
      if (!isAccepted && !revoked.has(token.kid)) refused.push(`${validator.kind} refused a token of ${token.kid}`);
      return;
    }
    if (!isAccepted) {
      // It fetches nothing for ten seconds after any unknown kid; a thief who tries on would keep it from new keys.
      if (validator.kind === 'aws-jwt-verify')
        droppedBy.set(validator, (droppedBy.get(validator) ?? new Set()).add(token.kid));
      return;
    }
    acceptedFor[validator.kind] = Math.max(acceptedFor[validator.kind], now - revocation.at);
    if (isPastBound(validator.kind, revocation, now))
      acceptedTooLate.push(`${validator.kind} accepted ${token.kid} ${now - revocation.at} s after its revocation`);
  }

  function isPastBound(kind: Validator['kind'], { at, isOldNews }: Revoked, now: EpochSeconds): boolean {
    if (kind === 'guardmint') return true;
    return kind === 'jose' ? now > at + JOSE_CACHE + step : isOldNews;
  }

  return {
    async round(now, isSigningIn) {
      held = held.filter(({ expiresAt }) => expiresAt > now + 2 * step);
      const tokens = samples();
      await Promise.all([
        ...(isSigningIn ? [join()] : []),
        refresh(clients[turn++ % Math.max(1, clients.length)]),
        ...validators.flatMap((validator) => tokens.map((token) => validate(validator, token, now))),
      ]);
      for (const revocation of revoked.values()) {
        revocation.isOldNews ||= tokens.some(({ kid }) => !revocation.known.has(kid));
      }
    },
    revoke: (kid, at) => void revoked.set(kid, { at, known: new Set(published()), isOldNews: false }),
    hold(token) {
      held = [...held, token];
    },
    newest: () => held.at(-1),
    counts: () => ({ signIns, refreshes, validations, refused, acceptedTooLate, acceptedFor }),
  };
}
