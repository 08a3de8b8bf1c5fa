import type { EpochSeconds, Seconds } from '../oauth/index.ts';
import type { NewRefreshFamily, OneTimeMarker, PresentedRefreshToken, RotationRules } from '../tokens/index.ts';

/** A code's marker that ends `lifetime` seconds (60) from `now`. */
export function markerOf(
  now: EpochSeconds,
  { id = 'jti-1', lifetime = 60, familyId }: { id?: string; lifetime?: Seconds; familyId?: string } = {},
): OneTimeMarker {
  return { kind: 'code', id, expiresAt: now + lifetime, ...(familyId !== undefined && { familyId }) };
}

/** A family to begin. */
export function familyOf(familyId: string, overrides: Partial<NewRefreshFamily> = {}): NewRefreshFamily {
  return {
    familyId,
    nonceHash: `nonce-hash-of-${familyId}`,
    keyId: 'key-1',
    subject: 'alice',
    clientHash: 'client-1',
    clientName: 'Éditeur “MCP”',
    scope: 'notes:read notes:write',
    resource: 'https://notes.example/mcp',
    authTime: 1_700_000_000,
    absoluteLifetime: 7_776_000,
    ...overrides,
  };
}

/** The token of one generation of a family made by `familyOf`. */
export function presentedOf(familyId: string, generation: number): PresentedRefreshToken {
  return { familyId, generation, nonceHash: `nonce-hash-of-${familyId}` };
}

/** The rules of a public client, as the server has them by default. */
export const ROTATING: RotationRules = {
  rotates: true,
  replayWindow: 86_400,
  burstWindow: 10,
  reuse: 'revoke',
  idleLifetime: 2_592_000,
  keyId: 'key-2',
};

/** How often each outcome occurs. */
export function countOutcomes(outcomes: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const outcome of outcomes) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}
