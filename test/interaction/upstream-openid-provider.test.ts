import { expect, test } from 'vitest';
import { startOpenIdProvider } from '../support/openid-provider.ts';
import { pkcePair } from '../support/pkce.ts';
import { createWalkingBrowser } from '../support/walking-browser.ts';

test('the OpenID provider of the tests signs a person in at its own page and answers with a code', async () => {
  const redirectUri = 'http://localhost:1/interaction/upstream/corp/callback';
  await using provider = await startOpenIdProvider({ redirectUri });
  const browser = createWalkingBrowser();
  const { challenge } = pkcePair();
  const query = new URLSearchParams({
    client_id: provider.client.clientId,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: 'openid profile',
    state: 'a state',
    code_challenge: challenge,
    code_challenge_method: 'S256',
  });

  const page = await browser.submit(await browser.open(`${provider.issuer}/auth?${query}`), {
    login: 'dana',
    password: 'x',
  });

  const answer = new URL(page.leavesFor ?? '');
  expect(answer.searchParams.get('code')).not.toBeNull();
  expect([answer.searchParams.get('state'), answer.searchParams.get('iss')]).toEqual(['a state', provider.issuer]);
});
