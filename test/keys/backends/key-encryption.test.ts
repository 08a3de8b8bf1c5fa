import { CompactEncrypt, decodeProtectedHeader } from 'jose';
import { describe, expect, it } from 'vitest';
import { createKeyEncryption, KeySecretError, parseKeySecret } from '../../../src/keys/index.ts';
import { systemRandom } from '../../../src/platform/index.ts';

const CONTENT = Buffer.from('a private key');
const PASSPHRASE = 'passphrase:correct horse battery staple';
const encryptionOf = (...lines: string[]) => createKeyEncryption(parseKeySecret(lines.join('\n')));
const headerOf = (jwe: string) => decodeProtectedHeader(jwe) as Record<string, unknown>;

describe('a secret of keys', () => {
  it.each([
    ['', 'is empty'],
    ['\n \n', 'is empty'],
    ['short', 'must be 32 bytes in base64url'],
    [systemRandom(16), 'must be 32 bytes in base64url'],
    [systemRandom(33), 'must be 32 bytes in base64url'],
    [`${systemRandom(32)}=`, 'must be 32 bytes in base64url'],
    ['a passphrase without its word in front', 'must be 32 bytes in base64url'],
    ['passphrase:too short', 'has a passphrase of fewer than 16 characters'],
    [Array.from({ length: 9 }, () => systemRandom(32)).join('\n'), 'has more than 8 lines'],
  ])('that is %j is refused and not quoted', (secret, message) => {
    let refusal: unknown;
    try {
      parseKeySecret(secret);
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toBeInstanceOf(KeySecretError);
    expect(String(refusal)).toContain(message);
    if (secret.trim().length > 8) expect(String(refusal)).not.toContain(secret.slice(-8));
  });

  it('may have blank lines and line breaks of any system', () => {
    expect(parseKeySecret(`\r\n${systemRandom(32)}\r\n${PASSPHRASE}\n`).map(({ alg }) => alg)).toEqual([
      'A256GCMKW',
      'PBES2-HS512+A256KW',
    ]);
  });
});

describe.each([
  ['32 bytes', systemRandom(32)],
  ['a passphrase', PASSPHRASE],
])('encryption under %s', (_what, line) => {
  it('gives back what it sealed, with the header it was bound to', async () => {
    const jwe = await encryptionOf(line).seal(CONTENT, { typ: 'x', family: 'signing' });
    const opened = await encryptionOf(line).open(jwe);
    expect(opened).toMatchObject({ header: { typ: 'x', family: 'signing' } });
    expect(typeof opened === 'object' && Buffer.from(opened.content)).toEqual(CONTENT);
  });

  it('seals no two times alike, and tells nothing of the secret', async () => {
    const encryption = encryptionOf(line);
    const one = await encryption.seal(CONTENT, {});
    const other = await encryption.seal(CONTENT, {});
    expect(one.split('.').filter((part) => other.split('.').includes(part)).length).toBeLessThanOrEqual(1);
    expect(JSON.stringify(headerOf(one))).not.toContain(line.slice(0, 12));
  });

  it('finds every changed part', async () => {
    const encryption = encryptionOf(line);
    const parts = (await encryption.seal(CONTENT, { family: 'signing' })).split('.');
    for (const [index, part] of parts.entries()) {
      const bytes = Buffer.from(part, 'base64url');
      bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
      const changed = parts.with(index, bytes.toString('base64url')).join('.');
      expect(['tampered', 'unknown']).toContain(await encryption.open(changed));
    }
    for (const text of ['', '....', 'x', '{}']) expect(await encryption.open(text)).toBe('tampered');
  });

  it('opens nothing that another secret sealed, and says so', async () => {
    const jwe = await encryptionOf(systemRandom(32)).seal(CONTENT, {});
    expect(await encryptionOf(line).open(jwe)).toBe('unknown');
    expect(await encryptionOf('passphrase:another passphrase here').open(jwe)).toBe('unknown');
  });

  it('opens what an older secret sealed and writes under the first', async () => {
    const older = encryptionOf(line);
    const both = encryptionOf(systemRandom(32), line);
    const jwe = await older.seal(CONTENT, {});
    expect(await both.open(jwe)).toMatchObject({ content: expect.anything() });
    expect(both.isCurrent(jwe)).toBe(false);
    const again = await both.seal(CONTENT, {});
    expect(both.isCurrent(again)).toBe(true);
    expect(await older.open(again)).toBe('unknown');
  });
});

describe('work for a passphrase', () => {
  it('is bounded, whatever the file asks for', async () => {
    const secret = Buffer.from(PASSPHRASE.slice('passphrase:'.length));
    const forge = (p2c: number) =>
      new CompactEncrypt(CONTENT)
        .setProtectedHeader({ alg: 'PBES2-HS512+A256KW', enc: 'A256GCM', kid: 'passphrase' })
        .setKeyManagementParameters({ p2c })
        .encrypt(secret);
    expect(await encryptionOf(PASSPHRASE).open(await forge(1_000_001))).toBe('unknown');
    expect(await encryptionOf(PASSPHRASE).open(await forge(1_000_000))).toMatchObject({ content: expect.anything() });
  });

  it('is as much as is recommended for what we write', async () => {
    const jwe = await encryptionOf(PASSPHRASE).seal(CONTENT, {});
    expect(headerOf(jwe)).toMatchObject({ alg: 'PBES2-HS512+A256KW', p2c: 210_000 });
  });

  it('is never done for a text that names another kind of key', async () => {
    const jwe = await new CompactEncrypt(CONTENT)
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid: 'passphrase' })
      .encrypt(Buffer.alloc(32));
    expect(await encryptionOf(PASSPHRASE).open(jwe)).toBe('unknown');
  });
});
