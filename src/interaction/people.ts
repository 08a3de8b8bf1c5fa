import type { UpstreamProvider } from './upstream/upstream-provider.ts';
import type { User, UserDirectory } from './users.ts';

/** Who vouched for a person that is not in the directory, as their session carries it. */
export interface UpstreamOrigin {
  /** The key of the provider. */
  readonly provider: string;
  /** The guarded scope names the person may grant. */
  readonly scope: readonly string[];
}

/** Who may stay signed in. */
export interface People {
  /** The person of a session, unless they are unknown or kept out by now. @throws UnavailableError */
  find(session: {
    readonly sub: string;
    readonly username?: string | undefined;
    readonly upstream?: UpstreamOrigin | undefined;
  }): Promise<User | undefined>;
}

/** The people of the directory, and those whom a provider vouched for that still stands as it did then. */
export function createPeople(deps: {
  users: UserDirectory | undefined;
  providers: readonly UpstreamProvider[];
}): People {
  const { users, providers } = deps;
  return {
    async find({ sub, username = '', upstream }) {
      if (upstream === undefined) return users?.find(sub);
      const provider = providers.find(({ key }) => key === upstream.provider);
      // Two people may call themselves the same at two providers; what we call the provider is not for them to choose.
      return provider && { subject: sub, username: `${username} (${provider.label})` };
    },
  };
}
