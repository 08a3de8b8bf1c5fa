/** The r‖s form of an ECDSA signature (RFC 7518 §3.4) as the DER form OpenSSL reads natively; both halves `size` bytes. */
export function ecdsaToDer(signature: Uint8Array, size: number): Buffer {
  const r = integerStart(signature, 0, size);
  const s = integerStart(signature, size, 2 * size);
  const rPad = (signature[r] ?? 0) >> 7;
  const sPad = (signature[s] ?? 0) >> 7;
  const rLength = size - r + rPad;
  const sLength = 2 * size - s + sPad;
  const length = rLength + sLength + 4;
  const long = length > 127 ? 1 : 0;
  const der = Buffer.allocUnsafe(length + 2 + long);
  let at = 0;
  der[at++] = 0x30;
  if (long === 1) der[at++] = 0x81;
  der[at++] = length;
  at = writeInteger(der, at, signature, r, size, rPad);
  writeInteger(der, at, signature, s, 2 * size, sPad);
  return der;
}

function integerStart(bytes: Uint8Array, from: number, end: number): number {
  let start = from;
  while (start < end - 1 && bytes[start] === 0) start++;
  return start;
}

function writeInteger(der: Buffer, from: number, bytes: Uint8Array, start: number, end: number, pad: number): number {
  let at = from;
  der[at++] = 0x02;
  der[at++] = end - start + pad;
  if (pad === 1) der[at++] = 0;
  for (let index = start; index < end; index++) der[at++] = bytes[index] ?? 0;
  return at;
}

const SEQUENCE = 0x30;
const BIT_STRING = 0x03;

function element(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

// In hexadecimal, so that nothing is made of them where there is no Buffer.
const RSASSA_PSS = '06092a864886f70d01010a';
const MGF1 = '06092a864886f70d010108';
const SHA2 = {
  sha256: '0609608648016503040201',
  sha384: '0609608648016503040202',
  sha512: '0609608648016503040203',
} as const;

/**
 * A SubjectPublicKeyInfo of type RSASSA-PSS (RFC 4055 §1.2) around a PKCS #1 RSAPublicKey, bound to one hash, MGF1 with
 * the same hash, and a salt as long as the hash (RFC 7518 §3.5).
 */
export function pssPublicKeyInfo(rsaPublicKey: Uint8Array, hash: keyof typeof SHA2): Buffer {
  const identifier = (hex: string) => Buffer.from(hex, 'hex');
  const digest = element(SEQUENCE, identifier(SHA2[hash]));
  const saltLength = Number(hash.slice(3)) / 8;
  const parameters = element(
    SEQUENCE,
    element(0xa0, digest),
    element(0xa1, element(SEQUENCE, identifier(MGF1), digest)),
    element(0xa2, element(0x02, Buffer.from([saltLength]))),
  );
  return element(
    SEQUENCE,
    element(SEQUENCE, identifier(RSASSA_PSS), parameters),
    element(BIT_STRING, Buffer.from([0]), rsaPublicKey),
  );
}
