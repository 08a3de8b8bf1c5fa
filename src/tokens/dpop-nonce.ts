import type { EpochSeconds, Seconds } from '../oauth/index.ts';
import type { Clock } from '../platform/index.ts';
import type { Sealer } from './sealed.ts';

/** Nonces for DPoP proofs (RFC 9449 §8), sealed and so stored nowhere: every instance opens those of the others. */
export interface DpopNonces {
  /** The nonce to hand out now; a new one every few minutes. */
  current(): Promise<string>;
  /** Whether it was handed out by this server and has not ended. */
  isCurrent(nonce: string): Promise<boolean>;
}

const NEW_EVERY: Seconds = 120;
// Whoever is handed a nonce that is about to be replaced has the time of a proof to use it.
const LIFETIME: Seconds = 420;

export function createDpopNonces(deps: { sealer: Sealer; clock: Clock }): DpopNonces {
  const { sealer, clock } = deps;
  let held: { readonly nonce: Promise<string>; readonly from: EpochSeconds } | undefined;

  return {
    current() {
      const now = clock();
      if (held === undefined || now < held.from || now >= held.from + NEW_EVERY) {
        const nonce = sealer.seal('nonce+jwe', {}, LIFETIME);
        held = { nonce, from: now };
        nonce.catch(() => {
          held = undefined;
        });
      }
      return held.nonce;
    },
    isCurrent: async (nonce) => (await sealer.open('nonce+jwe', nonce)) !== undefined,
  };
}
