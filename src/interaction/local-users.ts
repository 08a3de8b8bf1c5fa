import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { EpochSeconds } from '../oauth/index.ts';
import type { Audit, Clock, Random } from '../platform/index.ts';
import { normaliseUsername, preparePassword } from './credentials.ts';
import { hashPassword, verifyPassword } from './password-hash.ts';
import { createUserFile, type UserRecord } from './user-file.ts';
import type { User, UserDirectory } from './users.ts';

/** Why a change to the local users was not made. */
export type UserChangeFault =
  | 'username_taken'
  | 'username_unknown'
  | 'username_malformed'
  | 'password_too_short'
  | 'password_too_long';

/** A change to the local users that cannot be made as asked. */
export class UserChangeError extends Error {
  override readonly name = 'UserChangeError';
  readonly fault: UserChangeFault;

  constructor(fault: UserChangeFault) {
    super(fault);
    this.fault = fault;
  }
}

/** One local user, for lists. */
export interface ListedUser {
  readonly subject: string;
  readonly username: string;
  readonly disabled: boolean;
  readonly createdAt: EpochSeconds;
  readonly passwordChangedAt: EpochSeconds;
}

/** People who sign in with a password kept, hashed, in a file. Changes made by another process count at once. */
export interface LocalUsers extends UserDirectory {
  /** @throws UserChangeError `username_malformed`, `username_taken`, `password_too_short`, `password_too_long`. */
  add(username: string, password: string): Promise<User>;
  /** Sets a new password and ends every session begun before. @throws UserChangeError */
  setPassword(username: string, password: string): Promise<void>;
  /** Everybody, by username. */
  list(): Promise<readonly ListedUser[]>;
  /** Keeps the person from signing in and ends their sessions. @throws UserChangeError `username_unknown`. */
  disable(username: string): Promise<void>;
  /** @throws UserChangeError `username_unknown`. */
  enable(username: string): Promise<void>;
  /** Where there is no file yet: makes it, with one user whose password is told this once. */
  ensureFirstUser(): Promise<{ readonly username: string; readonly password: string } | undefined>;
}

const FIRST_USERNAME = 'admin';
const MIN_PASSWORD_LENGTH = 8;

export function createLocalUsers(deps: { path: string; clock: Clock; random: Random; audit: Audit }): LocalUsers {
  const { path, clock, random, audit } = deps;
  const file = createUserFile({ path, random });
  // Checked for a name nobody has, so that it takes as long as a wrong password does.
  const decoy = hashPassword(random(16), random);

  async function authenticate(username: string, password: string): Promise<User | undefined> {
    const name = normaliseUsername(username);
    const record = (await file.read())?.find((user) => user.username === name);
    const prepared = preparePassword(password);
    const isRight = await verifyPassword(prepared ?? ' ', record?.passwordHash ?? (await decoy));
    if (record === undefined || prepared === undefined || record.disabled || !isRight) return undefined;
    return asUser(record);
  }

  async function find(subject: string): Promise<User | undefined> {
    const record = (await file.read())?.find((user) => user.subject === subject);
    return record === undefined || record.disabled ? undefined : asUser(record);
  }

  async function makeRecord(username: string, password: string): Promise<UserRecord> {
    const passwordHash = await hashPassword(requirePassword(password), random);
    const now = clock();
    return {
      subject: random(16),
      username: requireUsername(username),
      passwordHash,
      disabled: false,
      createdAt: now,
      passwordChangedAt: now,
    };
  }

  async function add(username: string, password: string): Promise<User> {
    const added = await makeRecord(username, password);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await file.update((users = []) => {
      if (users.some((user) => user.username === added.username)) throw new UserChangeError('username_taken');
      return [...users, added];
    });
    audit({ event: 'user.added', subject: added.subject });
    return asUser(added);
  }

  /** Changes the one user of that name; answers their subject. */
  async function change(username: string, changes: Partial<UserRecord>): Promise<string> {
    const name = requireUsername(username);
    let subject = '';
    await file.update((users = []) => {
      const found = users.find((user) => user.username === name);
      if (found === undefined) throw new UserChangeError('username_unknown');
      subject = found.subject;
      return users.map((user) => (user === found ? { ...found, ...changes } : user));
    });
    return subject;
  }

  async function setPassword(username: string, password: string): Promise<void> {
    const passwordHash = await hashPassword(requirePassword(password), random);
    const subject = await change(username, { passwordHash, passwordChangedAt: clock() });
    audit({ event: 'user.password_changed', subject });
  }

  async function setDisabled(username: string, disabled: boolean): Promise<void> {
    const subject = await change(username, { disabled });
    audit({ event: disabled ? 'user.disabled' : 'user.enabled', subject });
  }

  async function list(): Promise<readonly ListedUser[]> {
    const users = (await file.read()) ?? [];
    return users
      .map(({ passwordHash: _, ...listed }) => listed)
      .sort((one, other) => (one.username < other.username ? -1 : 1));
  }

  async function ensureFirstUser(): Promise<{ username: string; password: string } | undefined> {
    if ((await file.read()) !== undefined) return undefined;
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const password = random(15);
    const first = await makeRecord(FIRST_USERNAME, password);
    let isFirst = false;
    await file.update((users) => {
      isFirst = users === undefined;
      return users ?? [first];
    });
    if (!isFirst) return undefined;
    audit({ event: 'user.added', subject: first.subject });
    return { username: first.username, password };
  }

  return {
    authenticate,
    find,
    add,
    setPassword,
    list,
    disable: (username) => setDisabled(username, true),
    enable: (username) => setDisabled(username, false),
    ensureFirstUser,
  };
}

function asUser(record: UserRecord): User {
  return { subject: record.subject, username: record.username, signedInSince: record.passwordChangedAt };
}

function requireUsername(text: string): string {
  const username = normaliseUsername(text);
  if (username === undefined) throw new UserChangeError('username_malformed');
  return username;
}

function requirePassword(text: string): string {
  if (Array.from(text).length < MIN_PASSWORD_LENGTH) throw new UserChangeError('password_too_short');
  const password = preparePassword(text);
  if (password === undefined) throw new UserChangeError('password_too_long');
  return password;
}
