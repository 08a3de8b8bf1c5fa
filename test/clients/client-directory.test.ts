import { describe, expect, test } from 'vitest';
import {
  configuredClient,
  createClientDirectory,
  createSignedClientIds,
  isConfidential,
} from '../../src/clients/index.ts';
import { sha256, systemRandom } from '../../src/platform/index.ts';
import { createTestKeyRing } from '../support/keys.ts';

const REDIRECT = 'https://client.example/cb';

describe('a configured client', () => {
  test('of nothing but an id is public, may use codes and refresh tokens, and has no redirect URI', () => {
    expect(configuredClient({ client_id: 'a' })).toEqual({
      clientId: 'a',
      origin: 'configured',
      redirectUris: [],
      grantTypes: ['authorization_code', 'refresh_token'],
      authenticationMethod: 'none',
      metadata: { client_id: 'a' },
    });
  });

  test('keeps its name, scope and secret, and shows the secret nowhere', () => {
    const entry = {
      client_id: 'a',
      client_name: 'Notes',
      redirect_uris: [REDIRECT],
      grant_types: ['authorization_code'],
      client_secret_hash: sha256('secret'),
      scope: ' read  write ',
    };
    const client = configuredClient(entry);
    expect(client).toMatchObject({
      clientName: 'Notes',
      redirectUris: [REDIRECT],
      grantTypes: ['authorization_code'],
      authenticationMethod: 'client_secret_basic',
      secretHash: sha256('secret'),
      scope: ['read', 'write'],
    });
    expect(JSON.stringify(client.metadata)).not.toContain(sha256('secret'));
    expect(isConfidential(client)).toBe(true);
  });

  test('uses the method it is told to use', () => {
    const method = 'client_secret_post' as const;
    const entry = { client_id: 'a', client_secret_hash: sha256('s'), token_endpoint_auth_method: method };
    expect(configuredClient(entry).authenticationMethod).toBe(method);
  });
});

describe('a client is found', () => {
  const signedClientIds = createSignedClientIds({ keys: createTestKeyRing(), clock: () => 0, random: systemRandom });
  const { registrationAccessToken: _, ...registered } = signedClientIds.register({
    redirect_uris: [REDIRECT],
    grant_types: ['authorization_code'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  });

  test('in the configuration first, then by its signed client_id', async () => {
    const own = configuredClient({ client_id: 'a' });
    const shadow = configuredClient({ client_id: registered.clientId });
    const find = createClientDirectory({ configured: [own], signedClientIds }).find;
    expect(await find('a')).toBe(own);
    expect(await find(registered.clientId)).toEqual(registered);
    expect(await createClientDirectory({ configured: [shadow], signedClientIds }).find(registered.clientId)).toBe(
      shadow,
    );
  });

  test.each([[''], ['b'], ['__proto__'], ['constructor'], ['a.b.c'], ['https://client.example/metadata']])(
    'or not: %j',
    async (clientId) => {
      const configured = [configuredClient({ client_id: 'a' })];
      expect(await createClientDirectory({ configured, signedClientIds }).find(clientId)).toBeUndefined();
    },
  );
});
