import { expect } from 'vitest';
import { createDpopKey, type ProofChanges } from '../support/dpop.ts';
import { startGuardmint } from '../support/guardmint.ts';
import { type Expectation, jsonError, page, redirectError } from './expectations.ts';
import { observe } from './runner.ts';
import type { WireRequest } from './wire.ts';
import {
  authorizationRequest,
  authorizeRequest,
  createWorld,
  encodeParameters,
  type Parameters,
  postForm,
  type World,
} from './world.ts';

type Refused = (world: World) => AsyncIterable<readonly [WireRequest, Expectation]> | Promise<void>;

const key = await createDpopKey();
const otherKey = await createDpopKey('EdDSA');

async function withProof(
  open: World,
  form: Parameters,
  changes: ProofChanges & { readonly by?: typeof key } = {},
): Promise<WireRequest> {
  const { by = key, ...rest } = changes;
  const proof = await by.prove({ url: `${open.issuer}/token`, now: open.server.now() }, rest);
  return postForm('/token', form, { headers: [['DPoP', proof]] });
}

/** Requests refused for the key they prove, or do not prove (RFC 9449), and for not having been pushed (RFC 9126). */
export const REFUSED_PROOFS: Readonly<
  Record<
    | 'code_of_other_key'
    | 'refresh_token_of_other_key'
    | 'dpop_proof_invalid'
    | 'dpop_proof_missing'
    | 'dpop_proof_replayed'
    | 'dpop_nonce_required'
    | 'request_uri_invalid'
    | 'pushed_request_required',
    Refused
  >
> = {
  code_of_other_key: async function* (open) {
    const { form } = await open.code(open.publicClient, { dpop_jkt: key.jkt });
    yield [postForm('/token', form), jsonError('code_of_other_key')];
    yield [await withProof(open, form, { by: otherKey }), jsonError('code_of_other_key')];
  },
  refresh_token_of_other_key: async function* (open) {
    const { form } = await open.code();
    const { answer } = await observe(open, await withProof(open, form));
    const { refresh_token } = answer.json() as { refresh_token: string };
    const refresh = { grant_type: 'refresh_token', refresh_token, client_id: open.publicClient.client_id };
    yield [postForm('/token', refresh), jsonError('refresh_token_of_other_key')];
    yield [await withProof(open, refresh, { by: otherKey }), jsonError('refresh_token_of_other_key')];
  },
  dpop_proof_invalid: async function* (open) {
    const { form } = await open.code();
    for (const proof of ['', 'x', 'e30.e30.e30'])
      yield [postForm('/token', form, { headers: [['DPoP', proof]] }), jsonError('dpop_proof_invalid')];
    yield [await withProof(open, form, { claims: { htm: 'GET' } }), jsonError('dpop_proof_invalid')];
    // Before anything else, so that the answer tells nothing of client or grant.
    yield [await withProof(open, {}, { claims: { htu: undefined } }), jsonError('dpop_proof_invalid')];
  },
  dpop_proof_missing: async function* (open) {
    const client = await open.client({ dpop_bound_access_tokens: true });
    const { form } = await open.code(client);
    yield [postForm('/token', form), jsonError('dpop_proof_missing')];
  },
  dpop_proof_replayed: async function* (open) {
    const [one, other] = [await open.code(), await open.code()];
    const request = await withProof(open, { ...one.form, code: 'unknown' });
    const again = async (form: Parameters) => ({ ...request, body: (await withProof(open, form)).body ?? '' });
    // What could not be exchanged anyway leaves no proof to be remembered.
    yield [request, jsonError('code_unknown')];
    yield [await again(one.form), ({ answer }) => expect(answer.status).toBe(200)];
    yield [await again(other.form), jsonError('dpop_proof_replayed')];
  },
  dpop_nonce_required: async () => {
    await using server = await startGuardmint({ settings: { dpop: { nonce: 'required' } } });
    const own = await createWorld(server);
    const { form } = await own.code();
    for (const nonce of [undefined, 'made up']) {
      const observed = await observe(own, await withProof(own, form, { claims: { nonce } }));
      jsonError('dpop_nonce_required', { 'dpop-nonce': observed.answer.header('dpop-nonce') })(observed);
    }
  },
  request_uri_invalid: async function* (open) {
    const { server, publicClient, otherClient } = open;
    const pushed = await server.post('/par', encodeParameters(authorizationRequest(publicClient)));
    const request_uri = String(pushed.body['request_uri']);
    const headers = [['Accept', 'text/html']] as const;
    const asked = (parameters: Parameters): WireRequest => ({
      target: `/authorize?${encodeParameters(parameters)}`,
      headers,
    });
    const { client_id } = publicClient;
    const urn = 'urn:ietf:params:oauth:request_uri:';
    for (const other of [urn, `${urn}x`, request_uri.slice(0, -1), `${request_uri}A`])
      yield [asked({ client_id, request_uri: other }), page('request_uri_invalid')];
    // What belongs to another client looks like what belongs to nobody, also beside a request that is in order.
    yield [asked({ client_id: otherClient.client_id, request_uri }), page('request_uri_invalid')];
    yield [authorizeRequest(open, { request_uri: urn }), page('request_uri_invalid')];
  },
  pushed_request_required: async (open) => {
    const client = await open.client({ require_pushed_authorization_requests: true });
    const changes = { client_id: client.client_id };
    redirectError('pushed_request_required')(await observe(open, authorizeRequest(open, changes)));
    await using server = await startGuardmint({ settings: { pushedRequests: { required: true } } });
    const own = await createWorld(server);
    redirectError('pushed_request_required')(await observe(own, authorizeRequest(own)));
  },
};
