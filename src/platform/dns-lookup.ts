import { Resolver } from 'node:dns/promises';

/** All addresses of a host name, as text; empty when there are none. Ends when the signal aborts. */
export type Lookup = (hostname: string, signal: AbortSignal) => Promise<readonly string[]>;

/**
 * A lookup that asks the name servers (A and AAAA) and no local file. It leaves the thread pool alone, on which
 * `getaddrinfo` of a slow foreign name would hold up password hashing. `servers`: `address[:port]`, instead of the
 * machine's own.
 */
export function createDnsLookup(deps: { servers?: readonly string[] } = {}): Lookup {
  return async (hostname, signal) => {
    const resolver = new Resolver({ timeout: 1_000, tries: 2 });
    if (deps.servers !== undefined) resolver.setServers(deps.servers);
    const cancel = () => resolver.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      const answers = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
      return answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  };
}
