import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/index.ts';
import { openConfiguredClients } from '../../src/server/configured-clients.ts';
import { createForeignSigner } from '../support/assertion.ts';

const open = (members: object) => {
  const client = { client_id: 'a', redirect_uris: ['https://a.example/cb'], ...members };
  return openConfiguredClients(loadConfig({ env: {}, readFile: () => JSON.stringify({ clients: [client] }) }));
};

describe('clients of the configuration', async () => {
  const key = await createForeignSigner('RS256');

  test('with keys authenticate with them', () => {
    expect(open({ jwks: { keys: [key.publicJwk] } })).toMatchObject([{ authenticationMethod: 'private_key_jwt' }]);
    expect(open({ jwks_uri: 'https://a.example/jwks', token_endpoint_auth_signing_alg: 'ES256' })).toMatchObject([
      { jwksUri: 'https://a.example/jwks', signingAlgorithm: 'ES256' },
    ]);
  });

  test.each<[string, object, string]>([
    ['a private key', { jwks: { keys: [key.privateJwk] } }, 'jwks: has a key that is not usable: secret_member'],
    ['a weak one', { jwks: { keys: [{ ...key.publicJwk, e: 'AQ' }] } }, 'jwks: has a key that is not usable: weak_key'],
    [
      'a MAC',
      { jwks_uri: 'https://a.example/jwks', token_endpoint_auth_signing_alg: 'HS256' },
      'token_endpoint_auth_signing_alg: is no algorithm that is verified here',
    ],
  ])('with %s are refused before the server starts', (_case, members, problem) => {
    expect(() => open(members)).toThrow(`clients[0].${problem}`);
  });
});
