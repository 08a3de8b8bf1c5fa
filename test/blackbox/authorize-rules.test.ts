import { expect, test } from 'vitest';
import type { JsonObject } from '../../src/oauth/index.ts';
import { claimsOf, jsonError, page, proceeds, redirectError } from './expectations.ts';
import { observe } from './runner.ts';
import {
  authorizationRequest,
  authorizeRequest,
  basic,
  encodeParameters,
  openWorld,
  type Parameters,
  postForm,
  postJson,
  REDIRECT,
  RESOURCE,
} from './world.ts';

// What MCP and the texts behind it say of discovery and the authorization endpoint, one rule each; the many spellings are
// in authorize.test.ts, parameters.test.ts and redirect-uri.test.ts.
const world = await openWorld();
const METADATA = '/.well-known/oauth-authorization-server';
const authorize = (changes: Parameters, extra = '') => observe(world, authorizeRequest(world, changes, extra));
const redeem = (form: Parameters) => observe(world, postForm('/token', form));
const register = (redirectUri: string) => observe(world, postJson('/register', { redirect_uris: [redirectUri] }));

test('redirect URIs are https, of this machine or of an app on it; no other http [AS-04]', async () => {
  for (const uri of ['http://evil.example/cb', 'http://10.0.0.1/cb', 'http://localhost.evil.example/cb'])
    jsonError('registration_redirect_uri_invalid')(await register(uri));
  for (const uri of ['https://app.example/cb', 'http://localhost:3000/cb', 'http://127.0.0.1/cb', 'http://[::1]/cb'])
    expect((await register(uri)).answer.status).toBe(201);
});

test('errors are 400 for requests, 401 for clients and tokens, 403 for scopes [AS-06]', async () => {
  const statusOf = async (form: Parameters, headers: readonly (readonly [string, string])[] = []) =>
    (await observe(world, postForm('/token', form, { headers }))).answer.status;
  const { form } = await world.code();
  expect(await statusOf({ ...form, code: undefined })).toBe(400);
  expect(await statusOf({ ...form, grant_type: 'password' })).toBe(400);
  expect(await statusOf({ ...form, code: 'none' })).toBe(400);
  expect(await statusOf({ ...form, client_id: 'nobody' })).toBe(401);
  const wrong = ['Authorization', basic(world.basicClient.client_id, 'wrong')] as const;
  expect(await statusOf({ ...form, client_id: undefined }, [wrong])).toBe(401);
  expect((await authorize({ client_id: 'nobody' })).answer.status).toBe(400);
});

test('the metadata is at the suffix of RFC 8414 and at no other [AS-12]', async () => {
  expect((await observe(world, { target: METADATA })).answer.status).toBe(200);
  for (const other of ['openid-configuration', 'mcp-authorization-server', 'oauth-server'])
    jsonError('not_found')(await observe(world, { target: `/.well-known/${other}` }));
});

test('the endpoints are where clients of 2025-03-26 look without metadata [AS-18]', async () => {
  const metadata = (await observe(world, { target: METADATA })).answer.json() as JsonObject;
  expect(metadata).toMatchObject({
    authorization_endpoint: `${world.issuer}/authorize`,
    token_endpoint: `${world.issuer}/token`,
    registration_endpoint: `${world.issuer}/register`,
  });
  // They say which revision they speak; that changes nothing.
  const headers = [['MCP-Protocol-Version', '2025-03-26']] as const;
  expect((await observe(world, { target: METADATA, headers })).answer.json()).toEqual(metadata);
});

test('a request without a code challenge is refused, whatever the client [AS-20]', async () => {
  for (const { client_id } of [world.publicClient, world.basicClient, world.postClient])
    redirectError('code_challenge_missing')(await authorize({ client_id, code_challenge: undefined }));
});

test('only S256 counts, and a method left out would mean plain [AS-21]', async () => {
  for (const code_challenge_method of ['plain', 'S512', undefined])
    redirectError('code_challenge_method_unsupported')(await authorize({ code_challenge_method }));
});

test('a redirect URI is compared exactly, and on a mismatch nobody is redirected [AS-22]', async () => {
  const client = await world.client({ redirect_uris: ['https://app.example/cb'] });
  for (const redirect_uri of [
    'https://app.example/cb/',
    'https://app.example/CB',
    'https://app.example/cb?x=1',
    'https://app.example/%63b',
    'https://app.example/x/../cb',
    'https://user@app.example/cb',
    'https://www.app.example/cb',
    'https://app.example.evil.example/cb',
    'http://app.example/cb',
  ])
    page('redirect_uri_not_registered')(await authorize({ client_id: client.client_id, redirect_uri }));
  proceeds(await authorize({ client_id: client.client_id, redirect_uri: 'https://app.example/cb' }));
});

test('the person sees where the answer goes, and decides before anything goes there [AS-25]', async () => {
  const query = encodeParameters(authorizationRequest(world.publicClient));
  // Signed in and having allowed this very client before: the page comes all the same.
  await world.code();
  const { html, leavesFor } = await world.person.open(`${world.issuer}/authorize?${query}`);
  expect(leavesFor).toBeUndefined();
  expect(html.replaceAll('<wbr>', '')).toContain(`<strong>${new URL(REDIRECT).host}</strong>`);
  expect(html).toMatch(/value="deny"[\s\S]*value="allow"/);
});

test('a code ends after a minute, is for one client and one challenge, and does not show what it says [AS-29]', async () => {
  const { form, code, verifier } = await world.code();
  expect(code).not.toContain(verifier);
  expect(
    code
      .split('.')
      .map((part) => Buffer.from(part, 'base64url').toString('latin1'))
      .join(),
  ).not.toMatch(/challenge|alice|mcp:read/);
  jsonError('code_of_other_client')(await redeem({ ...form, client_id: world.otherClient.client_id }));
  jsonError('code_verifier_wrong')(await redeem({ ...form, code_verifier: 'x'.repeat(43) }));
  world.server.advance(61);
  jsonError('code_expired')(await redeem(form));
});

test('the resource of a request is the audience of its tokens; others are no target [AS-32]', async () => {
  for (const resource of ['https://unknown.example/mcp', `${RESOURCE}#part`, '/mcp']) {
    const { answer } = await authorize({ resource });
    expect(new URL(answer.header('location') ?? '').searchParams.get('error')).toBe('invalid_target');
  }
  const { form } = await world.code();
  const body = (await redeem(form)).answer.json() as JsonObject;
  expect(claimsOf(String(body['access_token']))).toMatchObject({ aud: RESOURCE });
});

test('scheme and host of a resource may be written in upper case [AS-33]', async () => {
  const shouted = RESOURCE.replace('https://mcp.example.test', 'HTTPS://MCP.Example.TEST');
  const { form } = await world.code(world.publicClient, { resource: shouted });
  const body = (await redeem({ ...form, resource: shouted })).answer.json() as JsonObject;
  expect(claimsOf(String(body['access_token']))).toMatchObject({ aud: RESOURCE });
});
