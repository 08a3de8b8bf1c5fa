import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

/** A key and its certificate, both PEM, with what is needed to sign others. */
export interface Certified {
  readonly key: string;
  readonly cert: string;
  readonly privateKey: KeyObject;
  readonly commonName: string;
}

interface CertificateRequest {
  readonly commonName: string;
  /** DNS names; an authority has none. */
  readonly names?: readonly string[];
  /** Who signs; absent: the certificate signs itself. */
  readonly issuer?: Certified;
  /** Years from today at which it ends. */
  readonly endsInYears?: number;
}

/** An X.509 version 3 certificate (RFC 5280) over a fresh P-256 key, in the little DER that takes. */
export function certify(request: CertificateRequest): Certified {
  const { commonName, names = [], issuer, endsInYears = 1 } = request;
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ecdsaWithSha256 = sequence(oid('2a8648ce3d040302'));
  const year = new Date().getUTCFullYear();
  const extensions = sequence(
    names.length === 0
      ? extension('551d13', sequence(der(0x01, Buffer.from([0xff]))))
      : extension('551d11', sequence(...names.map((name) => der(0x82, Buffer.from(name))))),
  );
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.concat([Buffer.from([0x11]), randomBytes(8)])),
    ecdsaWithSha256,
    distinguishedName(issuer?.commonName ?? commonName),
    sequence(utcTime(year - 3), utcTime(year + endsInYears)),
    distinguishedName(commonName),
    publicKey.export({ format: 'der', type: 'spki' }),
    der(0xa3, extensions),
  );
  const signature = sign('sha256', body, issuer?.privateKey ?? privateKey);
  const certificate = sequence(body, ecdsaWithSha256, der(0x03, Buffer.concat([Buffer.from([0]), signature])));
  return {
    key: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${certificate.toString('base64')}\n-----END CERTIFICATE-----\n`,
    privateKey,
    commonName,
  };
}

function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

const sequence = (...parts: Buffer[]) => der(0x30, Buffer.concat(parts));
const oid = (hex: string) => der(0x06, Buffer.from(hex, 'hex'));
const extension = (hex: string, value: Buffer) => sequence(oid(hex), der(0x04, value));
const distinguishedName = (commonName: string) =>
  sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(commonName)))));
const utcTime = (year: number) => der(0x17, Buffer.from(`${String(year % 100).padStart(2, '0')}0101000000Z`));
