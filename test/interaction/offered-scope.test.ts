import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createScopeLimits } from '../../src/interaction/offered-scope.ts';
import type { Session } from '../../src/interaction/session.ts';
import type { InteractionTicket } from '../../src/interaction/ticket.ts';

const RESOURCE = 'https://mcp.example.com';
const resources = [
  { resource: RESOURCE, implies: { root: ['admin'], owner: ['admin'], admin: ['write'] }, requiredScopes: ['root'] },
];
const asking = (scope: readonly string[]) => ({ resource: RESOURCE, scope }) as InteractionTicket;
const local = { sid: 's' } as Session;
const of = (scope: readonly string[]) => ({ sid: 's', upstream: { provider: 'p', scope } }) as unknown as Session;
const NAMES = ['read', 'write', 'admin', 'root', 'offline_access'];

describe('what a person can be asked to grant', () => {
  test.each<[string, Session, readonly string[], readonly string[] | undefined]>([
    ['a local person is not limited', local, ['admin'], ['admin']],
    ['a guarded name is left out', of([]), ['read', 'admin'], ['read']],
    ['a name without which nothing works is guarded', of([]), ['read', 'root'], undefined],
    ['what the guarded name implies is not guarded', of([]), ['write'], ['write']],
    ['a claim lets it in', of(['admin']), ['read', 'root', 'admin'], ['read', 'root', 'admin']],
    ['a name that implies a guarded one is left out with it', of([]), ['read', 'owner'], ['read']],
    ['nothing is left', of([]), ['admin'], undefined],
    ['staying connected alone is nothing', of([]), ['admin', 'offline_access'], undefined],
    ['staying connected may be all that was asked for', of([]), ['offline_access'], ['offline_access']],
    ['nothing was asked for', of([]), [], []],
  ])('%s', (_, session, asked, offered) => {
    const limits = createScopeLimits({ guarded: ['admin'], resources });

    expect(limits.narrow(asking(asked), session)?.scope).toEqual(offered);
  });

  test('is never more than was asked for, and never a guarded name without its claim', () => {
    const names = fc.uniqueArray(fc.constantFrom(...NAMES));
    fc.assert(
      fc.property(names, names, names, (guarded, mayGrant, asked) => {
        const offered = createScopeLimits({ guarded, resources }).narrow(asking(asked), of(mayGrant))?.scope ?? [];
        expect(asked).toEqual(expect.arrayContaining([...offered]));
        for (const name of offered) expect(!guarded.includes(name) || mayGrant.includes(name)).toBe(true);
      }),
    );
  });
});
