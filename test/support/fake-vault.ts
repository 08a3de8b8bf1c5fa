import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { derSignature, signDigest } from './sign-digest.ts';

/** The transit engine and the token endpoints of Vault as far as we use them, with faults on demand. */
export interface FakeVault extends AsyncDisposable {
  readonly address: string;
  readonly keys: ReadonlyMap<string, TransitKey>;
  /** `METHOD path` of every request with a valid token in the right namespace. */
  readonly calls: string[];
  /** Tokens that are valid, with their seconds to live. */
  readonly tokens: Map<string, number>;
  isSealed: boolean;
  /** How signatures go wrong; not at all when undefined. */
  fault: 'silence' | 'wrong_signature' | 'other_version' | 'garbage' | { readonly status: number } | undefined;
  /** What `vault write -f transit/keys/NAME/rotate` does. */
  rotate(name: string): void;
}

export interface TransitKey {
  readonly type: string;
  readonly versions: KeyObject[];
  deletionAllowed: boolean;
}

type Body = Readonly<Record<string, unknown>>;
interface Reply {
  readonly status: number;
  readonly body?: object;
}
const reply = (status: number, body?: object): Reply => ({ status, ...(body && { body }) });
const refuse = (status: number, message: string): Reply => reply(status, { errors: [message] });

const TYPES: Readonly<Record<string, () => KeyObject>> = {
  'ecdsa-p256': () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  'ecdsa-p384': () => generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey,
  ed25519: () => generateKeyPairSync('ed25519').privateKey,
  // Of the length that is quick to make.
  'rsa-3072': () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
};
const DIGEST_BYTES: Readonly<Record<string, number>> = { 'sha2-256': 32, 'sha2-384': 48 };

export async function startFakeVault(options: { mount?: string; namespace?: string } = {}): Promise<FakeVault> {
  const { mount = 'transit', namespace } = options;
  const keys = new Map<string, TransitKey>();
  const tokens = new Map([['hvs.valid', 3600]]);
  const calls: string[] = [];

  function signWith(name: string, body: Body): Reply {
    const key = keys.get(name);
    if (key === undefined) return refuse(400, 'signing key not found');
    const version = Number(body['key_version'] ?? 0) || key.versions.length;
    const privateKey = key.versions[version - 1];
    if (privateKey === undefined) return refuse(400, 'requested version for signing is not there');
    const input = Buffer.from(String(body['input']), 'base64');
    const signature = signInput(key.type, privateKey, input, body);
    if (typeof signature === 'string') return refuse(400, signature);
    const encoded =
      body['marshaling_algorithm'] === 'jws' ? signature.toString('base64url') : signature.toString('base64');
    const shown = vault.fault === 'other_version' ? version + 1 : version;
    return reply(200, { data: { signature: vault.fault === 'garbage' ? 'vault:v1:!' : `vault:v${shown}:${encoded}` } });
  }

  function signInput(type: string, privateKey: KeyObject, input: Buffer, body: Body): Buffer | string {
    const message = vault.fault === 'wrong_signature' ? Buffer.from(input.toReversed()) : input;
    // Prehashed Ed25519 is another scheme (Ed25519ph), which a JWS verifier refuses.
    if (type === 'ed25519')
      return body['prehashed'] === true ? 'Ed25519ph is not here' : sign(null, message, privateKey);
    const hash = String(body['hash_algorithm'] ?? 'sha2-256');
    if (body['prehashed'] !== true) message.set(createHash('sha256').update(message).digest());
    else if (input.length !== DIGEST_BYTES[hash]) return 'input length does not match the hash';
    if (type.startsWith('ecdsa')) {
      const joined = signDigest(privateKey, 'ecdsa', message);
      return body['marshaling_algorithm'] === 'jws' ? joined : derSignature(joined);
    }
    if (body['signature_algorithm'] === 'pkcs1v15') return signDigest(privateKey, 'pkcs1', message);
    return body['salt_length'] === 'hash' ? signDigest(privateKey, 'pss', message) : 'salt length is not checked here';
  }

  function describe({ type, versions }: TransitKey): object {
    const shown = versions.map((privateKey, index) => {
      const publicKey = createPublicKey(privateKey);
      const isEd25519 = type === 'ed25519';
      const raw = Buffer.from(String(publicKey.export({ format: 'jwk' })['x'] ?? ''), 'base64url').toString('base64');
      const pem = publicKey.export({ format: 'pem', type: 'spki' });
      return [String(index + 1), { name: type, public_key: isEd25519 ? raw : pem }];
    });
    return { type, latest_version: versions.length, exportable: false, keys: Object.fromEntries(shown) };
  }

  function answer(method: string, path: string, body: Body, token: string): Reply {
    if (path === 'auth/token/lookup-self') return reply(200, { data: { ttl: tokens.get(token), renewable: true } });
    if (path === 'auth/token/renew-self')
      return reply(200, { auth: { lease_duration: tokens.get(token), renewable: true } });
    if (!path.startsWith(`${mount}/`)) return refuse(404, 'no handler for route');
    const [verb, name = '', more] = path.slice(mount.length + 1).split('/');
    if (verb === 'sign' && method === 'POST') return signWith(name, body);
    if (verb !== 'keys') return refuse(404, 'unsupported path');
    const key = keys.get(name);
    if (method === 'POST' && more === undefined) {
      const generate = TYPES[String(body['type'])];
      if (generate === undefined) return refuse(400, 'unknown key type');
      if (key === undefined)
        keys.set(name, { type: String(body['type']), versions: [generate()], deletionAllowed: false });
      return reply(200, { data: {} });
    }
    if (key === undefined)
      return method === 'GET'
        ? reply(404, { errors: [] })
        : refuse(400, `no existing key named ${name} could be found; not found`);
    if (method === 'GET') return reply(200, { data: describe(key) });
    if (method === 'POST' && more === 'config') {
      key.deletionAllowed = body['deletion_allowed'] === true;
      return reply(200, { data: {} });
    }
    if (!key.deletionAllowed) return refuse(400, 'deletion is not allowed for this key');
    keys.delete(name);
    return reply(204);
  }

  const server = createServer(async (request, response) => {
    const send = ({ status, body }: Reply): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(body && JSON.stringify(body));
    };
    const content = await text(request);
    const token = String(request.headers['x-vault-token']);
    const path = String(request.url).replace(/^\/v1\//, '');
    if (vault.isSealed) return send(refuse(503, 'Vault is sealed'));
    if (request.headers['x-vault-namespace'] !== namespace) return send(refuse(404, 'no such namespace'));
    if (!tokens.has(token)) return send(refuse(403, 'permission denied'));
    calls.push(`${request.method} ${path}`);
    if (path.startsWith(`${mount}/`)) {
      if (vault.fault === 'silence') return;
      if (typeof vault.fault === 'object') return send(refuse(vault.fault.status, 'a fault'));
    }
    send(answer(String(request.method), path, content === '' ? {} : JSON.parse(content), token));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const vault: FakeVault = {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    keys,
    calls,
    tokens,
    isSealed: false,
    fault: undefined,
    rotate(name) {
      const key = keys.get(name);
      const generate = key && TYPES[key.type];
      if (generate !== undefined) key?.versions.push(generate());
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return vault;
}
