import { readFileSync } from 'node:fs';
import {
  createDiscoveredJwkSet,
  createIdentityAssertions,
  createInlineJwkSet,
  createRemoteJwkSets,
  createWorkloadAssertions,
  findJwkSetFault,
  type IdentityAssertions,
  isAssertionAlgorithm,
  type JwkSet,
  type TrustedIssuer,
  type WorkloadAssertions,
} from '../clients/index.ts';
import { type Config, ConfigError, type ConfigProblem } from '../config/index.ts';
import { CLOCK_SKEW } from '../keys/index.ts';
import { isLoopbackUrl } from '../oauth/index.ts';
import { type Clock, createGuardedFetch, type GuardedFetch } from '../platform/index.ts';

/** Whose assertions count; absent: nobody's. */
export interface AssertionIssuers {
  readonly identityAssertions?: IdentityAssertions;
  readonly workloadAssertions?: WorkloadAssertions;
}

type IssuerEntry = Config['identityProviders'][number] | Config['workloadIssuers'][number];

/**
 * The identity providers and workload platforms of the configuration, each with its keys.
 * @throws ConfigError for keys, algorithms or files that cannot be used.
 */
export function openAssertionIssuers(
  config: Config,
  deps: { readonly fetch?: GuardedFetch; readonly clock: Clock },
): AssertionIssuers {
  const { issuer, identityProviders, workloadIssuers } = config;
  const { clock } = deps;
  const problems: ConfigProblem[] = [];
  const common = { issuer, clock, clockTolerance: CLOCK_SKEW };

  function trust(entry: IssuerEntry, setting: string): TrustedIssuer {
    const unknown = entry.algorithms?.filter((alg) => !isAssertionAlgorithm(alg)) ?? [];
    if (unknown.length > 0)
      problems.push({ setting: `${setting}.algorithms`, fault: `${unknown.join(', ')}: is not verified here` });
    return {
      issuer: entry.issuer,
      keys: keysOf(entry, setting),
      ...(entry.algorithms !== undefined && { algorithms: entry.algorithms.filter(isAssertionAlgorithm) }),
      maxLifetime: entry.maxLifetime,
      replay: entry.replay,
    };
  }

  function keysOf(entry: IssuerEntry, setting: string): JwkSet {
    if (entry.jwks !== undefined) {
      const fault = findJwkSetFault(entry.jwks);
      // A bundle of SPIFFE has keys of X.509 beside those that sign tokens.
      if (fault !== undefined && fault !== 'not_for_signatures')
        problems.push({ setting: `${setting}.jwks`, fault: `has a key that is not usable: ${fault}` });
      return createInlineJwkSet(entry.jwks);
    }
    const fetch = deps.fetch ?? fetchFor(entry, setting);
    const sets = createRemoteJwkSets({ fetch, clock });
    if (entry.jwksUri !== undefined) return sets.at(entry.jwksUri);
    return createDiscoveredJwkSet({ issuer: entry.issuer, fetch, sets, clock });
  }

  function fetchFor({ privateNetwork, caFile }: IssuerEntry, setting: string): GuardedFetch {
    let ca: string | undefined;
    try {
      ca = caFile === undefined ? undefined : readFileSync(caFile, 'utf8');
    } catch {
      problems.push({ setting: `${setting}.caFile`, fault: `${caFile} cannot be read` });
    }
    return createGuardedFetch({
      allowLoopback: isLoopbackUrl(issuer),
      allowPrivate: privateNetwork,
      ...(ca !== undefined && { ca }),
    });
  }

  const providers = identityProviders.map((entry, index) => ({
    ...trust(entry, `identityProviders[${index}]`),
    subject: entry.subject,
    ...(entry.tenant !== undefined && { tenant: entry.tenant }),
    ...(entry.clients !== undefined && { clients: entry.clients }),
    allowPublicClients: entry.allowPublicClients,
    permits: permitsOf(entry),
  }));
  const issuers = workloadIssuers.map((entry, index) => ({
    ...trust(entry, `workloadIssuers[${index}]`),
    audiences: entry.audiences,
    workloads: entry.workloads.map((workload) => ({
      claims: workload.claims,
      clientId: workload.clientId,
      permits: permitsOf(workload),
    })),
  }));
  if (problems.length > 0) throw new ConfigError(problems);
  return {
    ...(providers.length > 0 && { identityAssertions: createIdentityAssertions({ ...common, providers }) }),
    ...(issuers.length > 0 && { workloadAssertions: createWorkloadAssertions({ ...common, issuers }) }),
  };
}

function permitsOf({
  resources,
  scopes,
}: {
  readonly resources?: readonly string[] | undefined;
  readonly scopes?: readonly string[] | undefined;
}) {
  return { ...(resources !== undefined && { resources }), ...(scopes !== undefined && { scope: scopes }) };
}
