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

test('no two people of issuers are one, however their names are written [JWT-UPSTREAM-22]', () => {
  const part = fc.oneof(fc.string(), fc.constantFrom('a|b', 'a', 'b', '|', '"', '","', '\\', ''));
  const person = fc.record({ issuer: part, tenant: fc.option(part, { nil: undefined }), sub: part });
  fc.assert(
    fc.property(person, person, (one, other) => {
      const isOne = one.issuer === other.issuer && one.tenant === other.tenant && one.sub === other.sub;
      expect(derivedSubject(one) === derivedSubject(other)).toBe(isOne);
    }),
  );
});
