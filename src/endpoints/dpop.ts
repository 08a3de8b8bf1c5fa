import type { Context } from 'koa';
import { type Client, type ProvedKey, verifyDpopProof } from '../clients/index.ts';
import { createReplayMemory, DPOP_PROOF_WINDOW, type EpochSeconds, reject } from '../oauth/index.ts';
import { type Clock, sha256 } from '../platform/index.ts';

/** Nonces a server wants in proofs (RFC 9449 §8): stateless, so that any instance recognises those of the others. */
export interface DpopNonces {
  /** The one to hand out now. */
  current(): Promise<string>;
  /** Whether it was handed out lately, by any instance. */
  isCurrent(nonce: string): Promise<boolean>;
}

/** Remembers which proofs were used (RFC 9449 §11.1). */
export interface ProofReplays {
  /** Atomic: of concurrent calls with one id exactly one answers `first`. @throws UnavailableError */
  consumeOnce(proof: {
    readonly id: string;
    readonly expiresAt: EpochSeconds;
    /** Thumbprint of the key that made it. */
    readonly jkt: string;
  }): Promise<'first' | 'again'>;
}

/** Proof of possession (RFC 9449): offered when these options are given. */
export interface DpopOptions {
  /** Absent: proofs are remembered in this process, at most 100,000 of them. */
  readonly replays?: ProofReplays;
  /** Absent: proofs need no nonce. */
  readonly nonces?: DpopNonces | undefined;
}

/** Looks at the DPoP proofs of requests. */
export interface DpopGate {
  /**
   * The key proved by the request, `undefined` when it carries no proof. Uses nothing up, so it comes before whatever
   * does: a client told to come back with a nonce has lost neither its assertion nor its code.
   * @throws OAuthError `dpop_proof_invalid`, `dpop_nonce_required`
   */
  verify(ctx: Context, url: string): Promise<ProvedKey | undefined>;
  /** Holds a client that wants bound tokens only to its word. @throws OAuthError `dpop_proof_missing` */
  demand(client: Client, proved: ProvedKey | undefined): void;
  /** Counts the proof, once all else was checked. @throws OAuthError `dpop_proof_replayed`; UnavailableError */
  spend(proved: ProvedKey): Promise<void>;
}

export function createDpopGate(deps: DpopOptions & { clock: Clock }): DpopGate {
  const { nonces, clock } = deps;
  const replays = deps.replays ?? rememberInProcess(clock);

  return {
    async verify(ctx, url) {
      const header = ctx.req.headers['dpop'];
      if (header === undefined) return undefined;
      if (nonces !== undefined) ctx.set('DPoP-Nonce', await nonces.current());
      // Node joins repeats with a comma, which no proof has in it.
      const proved = await verifyDpopProof(String(header), { method: ctx.method, url }, clock());
      if (nonces !== undefined && (proved.nonce === undefined || !(await nonces.isCurrent(proved.nonce))))
        throw reject('dpop_nonce_required');
      return proved;
    },

    demand(client, proved) {
      if (proved === undefined && client.dpopBoundAccessTokens === true) throw reject('dpop_proof_missing');
    },

    async spend(proved) {
      const { jkt, jti, iat } = proved;
      // Until nobody would take it any more, whatever the clock of the store.
      const expiresAt = Math.ceil(iat) + 2 * DPOP_PROOF_WINDOW;
      if ((await replays.consumeOnce({ id: sha256(`${jkt}\0${jti}`), expiresAt, jkt })) === 'again')
        throw reject('dpop_proof_replayed');
    },
  };
}

const MAX_REMEMBERED = 100_000;

function rememberInProcess(clock: Clock): ProofReplays {
  const memory = createReplayMemory(MAX_REMEMBERED);
  return { consumeOnce: async ({ id, expiresAt, jkt }) => memory.consumeOnce(id, expiresAt, clock(), jkt) };
}
