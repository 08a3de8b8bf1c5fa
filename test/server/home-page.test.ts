import { describe, expect, test } from 'vitest';
import { createPerson } from '../../examples/person.ts';
import { startGuardmint } from '../support/guardmint.ts';

describe('the issuer, opened in a browser', () => {
  test.each(['', '/tenant'])('leads to what is theirs there, by way of the sign-in (path "%s")', async (issuerPath) => {
    await using server = await startGuardmint({ issuerPath });
    const html = { headers: { accept: 'text/html,*/*;q=0.8' } };

    for (const address of [server.issuer, `${server.issuer}/`]) {
      const answer = await fetch(address, { ...html, redirect: 'manual' });
      expect([answer.status, answer.headers.get('location'), answer.headers.get('cache-control')]).toEqual([
        302,
        `${issuerPath}/interaction/apps`,
        'no-store',
      ]);
    }
    const page = await createPerson(server.credentials).open(`${server.issuer}/`, html);
    expect([page.status, new URL(page.url).pathname]).toEqual([200, `${issuerPath}/interaction/sign-in`]);
  });

  test('is nothing to a program', async () => {
    await using server = await startGuardmint();

    const answers = [
      await fetch(server.issuer, { headers: { accept: 'application/json' } }),
      await fetch(server.issuer),
      await fetch(server.issuer, { method: 'POST', headers: { accept: 'text/html' } }),
    ];

    expect(answers.map(({ status }) => status)).toEqual([404, 404, 404]);
  });
});
