import { isJsonObject, type JsonObject } from '../oauth/index.ts';

/** The claim of a name, or the one a JSON Pointer (RFC 6901) leads to through objects. */
export function claimAt(claims: JsonObject, name: string): unknown {
  const path = name.startsWith('/')
    ? name
        .slice(1)
        .split('/')
        .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    : [name];
  return path.reduce<unknown>(
    (inner, part) => (isJsonObject(inner) && Object.hasOwn(inner, part) ? inner[part] : undefined),
    claims,
  );
}
