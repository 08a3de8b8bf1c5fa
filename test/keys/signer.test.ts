import { generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import fc from 'fast-check';
import { compactVerify, importJWK } from 'jose';
import { describe, expect, it } from 'vitest';
import { createLocalSigner, joseSignature, type SigningAlg } from '../../src/keys/index.ts';
import { generatePrivateKey, toPublicJwk } from '../../src/keys/key-material.ts';
import { UnavailableError } from '../../src/oauth/index.ts';

const ALGS: readonly SigningAlg[] = ['ES256', 'ES384', 'EdDSA', 'RS256', 'PS256', 'ML-DSA-44'];
const live = () => new AbortController().signal;

async function signerFor(alg: SigningAlg) {
  const privateKey = await generatePrivateKey(alg);
  const publicJwk = await toPublicJwk(privateKey.export({ format: 'jwk' }) as Record<string, unknown>, alg);
  return createLocalSigner(publicJwk, privateKey);
}

describe('a local signer', () => {
  it.each(ALGS)('signs %s in JOSE form, which jose verifies', async (alg) => {
    const signer = await signerFor(alg);
    const input = `${Buffer.from(JSON.stringify({ alg })).toString('base64url')}.e30`;
    const signature = await signer.sign(Buffer.from(input), { signal: live() });
    const key = await importJWK({ ...signer.publicJwk }, alg);
    const verified = await compactVerify(`${input}.${Buffer.from(signature).toString('base64url')}`, key);
    expect(verified.protectedHeader).toEqual({ alg });
  });

  it.each(['ES256', 'ES384', 'EdDSA'] as const)('signs %s at once', async (alg) => {
    const signer = await signerFor(alg);
    expect(signer.sign(Buffer.from('x'), { signal: live() })).toBeInstanceOf(Uint8Array);
  });

  it.each(['RS256', 'PS256', 'ML-DSA-44'] as const)('signs %s off the event loop', async (alg) => {
    const signer = await signerFor(alg);
    expect(signer.sign(Buffer.from('x'), { signal: live() })).toBeInstanceOf(Promise);
  });

  it('does not sign for a caller that gave up', async () => {
    const signer = await signerFor('ES256');
    expect(() => signer.sign(Buffer.from('x'), { signal: AbortSignal.abort() })).toThrow(UnavailableError);
  });
});

describe('the JOSE form of an ECDSA signature', () => {
  it.each([
    ['P-256', 'sha256', 32],
    ['P-384', 'sha384', 48],
  ] as const)('verifies for every %s signature', (namedCurve, hash, size) => {
    const { privateKey, publicKey }: { privateKey: KeyObject; publicKey: KeyObject } = generateKeyPairSync('ec', {
      namedCurve,
    });
    for (let round = 0; round < 300; round++) {
      const input = Buffer.from(`${round}`);
      const signature = joseSignature(sign(hash, input, privateKey), size);
      expect(verify(hash, input, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature)).toBe(true);
    }
  });

  it('pads short integers and drops the sign byte of long ones', () => {
    const integer = fc.uint8Array({ minLength: 1, maxLength: 32 });
    fc.assert(
      fc.property(integer, integer, (r, s) => {
        const der = Buffer.concat([derInteger(r), derInteger(s)]);
        const signature = joseSignature(Buffer.concat([Buffer.from([0x30, der.length]), der]), 32);
        expect(Buffer.from(signature).toString('hex')).toBe(padded(r) + padded(s));
      }),
    );
  });
});

function padded(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex').padStart(64, '0');
}

function derInteger(bytes: Uint8Array): Buffer {
  const firstDigit = bytes.findIndex((byte) => byte !== 0);
  const minimal = firstDigit === -1 ? Buffer.from([0]) : Buffer.from(bytes.subarray(firstDigit));
  const content = (minimal[0] ?? 0) > 0x7f ? Buffer.concat([Buffer.from([0]), minimal]) : minimal;
  return Buffer.concat([Buffer.from([0x02, content.length]), content]);
}
