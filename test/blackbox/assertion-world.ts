import { randomUUID } from 'node:crypto';
import { afterAll } from 'vitest';
import type { JsonObject } from '../../src/oauth/index.ts';
import { sha256 } from '../../src/platform/index.ts';
import type { TokenStore } from '../../src/tokens/index.ts';
import { startGuardmint } from '../support/guardmint.ts';
import { type ForeignIssuer, identityClaims, startForeignIssuer } from '../support/identity-provider.ts';
import type { Observed } from './expectations.ts';
import { observe } from './runner.ts';
import { basic, createWorld, OTHER_RESOURCE, type Parameters, postForm, RESOURCE, type World } from './world.ts';

export const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
export const SECRET = 'a secret of the client';
export const CLUSTER_CLIENT = 'reporter';

type Header = Readonly<Record<string, unknown>>;

/** A server that trusts an identity provider and a cluster, each with a real key set over HTTP. */
export interface AssertionWorld {
  readonly world: World;
  readonly provider: ForeignIssuer;
  readonly cluster: ForeignIssuer;
  /** An ID-JAG that is in order but for the changes; `undefined` leaves a claim or header out. */
  identity(claims?: JsonObject, header?: Header): Promise<string>;
  /** A service account token that is in order but for the changes. */
  workload(claims?: JsonObject, header?: Header): Promise<string>;
  /** Presents an assertion as a client; `null`: as nobody. */
  present(assertion: string, form?: Parameters, client?: string | null): Promise<Observed>;
}

export function clientEntry(client_id: string, more: JsonObject = {}): JsonObject {
  return { client_id, client_secret_hash: sha256(SECRET), grant_types: [JWT_BEARER], ...more };
}

export async function openAssertionWorld(
  settings: {
    readonly provider?: JsonObject;
    readonly cluster?: JsonObject;
    /** The entry of the client that is a workload too, beside what it always says. */
    readonly clusterClient?: JsonObject;
    readonly store?: (clock: () => number) => TokenStore;
  } = {},
): Promise<AssertionWorld> {
  const provider = await startForeignIssuer();
  const cluster = await startForeignIssuer({ alg: 'RS256' });
  const server = await startGuardmint({
    settings: {
      clients: [
        clientEntry('app'),
        clientEntry('other-app'),
        clientEntry('reader', { scope: 'mcp:read' }),
        clientEntry('no-grant', { grant_types: ['client_credentials'] }),
        clientEntry('post-app', { token_endpoint_auth_method: 'client_secret_post' }),
        { client_id: 'public-app', grant_types: [JWT_BEARER] },
        clientEntry(CLUSTER_CLIENT, settings.clusterClient),
      ],
      identityProviders: [{ issuer: provider.issuer, ...settings.provider }],
      workloadIssuers: [
        {
          issuer: cluster.issuer,
          workloads: [
            {
              clientId: CLUSTER_CLIENT,
              claims: {
                sub: 'system:serviceaccount:prod:reporter',
                '/kubernetes.io/namespace': 'prod',
              },
              resources: [RESOURCE],
              scopes: ['mcp:read'],
            },
            { clientId: 'anything-in-batch', claims: { sub: 'system:serviceaccount:batch:*' } },
          ],
          ...settings.cluster,
        },
      ],
    },
    ...(settings.store !== undefined && { store: settings.store }),
  });
  afterAll(async () => {
    for (const one of [server, provider, cluster]) await one[Symbol.asyncDispose]();
  });
  const world = await createWorld(server);

  return {
    world,
    provider,
    cluster,
    identity(claims = {}, header = {}) {
      const { issuer } = provider;
      const usual = identityClaims({ issuer, audience: world.issuer, client: 'app', now: server.now() });
      return provider.signer.sign(without({ ...usual, ...claims }), { typ: 'oauth-id-jag+jwt', ...header });
    },
    workload(claims = {}, header = {}) {
      return cluster.signer.sign(
        without({ ...kubernetesClaims(cluster.issuer, world.issuer, server.now()), ...claims }),
        header,
      );
    },
    present(assertion, form = {}, client = 'app') {
      const headers = client === null ? [] : [['Authorization', basic(client, SECRET)] as const];
      return observe(world, postForm('/token', { grant_type: JWT_BEARER, assertion, ...form }, { headers }));
    },
  };
}

/** What a projected service account token of Kubernetes says. */
export function kubernetesClaims(issuer: string, audience: string, now: number): JsonObject {
  return {
    aud: [audience],
    exp: now + 3_607,
    iat: now,
    iss: issuer,
    jti: randomUUID(),
    'kubernetes.io': {
      namespace: 'prod',
      node: { name: 'node-1', uid: randomUUID() },
      pod: { name: 'reporter-7d9f', uid: randomUUID() },
      serviceaccount: { name: 'reporter', uid: randomUUID() },
    },
    nbf: now,
    sub: 'system:serviceaccount:prod:reporter',
  };
}

function without(claims: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined));
}

export { OTHER_RESOURCE, RESOURCE };
