import { AsyncLocalStorage } from 'node:async_hooks';
import type { AccessToken } from './access-token.ts';
import type { AuthenticatedUser } from './bearer.ts';
import type { BearerError } from './bearer-error.ts';
import type { Verifier } from './verifier.ts';

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

const storage = new AsyncLocalStorage<AuthContext>();

/** Runs `next`, and everything it starts, in a context. */
export function runInAuthContext<T>(context: AuthContext, next: () => T): T {
  return storage.run(context, next);
}

/** The context of the current request; `undefined` outside of any. */
export function getAuthContext(): AuthContext | undefined {
  return storage.getStore();
}

/** Runs `next`, and everything it starts, as `user`; `undefined` is nobody, also inside somebody's request. */
export function runWithAuth<T>(user: AuthenticatedUser | undefined, next: () => T): T {
  return runInAuthContext({ user }, next);
}

/** Who the current request comes from; `undefined` for nobody and outside of any request. */
export function getAuthenticatedUser(): AuthenticatedUser | undefined {
  return storage.getStore()?.user;
}

/** The verified access token of the current request; `undefined` for nobody and outside of any request. */
export function getAccessToken(): AccessToken | undefined {
  return storage.getStore()?.user?.accessToken;
}
