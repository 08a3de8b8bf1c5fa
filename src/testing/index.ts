/**
 * testing: the contracts that a token store and a place for keys have to pass, for whoever writes one. They need no test runner
 * of their own: `describe` and `it` are handed in, assertions are those of `node:assert`. Published as `guardmint/testing`.
 *
 * May import: oauth, platform, keys, tokens.
 */
export type { KeyBackendTraits, KeyPlace, OpenKeyPlace } from './key-backend-contract.ts';
export { describeKeyBackend } from './key-backend-contract.ts';
export type { OpenTokenStore, TestRunner, TokenStoreSubject, TokenStoreTraits } from './subject.ts';
export { describeTokenStore } from './token-store-contract.ts';
