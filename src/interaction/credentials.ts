const MAX_USERNAME_LENGTH = 128;

/**
 * The one spelling of a username: without surrounding space, NFKC and lower case, so that two names people cannot tell
 * apart are not two accounts. `undefined` when it can be nobody's name: empty, longer than 128 characters, or with
 * anything but letters, digits and `. _ - + @`.
 */
export function normaliseUsername(text: string): string | undefined {
  if (text.length > MAX_USERNAME_LENGTH) return undefined;
  const folded = text.trim().normalize('NFKC').toLowerCase().normalize('NFKC');
  if (folded.length > MAX_USERNAME_LENGTH || !/^[\p{L}\p{M}\p{N}._@+-]+$/u.test(folded)) return undefined;
  return folded;
}

const MAX_PASSWORD_LENGTH = 1024;

/**
 * A password as it is hashed: the OpaqueString profile (RFC 8265 §4.2): every space is U+0020, then NFC, so that one
 * password typed on two systems is one password. `undefined` when it is empty or longer than 1,024 characters.
 */
export function preparePassword(text: string): string | undefined {
  if (text === '' || text.length > MAX_PASSWORD_LENGTH) return undefined;
  return text.replace(/\p{Zs}/gu, ' ').normalize('NFC');
}
