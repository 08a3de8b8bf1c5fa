import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decideRotation,
  type PresentedRefreshToken,
  type RefreshFamily,
  type Rotation,
  type RotationRules,
} from '../../src/tokens/index.ts';

const NOW = 1_800_000_000;

const RULES: RotationRules = {
  rotates: true,
  replayWindow: 86_400,
  burstWindow: 10,
  reuse: 'revoke',
  idleLifetime: 2_592_000,
  keyId: 'key-2',
};

const FAMILY: RefreshFamily = {
  familyId: 'family-1',
  nonceHash: 'nonce-hash',
  generation: 5,
  keyId: 'key-1',
  subject: 'alice',
  clientHash: 'client-1',
  clientName: 'Editor',
  scope: 'notes:read',
  resource: 'https://notes.example/mcp',
  authTime: NOW - 10_000,
  createdAt: NOW - 10_000,
  usedAt: NOW,
  expiresAt: NOW + 7_776_000,
};

function present(generation: number): PresentedRefreshToken {
  return { familyId: FAMILY.familyId, generation, nonceHash: FAMILY.nonceHash };
}

interface Row {
  readonly behaviour: string;
  readonly generation: number;
  /** Seconds since the last rotation. */
  readonly after?: number;
  readonly family?: Partial<RefreshFamily>;
  readonly rules?: Partial<RotationRules>;
  readonly outcome: Rotation['outcome'];
  /** What is stored in place of the family, beside its other members; nothing when absent. */
  readonly stores?: Partial<RefreshFamily>;
}

const ROWS: readonly Row[] = [
  {
    behaviour: 'the live token is replaced by the next, made with the key in force',
    generation: 5,
    after: 100,
    outcome: 'rotated',
    stores: { generation: 6, keyId: 'key-2', usedAt: NOW + 100 },
  },
  { behaviour: 'the previous token gets the same successor again', generation: 4, after: 0, outcome: 'replayed' },
  { behaviour: 'for as long as the replay window', generation: 4, after: 86_400, outcome: 'replayed' },
  {
    behaviour: 'and is reuse after it',
    generation: 4,
    after: 86_401,
    outcome: 'reused',
    stores: { revokedAt: NOW + 86_401 },
  },
  {
    behaviour: 'or refused where reuse does no harm',
    generation: 4,
    after: 86_401,
    rules: { reuse: 'reject' },
    outcome: 'refused',
  },
  {
    behaviour: 'a strict server still replays within the same moment',
    generation: 4,
    after: 0,
    rules: { replayWindow: 0, burstWindow: 0 },
    outcome: 'replayed',
  },
  {
    behaviour: 'a strict server takes the previous token for reuse a moment later',
    generation: 4,
    after: 1,
    rules: { replayWindow: 0, burstWindow: 0 },
    outcome: 'reused',
    stores: { revokedAt: NOW + 1 },
  },
  {
    behaviour: 'a burst longer than the replay window does no harm',
    generation: 4,
    after: 5,
    rules: { replayWindow: 0 },
    outcome: 'refused',
  },
  { behaviour: 'an older token in a burst is refused', generation: 3, after: 10, outcome: 'refused' },
  {
    behaviour: 'an older token after the burst ends the family',
    generation: 3,
    after: 11,
    outcome: 'reused',
    stores: { revokedAt: NOW + 11 },
  },
  {
    behaviour: 'the first token ends it too',
    generation: 0,
    after: 11,
    outcome: 'reused',
    stores: { revokedAt: NOW + 11 },
  },
  {
    behaviour: 'an older token is refused for ever where reuse does no harm',
    generation: 0,
    after: 1_000_000,
    rules: { reuse: 'reject' },
    outcome: 'refused',
  },
  {
    behaviour: 'a later token than the store knows moves the family past it',
    generation: 6,
    after: 1,
    outcome: 'ahead',
    stores: { generation: 7, keyId: 'key-2', usedAt: NOW + 1 },
  },
  {
    behaviour: 'however far',
    generation: 50,
    after: 1,
    outcome: 'ahead',
    stores: { generation: 51, keyId: 'key-2', usedAt: NOW + 1 },
  },
  {
    behaviour: 'a token that is not rotated is kept, with its key',
    generation: 5,
    after: 7,
    rules: { rotates: false },
    outcome: 'kept',
    stores: { usedAt: NOW + 7 },
  },
  {
    behaviour: 'a later token that is not rotated is kept as the live one',
    generation: 8,
    after: 7,
    rules: { rotates: false },
    outcome: 'kept',
    stores: { generation: 8, usedAt: NOW + 7 },
  },
  {
    behaviour: 'an older token of a client that stopped rotating is reuse all the same',
    generation: 3,
    after: 11,
    rules: { rotates: false },
    outcome: 'reused',
    stores: { revokedAt: NOW + 11 },
  },
  {
    behaviour: 'a family lives to the last second of its idle lifetime',
    generation: 5,
    after: 2_591_999,
    outcome: 'rotated',
    stores: { generation: 6, keyId: 'key-2', usedAt: NOW + 2_591_999 },
  },
  { behaviour: 'and no longer', generation: 5, after: 2_592_000, outcome: 'expired' },
  {
    behaviour: 'a family lives to the last second of its absolute lifetime',
    generation: 5,
    after: 99,
    family: { expiresAt: NOW + 100 },
    outcome: 'rotated',
    stores: { generation: 6, keyId: 'key-2', usedAt: NOW + 99 },
  },
  {
    behaviour: 'and no longer, used or not',
    generation: 5,
    after: 100,
    family: { expiresAt: NOW + 100 },
    outcome: 'expired',
  },
  {
    behaviour: 'an older token of an expired family changes nothing',
    generation: 0,
    after: 100,
    family: { expiresAt: NOW + 100 },
    outcome: 'expired',
  },
  { behaviour: 'a revoked family stays revoked', generation: 5, family: { revokedAt: NOW - 1 }, outcome: 'revoked' },
  {
    behaviour: 'for later tokens than the store knows as well',
    generation: 9,
    family: { revokedAt: NOW - 1 },
    outcome: 'revoked',
  },
  {
    behaviour: 'revoked is said before expired',
    generation: 5,
    family: { revokedAt: NOW - 1, expiresAt: NOW },
    outcome: 'revoked',
  },
  { behaviour: 'another nonce is another family', generation: 5, family: { nonceHash: 'other' }, outcome: 'unknown' },
  {
    behaviour: 'a clock set back rotates the live token',
    generation: 5,
    after: -600,
    outcome: 'rotated',
    stores: { generation: 6, keyId: 'key-2', usedAt: NOW - 600 },
  },
  {
    behaviour: 'a clock set back takes the previous token for a replay',
    generation: 4,
    after: -600,
    outcome: 'replayed',
  },
  { behaviour: 'a clock set back takes an older one for a burst', generation: 2, after: -600, outcome: 'refused' },
];

describe('decideRotation', () => {
  it.each(ROWS)('$behaviour', ({ generation, after = 0, family: overrides, rules, outcome, stores }) => {
    const family = { ...FAMILY, ...overrides };
    const at = NOW + after;

    const decision = decideRotation(family, present(generation), { ...RULES, ...rules }, at);

    const next = stores === undefined ? undefined : { ...family, ...stores };
    const holds = { rotated: next, ahead: next, kept: next, replayed: family }[outcome as 'rotated'];
    expect(decision).toEqual({
      rotation: {
        outcome,
        at,
        ...(holds !== undefined && { family: holds }),
        ...(outcome === 'revoked' && { revokedAt: family.revokedAt }),
      },
      ...(next !== undefined && { next }),
    });
  });

  it('knows no family where there is none', () => {
    expect(decideRotation(undefined, present(0), RULES, NOW)).toEqual({ rotation: { outcome: 'unknown', at: NOW } });
  });
});

/**
 * What should happen, told by the history of single tokens and not by counting generations: each token remembers when it
 * was redeemed, and a token's successor is the one made when it was.
 */
class History {
  readonly redeemedAt: (number | undefined)[] = [undefined];
  readonly endsAt: number;
  lastUse: number;
  isRevoked = false;

  constructor(startedAt: number, absoluteLifetime: number) {
    this.lastUse = startedAt;
    this.endsAt = startedAt + absoluteLifetime;
  }

  /** What presenting a token has to answer, and which token its holder then has. */
  present(token: number, rules: RotationRules, now: number): { outcome: Rotation['outcome']; holds?: number } {
    if (this.isRevoked) return { outcome: 'revoked' };
    if (now >= this.endsAt || now - this.lastUse >= rules.idleLifetime) return { outcome: 'expired' };
    if (this.redeemedAt[token] === undefined) {
      this.redeemedAt[token] = now;
      this.redeemedAt.push(undefined);
      this.lastUse = now;
      return { outcome: 'rotated', holds: token + 1 };
    }
    const wasSuccessorRedeemed = this.redeemedAt[token + 1] !== undefined;
    if (!wasSuccessorRedeemed && now - this.redeemedAt[token] <= rules.replayWindow) {
      return { outcome: 'replayed', holds: token + 1 };
    }
    if (now - this.lastUse <= rules.burstWindow || rules.reuse === 'reject') return { outcome: 'refused' };
    this.isRevoked = true;
    return { outcome: 'reused' };
  }
}

const anyRules = fc.record({
  rotates: fc.constant(true),
  replayWindow: fc.constantFrom(0, 60, 500),
  burstWindow: fc.constantFrom(0, 10),
  reuse: fc.constantFrom('revoke' as const, 'reject' as const),
  idleLifetime: fc.constantFrom(100, 1_000),
  keyId: fc.constantFrom('key-1', 'key-2'),
});

/** One use: by which holder, after how long, and whether the answer reaches it. A late holder presents an older token. */
const anyUse = fc.record({
  holder: fc.nat(3),
  wait: fc.constantFrom(0, 0, 1, 5, 11, 61, 120),
  isAnswerLost: fc.boolean(),
  steals: fc.option(fc.nat(3), { nil: undefined, freq: 8 }),
});

describe('any sequence of uses by several holders of copies', () => {
  it('goes as the history of the single tokens says, and no generation has two successors [I2]', () => {
    fc.assert(
      fc.property(anyRules, fc.array(anyUse, { minLength: 1, maxLength: 40 }), (rules, uses) => {
        const history = new History(NOW, 1_500);
        let family: RefreshFamily = { ...FAMILY, generation: 0, usedAt: NOW, expiresAt: NOW + 1_500 };
        let now = NOW;
        const held = [0, 0, 0, 0];
        /** The one token ever handed out as each generation: its key decides its bytes. */
        const handedOut = new Map<number, string>();

        uses.forEach(({ holder, wait, isAnswerLost, steals }, index) => {
          now += wait;
          if (steals !== undefined) held[holder] = held[steals] ?? 0;
          const generation = held[holder] ?? 0;
          // The key in force changes all the time: a replay must still be the token that was made first.
          const inForce = { ...rules, keyId: `key-${index}` };
          const expected = history.present(generation, inForce, now);
          const { rotation, next } = decideRotation(family, present(generation), inForce, now);

          expect(rotation.outcome).toBe(expected.outcome);
          expect(rotation.at).toBe(now);
          expect(next !== undefined).toBe(rotation.outcome === 'rotated' || rotation.outcome === 'reused');
          if ('family' in rotation) {
            expect(rotation.family.generation).toBe(expected.holds);
            const first = handedOut.get(rotation.family.generation) ?? rotation.family.keyId;
            handedOut.set(rotation.family.generation, first);
            expect(rotation.family.keyId).toBe(first);
            if (!isAnswerLost) held[holder] = rotation.family.generation;
          }
          family = next ?? family;
          expect(family).toMatchObject({ expiresAt: NOW + 1_500, createdAt: FAMILY.createdAt, subject: 'alice' });
        });
      }),
      { numRuns: 3_000 },
    );
  });

  it('never comes back to life after reuse', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(60), fc.nat(200)), { maxLength: 30 }), anyRules, (presents, rules) => {
        let family: RefreshFamily = { ...FAMILY, revokedAt: NOW };
        let now = NOW;
        for (const [generation, wait] of presents) {
          now += wait;
          const { rotation, next } = decideRotation(family, present(generation), rules, now);
          expect(rotation).toEqual({ outcome: 'revoked', revokedAt: NOW, at: now });
          family = next ?? family;
        }
        expect(family.revokedAt).toBe(NOW);
      }),
    );
  });

  it('whose last writes a failover loses goes on for every holder who is not behind, and ends for a thief [I3]', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 20 }), fc.integer({ min: 1, max: 20 }), (made, lost) => {
        const states: RefreshFamily[] = [{ ...FAMILY, generation: 0, usedAt: NOW }];
        for (let generation = 0; generation < made; generation += 1) {
          const decision = decideRotation(states[generation], present(generation), RULES, NOW + generation);
          states.push(decision.next ?? FAMILY);
        }
        const restored = states[Math.max(0, made - lost)];
        const now = NOW + made + 100;

        const recovered = decideRotation(restored, present(made), RULES, now);
        expect(recovered.rotation).toMatchObject({ outcome: 'ahead', family: { generation: made + 1 } });
        const stolen = decideRotation(recovered.next, present(made - 1), RULES, now + 11);
        expect(stolen.rotation.outcome).toBe('reused');
      }),
    );
  });
});
