import type Koa from 'koa';
import type { Config } from '../config/index.ts';
import { createAuthorization, type DpopOptions } from '../endpoints/index.ts';
import { createInteraction, createLocalUsers, type LocalUsers } from '../interaction/index.ts';
import type { KeyBackend, KeyRing } from '../keys/index.ts';
import { isLoopbackUrl, parseForm } from '../oauth/index.ts';
import {
  type Audit,
  type Clock,
  createGuardedFetch,
  type GuardedFetch,
  type Random,
  systemClock,
  systemRandom,
} from '../platform/index.ts';
import { createAuditLog, createLog, createMetrics, type Log, type Metrics } from '../telemetry/index.ts';
import {
  createAuthorizationCodes,
  createDpopNonces,
  createPushedRequests,
  createRevocationDocuments,
  createRevocationFeed,
  createSealer,
  type TokenStore,
} from '../tokens/index.ts';
import { createApp } from './app.ts';
import { openAssertionIssuers } from './assertion-issuers.ts';
import { openBranding } from './branding.ts';
import { openClientAssertions } from './client-assertions.ts';
import { openClientDocuments } from './client-documents.ts';
import { leaveDeniedSigner } from './denied-signer.ts';
import { createHttpServer, openPort, shutPort } from './http-server.ts';
import { createKeyDenial, type KeyDenial } from './key-denial.ts';
import { describeReadOnlyFolder, openKeyBackend, openKeyRing } from './keys.ts';
import { createManagement } from './management.ts';
import { measureStore } from './measured-store.ts';
import { openPersonalGrants } from './personal-grants.ts';
import { buildProvider } from './provider.ts';
import { reportFaultsTo } from './request-log.ts';
import { describeResources } from './resources.ts';
import { endRestoredGrants } from './restored-denials.ts';
import { openSharedLimits } from './shared-limits.ts';
import { openStore } from './store.ts';
import { openUpstreamProviders } from './upstream-providers.ts';

/** Parts a caller may bring along; everything else is made from the configuration. */
export interface GuardmintParts {
  readonly log?: Log;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Beside the log. */
  readonly audit?: Audit;
  readonly store?: TokenStore;
  /** Instead of the folder of keys and what `keys.backend` says. */
  readonly keyBackend?: KeyBackend;
  /** For URLs that clients name: their metadata documents and JWK Sets. It must keep the promises of `createGuardedFetch`. */
  readonly fetch?: GuardedFetch;
}

/** Where a running server can be reached. */
export interface ListeningPorts {
  readonly port: number;
  readonly managementPort: number;
}

/** An authorization server: composed, not yet listening. */
export interface Guardmint {
  /** The Koa app, to be mounted in a server of your own. */
  readonly app: Koa;
  readonly keys: KeyRing;
  readonly store: TokenStore;
  readonly users: LocalUsers;
  /** What `/metrics` of the management port says, for an app that is mounted elsewhere. */
  readonly metrics: Pick<Metrics, 'render'>;
  /** The user made because there was none, with the password that is told only here. */
  readonly firstUser: { readonly username: string; readonly password: string } | undefined;
  /** Opens both ports. @throws when one of them is taken. */
  listen(): Promise<ListeningPorts>;
  /** Says 503 to `/readyz`, ends streams, lets requests in flight finish, then closes ports, store and keys. */
  close(): Promise<void>;
}

/** Composes an authorization server from its configuration: keys, store, users, pages, endpoints. */
export async function createGuardmint(config: Config, parts: GuardmintParts = {}): Promise<Guardmint> {
  const clock = parts.clock ?? systemClock;
  const random = parts.random ?? systemRandom;
  const log = parts.log ?? createLog({ level: config.logLevel });
  const metrics = await createMetrics();
  const audit = joinAudits(joinAudits(createAuditLog(log), metrics.audit), parts.audit);
  const platform = { clock, random, audit };

  const store = measureStore(parts.store ?? (await openStore(config, { clock, log })), metrics);
  let keyDenial: KeyDenial | undefined;
  const denyRevokedKeys: Audit = ({ event }) => {
    if (event === 'key.revoked') void keyDenial?.look();
  };
  const keys = await openKeyRing(config, {
    clock,
    random,
    audit: joinAudits(audit, denyRevokedKeys),
    ...(parts.keyBackend && { backend: parts.keyBackend }),
  });
  keyDenial = createKeyDenial({
    keys,
    denylist: store.denylist,
    async revoke(kid, at) {
      await (parts.keyBackend ?? openKeyBackend(config, random)).revoke(kid, at);
      await keys.reload();
    },
    clock,
    audit,
  });
  void keyDenial.look();
  const watching = leaveDeniedSigner({ keys, denylist: store.denylist });
  const users = createLocalUsers({ path: config.usersFile, clock, random, audit });
  const firstUser = config.signIn.local ? await users.ensureFirstUser() : undefined;

  const sealer = createSealer({ keys, clock });
  const codes = createAuthorizationCodes({ sealer, random, lifetime: config.lifetimes.authorizationCode });
  const { oneTime, denylist } = store;
  const resources = describeResources(config);
  const sharedLimits = await openSharedLimits(config, log);
  const interaction = createInteraction({
    settings: {
      issuer: config.issuer,
      branding: await openBranding(config),
      lifetimes: config.lifetimes,
      resources: resources.known,
      rateLimits: config.rateLimits.enabled,
      ...(sharedLimits && { createLimiter: sharedLimits.createLimiter }),
    },
    tokens: { sealer, codes, oneTime, denylist },
    ...(config.signIn.local && { users }),
    upstreams: openUpstreamProviders(config, { clock }),
    grants: openPersonalGrants(config, { store, clock, audit }),
    resume: (parameters, requestId) =>
      authorization.authorize(parseForm(parameters), {
        path: 'resumed',
        ...(requestId !== undefined && { requestId }),
      }),
    platform,
  });
  const fetch = parts.fetch ?? createGuardedFetch({ allowLoopback: isLoopbackUrl(config.issuer) });
  const documents = openClientDocuments(config, { fetch, clock });
  const clientAssertions = openClientAssertions(config, { oneTime, fetch: parts.fetch, clock });
  const assertions = openAssertionIssuers(config, {
    clock,
    ...(parts.fetch !== undefined && { fetch: parts.fetch }),
  });
  const provider = buildProvider(config, { keys, store, codes, interaction, documents, assertions, platform });
  const reportFault = reportFaultsTo(log, audit);
  const requiresPush = config.pushedRequests.required;
  const authorization = createAuthorization({
    provider,
    issuer: config.issuer,
    resources,
    reportFault,
    requiresPush,
  });
  const revocationFeed = createRevocationFeed({
    denylist: endRestoredGrants(store, config.lifetimes.refreshAbsolute),
    documents: createRevocationDocuments({ keys, issuer: config.issuer, clock }),
    clock,
    audit,
  });
  const dpop = {
    ...(config.dpop.strict && {
      replays: { consumeOnce: ({ id, expiresAt }) => oneTime.consumeOnce({ kind: 'dpop', id, expiresAt }) },
    }),
    ...(config.dpop.nonce === 'required' && { nonces: createDpopNonces({ sealer, clock }) }),
  } satisfies DpopOptions;
  const app = createApp(config, {
    dpop,
    pushedRequests: createPushedRequests({ sealer, random, lifetime: config.pushedRequests.lifetime }),
    provider,
    keys,
    interaction,
    resources,
    clientAssertions,
    revocationFeed,
    platform,
    log,
    metrics,
  });
  metrics.observe({
    keys: () => keys.list(),
    denied: () => revocationFeed.count(),
    readers: () => revocationFeed.readers(),
    now: clock,
  });

  const answer = app.callback();
  const server = createHttpServer((request, response) => void answer(request, response));
  const management = createManagement({
    metrics,
    checks: [
      { name: 'store', check: () => store.ping() },
      { name: 'signingKey', check: () => void keys.signer() },
      { name: 'sealingKey', check: () => void keys.activeSecret('sealing') },
    ],
  });

  return {
    app,
    keys,
    store,
    users,
    metrics,
    firstUser,

    async listen() {
      const port = await openPort(server, config.port, config.host);
      const managementPort = await openPort(
        management.server,
        config.managementPort,
        config.managementHost ?? config.host,
      );
      log.info({ issuer: config.issuer, host: config.host, port, managementPort }, 'listening');
      const readOnly = parts.keyBackend === undefined ? await describeReadOnlyFolder(config, keys) : undefined;
      for (const warning of [...config.warnings, readOnly]) if (warning !== undefined) log.warn({}, warning);
      return { port, managementPort };
    },

    async close() {
      management.drain();
      revocationFeed.close();
      await shutPort(server);
      await shutPort(management.server);
      keyDenial.close();
      watching[Symbol.dispose]();
      sharedLimits?.close();
      await keys.close();
      await store.close();
    },
  };
}

function joinAudits(one: Audit, other: Audit | undefined): Audit {
  if (other === undefined) return one;
  return (event) => {
    one(event);
    other(event);
  };
}
