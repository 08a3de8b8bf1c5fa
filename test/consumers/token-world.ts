import { createPrivateKey, createPublicKey, type JsonWebKey, randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { clientHash } from '../../src/clients/index.ts';
import { createFileKeyBackend } from '../../src/keys/index.ts';
import { UnavailableError } from '../../src/oauth/index.ts';
import { systemRandom } from '../../src/platform/index.ts';
import { createMemoryStore } from '../../src/store/memory/index.ts';
import type { TokenStore } from '../../src/tokens/index.ts';
import { encode, type Forgery, forge } from '../resource/issuer.ts';
import { OTHER_RESOURCE, RESOURCE, type RunningGuardmint, startGuardmint } from '../support/guardmint.ts';
import { signBytes, type TestSigner, testSigner } from '../support/keys.ts';

export const SCOPE = 'mcp:read';

/** A running authorization server, and the key it signs with in the hands of the test. */
export interface TokenWorld extends AsyncDisposable {
  readonly server: RunningGuardmint;
  /** A token that a client got by signing in. */
  grant(parameters?: Record<string, string>): Promise<string>;
  /** A token signed with the key of the server that is in force: good, but for what the forgery says. */
  sign(forgery?: Forgery): Promise<string>;
  /** Every kind of token that must be refused, by what is wrong with it; and what it is answered with. */
  badTokens(): Promise<readonly (readonly [fault: string, token: string])[]>;
  deny(kind: 'jti' | 'grant' | 'subject' | 'client' | 'all', id?: string): Promise<void>;
  /** Ends the signing key in force, as `keys rotate --emergency` does; answers when another one is. */
  endSigningKey(): Promise<void>;
}

export async function startTokenWorld(options: { revocations?: false } = {}): Promise<TokenWorld> {
  const server = await startGuardmint({ ...(options.revocations === false && { store: createMuteStore }) });
  const directory = String(server.settings['keysDir'] ?? '');

  async function grant(parameters: Record<string, string> = {}): Promise<string> {
    return (await server.grant({ parameters })).access_token;
  }

  /** The private half from the folder: on the machine itself keys lie in clear. */
  async function signer(): Promise<TestSigner> {
    const { kid } = server.guardmint.keys.signer();
    for (const name of await readdir(directory)) {
      if (!name.startsWith('signing-')) continue;
      const file = JSON.parse(await readFile(join(directory, name), 'utf8')) as {
        kid: string;
        private: { jwk: JsonWebKey };
      };
      if (file.kid !== kid) continue;
      const privateKey = createPrivateKey({ key: file.private.jwk, format: 'jwk' });
      const { alg, publicJwk } = server.guardmint.keys.signer();
      const publicKey = createPublicKey(privateKey);
      return { kid, alg, publicJwk, privateKey, publicKey, sign: (input) => signBytes(alg, privateKey, input) };
    }
    throw new Error(`the folder has no key ${kid}`);
  }

  /** Everything that differs from one good token to the next. */
  function claims(): Record<string, unknown> {
    const now = server.now();
    const [jti, gid, sub, client] = Array.from({ length: 4 }, () => encode(randomUUID()));
    return {
      iss: server.issuer,
      aud: RESOURCE,
      iat: now - 60,
      exp: now + 600,
      jti,
      gid,
      sub,
      client_id: client,
      auth_time: now - 60,
    };
  }

  async function sign(forgery: Forgery = {}): Promise<string> {
    return forge({ ...forgery, claims: { ...claims(), ...forgery.claims } }, await signer());
  }

  async function badTokens(): Promise<readonly (readonly [string, string])[]> {
    const own = await signer();
    const now = server.now();
    const pem = own.publicKey.export({ type: 'spki', format: 'pem' });
    const foreign = testSigner('ES256', 'foreign');
    const [head = '', , tail = ''] = (await sign()).split('.');
    return [
      ['for another resource', await grant({ resource: OTHER_RESOURCE, scope: 'calc:use' })],
      ['for another resource, with our scope', await sign({ claims: { aud: OTHER_RESOURCE } })],
      ['expired', await sign({ claims: { iat: now - 700, exp: now - 60 } })],
      ['not valid yet', await sign({ claims: { nbf: now + 300 } })],
      ['of another issuer', await sign({ claims: { iss: 'https://as.example.test' } })],
      ['without a signature', await sign({ header: { alg: 'none' }, signing: { bytes: Buffer.alloc(0) } })],
      ['alg none, with a signature', await sign({ header: { alg: 'none' } })],
      ['HS256 with the public key as PEM', await sign({ header: { alg: 'HS256' }, signing: { hmac: pem } })],
      [
        'HS256 with the JWK',
        await sign({ header: { alg: 'HS256' }, signing: { hmac: JSON.stringify(own.publicJwk) } }),
      ],
      ['of a foreign key', await forgeWith(foreign)],
      ['of a foreign key under our kid', await forgeWith({ ...foreign, kid: own.kid })],
      ['with a foreign key in its header', await sign({ header: { jwk: foreign.publicJwk }, signing: foreign })],
      ['with other claims under the same signature', `${head}.${encode(JSON.stringify(claims()))}.${tail}`],
      ['of another type', await sign({ header: { typ: 'JWT' } })],
      ['with a critical header', await sign({ header: { crit: ['exp'] } })],
      ['bound to a key', await sign({ claims: { cnf: { jkt: 'A'.repeat(43) } } })],
      ['no JWS at all', 'gmr_something'],
    ];
  }

  async function forgeWith(signer: TestSigner): Promise<string> {
    return forge({ claims: claims() }, signer);
  }

  async function deny(kind: 'jti' | 'grant' | 'subject' | 'client' | 'all', id = ''): Promise<void> {
    const named = kind === 'client' ? clientHash({ clientId: id }) : id;
    await server.guardmint.store.denylist.deny({ kind, id: named, lifetime: 900 });
  }

  async function endSigningKey(): Promise<void> {
    const { kid } = server.guardmint.keys.signer();
    await createFileKeyBackend({ directory, random: systemRandom }).revoke(kid, server.now());
    await server.guardmint.keys.reload();
    if (server.guardmint.keys.signer().kid === kid) throw new Error('the key that was ended still signs');
  }

  return {
    server,
    grant,
    sign,
    badTokens,
    deny,
    endSigningKey,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** A store that cannot tell what was revoked, so that the issuer answers 503 to whoever asks for it. */
function createMuteStore(clock: () => number): TokenStore {
  const store = createMemoryStore({ clock });
  const mute = () => Promise.reject(new UnavailableError('store'));
  return { ...store, denylist: { ...store.denylist, snapshot: mute, since: mute } };
}
