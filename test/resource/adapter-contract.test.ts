import { describe } from 'vitest';
import { testAdapter } from './adapter-contract.ts';
import { ADAPTERS } from './adapters.ts';
import { testMetadata } from './metadata-contract.ts';
import { testOrigins } from './origin-contract.ts';

describe.each(ADAPTERS)('$name', (adapter) => {
  testAdapter(adapter);
  testMetadata(adapter);
  testOrigins(adapter);
});
