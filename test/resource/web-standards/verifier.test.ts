/** The tests of ../verifier.test.ts where only the web standards are at hand: Web Cryptography, no Buffer, no node:http. */
import { vi } from 'vitest';

vi.mock('../../../src/resource/runtime/node-module.ts', () => import('./without-node.ts'));

await import('../verifier.test.ts');
