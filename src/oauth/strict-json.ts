/** A JSON object as it was parsed. */
export type JsonObject = { [member: string]: unknown };

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Parses a JSON object and refuses what `JSON.parse` lets through: repeated member names at any depth (RFC 8725 §3.10
 * asks for one meaning), anything but an object, and nesting deeper than 32.
 * `undefined` when the text is not such an object.
 */
export function parseJsonObject(text: string): JsonObject | undefined {
  return parseEncoded(text, encoder.encode(text));
}

/** The same for a JSON text as it was received; bytes that are not UTF-8 are no such object (RFC 8259 §8.1). */
export function parseJsonBytes(bytes: Uint8Array): JsonObject | undefined {
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    return undefined;
  }
  return parseEncoded(text, bytes);
}

function parseEncoded(text: string, bytes: Uint8Array): JsonObject | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isJsonObject(value)) return undefined;
  const members = countMembers(value, 0);
  return members !== undefined && members === countColons(bytes) ? value : undefined;
}

/** Whether the value is a JSON object (no array, no null). */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

// In valid JSON a colon outside a string separates one member, so text and value disagree exactly when a name repeats.
function countColons(json: Uint8Array): number {
  const end = json.length;
  let colons = 0;
  for (let index = 0; index < end; index++) {
    if (json[index] === 0x3a) colons++;
    else if (json[index] === 0x22) index = closingQuote(json, index + 1);
  }
  return colons;
}

function closingQuote(json: Uint8Array, from: number): number {
  let index = from;
  for (; index < json.length && json[index] !== 0x22; index++) if (json[index] === 0x5c) index++;
  return index;
}

function countMembers(value: unknown, depth: number): number | undefined {
  if (typeof value !== 'object' || value === null) return 0;
  if (depth > 32) return undefined;
  let members = 0;
  if (Array.isArray(value)) {
    for (const item of value) {
      const inner = countMembers(item, depth + 1);
      if (inner === undefined) return undefined;
      members += inner;
    }
    return members;
  }
  for (const name of Object.keys(value)) {
    members += 1;
    const member = (value as JsonObject)[name];
    if (typeof member !== 'object') continue;
    const inner = countMembers(member, depth + 1);
    if (inner === undefined) return undefined;
    members += inner;
  }
  return members;
}
