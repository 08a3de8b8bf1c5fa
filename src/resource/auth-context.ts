import { AsyncLocalStorage } from 'node:async_hooks';
import type { AccessToken } from './access-token.ts';
import type { AuthenticatedUser } from './bearer.ts';

const context = new AsyncLocalStorage<AuthenticatedUser | undefined>();

/** Runs `next`, and everything it starts, as `user`; `undefined` is nobody, also inside somebody's request. */
export function runWithAuth<T>(user: AuthenticatedUser | undefined, next: () => T): T {
  return context.run(user, next);
}

/** Who the current request comes from; `undefined` for nobody and outside of any request. */
export function getAuthenticatedUser(): AuthenticatedUser | undefined {
  return context.getStore();
}

/** The verified access token of the current request; `undefined` for nobody and outside of any request. */
export function getAccessToken(): AccessToken | undefined {
  return context.getStore()?.accessToken;
}
