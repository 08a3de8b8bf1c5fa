/** A JSON object as it was parsed. */
export type JsonObject = { [member: string]: unknown };

/**
 * Parses a JSON object and refuses what `JSON.parse` lets through: repeated member names at any depth (RFC 8725 §3.10
 * asks for one meaning), anything but an object, and nesting deeper than 32.
 * `undefined` when the text is not such an object.
 */
export function parseJsonObject(text: string): JsonObject | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isJsonObject(value)) return undefined;
  const members = countMembers(value, 0);
  return members !== undefined && members === countColons(text) ? value : undefined;
}

/** Whether the value is a JSON object (no array, no null). */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

// In valid JSON a colon outside a string separates one member, so text and value disagree exactly when a name repeats.
function countColons(text: string): number {
  let colons = 0;
  let inString = false;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit === 0x22) inString = !inString;
    else if (inString) {
      if (unit === 0x5c) index++;
    } else if (unit === 0x3a) colons++;
  }
  return colons;
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
    const inner = countMembers((value as JsonObject)[name], depth + 1);
    if (inner === undefined) return undefined;
    members += 1 + inner;
  }
  return members;
}
