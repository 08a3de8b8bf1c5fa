import { createHash, createHmac, createPublicKey, generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { derSignature, signDigest } from './sign-digest.ts';

/** AWS KMS as far as we use it: protocol JSON 1.1, Signature Version 4 checked, faults on demand. */
export interface FakeKms extends AsyncDisposable {
  readonly endpoint: string;
  readonly credentials: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  };
  readonly keys: ReadonlyMap<string, KmsKey>;
  /** Operations that were asked for with a right signature. */
  readonly calls: string[];
  /** Answers the next requests for an operation, or for any, instead. */
  failNext(times: number, fault: KmsFault, operation?: string): void;
}

export interface KmsKey {
  readonly spec: string;
  readonly description: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly privateKey: KeyObject;
  deletionDays?: number;
}

export type KmsFault =
  | { readonly status: number; readonly type: string }
  /** Never answers. */
  | 'silence'
  /** Signs something else. */
  | 'wrong_signature'
  /** Answers what is no signature. */
  | 'garbage';

type Body = Readonly<Record<string, unknown>>;
class KmsError extends Error {
  readonly type: string;
  constructor(type: string) {
    super(`${type} for arn:aws:iam::123456789012:role/secret-role`);
    this.type = type;
  }
}

const DIGESTS: Readonly<Record<string, number>> = { SHA_256: 32, SHA_384: 48 };
const SPECS: Readonly<Record<string, () => KeyObject>> = {
  ECC_NIST_P256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  ECC_NIST_P384: () => generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey,
  // Of the length that is quick to make.
  RSA_3072: () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
};

export async function startFakeKms(region = 'eu-test-1'): Promise<FakeKms> {
  const credentials = { accessKeyId: 'AKIDFAKE', secretAccessKey: randomUUID() };
  const keys = new Map<string, KmsKey>();
  const calls: string[] = [];
  const faults: { readonly fault: KmsFault; readonly operation: string | undefined }[] = [];

  function findKey(id: unknown): KmsKey {
    const key = keys.get(String(id));
    if (key === undefined) throw new KmsError('NotFoundException');
    if (key.deletionDays !== undefined) throw new KmsError('KMSInvalidStateException');
    return key;
  }

  const operations: Readonly<Record<string, (body: Body, fault?: KmsFault) => object>> = {
    CreateKey({ KeySpec, KeyUsage, Description, Tags }) {
      const generate = SPECS[String(KeySpec)];
      if (generate === undefined || KeyUsage !== 'SIGN_VERIFY') throw new KmsError('ValidationException');
      const id = `arn:aws:kms:${region}:123456789012:key/${randomUUID()}`;
      const tags = Object.fromEntries(
        (Tags as { TagKey: string; TagValue: string }[]).map(({ TagKey, TagValue }) => [TagKey, TagValue]),
      );
      keys.set(id, { spec: String(KeySpec), description: String(Description), tags, privateKey: generate() });
      return { KeyMetadata: { Arn: id, KeyId: id.split('/')[1], KeySpec, KeyState: 'Enabled' } };
    },
    GetPublicKey({ KeyId }) {
      const { privateKey, spec } = findKey(KeyId);
      const der = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
      return { KeyId, KeySpec: spec, KeyUsage: 'SIGN_VERIFY', PublicKey: der.toString('base64') };
    },
    Sign({ KeyId, Message, MessageType, SigningAlgorithm }, fault) {
      const { privateKey } = findKey(KeyId);
      const digest = Buffer.from(String(Message), 'base64');
      const hash = /SHA_\d+$/.exec(String(SigningAlgorithm))?.[0] ?? '';
      if (MessageType !== 'DIGEST' || digest.length !== DIGESTS[hash]) throw new KmsError('ValidationException');
      const signed = fault === 'wrong_signature' ? Buffer.from(digest.toReversed()) : digest;
      const signature = fault === 'garbage' ? Buffer.from('no') : signAs(String(SigningAlgorithm), privateKey, signed);
      return { KeyId, SigningAlgorithm, Signature: signature.toString('base64') };
    },
    ScheduleKeyDeletion({ KeyId, PendingWindowInDays }) {
      const days = Number(PendingWindowInDays);
      if (days < 7 || days > 30) throw new KmsError('ValidationException');
      findKey(KeyId).deletionDays = days;
      return { KeyId, KeyState: 'PendingDeletion', PendingWindowInDays };
    },
  };

  const server = createServer(async (request, response) => {
    const send = (status: number, body: object): void => {
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body));
    };
    const content = await buffer(request);
    if (!isSigned(request, content, credentials, region)) {
      send(400, { __type: 'InvalidSignatureException' });
      return;
    }
    const name = String(request.headers['x-amz-target']).replace(/^TrentService\./, '');
    calls.push(name);
    const at = faults.findIndex(({ operation }) => operation === undefined || operation === name);
    const fault = at < 0 ? undefined : faults.splice(at, 1)[0]?.fault;
    if (fault === 'silence') return;
    if (typeof fault === 'object') {
      send(fault.status, { __type: fault.type, message: 'arn:aws:iam::123456789012:role/secret-role' });
      return;
    }
    try {
      send(200, operations[name]?.(JSON.parse(content.toString()), fault) ?? {});
    } catch (error) {
      send(400, { __type: error instanceof KmsError ? error.type : 'ValidationException', message: String(error) });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    credentials,
    keys,
    calls,
    failNext: (times, fault, operation) => void faults.push(...Array(times).fill({ fault, operation })),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function signAs(algorithm: string, privateKey: KeyObject, digest: Buffer): Buffer {
  if (algorithm.startsWith('ECDSA')) return derSignature(signDigest(privateKey, 'ecdsa', digest));
  return signDigest(privateKey, algorithm.startsWith('RSASSA_PSS') ? 'pss' : 'pkcs1', digest);
}

/** Signature Version 4: the signature over what was signed, recomputed with the secret of the credentials. */
function isSigned(
  request: IncomingMessage,
  content: Buffer,
  { accessKeyId, secretAccessKey }: FakeKms['credentials'],
  region: string,
): boolean {
  const pattern = /^AWS4-HMAC-SHA256 Credential=(\S+), SignedHeaders=(\S+), Signature=([0-9a-f]{64})$/;
  const [, credential = '', names = '', signature] = pattern.exec(request.headers.authorization ?? '') ?? [];
  const [id, date = '', ...scope] = credential.split('/');
  if (id !== accessKeyId || scope.join('/') !== `${region}/kms/aws4_request`) return false;
  const signedNames = names.split(';');
  if (!['host', 'x-amz-date', 'x-amz-target'].every((name) => signedNames.includes(name))) return false;
  const headers = signedNames.map((name) => `${name}:${String(request.headers[name]).trim()}\n`).join('');
  const bodyHash = createHash('sha256').update(content).digest('hex');
  const canonical = [request.method, request.url, '', headers, names, bodyHash].join('\n');
  const stamp = String(request.headers['x-amz-date']);
  const hashed = createHash('sha256').update(canonical).digest('hex');
  const text = ['AWS4-HMAC-SHA256', stamp, [date, ...scope].join('/'), hashed].join('\n');
  const key = [date, ...scope].reduce<string | Buffer>(
    (secret, part) => createHmac('sha256', secret).update(part).digest(),
    `AWS4${secretAccessKey}`,
  );
  return stamp.startsWith(date) && createHmac('sha256', key).update(text).digest('hex') === signature;
}
