import { z } from 'zod';
import { canonicalResource, findIssuerFault, isScopeToken } from '../oauth/index.ts';
import { text } from './fields.ts';

const RESOURCE_FAULT = 'must be an absolute http or https URI without fragment or user information (RFC 8707 §2)';

/** A resource indicator, in its canonical spelling. */
export const resourceIdentifier = text().transform((value, context) => {
  const canonical = canonicalResource(value);
  if (canonical !== undefined) return canonical;
  context.addIssue({ code: 'custom', message: RESOURCE_FAULT });
  return z.NEVER;
});

/** An issuer identifier of ours (RFC 8414 §2). */
export const issuerIdentifier = text().superRefine((value, context) => {
  const fault = findIssuerFault(value);
  if (fault !== undefined) context.addIssue({ code: 'custom', message: fault });
});

/** One scope name (RFC 6749 §3.3). */
export const scopeName = text(256).refine(isScopeToken, {
  error: 'must be a scope name: printable ASCII without space, quote and backslash (RFC 6749 §3.3)',
});

/** A digest the operator writes down in place of a secret. */
export const sha256Text = (what: string) =>
  text().regex(/^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/, {
    error: `must be the SHA-256 of ${what} in base64url: 43 characters, never ${what} itself`,
  });

/** The address of a page. */
export const link = text().refine((value) => /^https?:\/\//i.test(value) && URL.canParse(value), {
  error: 'must be an http or https URL',
});
