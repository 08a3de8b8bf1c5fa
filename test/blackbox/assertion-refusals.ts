import { expect } from 'vitest';
import { REJECTIONS, type RejectionReason } from '../../src/oauth/index.ts';
import { sha256 } from '../../src/platform/index.ts';
import { createForeignSigner } from '../support/assertion.ts';
import {
  type AssertionWorld,
  CLUSTER_CLIENT,
  OTHER_RESOURCE,
  openAssertionWorld,
  RESOURCE,
} from './assertion-world.ts';
import { jsonError, type Observed } from './expectations.ts';

let opened: Promise<AssertionWorld> | undefined;
/** One world for all of them. */
const open = () => (opened ??= openAssertionWorld({ provider: { tenant: 'acme', resources: [RESOURCE] } }));
const tenant = 'acme';

/** A case that ends with one refusal, wrong in nothing else, and after which the assertion is not spent. */
const refused =
  (reason: RejectionReason, present: (own: AssertionWorld) => Promise<Observed>) => async (): Promise<void> => {
    jsonError(reason)(await present(await open()));
  };

/** Refusals of assertions: what the world is in which they are refused, and the one answer to each. */
export const ASSERTION_CASES = {
  assertion_malformed: refused('assertion_malformed', async (own) => own.present('e30.e30.x')),
  assertion_invalid: refused('assertion_invalid', async (own) =>
    own.present(await own.identity({ tenant, client_id: undefined })),
  ),
  assertion_issuer_untrusted: refused('assertion_issuer_untrusted', async (own) =>
    own.present(await own.identity({ tenant, iss: 'https://attacker.idp.example' })),
  ),
  assertion_audience_wrong: refused('assertion_audience_wrong', async (own) =>
    own.present(await own.identity({ tenant, aud: 'https://other-as.example' })),
  ),
  assertion_expired: refused('assertion_expired', async (own) => {
    const now = own.world.server.now();
    return own.present(await own.identity({ tenant, iat: now - 400, exp: now - 100 }));
  }),
  assertion_signature_wrong: refused('assertion_signature_wrong', async (own) => {
    const attacker = await createForeignSigner();
    const claims = JSON.parse(
      Buffer.from((await own.identity({ tenant })).split('.')[1] ?? '', 'base64url').toString(),
    );
    return own.present(await attacker.sign(claims, { typ: 'oauth-id-jag+jwt', kid: own.provider.signer.kid }));
  }),
  assertion_tenant_wrong: refused('assertion_tenant_wrong', async (own) =>
    own.present(await own.identity({ tenant: 'umbrella' })),
  ),
  assertion_of_other_client: refused('assertion_of_other_client', async (own) =>
    own.present(await own.identity({ tenant }), {}, 'other-app'),
  ),
  assertion_details_unsupported: refused('assertion_details_unsupported', async (own) =>
    own.present(await own.identity({ tenant, authorization_details: [{ type: 'payment' }] })),
  ),
  assertion_of_other_sender: refused('assertion_of_other_sender', async (own) =>
    own.present(await own.identity({ tenant, cnf: { jkt: sha256('a key') } })),
  ),
  assertion_resource_unknown: refused('assertion_resource_unknown', async (own) =>
    own.present(await own.identity({ tenant, resource: 'https://attacker.mcp.example' })),
  ),
  resource_not_permitted: refused('resource_not_permitted', async (own) =>
    own.present(await own.identity({ tenant, resource: OTHER_RESOURCE })),
  ),
  assertion_workload_unknown: refused('assertion_workload_unknown', async (own) =>
    own.present(await own.workload({ sub: 'system:serviceaccount:prod:stranger' }), {}, null),
  ),
  assertion_revoked: async (): Promise<void> => {
    const own = await open();
    const assertion = await own.identity({ tenant });
    const { store } = own.world.server.guardmint;
    const subject = sha256(JSON.stringify([own.provider.issuer, tenant, 'employee-42']));
    await store.denylist.deny({ kind: 'subject', id: subject, lifetime: 600 });
    own.world.server.advance(1);
    jsonError('assertion_revoked')(await own.present(assertion));
    expect((await own.present(await own.identity({ tenant }))).answer.status).toBe(200);

    const issuedBefore = own.world.server.now() + 60;
    await store.denylist.deny({ kind: 'client', id: sha256(CLUSTER_CLIENT), lifetime: 600, issuedBefore });
    jsonError('assertion_revoked')(await own.present(await own.workload(), {}, null));
  },
  assertion_spent: async (): Promise<void> => {
    const own = await open();
    const assertion = await own.identity({ tenant });
    expect((await own.present(assertion)).answer.status).toBe(200);
    jsonError('assertion_spent')(await own.present(assertion));
    expect(own.world.server.events).toContainEqual(expect.objectContaining({ event: 'assertion.replayed' }));
    expect(REJECTIONS.assertion_spent.error).toBe('invalid_grant');
  },
};
