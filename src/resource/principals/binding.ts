import type { Seconds } from '../../oauth/index.ts';
import { decodeBase64url, encodeBase64url } from '../runtime/base64url.ts';
import { type Clock, systemClock } from '../runtime/clock.ts';

/** What a value was issued for, and what is asked of whoever brings it back. All of it has to be the same again. */
export interface BindingContext {
  /** Who it belongs to: `principalOf(accessToken)`. */
  readonly principal: string;
  /** What it is for (`basket`, `requestState`), so that no value stands in for one of another kind. */
  readonly purpose: string;
  /** What else it belongs to, as text: a digest of the request, the name of a tool. */
  readonly context?: string;
}

/** Issues values that leave the server, and knows its own again. */
export interface Binding {
  /**
   * A text for the client to bring back: the value as JSON, readable by whoever holds it, signed for its principal.
   * @param lifetime seconds.
   * @throws TypeError for what is no JSON, RangeError for more than 32 KiB of it and for a lifetime that is none.
   */
  issue(value: unknown, context: BindingContext & { readonly lifetime: Seconds }): Promise<string>;
  /**
   * The value; `undefined` where the text is not ours, was changed, has ended, or belongs to another principal, purpose or
   * context: one answer for all. What may count only once has to be remembered by the server.
   */
  open(text: string, context: BindingContext): Promise<unknown>;
}

const VERSION = 'b1';
const MIN_SECRET_BYTES = 32;
const MAX_LENGTH = 65_536;
const MAX_VALUE_BYTES = 32_768;
const HMAC = { name: 'HMAC', hash: 'SHA-256' };
const FORM = /^b1\.([\w-]+)\.([\w-]{43})$/;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/**
 * Values bound to a principal (MCP 2026-07-28: state handles, `requestState`; session ids before it): what a client brings
 * back is worth something only with a token of the same principal, for a time, unchanged. HMAC-SHA-256 by Web Cryptography;
 * nothing is stored, so every replica with the same secrets knows what another issued.
 *
 * @example
 * ```ts
 * import { createBinding, principalOf } from 'guardmint/resource';
 *
 * const binding = createBinding({ secrets: [secret] });
 * const context = { principal: principalOf(accessToken), purpose: 'basket' };
 * const handle = await binding.issue({ basketId: 7 }, { ...context, lifetime: 3600 });
 * const value = await binding.open(handle, context); // undefined: not theirs
 * ```
 * @param options.secrets at least 32 bytes each. The first signs; all of them are known, so that secrets can be replaced.
 * @throws TypeError for no secret or one that is too short.
 */
export function createBinding(options: {
  readonly secrets: readonly (string | Uint8Array)[];
  readonly clock?: Clock;
}): Binding {
  const { clock = systemClock } = options;
  const secrets = options.secrets.map((one) => (typeof one === 'string' ? encoder.encode(one) : new Uint8Array(one)));
  const [current] = secrets;
  if (current === undefined || secrets.some(({ length }) => length < MIN_SECRET_BYTES))
    throw new TypeError(`secrets: one or more, of ${MIN_SECRET_BYTES} bytes at least`);
  const keys = new Map<Uint8Array, Promise<CryptoKey>>();

  function keyOf(secret: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
    const known = keys.get(secret);
    if (known !== undefined) return known;
    const made = crypto.subtle.importKey('raw', secret, HMAC, false, ['sign', 'verify']);
    keys.set(secret, made);
    return made;
  }

  async function issue(
    value: unknown,
    { lifetime, ...bound }: BindingContext & { lifetime: Seconds },
  ): Promise<string> {
    const json = JSON.stringify(value) as string | undefined;
    if (json === undefined) throw new TypeError('value: JSON');
    if (!(lifetime > 0) || !Number.isFinite(lifetime)) throw new RangeError('lifetime: a number of seconds');
    const bytes = encoder.encode(`[${Math.ceil(clock() + lifetime)},${json}]`);
    if (bytes.length > MAX_VALUE_BYTES) throw new RangeError(`value: ${MAX_VALUE_BYTES} bytes of JSON at most`);
    const payload = encodeBase64url(bytes);
    const mac = await crypto.subtle.sign(
      HMAC,
      await keyOf(current as Uint8Array<ArrayBuffer>),
      macInput(payload, bound),
    );
    return `${VERSION}.${payload}.${encodeBase64url(new Uint8Array(mac))}`;
  }

  async function open(text: string, bound: BindingContext): Promise<unknown> {
    if (typeof text !== 'string' || text.length > MAX_LENGTH) return undefined;
    const [, payload = '', mac = ''] = FORM.exec(text) ?? [];
    const [payloadBytes, macBytes] = [decodeBase64url(payload), decodeBase64url(mac)];
    if (payload === '' || payloadBytes === undefined || macBytes === undefined) return undefined;
    if (!(await isSigned(macInput(payload, bound), macBytes))) return undefined;
    const [expiresAt, value] = JSON.parse(decoder.decode(payloadBytes)) as [number, unknown];
    return clock() < expiresAt ? value : undefined;
  }

  async function isSigned(input: Uint8Array<ArrayBuffer>, mac: Uint8Array<ArrayBuffer>): Promise<boolean> {
    for (const secret of secrets) if (await crypto.subtle.verify(HMAC, await keyOf(secret), mac, input)) return true;
    return false;
  }

  return { issue, open };
}

/** JSON keeps the parts apart, whatever is in them. */
function macInput(payload: string, { principal, purpose, context }: BindingContext): Uint8Array<ArrayBuffer> {
  return encoder.encode(JSON.stringify(['guardmint binding', VERSION, purpose, principal, context ?? null, payload]));
}
