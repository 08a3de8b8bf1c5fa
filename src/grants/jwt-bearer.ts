import {
  type Client,
  IDENTITY_ASSERTION_TYPE,
  type IdentityAssertion,
  isConfidential,
  parseAssertion,
  type UnverifiedAssertion,
} from '../clients/index.ts';
import {
  type Form,
  isSameResource,
  machineScope,
  meetsConstraint,
  parseScope,
  type Resource,
  type ResourceDirectory,
  reject,
} from '../oauth/index.ts';
import type { OAuthAuthorizationServerProvider, OAuthToken } from '../provider/index.ts';
import { type Grant, type ProvedSender, useProof } from './grant.ts';

/** The `grant_type` of RFC 7523 §2.1. */
export const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

type Assertions = Pick<
  OAuthAuthorizationServerProvider,
  'getClient' | 'loadIdentityAssertion' | 'exchangeIdentityAssertion' | 'loadWorkload' | 'exchangeWorkload'
>;

/**
 * The JWT bearer grant (RFC 7523 §2.1), which two profiles share, told apart by `typ`: the ID-JAG that an enterprise identity
 * provider made for a client (MCP enterprise-managed authorization, SEP-990), and the token that a platform gave one of
 * its workloads (SEP-1933), for which no client need authenticate: the token does. Everything is checked before anything
 * is spent.
 */
export function createJwtBearerGrant(deps: { provider: Assertions; resources: ResourceDirectory }): Grant {
  const { provider, resources } = deps;

  async function redeemIdentity(
    assertion: UnverifiedAssertion,
    form: Form,
    client: Client,
    sender: ProvedSender | undefined,
  ): Promise<OAuthToken> {
    if (provider.loadIdentityAssertion === undefined || provider.exchangeIdentityAssertion === undefined)
      throw reject('assertion_invalid', { fault: 'type' });
    const identity = await provider.loadIdentityAssertion(assertion);
    if (identity.clientId !== client.clientId) throw reject('assertion_of_other_client', { issuer: identity.issuer });
    if (!isConfidential(client) && !identity.allowPublicClients)
      throw reject('grant_type_not_allowed', { grantType: JWT_BEARER });
    if (!meetsConstraint(identity.sender, sender)) throw reject('assertion_of_other_sender');
    const resource = resolveTarget(form, identity, resources);
    checkPermitted(resource, identity.permits.resources);
    const scope = machineScope(parseScope(form.get('scope')), resource, [
      identity.scope,
      identity.permits.scope,
      client.scope,
    ]);
    return provider.exchangeIdentityAssertion(
      client,
      identity,
      { scope, resource: resource.resource },
      await useProof(sender),
    );
  }

  async function redeemWorkload(
    assertion: UnverifiedAssertion,
    form: Form,
    client: Client | undefined,
    sender: ProvedSender | undefined,
  ): Promise<OAuthToken> {
    if (provider.loadWorkload === undefined || provider.exchangeWorkload === undefined)
      throw reject('assertion_invalid', { fault: 'type' });
    const workload = await provider.loadWorkload(assertion);
    if (client !== undefined && client.clientId !== workload.clientId)
      throw reject('assertion_of_other_client', { issuer: workload.issuer });
    // What the operator wrote of a client holds for its workload too, whether or not the request names it.
    const known = client ?? (await provider.getClient(workload.clientId, ''));
    if (known?.dpopBoundAccessTokens === true && sender === undefined) throw reject('dpop_proof_missing');
    const resource = resources.resolve(form.getAll('resource'));
    checkPermitted(resource, workload.permits.resources);
    const scope = machineScope(parseScope(form.get('scope')), resource, [workload.permits.scope, known?.scope]);
    return provider.exchangeWorkload(workload, { scope, resource: resource.resource }, await useProof(sender));
  }

  return {
    grantType: JWT_BEARER,

    async redeem(form, client, sender) {
      const assertion = readAssertion(form);
      return isIdentityAssertion(assertion)
        ? redeemIdentity(assertion, form, client, sender)
        : redeemWorkload(assertion, form, client, sender);
    },

    async redeemWithoutClient(form, sender) {
      const assertion = readAssertion(form);
      if (isIdentityAssertion(assertion)) throw reject('client_missing');
      return redeemWorkload(assertion, form, undefined, sender);
    },
  };
}

function readAssertion(form: Form): UnverifiedAssertion {
  const presented = form.get('assertion');
  if (presented === undefined) throw reject('parameter_missing', { parameter: 'assertion' });
  const assertion = parseAssertion(presented);
  if (typeof assertion === 'string') throw reject('assertion_malformed', { fault: assertion });
  return assertion;
}

function isIdentityAssertion({ header }: UnverifiedAssertion): boolean {
  return header.typ?.toLowerCase().replace(/^application\//, '') === IDENTITY_ASSERTION_TYPE;
}

/** The resource that is asked for, among those the assertion is for; the only one of those when none is asked for. */
function resolveTarget(form: Form, { resources: named }: IdentityAssertion, resources: ResourceDirectory): Resource {
  const requested = form.getAll('resource');
  if (named === undefined) return resources.resolve(requested);
  if (requested.length > 0) {
    const resource = resources.resolve(requested);
    if (!named.some((one) => isSameResource(one, resource.resource))) throw reject('resource_mismatch');
    return resource;
  }
  if (named.length > 1) throw reject('resource_missing');
  try {
    return resources.resolve(named);
  } catch {
    throw reject('assertion_resource_unknown');
  }
}

function checkPermitted({ resource }: Resource, permitted: readonly string[] | undefined): void {
  if (permitted?.some((one) => isSameResource(one, resource)) === false) throw reject('resource_not_permitted');
}
