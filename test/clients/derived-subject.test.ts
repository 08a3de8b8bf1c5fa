import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { derivedSubject } from '../../src/clients/index.ts';
import { fencesOf } from '../support/page-examples.ts';

test('the subject of a person of an upstream provider is what docs/migration/README.md computes', async () => {
  const page = readFileSync(new URL('../../docs/migration/README.md', import.meta.url), 'utf8');
  const code = fencesOf(page).find((fence) => fence.code.includes('function subjectOf'))?.code ?? '';
  const module = `data:text/javascript,${encodeURIComponent(stripTypeScriptTypes(code))}`;
  const { subjectOf } = (await import(module)) as { subjectOf: (...given: unknown[]) => string };

  fc.assert(
    fc.property(fc.webUrl(), fc.string(), fc.option(fc.string(), { nil: undefined }), (issuer, sub, tenant) => {
      const person = { issuer, sub, ...(tenant !== undefined && { tenant }) };
      expect(subjectOf(issuer, sub, tenant)).toBe(derivedSubject(person));
    }),
  );
});
