const REDACTED = '[redacted]';

/**
 * Members whose value opens a door: parameters, headers and claims by their wire name, and our own names for the same.
 * Compared without case, hyphens and underscores.
 */
const SECRET_MEMBERS: ReadonlySet<string> = new Set(
  (
    'accesstoken assertion authorization authorizationcode body clientassertion clientsecret code codeverifier cookie ' +
    'cookies d dp dq idtoken jwe jws k nonce passphrase passwd password p privatejwk privatekey proxyauthorization q qi ' +
    'refreshtoken requesturi secret sessioncookie setcookie subjecttoken ticket token verifier'
  ).split(' '),
);

// Compact JWS and JWE: dotted segments, of which one is a JSON object in base64url, which begins with "ey". Each run of
// characters is looked at from its beginning only, so that no text, however long and odd, costs more than its length.
const DOTTED = /(?<![\w-])[\w-]+\.[\w-]*\.[\w-]+(?:\.[\w-]*)*/g;
const ENCODED_OBJECT = /(?:^|[.-])ey[\w-]{6}/;
// Our refresh tokens, credentials of a header.
const SECRET_TEXT = /\bgmr_[A-Za-z0-9_-]{8,}|\b(?:Basic|Bearer|DPoP) +[A-Za-z0-9._~+/=-]{4,}/gi;
const SECRET_PARAMETER =
  /\b((?:client_)?(?:secret|assertion)|(?:access_|refresh_|id_|subject_)?token|code(?:_verifier)?|password|ticket|state|request_uri)=[^&\s"'#]+/gi;

const MAX_DEPTH = 6;
const MAX_TEXT = 8_192;

/** The text without anything that looks like a token or a credential. */
export function withoutSecretText(text: string): string {
  const safe = text
    .replace(DOTTED, (dotted) => (ENCODED_OBJECT.test(dotted) ? REDACTED : dotted))
    .replace(SECRET_TEXT, REDACTED)
    .replace(SECRET_PARAMETER, `$1=${REDACTED}`);
  return safe.length > MAX_TEXT ? `${safe.slice(0, MAX_TEXT)}…` : safe;
}

/** A copy of a value that may be written down: secret members and secret-looking text are replaced at every depth. */
export function withoutSecrets(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return withoutSecretText(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return typeof value === 'function' ? undefined : value;
  if (depth >= MAX_DEPTH) return '[deeper]';
  if (value instanceof Error) return describeError(value, depth);
  if (value instanceof URL) return withoutSecretText(`${value.origin}${value.pathname}`);
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return REDACTED;
  if (Array.isArray(value)) return value.map((one) => withoutSecrets(one, depth + 1));
  const copy: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value)) {
    const isSecret = member !== undefined && SECRET_MEMBERS.has(name.toLowerCase().replaceAll(/[-_]/g, ''));
    copy[name] = isSecret ? REDACTED : withoutSecrets(member, depth + 1);
  }
  return copy;
}

// Other members of an error are left out: drivers and HTTP clients hang whole requests on them.
function describeError(error: Error, depth: number): object {
  const { code, reason, dependency } = error as { code?: unknown; reason?: unknown; dependency?: unknown };
  const named = Object.entries({ code, reason, dependency }).filter(([, text]) => typeof text === 'string');
  return {
    type: error.name,
    message: withoutSecretText(error.message),
    ...Object.fromEntries(named),
    ...(error.stack !== undefined && { stack: withoutSecretText(error.stack) }),
    ...(error.cause !== undefined && { cause: withoutSecrets(error.cause, depth + 1) }),
  };
}
