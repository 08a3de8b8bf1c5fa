import type { EpochSeconds } from '../oauth/index.ts';

/** A person who can sign in. */
export interface User {
  /** Stable and never reused: the `sub` of the tokens. Not the name. */
  readonly subject: string;
  readonly username: string;
  /** Sign-ins before this moment do not count (the password was changed then). */
  readonly signedInSince?: EpochSeconds;
}

/** Who may sign in. Implemented by a file (`createLocalUsers`) or by a directory of the operator's. */
export interface UserDirectory {
  /**
   * The person with this username and password. `undefined` for an unknown name, a wrong password and a disabled person
   * alike, after the same work.
   * @throws UnavailableError
   */
  authenticate(username: string, password: string): Promise<User | undefined>;
  /** The person behind a subject, unless unknown or disabled. Asked on every page. @throws UnavailableError */
  find(subject: string): Promise<User | undefined>;
}
