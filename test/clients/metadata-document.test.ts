import { describe, expect, it } from 'vitest';
import {
  type Client,
  createMetadataDocumentClients,
  type DocumentPolicy,
  metadataHash,
} from '../../src/clients/index.ts';
import { OAuthError, verifyRedirectTarget } from '../../src/oauth/index.ts';
import type { GuardedFetch } from '../../src/platform/index.ts';
import { PUBLISHED } from './published-documents.ts';

const URL_ = 'https://client.example/oauth/client.json';
const GOOD = { client_id: URL_, client_name: 'X', redirect_uris: ['https://client.example/cb'] };

/** The client of a document that is served, as it is, at its own URL. */
function clientOf(document: unknown, policy?: DocumentPolicy, url: string = URL_): Promise<Client | undefined> {
  const fetch: GuardedFetch = async () => ({
    status: 200,
    headers: { 'content-type': 'application/json' },
    text: typeof document === 'string' ? document : JSON.stringify(document),
  });
  return createMetadataDocumentClients({ fetch, clock: () => 1_800_000_000, ...(policy && { policy }) }).find(url);
}

async function faultyMember(document: object, policy?: DocumentPolicy): Promise<unknown> {
  const thrown = await clientOf(document, policy).catch((error: unknown) => error);
  expect(thrown).toBeInstanceOf(OAuthError);
  expect(thrown).toMatchObject({ reason: 'client_document_invalid' });
  return (thrown as OAuthError).detail['member'];
}

describe('documents as real clients publish them', () => {
  it.each(PUBLISHED)(
    '$name becomes a public client and gets its answer, wherever it is [CI-05, CI-17, AS-23]',
    async (published) => {
      const { document, redirect } = published;
      const client = await clientOf(document, undefined, document.client_id);

      expect(client).toMatchObject({
        clientId: document.client_id,
        origin: 'document',
        clientName: document.client_name,
        authenticationMethod: 'none',
      });
      expect(client?.grantTypes).toContain('authorization_code');
      expect(client?.secretHash).toBeUndefined();
      expect(verifyRedirectTarget(client?.redirectUris ?? [], redirect, 's').uri).toBe(redirect);
    },
  );

  it('ChatGPT uses its keys as soon as we offer that, because it prefers to', async () => {
    const chatGpt = PUBLISHED.find(({ name }) => name === 'ChatGPT')?.document ?? PUBLISHED[2].document;
    const policy = { authenticationMethods: ['none', 'private_key_jwt'] } as const;

    expect(await clientOf(chatGpt, policy, chatGpt.client_id)).toMatchObject({
      authenticationMethod: 'private_key_jwt',
      metadata: { jwks_uri: 'https://chatgpt.com/oauth/jwks.json' },
    });
  });

  it('a grant type is given to a client that lists it where the server offers it', async () => {
    const claude = PUBLISHED[0].document;
    const jwtBearer = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
    const policy = { grantTypes: ['authorization_code', 'refresh_token', jwtBearer] };

    expect((await clientOf(claude, undefined, claude.client_id))?.grantTypes).not.toContain(jwtBearer);
    expect((await clientOf(claude, policy, claude.client_id))?.grantTypes).toContain(jwtBearer);
  });
});

describe('a metadata document', () => {
  it('becomes a client with what it says and nothing it does not say', async () => {
    expect(await clientOf({ ...GOOD, favourite_colour: 'blue', scope: 'admin' })).toEqual({
      clientId: URL_,
      origin: 'document',
      clientName: 'X',
      redirectUris: ['https://client.example/cb'],
      grantTypes: ['authorization_code', 'refresh_token'],
      authenticationMethod: 'none',
      metadata: {
        client_id: URL_,
        client_name: 'X',
        redirect_uris: ['https://client.example/cb'],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        token_endpoint_auth_method: 'none',
      },
    });
  });

  const key = { kty: 'EC', crv: 'P-256', x: 'x', y: 'y' };
  const keyed = { token_endpoint_auth_method: 'private_key_jwt' };
  const REFUSED: readonly (readonly [string, object, string])[] = [
    ['AS-CM-53 client_id trailing slash differs', { client_id: `${URL_}/` }, 'client_id'],
    [
      'AS-CM-54 client_id default port differs',
      { client_id: 'https://client.example:443/oauth/client.json' },
      'client_id',
    ],
    ['AS-CM-55 client_id host case differs', { client_id: 'https://CLIENT.example/oauth/client.json' }, 'client_id'],
    ['client_id of somebody else [CI-03]', { client_id: 'https://claude.ai/c' }, 'client_id'],
    ['client_id missing [CI-04]', { client_id: undefined }, 'client_id'],
    ['client_id in an array', { client_id: [URL_] }, 'client_id'],
    ['AS-CM-56 client_name missing', { client_name: undefined }, 'client_name'],
    ['client_name null', { client_name: null }, 'client_name'],
    ['client_name of spaces', { client_name: '  ' }, 'client_name'],
    ['client_name that turns the text around it', { client_name: 'Cla\u202eude' }, 'client_name'],
    ['client_name without end', { client_name: 'x'.repeat(129) }, 'client_name'],
    ['AS-CM-57 redirect_uris missing', { redirect_uris: undefined }, 'redirect_uris'],
    ['redirect_uris empty', { redirect_uris: [] }, 'redirect_uris'],
    ['redirect_uris a text', { redirect_uris: 'https://client.example/cb' }, 'redirect_uris'],
    ['redirect_uris with script', { redirect_uris: [...GOOD.redirect_uris, 'javascript:alert(1)'] }, 'redirect_uris'],
    ['redirect_uris with plain http', { redirect_uris: ['http://client.example/cb'] }, 'redirect_uris'],
    ['any port elsewhere than on loopback', { redirect_uris: ['http://client.example:*/cb'] }, 'redirect_uris'],
    ['client_secret present [CI-12]', { client_secret: 'x' }, 'client_secret'],
    ['AS-CM-61 client_secret_expires_at present', { client_secret_expires_at: 0 }, 'client_secret_expires_at'],
    [
      'AS-CM-62 auth method client_secret_basic',
      { token_endpoint_auth_method: 'client_secret_basic' },
      'token_endpoint_auth_method',
    ],
    [
      'auth method client_secret_jwt',
      { token_endpoint_auth_method: 'client_secret_jwt' },
      'token_endpoint_auth_method',
    ],
    [
      'a shared secret among the supported methods',
      { token_endpoint_auth_methods_supported: ['none', 'client_secret_post'] },
      'token_endpoint_auth_method',
    ],
    [
      'AS-CM-65 jwks with private key',
      {
        ...keyed,
        token_endpoint_auth_methods_supported: ['none', 'private_key_jwt'],
        jwks: { keys: [{ ...key, d: 'd' }] },
      },
      'jwks',
    ],
    ['jwks with a symmetric key', { jwks: { keys: [{ kty: 'oct', k: 'k' }] } }, 'jwks'],
    ['jwks with a post-quantum private key', { jwks: { keys: [{ kty: 'AKP', pub: 'p', priv: 's' }] } }, 'jwks'],
    ['jwks that is none', { jwks: [key] }, 'jwks'],
    ['jwks and jwks_uri', { jwks: { keys: [key] }, jwks_uri: 'https://client.example/jwks' }, 'jwks'],
    ['jwks_uri on this machine [CI-08]', { jwks_uri: 'https://localhost/jwks' }, 'jwks_uri'],
    ['jwks_uri at an address [CI-08]', { jwks_uri: 'https://169.254.169.254/jwks' }, 'jwks_uri'],
    ['jwks_uri in disguise [CI-08]', { jwks_uri: 'https://2130706433/jwks' }, 'jwks_uri'],
    ['jwks_uri inside [CI-08]', { jwks_uri: 'https://keys.corp.internal/jwks' }, 'jwks_uri'],
    ['jwks_uri by http [CI-18]', { jwks_uri: 'http://client.example/jwks' }, 'jwks_uri'],
    [
      'only keys, which we do not take [SEP-3149]',
      { ...keyed, jwks: { keys: [key] } },
      'token_endpoint_auth_methods_supported',
    ],
    [
      'no method in common [SEP-3149]',
      { token_endpoint_auth_methods_supported: ['tls_client_auth'] },
      'token_endpoint_auth_methods_supported',
    ],
    [
      'an empty list of methods [SEP-3149]',
      { token_endpoint_auth_methods_supported: [] },
      'token_endpoint_auth_methods_supported',
    ],
    [
      'a preferred method outside the supported ones [SEP-3149]',
      { token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_methods_supported: ['none'] },
      'token_endpoint_auth_method',
    ],
    ['no grant type we know', { grant_types: ['client_credentials'] }, 'grant_types'],
    ['only another response type', { response_types: ['token'] }, 'response_types'],
  ];
  it.each(REFUSED)('is refused: %s', async (_case, members, member) => {
    expect(await faultyMember({ ...GOOD, ...members })).toBe(member);
  });

  it('is refused when it would authenticate with keys and has none', async () => {
    const policy = { authenticationMethods: ['none', 'private_key_jwt'] } as const;
    expect(await faultyMember({ ...GOOD, token_endpoint_auth_method: 'private_key_jwt' }, policy)).toBe('jwks');
  });

  it('shows no request data on the wire', async () => {
    const thrown = await clientOf({ ...GOOD, client_secret: 's3cret' }).catch((error: unknown) => error);
    expect(thrown).toMatchObject({ error: 'invalid_client', status: 401 });
    expect(JSON.stringify(thrown)).not.toContain('s3cret');
  });

  it('authenticates with nothing when it says nothing about it, whatever RFC 7591 would assume [SEP-3149]', async () => {
    expect(await clientOf(GOOD)).toMatchObject({ authenticationMethod: 'none' });
  });

  it('takes null for absent, as some libraries write it', async () => {
    const nulls = { logo_uri: null, jwks: null, jwks_uri: null, client_secret: null, grant_types: null };
    expect(await clientOf({ ...GOOD, ...nulls })).toEqual(await clientOf(GOOD));
  });

  it.each([
    ['AS-CM-106 internal address', 'https://169.254.169.254/x.png'],
    ['this machine', 'https://localhost/x.png'],
    ['IPv6 loopback', 'https://[::1]/x.png'],
    ['script [CI-18]', 'javascript:alert(1)'],
    ['inline picture [CI-18]', 'data:image/png;base64,AA=='],
    ['plain http', 'http://client.example/x.png'],
    ['no text', 7],
  ])('is accepted without a link that must not be followed: %s', async (_case, link) => {
    const client = await clientOf({ ...GOOD, logo_uri: link, client_uri: link, tos_uri: link, policy_uri: link });
    expect(client).toEqual(await clientOf(GOOD));
  });

  it('keeps links to the public', async () => {
    const links = { logo_uri: 'https://client.example/x.png', policy_uri: 'https://client.example/privacy' };
    expect((await clientOf({ ...GOOD, ...links }))?.metadata).toMatchObject(links);
  });

  it('may point to this machine where documents on it are admitted', async () => {
    const local = { logo_uri: 'http://localhost:3000/x.png', jwks_uri: 'http://127.0.0.1:3000/jwks' };
    expect((await clientOf({ ...GOOD, ...local }, { allowLoopback: true }))?.metadata).toMatchObject(local);
  });
});

describe('metadataHash', () => {
  const jwks = { keys: [{ kty: 'EC', crv: 'P-256', x: 'x', y: 'y' }] };
  const hashOf = async (members: object) => metadataHash((await clientOf({ ...GOOD, ...members })) as Client);

  it.each([
    ['name', { client_name: 'Y' }],
    ['redirect URIs', { redirect_uris: ['https://client.example/cb', 'https://client.example/cb2'] }],
    ['keys', { jwks }],
    ['location of keys', { jwks_uri: 'https://client.example/jwks' }],
  ])('changes with the %s, so that consent is asked again [CI-15]', async (_what, members) => {
    expect(await hashOf(members)).not.toBe(await hashOf({}));
  });

  it('does not change with the order of redirect URIs or with a link', async () => {
    const uris = ['https://client.example/a', 'https://client.example/b'];
    expect(await hashOf({ redirect_uris: uris })).toBe(
      await hashOf({ redirect_uris: uris.toReversed(), client_uri: 'https://client.example/' }),
    );
  });
});
