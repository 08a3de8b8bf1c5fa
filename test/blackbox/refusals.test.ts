import { randomUUID } from 'node:crypto';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { InvalidRequestError } from '@modelcontextprotocol/sdk/server/auth/errors.js';
import Koa from 'koa';
import { describe, expect, test } from 'vitest';
import { createAuthRoutes } from '../../src/endpoints/index.ts';
import { type JsonObject, REJECTIONS, type RejectionReason, UnavailableError } from '../../src/oauth/index.ts';
import { sha256 } from '../../src/platform/index.ts';
import { fromMcpSdkV1 } from '../../src/provider/mcp-sdk-v1.ts';
import { createMemoryStore } from '../../src/store/memory/index.ts';
import { signCompact } from '../../src/tokens/access-token.ts';
import type { TokenStore } from '../../src/tokens/index.ts';
import { createForeignSigner } from '../support/assertion.ts';
import { startGuardmint } from '../support/guardmint.ts';
import { createTeamProvider } from '../support/sdk-v1-provider.ts';
import { serve } from '../support/serve.ts';
import { createWalkingBrowser, type WalkedPage } from '../support/walking-browser.ts';
import { ASSERTION_CASES } from './assertion-refusals.ts';
import { claimsOf, clientError, type Expectation, jsonError, page, redirectError } from './expectations.ts';
import { REFUSED_PROOFS } from './refused-proofs.ts';
import { observe } from './runner.ts';
import { UPSTREAM_CASES } from './upstream-refusals.ts';
import type { WireRequest } from './wire.ts';
import {
  authorizationRequest,
  authorizeRequest,
  basic,
  createWorld,
  encodeParameters,
  OTHER_RESOURCE,
  openWorld,
  type Parameters,
  postForm,
  postJson,
  REDIRECT,
  RESOURCE,
  STATE,
  type World,
  type WorldOptions,
} from './world.ts';

const keys = await createForeignSigner();
const CONFIGURED = 'https://configured.example/cb';
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const EXCHANGER = { client_id: 'exchanger', client_secret_hash: sha256('secret'), grant_types: [EXCHANGE] };
const MACHINE = { client_id: 'machine', client_secret_hash: sha256('secret'), grant_types: ['client_credentials'] };
const world = await openWorld({
  settings: {
    clients: [
      { client_id: 'configured', redirect_uris: [CONFIGURED] },
      { client_id: 'no-code-grant', redirect_uris: [CONFIGURED], grant_types: ['refresh_token'] },
      MACHINE,
      EXCHANGER,
      { client_id: 'keyed', redirect_uris: [CONFIGURED], jwks: { keys: [{ ...keys.publicJwk }] } },
    ],
    tokenExchanges: [{ client: 'exchanger', from: RESOURCE, to: OTHER_RESOURCE, scopes: { 'mcp:read': ['calc:use'] } }],
  },
});

/** Requests that are refused for one reason, each with its whole answer. */
type Case = (world: World) => AsyncIterable<readonly [WireRequest, Expectation]> | Promise<void>;

const { client_id } = world.publicClient;
const HTML = [['Accept', 'text/html']] as const;
const token = (form: Parameters, headers?: readonly (readonly [string, string])[]) =>
  postForm('/token', form, headers === undefined ? {} : { headers });
const bearerError = (reason: RejectionReason) =>
  jsonError(reason, { 'www-authenticate': 'Bearer realm="guardmint", error="invalid_token"' });
const withAuthorization = (request: WireRequest, value: string): WireRequest => ({
  ...request,
  headers: [...(request.headers ?? []), ['Authorization', value]],
});
/** A request of the client with keys, by an assertion that nobody has seen before. */
async function asserted(open: World, claims: object): Promise<WireRequest> {
  const exp = open.server.now() + 60;
  const good = { iss: 'keyed', sub: 'keyed', aud: open.issuer, exp, jti: randomUUID() };
  const client_assertion_type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
  return token({ client_assertion_type, client_assertion: await keys.sign({ ...good, ...claims }) });
}
const toClient = (reason: RejectionReason, changes: Parameters): Case =>
  async function* (open) {
    yield [authorizeRequest(open, changes), redirectError(reason)];
    // The same by POST.
    const form = encodeParameters({ ...authorizationRequest(open.publicClient), ...changes });
    yield [postForm('/authorize', form, { headers: HTML }), redirectError(reason)];
  };

const CASES: Readonly<Record<RejectionReason, Case>> = {
  parameter_missing: async function* () {
    yield [token({ grant_type: 'authorization_code', client_id }), jsonError('parameter_missing')];
    yield [token({ grant_type: 'authorization_code', client_id, code: '' }), jsonError('parameter_missing')];
    yield [token({ grant_type: 'refresh_token', client_id }), jsonError('parameter_missing')];
    yield [postForm('/revoke', { client_id }), jsonError('parameter_missing')];
  },
  parameter_repeated: async function* (open) {
    yield [token({ grant_type: ['x', 'x'], client_id }), jsonError('parameter_repeated')];
    yield [postForm('/revoke', { token: ['a', 'b'], client_id }), jsonError('parameter_repeated')];
    yield [authorizeRequest(open, { scope: ['a', 'b'] }), redirectError('parameter_repeated')];
    yield [authorizeRequest(open, { state: ['a', 'b'] }), redirectError('parameter_repeated', { state: null })];
    yield [authorizeRequest(open, { client_id: [client_id, client_id] }), page('parameter_repeated')];
    yield [authorizeRequest(open, { redirect_uri: [REDIRECT, REDIRECT] }), page('parameter_repeated')];
    yield [{ target: '/revocations?since=a&since=b' }, jsonError('parameter_repeated')];
  },
  header_repeated: async function* (open) {
    yield [
      token({}, [
        ['Authorization', 'Basic x'],
        ['Authorization', 'Basic x'],
      ]),
      jsonError('header_repeated'),
    ];
    const headers = [...HTML, ['Host', 'a'], ['Host', 'b']] as const;
    yield [{ ...authorizeRequest(open), headers }, page('header_repeated')];
  },
  parameter_malformed: async function* (open) {
    for (const changes of [{ max_age: '-1' }, { max_age: '1.5' }, { prompt: 'none login' }])
      yield [authorizeRequest(open, changes), redirectError('parameter_malformed')];
    const state = 's'.repeat(2_049);
    yield [authorizeRequest(open, { state }), redirectError('parameter_malformed', { state })];
  },
  content_type_unsupported: async function* () {
    yield [{ method: 'POST', target: '/token', body: 'x' }, jsonError('content_type_unsupported')];
    yield [postJson('/revoke', {}), jsonError('content_type_unsupported')];
    yield [postForm('/register', 'x'), jsonError('content_type_unsupported')];
    yield [
      { method: 'POST', target: '/authorize', headers: [...HTML, ['Content-Type', 'text/plain']], body: 'x' },
      page('content_type_unsupported'),
    ];
  },
  body_malformed: async function* () {
    yield [postJson('/register', '{'), jsonError('body_malformed')];
    const bytes = Buffer.from('grant_type=\xff', 'latin1');
    yield [{ ...postForm('/token', ''), body: bytes }, jsonError('body_malformed')];
  },
  body_too_large: async function* () {
    yield [postForm('/token', 'a'.repeat(70_000)), jsonError('body_too_large')];
    yield [postForm('/authorize', 'a'.repeat(70_000), { headers: HTML }), page('body_too_large')];
  },
  method_not_allowed: async function* () {
    yield [{ target: '/token' }, jsonError('method_not_allowed', { allow: 'POST, OPTIONS' })];
    yield [{ method: 'PUT', target: '/authorize', headers: HTML }, page('method_not_allowed')];
    yield [{ method: 'POST', target: '/interaction/continue', headers: HTML }, page('method_not_allowed')];
  },
  not_found: async function* () {
    yield [{ target: '/nothing' }, jsonError('not_found')];
    yield [{ target: '/nothing', headers: HTML }, page('not_found')];
    yield [{ target: '/interaction/nothing', headers: HTML }, page('not_found')];
  },
  rate_limited: async () => {
    const limits = { enabled: true, authorize: 1, token: 1, register: 5, revoke: 1 };
    await withServer({ settings: { rateLimits: limits } }, async (limited) => {
      const after =
        (expectation: Expectation): Expectation =>
        (observed) => {
          expectation(observed);
          expect(Number(observed.answer.header('retry-after'))).toBeGreaterThan(0);
          expect(Number(observed.answer.header('retry-after'))).toBeLessThanOrEqual(60);
        };
      const requests = [
        [token({}), jsonError('rate_limited')],
        [postForm('/revoke', {}), jsonError('rate_limited')],
        [postJson('/register', {}), jsonError('rate_limited')],
        [{ target: '/authorize', headers: HTML }, page('rate_limited')],
      ] as const;
      for (const [request, expectation] of requests) {
        await observe(limited, request);
        after(expectation)(await observe(limited, request));
      }
      expect((await observe(limited, { target: '/.well-known/jwks.json' })).answer.status).toBe(200);
    });
  },

  client_missing: async function* (open) {
    yield [token({ grant_type: 'authorization_code' }), jsonError('client_missing')];
    yield [token({ client_secret: 'x' }), jsonError('client_missing')];
    yield [postForm('/revoke', { token: 'x' }), jsonError('client_missing')];
    yield [authorizeRequest(open, { client_id: undefined }), page('client_missing')];
  },
  client_unknown: async function* () {
    for (const id of ['nobody', 'x\r\ny', '\u0000'])
      yield [
        token({ grant_type: 'refresh_token', client_id: id }),
        jsonError('client_unknown', { 'www-authenticate': undefined }),
      ];
    yield [token({}, [['Authorization', basic('nobody', 'x')]]), clientError('client_unknown')];
    yield [postForm('/revoke', { client_id: 'nobody', token: 'x' }), jsonError('client_unknown')];
  },
  client_unknown_at_authorize: async function* (open) {
    yield [authorizeRequest(open, { client_id: 'nobody' }), page('client_unknown_at_authorize')];
    const json = [['Accept', 'application/json']] as const;
    yield [
      { ...authorizeRequest(open, { client_id: 'nobody' }), headers: json },
      jsonError('client_unknown_at_authorize'),
    ];
  },
  client_credentials_missing: async function* (open) {
    const { client_id: id } = open.basicClient;
    yield [token({ client_id: id }), jsonError('client_credentials_missing')];
    yield [token({ client_id: open.postClient.client_id, client_secret: '' }), jsonError('client_credentials_missing')];
    yield [token({}, [['Authorization', basic(id, '')]]), clientError('client_credentials_missing')];
  },
  client_credentials_wrong: async function* (open) {
    const { basicClient, postClient } = open;
    yield [
      token({}, [['Authorization', basic(basicClient.client_id, 'wrong')]]),
      clientError('client_credentials_wrong'),
    ];
    yield [token({ ...postClient, client_secret: 'wrong' }), jsonError('client_credentials_wrong')];
    yield [token({ ...postClient, client_secret: basicClient.client_secret }), jsonError('client_credentials_wrong')];
  },
  client_credentials_malformed: async function* () {
    for (const value of ['Basic', 'Basic !', 'Bearer x', 'Digest username="a"', 'x'])
      yield [token({ client_id }, [['Authorization', value]]), clientError('client_credentials_malformed')];
    yield [token({ client_id, client_assertion: 'x' }), jsonError('client_credentials_malformed')];
    yield [token({ client_id, client_assertion_type: 'x' }), jsonError('client_credentials_malformed')];
  },
  client_authentication_method_wrong: async function* (open) {
    const { basicClient, postClient } = open;
    const reason = 'client_authentication_method_wrong';
    yield [token(basicClient as unknown as Parameters), jsonError(reason)];
    yield [token({}, [['Authorization', basic(postClient.client_id, postClient.client_secret)]]), clientError(reason)];
    yield [token({}, [['Authorization', basic(client_id, 'x')]]), clientError(reason)];
    yield [token({ client_id, client_secret: 'x' }), jsonError(reason)];
    const type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
    const compact = await keys.sign({ iss: client_id, sub: client_id, aud: open.issuer, exp: 2e9, jti: 'x' });
    yield [token({ client_id, client_assertion: compact, client_assertion_type: type }), jsonError(reason)];
  },
  client_authentication_ambiguous: async function* (open) {
    const { client_id: id, client_secret } = open.basicClient;
    const reason = 'client_authentication_ambiguous';
    yield [token({ client_id: id, client_secret }, [['Authorization', basic(id, client_secret)]]), jsonError(reason)];
    yield [token({ client_secret }, [['Authorization', basic(id, client_secret)]]), jsonError(reason)];
    yield [token({ client_assertion: 'x' }, [['Authorization', basic(id, client_secret)]]), jsonError(reason)];
    yield [token({ client_id: id, client_secret, client_assertion_type: 'x' }), jsonError(reason)];
  },
  client_assertion_invalid: async function* (open) {
    for (const claims of [{ exp: open.server.now() - 120 }, { aud: `${open.issuer}/token` }, { jti: undefined }])
      yield [await asserted(open, claims), jsonError('client_assertion_invalid', { 'www-authenticate': undefined })];
    const { access_token: client_assertion } = await open.tokens();
    const client_assertion_type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
    yield [token({ client_assertion_type, client_assertion }), jsonError('client_assertion_invalid')];
  },
  client_assertion_replayed: async function* (open) {
    const request = await asserted(open, {});
    yield [request, jsonError('grant_type_missing')];
    yield [request, jsonError('client_assertion_replayed')];
  },
  client_id_mismatch: async function* (open) {
    const { basicClient } = open;
    const right = basic(basicClient.client_id, basicClient.client_secret);
    yield [token({ client_id }, [['Authorization', right]]), jsonError('client_id_mismatch')];
    yield [
      postForm('/revoke', { client_id, token: 'x' }, { headers: [['Authorization', right]] }),
      jsonError('client_id_mismatch'),
    ];
  },

  client_document_unreachable: async (open) => {
    await withSite(
      (_request, response) => response.writeHead(500).end(),
      (id) => documentRefused(open, id, 'client_document_unreachable'),
    );
  },
  client_document_invalid: async (open) => {
    await withSite(
      (_request, response) =>
        response.writeHead(200, { 'content-type': 'application/json' }).end('{"client_id":"other"}'),
      (id) => documentRefused(open, id, 'client_document_invalid'),
    );
  },
  client_document_refused: async () => {
    await withSite(
      () => expect.unreachable(),
      async (id) => {
        const settings = { clientDocuments: { deny: [new URL(id).host.replace(/:.*/, '')] } };
        await withServer({ settings }, async (closed) => {
          const answer = await closed.server
            .person()
            .open(`${closed.issuer}/authorize?${encodeParameters(authorizationRequest({ client_id: id }))}`);
          const reason = lastReason(closed);
          expect([reason, answer.status]).toEqual(['client_document_refused', 401]);
        });
      },
    );
  },

  redirect_uri_missing: async function* (open) {
    const two = await open.client({ redirect_uris: [REDIRECT, 'https://client.example/cb'] });
    yield [authorizeRequest(open, { ...two, redirect_uri: undefined } as Parameters), page('redirect_uri_missing')];
  },
  redirect_uri_not_registered: async function* (open) {
    yield [authorizeRequest(open, { redirect_uri: 'https://evil.example' }), page('redirect_uri_not_registered')];
  },

  response_type_missing: toClient('response_type_missing', { response_type: undefined }),
  response_type_unsupported: toClient('response_type_unsupported', { response_type: 'token' }),
  response_mode_unsupported: toClient('response_mode_unsupported', { response_mode: 'form_post' }),
  request_object_unsupported: toClient('request_object_unsupported', { request: 'eyJhbGciOiJub25lIn0.e30.' }),
  request_uri_unsupported: toClient('request_uri_unsupported', { request_uri: 'https://client.example/request' }),
  code_challenge_missing: toClient('code_challenge_missing', { code_challenge: undefined }),
  code_challenge_malformed: toClient('code_challenge_malformed', { code_challenge: 'x'.repeat(43) }),
  code_challenge_method_unsupported: toClient('code_challenge_method_unsupported', { code_challenge_method: 'plain' }),
  scope_malformed: async function* (open) {
    yield* requestsOf(toClient('scope_malformed', { scope: 'mcp:read "' }), open);
    yield [token({ ...(await open.tokens()).form, scope: '"' }), jsonError('scope_malformed')];
  },
  scope_not_allowed: async function* (open) {
    yield* requestsOf(toClient('scope_not_allowed', { scope: 'openid' }), open);
    yield [token({ ...(await open.tokens()).form, scope: 'admin' }), jsonError('scope_not_allowed')];
  },
  resource_malformed: toClient('resource_malformed', { resource: 'nonsense' }),
  resource_unknown: toClient('resource_unknown', { resource: 'https://unknown.example/mcp' }),
  resource_missing: async () => {
    await withServer({ settings: { defaultResource: undefined } }, async (open) => {
      redirectError('resource_missing')(await observe(open, authorizeRequest(open, { resource: undefined })));
    });
  },
  resource_mismatch: async function* (open) {
    const [code, tokens] = [await open.code(), await open.tokens()];
    yield [token({ ...code.form, resource: OTHER_RESOURCE }), jsonError('resource_mismatch')];
    yield [token({ ...code.form, resource: [RESOURCE, OTHER_RESOURCE] }), jsonError('resource_mismatch')];
    yield [token({ ...tokens.form, resource: OTHER_RESOURCE }), jsonError('resource_mismatch')];
  },
  access_denied: async (open) => {
    const { redirect } = await open.server.authorize({
      client: open.publicClient,
      person: open.server.person({ decision: 'deny' }),
    });
    const { error, description } = REJECTIONS.access_denied;
    expect([...redirect.searchParams]).toEqual([
      ['error', error],
      ['error_description', description],
      ['state', 'the state'],
      ['iss', open.issuer],
    ]);
    expect(open.server.events.at(-1)).toMatchObject({ event: 'consent.denied', resource: RESOURCE });
  },
  sign_in_required: async (open) => {
    const asked = { client_id: 'configured', redirect_uri: CONFIGURED, prompt: 'none' };
    const left = await createWalkingBrowser().open(urlOf(open, asked));
    expect(lastReason(open)).toBe('sign_in_required');
    expect([...new URL(left.leavesFor ?? '').searchParams]).toEqual(refusalParameters(open, 'sign_in_required'));
    // A client that anybody could have registered: a page, with a link the person may follow.
    const stays = await createWalkingBrowser().open(urlOf(open, { prompt: 'none' }));
    expect([stays.status, stays.leavesFor, lastReason(open)]).toEqual([200, undefined, 'sign_in_required']);
  },
  consent_required: async (open) => {
    const browser = createWalkingBrowser(new Map(open.person.cookies));
    const left = await browser.open(urlOf(open, { prompt: 'none' }));
    expect(lastReason(open)).toBe('consent_required');
    expect([...new URL(left.leavesFor ?? '').searchParams]).toEqual(refusalParameters(open, 'consent_required'));
  },

  grant_type_missing: async function* () {
    yield [token({ client_id }), jsonError('grant_type_missing')];
    yield [token({ client_id, grant_type: '' }), jsonError('grant_type_missing')];
  },
  grant_type_unsupported: async function* () {
    for (const grant_type of ['password', 'CLIENT_CREDENTIALS', 'CODE', 'constructor', '__proto__'])
      yield [token({ client_id, grant_type }), jsonError('grant_type_unsupported')];
  },
  grant_type_not_allowed: async function* (open) {
    const one = await open.client({ grant_types: ['authorization_code'] });
    const form = { grant_type: 'refresh_token', refresh_token: 'x', client_id: one.client_id };
    yield [token(form), jsonError('grant_type_not_allowed')];
    yield [token({ grant_type: 'client_credentials', client_id: one.client_id }), jsonError('grant_type_not_allowed')];
    const other = authorizeRequest(open, { client_id: 'no-code-grant', redirect_uri: CONFIGURED });
    yield [other, redirectError('grant_type_not_allowed', { to: CONFIGURED })];
  },
  client_revoked: async function* (open) {
    const { store } = open.server.guardmint;
    // Until a moment to come: there is nothing to wait for.
    const issuedBefore = open.server.now() + 60;
    await store.denylist.deny({ kind: 'client', id: sha256('machine'), lifetime: 600, issuedBefore });
    const authorization = [['Authorization', basic('machine', 'secret')]] as const;
    yield [token({ grant_type: 'client_credentials' }, authorization), jsonError('client_revoked')];
  },
  code_unknown: async function* (open) {
    const { form, code } = await open.code();
    const tokens = await open.tokens();
    for (const other of [
      'nonsense',
      code.slice(0, -1),
      `${code}A`,
      code.toUpperCase(),
      tokens.access_token,
      tokens.refresh_token,
      'A'.repeat(20_000),
    ])
      yield [token({ ...form, code: other }), jsonError('code_unknown')];
  },
  code_expired: async () => {
    await withServer({}, async (own) => {
      const { form } = await own.code();
      own.server.advance(60);
      jsonError('code_expired')(await observe(own, token(form)));
    });
  },
  code_spent: async function* (open) {
    const { code } = await open.tokens();
    yield [token(code.form), jsonError('code_spent')];
  },
  code_of_other_client: async function* (open) {
    const { form } = await open.code();
    yield [token({ ...form, client_id: open.otherClient.client_id }), jsonError('code_of_other_client')];
  },
  code_revoked: async () => {
    await withServer({}, async (own) => {
      const { form } = await own.code();
      await denyPerson(own);
      jsonError('code_revoked')(await observe(own, token(form)));
    });
  },
  code_redirect_uri_mismatch: async function* (open) {
    const { form } = await open.code();
    for (const redirect_uri of ['https://evil.example/cb', `${REDIRECT}/`, REDIRECT.replace('7777', '7778'), ' '])
      yield [token({ ...form, redirect_uri }), jsonError('code_redirect_uri_mismatch')];
  },
  code_verifier_missing: async function* (open) {
    const { form } = await open.code();
    yield [token({ ...form, code_verifier: undefined }), jsonError('code_verifier_missing')];
    yield [token({ ...form, code_verifier: '' }), jsonError('code_verifier_missing')];
  },
  code_verifier_wrong: async function* (open) {
    const { form, verifier } = await open.code();
    for (const code_verifier of ['x'.repeat(43), verifier.slice(1), `${verifier}\n`, 'x'.repeat(129)])
      yield [token({ ...form, code_verifier }), jsonError('code_verifier_wrong')];
  },
  refresh_token_unknown: async function* (open) {
    const { form, refresh_token, access_token } = await open.tokens();
    for (const other of [
      'x',
      access_token,
      refresh_token.slice(0, -1),
      `${refresh_token}A`,
      refresh_token.toUpperCase(),
      ` ${refresh_token}`,
    ])
      yield [token({ ...form, refresh_token: other }), jsonError('refresh_token_unknown')];
  },
  refresh_token_expired: async () => {
    await withServer({}, async (own) => {
      const { form } = await own.tokens();
      own.server.advance(30 * 86_400);
      jsonError('refresh_token_expired')(await observe(own, token(form)));
    });
  },
  refresh_token_superseded: async function* (open) {
    const { form } = await open.tokens();
    const second = await rotate(open, form);
    await rotate(open, second);
    yield [token(form), jsonError('refresh_token_superseded')];
  },
  refresh_token_reused: async () => {
    await withServer({}, async (own) => {
      const { form } = await own.tokens();
      const third = await rotate(own, await rotate(own, form));
      own.server.advance(11);
      jsonError('refresh_token_reused')(await observe(own, token(form)));
      jsonError('refresh_token_revoked')(await observe(own, token(third)));
    });
  },
  refresh_token_revoked: async function* (open) {
    const { form, refresh_token } = await open.tokens();
    await observe(open, postForm('/revoke', { token: refresh_token, client_id }));
    yield [token(form), jsonError('refresh_token_revoked')];
  },
  refresh_token_of_other_client: async function* (open) {
    const { form } = await open.tokens();
    yield [token({ ...form, client_id: open.otherClient.client_id }), jsonError('refresh_token_of_other_client')];
  },
  subject_token_type_unsupported: async function* () {
    const types = ['urn:ietf:params:oauth:token-type:id_token', 'urn:ietf:params:oauth:token-type:jwt', 'x'];
    for (const subject_token_type of types)
      yield [exchange({ subject_token: 'x', subject_token_type }), jsonError('subject_token_type_unsupported')];
  },
  requested_token_type_unsupported: async function* () {
    const requested_token_type = 'urn:ietf:params:oauth:token-type:refresh_token';
    yield [exchange({ subject_token: 'x', requested_token_type }), jsonError('requested_token_type_unsupported')];
  },
  actor_token_unsupported: async function* () {
    yield [exchange({ subject_token: 'x', actor_token: 'x' }), jsonError('actor_token_unsupported')];
    yield [exchange({ subject_token: 'x', actor_token_type: 'x' }), jsonError('actor_token_unsupported')];
  },
  subject_token_unknown: async function* (open) {
    const { access_token, refresh_token } = await open.tokens();
    for (const subject_token of ['x', refresh_token, access_token.slice(0, -2), `${access_token}.`, `${access_token} `])
      yield [exchange({ subject_token }), jsonError('subject_token_unknown')];
    await observe(open, postForm('/revoke', { token: access_token, client_id }));
    yield [exchange({ subject_token: access_token }), jsonError('subject_token_unknown')];
  },
  subject_token_expired: async () => {
    await withServer({ settings: ownSettings() }, async (own) => {
      const { access_token: subject_token } = await own.tokens();
      own.server.advance(601);
      jsonError('subject_token_expired')(await observe(own, exchange({ subject_token })));
      own.server.advance(60);
      jsonError('subject_token_unknown')(await observe(own, exchange({ subject_token })));
    });
  },
  subject_token_revoked: async () => {
    await withServer({ settings: ownSettings() }, async (own) => {
      const { access_token: subject_token } = await own.tokens();
      // The client that exchanges, until a moment to come; the subject token is in order.
      const issuedBefore = own.server.now() + 60;
      const { denylist } = own.server.guardmint.store;
      await denylist.deny({ kind: 'client', id: sha256('exchanger'), lifetime: 600, issuedBefore });
      jsonError('subject_token_revoked')(await observe(own, exchange({ subject_token })));
    });
  },
  subject_token_of_other_resource: async function* (open) {
    const { access_token } = await open.tokens(open.publicClient, { resource: OTHER_RESOURCE, scope: 'calc:use' });
    yield [exchange({ subject_token: access_token }), jsonError('subject_token_of_other_resource')];
  },
  subject_token_for_other_actor: async function* (open) {
    const subject_token = await forge(open, { may_act: { sub: 'somebody else' } });
    yield [exchange({ subject_token }), jsonError('subject_token_for_other_actor')];
  },
  subject_token_chain_too_long: async function* (open) {
    const act = Array.from({ length: 8 }).reduce<object>((inner, _, index) => ({ sub: `s${index}`, act: inner }), {});
    yield [exchange({ subject_token: await forge(open, { act }) }), jsonError('subject_token_chain_too_long')];
  },
  subject_token_bound: async function* (open) {
    const subject_token = await forge(open, { cnf: { jkt: sha256('a key') } });
    yield [exchange({ subject_token }), jsonError('subject_token_bound')];
  },
  exchange_target_not_allowed: async function* (open) {
    const { access_token: subject_token } = await open.tokens();
    yield [exchange({ subject_token, resource: RESOURCE }), jsonError('exchange_target_not_allowed')];
  },
  ...REFUSED_PROOFS,

  ...ASSERTION_CASES,

  revocations_gone: async function* () {
    for (const since of ['nonsense', '1.1', 'x.99999999'])
      yield [{ target: `/revocations?since=${since}` }, jsonError('revocations_gone')];
  },

  initial_access_token_invalid: async () => {
    const initialAccessTokenHashes = [sha256('let me in')];
    await using server = await startGuardmint({ settings: { registration: { initialAccessTokenHashes } } });
    // A world without clients: here nobody registers without a token.
    const closed = { server, issuer: server.issuer } as World;
    const registration = postJson('/register', { redirect_uris: [REDIRECT] });
    const bare = jsonError('initial_access_token_invalid', { 'www-authenticate': 'Bearer realm="guardmint"' });
    bare(await observe(closed, registration));
    for (const value of ['Bearer wrong', 'Bearer', 'Basic bGV0IG1lIGlu', `Bearer ${sha256('let me in')}`])
      bearerError('initial_access_token_invalid')(await observe(closed, withAuthorization(registration, value)));
  },
  registration_access_token_invalid: async () => {
    await withServer({ settings: { registration: { management: true } } }, async (open) => {
      const { registration_client_uri: location, registration_access_token: right } = await open.server.register();
      const { pathname, search } = new URL(String(location));
      for (const method of ['GET', 'DELETE']) {
        const request = { method, target: pathname + search };
        const bare = jsonError('registration_access_token_invalid', { 'www-authenticate': 'Bearer realm="guardmint"' });
        bare(await observe(open, request));
        const attempts = [
          withAuthorization(request, 'Bearer wrong'),
          withAuthorization({ method, target: pathname }, `Bearer ${right}`),
          withAuthorization({ method, target: `${pathname}?client_id=nobody` }, `Bearer ${right}`),
          withAuthorization({ method, target: `${pathname}${search}&client_id=x` }, `Bearer ${right}`),
          withAuthorization(
            { method, target: `${pathname}?client_id=${open.publicClient.client_id}` },
            `Bearer ${right}`,
          ),
        ];
        for (const attempt of attempts) bearerError('registration_access_token_invalid')(await observe(open, attempt));
      }
    });
  },
  registration_redirect_uri_invalid: async function* () {
    yield [postJson('/register', {}), jsonError('registration_redirect_uri_invalid')];
  },
  registration_metadata_invalid: async function* () {
    yield [
      postJson('/register', { redirect_uris: [REDIRECT], client_name: 1 }),
      jsonError('registration_metadata_invalid'),
    ];
  },
  registration_too_large: async function* () {
    const redirect_uris = Array.from(
      { length: 16 },
      (_, index) => `https://client.example/${index}/${'a'.repeat(200)}`,
    );
    yield [postJson('/register', { redirect_uris }), jsonError('registration_too_large')];
  },
  registration_scope_not_allowed: async function* () {
    yield [
      postJson('/register', { redirect_uris: [REDIRECT], scope: '"' }),
      jsonError('registration_scope_not_allowed'),
    ];
  },
  registration_software_statement_unsupported: async function* () {
    const statement = { redirect_uris: [REDIRECT], software_statement: 'e30.e30.x' };
    yield [postJson('/register', statement), jsonError('registration_software_statement_unsupported')];
  },

  interaction_expired: async function* (open) {
    yield [{ target: '/interaction/consent', headers: HTML }, page('interaction_expired')];
    yield [{ target: '/interaction/sign-in?request=nonsense', headers: HTML }, page('interaction_expired')];
    const { answer } = await observe(open, authorizeRequest(open));
    const target = (answer.header('location') ?? '').slice(open.issuer.length);
    const again = `${target}&${target.split('?')[1]}`;
    yield [{ target: again, headers: HTML }, page('interaction_expired')];
  },
  interaction_of_other_browser: (open) =>
    refusedForm(open, 'interaction_of_other_browser', (browser, consent) => {
      const { jar } = createWalkingBrowser(new Map(browser.jar));
      for (const name of jar.keys()) if (/browser/.test(name)) jar.delete(name);
      return createWalkingBrowser(jar).submit(consent, { decision: 'allow' });
    }),
  interaction_of_other_person: async (open) => {
    await open.server.guardmint.users.add('mallory', 'a long password');
    await refusedForm(open, 'interaction_of_other_person', async (browser, consent) => {
      const url = new URL(consent.url);
      const signIn = await browser.open(`${open.issuer}/interaction/sign-in${url.search}`);
      await browser.submit(signIn, { username: 'mallory', password: 'a long password' });
      return browser.submit(consent, { decision: 'allow' });
    });
  },
  interaction_cross_site: (open) =>
    refusedForm(open, 'interaction_cross_site', (browser, consent) =>
      browser.submit(consent, { decision: 'allow' }, { origin: 'https://evil.example' }),
    ),
  interaction_spent: (open) =>
    refusedForm(open, 'interaction_spent', async (browser, consent) => {
      await browser.submit(consent, { decision: 'allow' });
      return browser.submit(consent, { decision: 'allow' });
    }),

  ...UPSTREAM_CASES,

  unavailable: async () => {
    await withFailingStore(new UnavailableError('store', { retryAfter: 7 }), async (own, requests) => {
      for (const request of requests) {
        const { answer } = await observe(own, request);
        const { status, error, description } = REJECTIONS.unavailable;
        expect([answer.status, answer.header('retry-after')]).toEqual([status, '7']);
        expect(answer.header('cache-control')).toBe('no-store');
        expect(answer.json()).toEqual({ error, error_description: description });
      }
      expect(own.server.lines.join('')).toContain('a dependency is unavailable');
    });
  },
  provider_refused: async () => {
    await using app = await serve((issuerUrl) => {
      const sdk = createTeamProvider(issuerUrl).provider;
      const refuse = async () => Promise.reject(new InvalidRequestError('the account 4711 is locked'));
      const provider = fromMcpSdkV1({ ...sdk, exchangeRefreshToken: refuse }, { issuerUrl });
      return new Koa().use(createAuthRoutes({ provider, issuerUrl, ...provider.routeOptions }).routes());
    });
    const registered = await fetch(`${app.origin}/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ redirect_uris: [REDIRECT], token_endpoint_auth_method: 'none' }),
    });
    const form = { grant_type: 'refresh_token', refresh_token: 'x', client_id: (await registered.json()).client_id };
    const answer = await fetch(`${app.origin}/token`, { method: 'POST', body: new URLSearchParams(form) });
    const { status, error, description } = REJECTIONS.provider_refused;
    expect([answer.status, await answer.json()]).toEqual([status, { error, error_description: description }]);
  },
  internal: async () => {
    await withFailingStore(new Error('the disk is on fire at /secret/path'), async (own, requests) => {
      for (const request of requests) {
        const { answer } = await observe(own, request);
        const { status, error, description } = REJECTIONS.internal;
        expect(answer.status).toBe(status);
        expect(answer.header('cache-control')).toBe('no-store');
        expect(answer.json()).toEqual({ error, error_description: description });
        const line = own.server.lines.findLast((one) => one.includes('unexpected failure'));
        expect(line).toContain(answer.header('x-request-id'));
      }
    });
  },
};

describe('a request is refused for', () => {
  test('every reason of the table', () => {
    expect(Object.keys(CASES).sort()).toEqual(Object.keys(REJECTIONS).sort());
  });

  for (const [reason, refuse] of Object.entries(CASES)) {
    test(`${reason}${reason === 'unavailable' ? ' [AS-RV-18]' : ''}`, async () => {
      const made = refuse(world);
      if (made instanceof Promise) return made;
      for await (const [request, expectation] of made) expectation(await observe(world, request));
      return undefined;
    });
  }
});

/** A token exchange that is in order but for `changes`. */
function exchange(changes: Parameters): WireRequest {
  const form = {
    grant_type: EXCHANGE,
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    resource: OTHER_RESOURCE,
    ...changes,
  };
  return token(form, [['Authorization', basic('exchanger', 'secret')]]);
}

/** An access token of the server's own key, with claims it does not give. */
async function forge(open: World, claims: object): Promise<string> {
  const { access_token } = await open.tokens();
  return signCompact(open.server.guardmint.keys.signer(), 'at+jwt', { ...claimsOf(access_token), ...claims });
}

async function* requestsOf(made: Case, open: World) {
  const requests = made(open);
  if (!(requests instanceof Promise)) yield* requests;
}

/** The settings of the world, for a server with folders of its own. */
function ownSettings(): JsonObject {
  const { keysDir: _keys, dataDir: _data, ...settings } = world.server.settings;
  return settings;
}

async function withServer(options: WorldOptions, work: (own: World) => Promise<void>): Promise<void> {
  await using server = await startGuardmint(options);
  await work(await createWorld(server));
}

/** A site on this machine that may hold a metadata document. */
async function withSite(answer: RequestListener, work: (clientId: string) => Promise<void>): Promise<void> {
  const site = createServer(answer);
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
  try {
    await work(`http://localhost:${(site.address() as AddressInfo).port}/client.json`);
  } finally {
    site.closeAllConnections();
    await new Promise((resolve) => site.close(resolve));
  }
}

/** A document is fetched once the person has signed in; what is wrong with it is told to the person. */
async function documentRefused(open: World, clientId: string, reason: RejectionReason): Promise<void> {
  await open.code();
  const answer = await open.person.open(urlOf(open, { client_id: clientId }));
  expect([lastReason(open), answer.status, answer.leavesFor]).toEqual([reason, REJECTIONS[reason].status, undefined]);
  expect(answer.html).not.toContain(clientId);
}

/** A server whose store fails with `fault` once codes and tokens are made, and the requests that then need it. */
async function withFailingStore(
  fault: Error,
  work: (own: World, requests: readonly WireRequest[]) => Promise<void>,
): Promise<void> {
  let isFailing = false;
  const failing = <T extends object>(port: T): T =>
    new Proxy(port, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== 'function' || name === 'watch') return member;
        return (...given: unknown[]) =>
          isFailing ? Promise.reject(fault) : (Reflect.apply(member, target, given) as unknown);
      },
    });
  const store = (clock: () => number): TokenStore => {
    const working = createMemoryStore({ clock });
    const { oneTime, refreshFamilies, denylist } = working;
    return {
      ...working,
      oneTime: failing(oneTime),
      refreshFamilies: failing(refreshFamilies),
      denylist: failing(denylist),
    };
  };
  await withServer({ store }, async (own) => {
    const [code, tokens] = [await own.code(), await own.tokens()];
    isFailing = true;
    await work(own, [
      token(code.form),
      token(tokens.form),
      postForm('/revoke', { token: tokens.refresh_token, client_id: own.publicClient.client_id }),
      postForm('/revoke', { token: tokens.access_token, client_id: own.publicClient.client_id }),
    ]);
  });
}

/** Sends a consent form in a way that must be refused, with a page, and without a code. */
async function refusedForm(
  open: World,
  reason: RejectionReason,
  submit: (browser: ReturnType<typeof createWalkingBrowser>, consent: WalkedPage) => Promise<WalkedPage>,
): Promise<void> {
  await open.code();
  const browser = createWalkingBrowser(new Map(open.person.cookies));
  const consent = await browser.open(urlOf(open));
  expect(consent.html).toContain('name="decision"');
  const answer = await submit(browser, consent);
  expect([lastReason(open), answer.status, answer.leavesFor]).toEqual([reason, REJECTIONS[reason].status, undefined]);
  expect(answer.headers.get('cache-control')).toBe('no-store');
}

async function denyPerson(open: World): Promise<void> {
  const { users, store } = open.server.guardmint;
  for (const { subject } of await users.list()) {
    await store.denylist.deny({ kind: 'subject', id: subject, lifetime: 86_400 });
  }
}

/** Uses a refresh token and answers the form of its successor. */
async function rotate(open: World, form: Parameters): Promise<Parameters> {
  const { answer } = await observe(open, token(form));
  expect(answer.status).toBe(200);
  return { ...form, refresh_token: (answer.json() as { refresh_token: string }).refresh_token };
}

function urlOf(open: World, changes: Parameters = {}): string {
  return `${open.issuer}/authorize?${encodeParameters({ ...authorizationRequest(open.publicClient), ...changes })}`;
}

function lastReason(open: World): unknown {
  return open.server.events.findLast((event) => event.event === 'request.refused')?.['reason'];
}

function refusalParameters(open: World, reason: RejectionReason): readonly (readonly [string, string])[] {
  const { error, description } = REJECTIONS[reason];
  return [
    ['error', error],
    ['error_description', description],
    ['state', STATE],
    ['iss', open.issuer],
  ];
}
