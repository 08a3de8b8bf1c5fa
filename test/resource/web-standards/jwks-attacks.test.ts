/** The tests of ../jwks-attacks.test.ts where only the web standards are at hand: Web Cryptography, no Buffer, no node:http. */
import { vi } from 'vitest';

vi.mock('../../../src/resource/runtime/node-module.ts', () => import('./without-node.ts'));

await import('../jwks-attacks.test.ts');
