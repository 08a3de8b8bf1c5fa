import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readUpstreamClientKey } from '../../src/server/upstream-client-key.ts';
import { createForeignSigner } from '../support/assertion.ts';
import { startOpenIdProvider } from '../support/openid-provider.ts';
import { startUpstreamWalk } from '../support/upstream-walk.ts';

const folder = mkdtempSync(join(tmpdir(), 'guardmint-client-key-'));
afterAll(() => rmSync(folder, { recursive: true }));
function keep(content: unknown): string {
  const file = join(folder, 'client-key.json');
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

describe('a client that authenticates by a key', () => {
  test.each(['ES256', 'PS256'])('redeems codes at a real provider (%s)', async (alg) => {
    const signer = await createForeignSigner(alg);
    let callback = '';
    await using provider = await startOpenIdProvider({ redirectUri: () => callback, clientKey: signer.publicJwk });
    const entry = provider.settings({ clientSecret: undefined, clientKeyFile: keep(signer.privateJwk) });
    await using walk = await startUpstreamWalk({ local: false, oidc: [entry] });
    callback = `${walk.server.issuer}/interaction/upstream/corp/callback`;

    const asked = await walk.follow(await walk.begin());
    const consent = await walk.follow(await walk.browser.submit(asked, { login: 'dana', password: 'x' }));

    expect(new URL(consent.url).pathname).toBe('/interaction/consent');
    expect(walk.server.lines.join('')).not.toContain(signer.privateJwk.d);
  });

  test('a file that holds none keeps the server from starting, and is not quoted', async () => {
    const { privateJwk, publicJwk } = await createForeignSigner();
    const { alg: _, ...nameless } = privateJwk;

    expect(readUpstreamClientKey(join(folder, 'absent'))).toMatch(/cannot be read$/);
    expect(readUpstreamClientKey(keep('hello'))).toMatch(/holds no private JWK$/);
    expect(readUpstreamClientKey(keep(publicJwk))).toMatch(/holds no private JWK$/);
    expect(readUpstreamClientKey(keep(nameless))).toMatch(/must name its alg/);
    expect(readUpstreamClientKey(keep({ ...privateJwk, alg: 'RS256' }))).toMatch(/is not usable for its alg$/);
    expect(readUpstreamClientKey(keep({ ...privateJwk, d: 'x' }))).toMatch(/is not usable for its alg$/);
    const corp = { id: 'corp', label: 'Corp', issuer: 'https://id.example.com', clientId: 'guardmint' };
    await expect(startUpstreamWalk({ oidc: [{ ...corp, clientKeyFile: keep('hello') }] })).rejects.toThrow(
      'signIn.oidc[0].clientKeyFile',
    );
  });
});
