import type { Seconds } from '../oauth/index.ts';
import type { Random } from '../platform/index.ts';
import type { Sealer } from './sealed.ts';

/** An authorization request that a client pushed (RFC 9126 §2). */
export interface PushedRequest {
  /** The same for every look at one request: what makes it count once. */
  readonly id: string;
  /** Its parameters, form-encoded. */
  readonly parameters: string;
}

/** Pushed authorization requests, sealed into their `request_uri`: nothing of them is stored. */
export interface PushedRequests {
  /** Seals the parameters for the client with this hash. */
  push(clientHash: string, parameters: string): Promise<{ readonly requestUri: string; readonly expiresIn: Seconds }>;
  /** `undefined` for anything but a request of that client that has not ended. */
  open(requestUri: string, clientHash: string): Promise<PushedRequest | undefined>;
}

interface PushedClaims extends PushedRequest {
  readonly client: string;
}

const PREFIX = 'urn:ietf:params:oauth:request_uri:';

export function createPushedRequests(deps: { sealer: Sealer; random: Random; lifetime: Seconds }): PushedRequests {
  const { sealer, random, lifetime } = deps;
  return {
    async push(clientHash, parameters) {
      const claims = { id: random(16), client: clientHash, parameters };
      return { requestUri: PREFIX + (await sealer.seal('par+jwe', claims, lifetime)), expiresIn: lifetime };
    },
    async open(requestUri, clientHash) {
      if (!requestUri.startsWith(PREFIX)) return undefined;
      const claims = await sealer.open<PushedClaims>('par+jwe', requestUri.slice(PREFIX.length));
      return claims?.client === clientHash ? claims : undefined;
    },
  };
}
