import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Config, loadConfig } from '../../src/config/index.ts';
import { openAssertionIssuers } from '../../src/server/assertion-issuers.ts';
import { createForeignSigner } from '../support/assertion.ts';

const ISSUER = 'https://idp.example.com';
const workloads = [{ clientId: 'w', claims: { sub: 'x' } }];
const config = (file: object): Config => loadConfig({ env: {}, readFile: () => JSON.stringify(file) });
const open = (file: object) => openAssertionIssuers(config(file), { clock: () => 1_000 });

describe('issuers of assertions', async () => {
  const key = await createForeignSigner();

  test('are none unless the configuration names some', () => {
    expect(open({})).toEqual({});
    expect(Object.keys(open({ identityProviders: [{ issuer: ISSUER }] }))).toEqual(['identityAssertions']);
    expect(Object.keys(open({ workloadIssuers: [{ issuer: ISSUER, workloads }] }))).toEqual(['workloadAssertions']);
  });

  test.each<[string, object, string]>([
    ['a private key', { jwks: { keys: [key.privateJwk] } }, 'jwks: has a key that is not usable: secret_member'],
    ['no key', { jwks: { keys: [] } }, 'jwks: has a key that is not usable: malformed_key'],
    ['an algorithm we do not verify', { algorithms: ['ES256', 'HS256'] }, 'algorithms: HS256: is not verified here'],
    ['certificates that are not there', { caFile: join(import.meta.dirname, 'no.pem') }, 'caFile: '],
  ])('with %s are refused before the server starts', (_case, members, problem) => {
    expect(() => open({ identityProviders: [{ issuer: ISSUER, ...members }] })).toThrow(
      `identityProviders[0].${problem}`,
    );
    expect(() => open({ workloadIssuers: [{ issuer: ISSUER, workloads, ...members }] })).toThrow(
      `workloadIssuers[0].${problem}`,
    );
  });
});
