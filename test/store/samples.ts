import type { NewRefreshFamily, RotationRules } from '../../src/tokens/index.ts';

/** When the tests begin. */
export const START = 1_800_000_000;

export const FAMILY: NewRefreshFamily = {
  familyId: 'family-1',
  nonceHash: 'nonce',
  keyId: 'key-1',
  subject: 'alice',
  clientHash: 'client-1',
  clientName: 'Editor',
  scope: 'notes:read',
  resource: 'https://notes.example/mcp',
  authTime: START,
  absoluteLifetime: 7_776_000,
};

export const ROTATING: RotationRules = {
  rotates: true,
  replayWindow: 86_400,
  burstWindow: 10,
  reuse: 'revoke',
  idleLifetime: 2_592_000,
  keyId: 'key-1',
};
