import type { AsyncLocalStorage } from 'node:async_hooks';
import { nodeModule } from '../runtime/node-module.ts';
import type { AccessToken } from '../tokens/access-token.ts';
import type { Verifier } from '../tokens/verifier.ts';
import type { AuthenticatedUser } from './bearer.ts';
import type { BearerError } from './bearer-error.ts';

/** What is known about the sender of a request for as long as it lasts. */
export interface AuthContext {
  readonly user: AuthenticatedUser | undefined;
  /** Why there is no user. */
  readonly refusal?: BearerError;
  /** What looked at the request, for those below that let in or challenge. */
  readonly guard?: {
    readonly verifier: Pick<Verifier, 'implies'> & Partial<Pick<Verifier, 'dpop'>>;
    readonly resourceMetadataUrl: string;
  };
}

const NO_CONTEXT =
  'This runtime has no AsyncLocalStorage (in Cloudflare Workers: the compatibility flag nodejs_compat), so the token of the ' +
  'current request cannot be found from anywhere below it. Take it from what authenticated the request and pass it on.';

const storage = createStorage(nodeModule('node:async_hooks')?.AsyncLocalStorage);

function createStorage(Storage: (new () => AsyncLocalStorage<AuthContext>) | undefined) {
  return Storage === undefined ? undefined : new Storage();
}

/** Runs `next`, and everything it starts, in a context; where the runtime has none, without. */
export function runInAuthContext<T>(context: AuthContext, next: () => T): T {
  return storage === undefined ? next() : storage.run(context, next);
}

/**
 * The context of the current request; `undefined` outside of any.
 * @throws Error where the runtime has no AsyncLocalStorage: nobody would be a wrong answer.
 */
export function getAuthContext(): AuthContext | undefined {
  if (storage === undefined) throw new Error(NO_CONTEXT);
  return storage.getStore();
}

/** Runs `next`, and everything it starts, as `user`; `undefined` is nobody, also inside somebody's request. */
export function runWithAuth<T>(user: AuthenticatedUser | undefined, next: () => T): T {
  return runInAuthContext({ user }, next);
}

/** Who the current request comes from; `undefined` for nobody and outside of any request. */
export function getAuthenticatedUser(): AuthenticatedUser | undefined {
  return getAuthContext()?.user;
}

/** The verified access token of the current request; `undefined` for nobody and outside of any request. */
export function getAccessToken(): AccessToken | undefined {
  return getAuthContext()?.user?.accessToken;
}
