import { reject } from '../../oauth/index.ts';
import type { OneTimeStore, Sealer } from '../../tokens/index.ts';
import type { UpstreamAttempt } from './upstream-provider.ts';

/** What a sign-in at a provider is about, as it was when the browser left. */
export interface UpstreamState extends Omit<UpstreamAttempt, 'state'> {
  readonly jti: string;
  /** The key of the provider. */
  readonly provider: string;
  /** Digest of the browser's nonce. */
  readonly browser: string;
  /** The sealed ticket the sign-in is for. */
  readonly ticket: string;
}

/** An attempt under way, opened. */
export type OpenedUpstreamState = UpstreamState & { readonly exp: number };

/**
 * The `state` of authorization requests to providers: sealed, so that nothing is stored here and nobody there can read or
 * change it.
 */
export interface UpstreamStates {
  seal(state: UpstreamState): Promise<string>;
  /** @throws OAuthError `upstream_state_invalid`, `interaction_expired` */
  open(text: string | undefined): Promise<OpenedUpstreamState>;
  /** Spends it. @throws OAuthError `upstream_spent`; UnavailableError */
  spend(state: OpenedUpstreamState): Promise<void>;
}

const LIFETIME = 600;

export function createUpstreamStates(deps: {
  sealer: Sealer;
  oneTime: OneTimeStore;
  clock: () => number;
}): UpstreamStates {
  const { sealer, oneTime, clock } = deps;
  return {
    seal: (state) => sealer.seal('upstream+jwe', { ...state }, LIFETIME),

    async open(text) {
      const opened = await sealer.openEnded<UpstreamState>('upstream+jwe', text ?? '');
      if (opened === undefined) throw reject('upstream_state_invalid');
      if (opened.exp <= clock()) throw reject('interaction_expired');
      return opened;
    },

    async spend({ jti, exp }) {
      if ((await oneTime.consumeOnce({ kind: 'upstream', id: jti, expiresAt: exp })) === 'again')
        throw reject('upstream_spent');
    },
  };
}
