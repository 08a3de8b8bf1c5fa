/**
 * testing: the contracts a driver has to pass, for whoever writes one. They need no test runner of their own: `describe`
 * and `it` are handed in, assertions are those of `node:assert`. Published as `guardmint/testing`.
 *
 * May import: oauth, platform, tokens.
 */
export type { OpenTokenStore, TestRunner, TokenStoreSubject, TokenStoreTraits } from './subject.ts';
export { describeTokenStore } from './token-store-contract.ts';
