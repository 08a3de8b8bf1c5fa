import { describe, expect, it, vi } from 'vitest';
import {
  createMetadataDocumentClients,
  type DocumentTrust,
  isDocumentTrustEntry,
  isMetadataDocumentClientId,
} from '../../src/clients/index.ts';
import type { GuardedFetch } from '../../src/platform/index.ts';

const clientsWith = (trust: DocumentTrust, fetch: GuardedFetch = vi.fn()) =>
  createMetadataDocumentClients({ fetch, clock: () => 1_800_000_000, policy: { trust } });

describe('the trust policy for metadata documents [CI-16]', () => {
  it('is open unless it says otherwise', () => {
    expect(clientsWith({}).isAdmitted('https://anybody.example/c')).toBe(true);
  });

  it('admits what the allow list names: a host, the hosts below one, one document', () => {
    const clients = clientsWith({ allow: ['claude.ai', '*.example.com', 'https://pages.example/me/client.json'] });
    const admitted = ['https://claude.ai/c', 'https://a.example.com/c', 'https://pages.example/me/client.json'];
    const others = [
      'https://www.claude.ai/c',
      'https://claude.ai.evil.example/c',
      'https://notclaude.ai/c',
      'https://example.com/c',
      'https://evilexample.com/c',
      'https://pages.example/you/client.json',
      'https://pages.example/me/client.json?x=1',
    ];
    expect(admitted.filter(clients.isAdmitted)).toEqual(admitted);
    expect(others.filter(clients.isAdmitted)).toEqual([]);
  });

  it('admits nobody with an empty allow list', () => {
    expect(clientsWith({ allow: [] }).isAdmitted('https://claude.ai/c')).toBe(false);
  });

  it('lets the deny list win', () => {
    const clients = clientsWith({ allow: ['*.example.com'], deny: ['bad.example.com', 'https://a.example.com/old'] });
    expect(clients.isAdmitted('https://a.example.com/c')).toBe(true);
    expect(clients.isAdmitted('https://a.example.com/old')).toBe(false);
    expect(clients.isAdmitted('https://bad.example.com/c')).toBe(false);
  });

  it('refuses a client it does not trust without fetching anything', async () => {
    const fetch = vi.fn();
    const clients = clientsWith({ deny: ['bad.example'] }, fetch);

    await expect(clients.find('https://bad.example/c')).rejects.toMatchObject({ reason: 'client_document_refused' });
    expect(fetch).not.toHaveBeenCalled();
  });

  it.each(['claude.ai', '*.example.com', 'xn--bcher-kva.example', 'https://pages.example/me/client.json', 'localhost'])(
    'takes the entry %s',
    (entry) => expect(isDocumentTrustEntry(entry)).toBe(true),
  );

  it.each(['', '*', '*.', 'Claude.ai', 'claude.ai/', 'claude.ai:443', 'bücher.example', 'https://claude.ai', 'a b'])(
    'does not take the entry "%s", which would match nothing',
    (entry) => expect(isDocumentTrustEntry(entry)).toBe(false),
  );
});

describe('client_ids that are the URL of a document [CI-02]', () => {
  const REFUSED = [
    ['AS-CM-01 http scheme', 'http://client.example/c.json'],
    ['AS-CM-09 empty fragment', 'https://client.example/c#'],
    ['fragment', 'https://client.example/c#f'],
    ['AS-CM-11 empty userinfo', 'https://@client.example/c'],
    ['userinfo', 'https://user:pass@client.example/c'],
    ['AS-CM-13 one slash', 'https:/client.example/c'],
    ['AS-CM-14 no slash', 'https:client.example/c'],
    ['AS-CM-15 three slashes', 'https:///c'],
    ['AS-CM-17 tab inside', 'https://client.example/\tc'],
    ['line feed at the end', 'https://client.example/c\n'],
    ['space before', ' https://client.example/c'],
    ['AS-CM-19 backslash', 'https://client.example\\c'],
    ['AS-CM-20 IP literal 127.0.0.1', 'https://127.0.0.1/c'],
    ['AS-CM-22 decimal IP', 'https://2130706433/c'],
    ['AS-CM-24 octal IP', 'https://0177.0.0.1/c'],
    ['AS-CM-26 mapped IPv6', 'https://[::ffff:127.0.0.1]/c'],
    ['AS-CM-27 169.254.169.254', 'https://169.254.169.254/latest'],
    ['AS-CM-33 198.18.0.1 bench', 'https://198.18.0.1/c'],
    ['AS-CM-34 0.0.0.0', 'https://0.0.0.0/c'],
    ['AS-CM-35 255.255.255.255', 'https://255.255.255.255/c'],
    ['public IP literal', 'https://93.184.216.34/c'],
    ['AS-CM-37 fe80::1', 'https://[fe80::1]/c'],
    ['AS-CM-38 fc00::1', 'https://[fc00::1]/c'],
    ['AS-CM-39 64:ff9b::7f00:1 NAT64', 'https://[64:ff9b::7f00:1]/c'],
    ['AS-CM-41 :: unspecified', 'https://[::]/c'],
    ['localhost', 'https://localhost/c'],
    ['AS-CM-43 localhost.', 'https://localhost./c'],
    ['AS-CM-45 .internal', 'https://metadata.google.internal/c'],
    ['AS-CM-47 odd port 22', 'https://client.example:22/c'],
    ['default port', 'https://client.example:443/c'],
    ['no path', 'https://client.example'],
    ['dot segment', 'https://client.example/a/../c'],
    ['single dot segment', 'https://client.example/./c'],
    ['encoded dot segment', 'https://client.example/%2e%2e/c'],
    ['upper case host', 'https://Client.example/c'],
    ['upper case scheme', 'HTTPS://client.example/c'],
    ['IDN look-alike', 'https://cl\u0430ude.ai/c'],
    ['full-width dot', 'https://client\uff0eexample/c'],
    ['too long', `https://client.example/${'c'.repeat(2_048)}`],
    ['no URL', 'my-client'],
    ['nothing', ''],
  ] as const;

  it.each(REFUSED)('are not: %s; nobody is asked about it', async (_case, clientId) => {
    const fetch = vi.fn();

    expect(isMetadataDocumentClientId(clientId)).toBe(false);
    expect(await clientsWith({}, fetch).find(clientId)).toBeUndefined();
    expect(fetch).not.toHaveBeenCalled();
  });

  it.each([
    'https://claude.ai/oauth/claude-code-client-metadata',
    'https://client.example/',
    'https://client.example:8443/c.json',
    'https://client.example/c?v=1',
    'https://xn--bcher-kva.example/c',
  ])('are: %s', (clientId) => {
    expect(isMetadataDocumentClientId(clientId)).toBe(true);
  });

  it('are on this machine only where the issuer is', () => {
    const local = [
      'http://localhost:8080/c',
      'http://127.0.0.1:8080/c',
      'https://localhost:8443/c',
      'http://[::1]:1234/c',
    ];
    expect(local.filter((clientId) => isMetadataDocumentClientId(clientId))).toEqual([]);
    expect(local.filter((clientId) => isMetadataDocumentClientId(clientId, { allowLoopback: true }))).toEqual(local);
  });
});
