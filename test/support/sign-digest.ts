import { constants, createECDH, createHash, type KeyObject, privateEncrypt, randomBytes } from 'node:crypto';

/** How a digest is signed. */
export type DigestScheme = 'ecdsa' | 'pkcs1' | 'pss';

/**
 * The signature of a digest, as services make it that are handed digests; Node signs messages only. ECDSA is answered
 * as its two integers. For fakes: nothing here takes constant time.
 */
export function signDigest(privateKey: KeyObject, scheme: DigestScheme, digest: Buffer): Buffer {
  if (scheme === 'ecdsa') return signEcdsa(privateKey, digest);
  const { modulusLength = 2048 } = privateKey.asymmetricKeyDetails ?? {};
  if (scheme === 'pss')
    return privateEncrypt({ key: privateKey, padding: constants.RSA_NO_PADDING }, encodePss(digest, modulusLength));
  const info = Buffer.concat([Buffer.from('3031300d060960864801650304020105000420', 'hex'), digest]);
  return privateEncrypt({ key: privateKey, padding: constants.RSA_PKCS1_PADDING }, info);
}

/** r‖s as ECDSA-Sig-Value (RFC 3279 §2.2.3). */
export function derSignature(joined: Buffer): Buffer {
  const size = joined.length / 2;
  const integers = [joined.subarray(0, size), joined.subarray(size)].map((bytes) => {
    const digits = bytes.subarray(
      Math.max(
        0,
        bytes.findIndex((byte) => byte !== 0),
      ),
    );
    const positive = (digits[0] ?? 0) > 127 ? Buffer.concat([Buffer.alloc(1), digits]) : digits;
    return Buffer.concat([Buffer.from([2, positive.length]), positive]);
  });
  const content = Buffer.concat(integers);
  return Buffer.concat([Buffer.from([0x30, content.length]), content]);
}

const CURVES: Readonly<Record<string, { readonly name: string; readonly size: number; readonly order: bigint }>> = {
  'P-256': {
    name: 'prime256v1',
    size: 32,
    order: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  },
  'P-384': {
    name: 'secp384r1',
    size: 48,
    order: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  },
};

function signEcdsa(privateKey: KeyObject, digest: Buffer): Buffer {
  const { crv = '', d = '' } = privateKey.export({ format: 'jwk' });
  const curve = CURVES[crv];
  if (curve === undefined) throw new Error('not a curve of ours');
  const { name, size, order } = curve;
  const ecdh = createECDH(name);
  ecdh.generateKeys();
  const k = toInteger(ecdh.getPrivateKey());
  const r = toInteger(ecdh.getPublicKey().subarray(1, 1 + size)) % order;
  const s = (inverse(k, order) * (toInteger(digest) + r * toInteger(Buffer.from(d, 'base64url')))) % order;
  return Buffer.concat([r, s].map((integer) => Buffer.from(integer.toString(16).padStart(2 * size, '0'), 'hex')));
}

function toInteger(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString('hex')}`);
}

function inverse(value: bigint, order: bigint): bigint {
  let [a, b, x, y] = [value % order, order, 1n, 0n];
  while (a > 1n) {
    const quotient = b / a;
    [a, b, x, y] = [b % a, a, y - quotient * x, x];
  }
  return ((x % order) + order) % order;
}

/** EMSA-PSS (RFC 8017 §9.1.1) with SHA-256 and a salt of its length. */
function encodePss(digest: Buffer, bits: number): Buffer {
  const sha256 = (...parts: readonly Buffer[]) => createHash('sha256').update(Buffer.concat(parts)).digest();
  const salt = randomBytes(32);
  const hash = sha256(Buffer.alloc(8), digest, salt);
  const size = bits / 8 - 33;
  const block = Buffer.concat([Buffer.alloc(size - 33), Buffer.from([1]), salt]);
  const mask: Buffer[] = [];
  for (let counter = 0; counter * 32 < size; counter++) mask.push(sha256(hash, Buffer.from([0, 0, 0, counter])));
  const masked = Buffer.concat(mask).subarray(0, size);
  block.forEach((byte, index) => {
    masked[index] = (masked[index] ?? 0) ^ byte;
  });
  masked[0] = (masked[0] ?? 0) & 0x7f;
  return Buffer.concat([masked, hash, Buffer.from([0xbc])]);
}
