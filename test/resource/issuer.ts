import { createCipheriv, createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createVerifier, type Verifier, type VerifierOptions } from '../../src/resource/index.ts';
import { signBytes, type TestSigner, testSigner } from '../support/keys.ts';

/** The moment at which the tests of this room take place. */
export const NOW = 1_800_000_000;

export const ISSUER = 'https://as.example.test';
export const RESOURCE = 'https://mcp.example.test/mcp';

/** The claims of a token that is valid now. */
export const CLAIMS = {
  iss: ISSUER,
  sub: 'user-1',
  aud: RESOURCE,
  client_id: 'client-1',
  iat: NOW - 10,
  exp: NOW + 600,
  jti: 'jti-1',
  scope: 'mcp:read mcp:write',
  gid: 'grant-1',
  auth_time: NOW - 100,
};

/** How a forged token is signed: by a key, by HMAC over some secret, with bytes made up, or not at all. */
export type Signing =
  | TestSigner
  | { readonly hmac: string | Buffer; readonly hash?: string }
  | { readonly bytes: Buffer };

/** What is different from a valid token. A member that is `undefined` is left out. */
export interface Forgery {
  readonly header?: Readonly<Record<string, unknown>>;
  /** The header as text, instead of `header`. */
  readonly headerText?: string;
  readonly claims?: Readonly<Record<string, unknown>>;
  /** The payload as text or bytes, instead of `claims`. */
  readonly payload?: string | Buffer;
  readonly signing?: Signing;
  /** Another spelling of the finished segments. */
  readonly respell?: (segments: readonly [string, string, string]) => string;
}

/** A compact JWS: a valid access token of `signer`, but for what the forgery says. */
export function forge(forgery: Forgery = {}, signer: TestSigner = testSigner()): string {
  const { header, claims, signing = signer } = forgery;
  const headerText =
    forgery.headerText ?? JSON.stringify({ alg: signer.alg, typ: 'at+jwt', kid: signer.kid, ...header });
  const payload = forgery.payload ?? JSON.stringify({ ...CLAIMS, ...claims });
  const input = `${encode(headerText)}.${encode(payload)}`;
  const segments = [...input.split('.'), encode(signatureOver(input, signing))] as unknown as [string, string, string];
  return forgery.respell?.(segments) ?? segments.join('.');
}

function signatureOver(input: string, signing: Signing): Buffer {
  if ('bytes' in signing) return signing.bytes;
  if ('hmac' in signing)
    return createHmac(signing.hash ?? 'sha256', signing.hmac)
      .update(input)
      .digest();
  return signBytes(signing.alg, signing.privateKey, Buffer.from(input));
}

/** A compact JWE (`dir`, `A256GCM`) around a text, as our sealed artefacts are. */
export function sealText(plaintext: string, header: object = {}): string {
  const protectedHeader = encode(JSON.stringify({ alg: 'dir', enc: 'A256GCM', ...header }));
  const iv = Buffer.alloc(12, 7);
  const cipher = createCipheriv('aes-256-gcm', Buffer.alloc(32, 9), iv).setAAD(Buffer.from(protectedHeader));
  const text = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return [protectedHeader, '', encode(iv), encode(text), encode(cipher.getAuthTag())].join('.');
}

export function encode(value: string | Buffer): string {
  return Buffer.from(value).toString('base64url');
}

/** A verifier over the public keys of some signers, at NOW. */
export function verifierOf(signers: readonly TestSigner[], options: Partial<VerifierOptions> = {}): Verifier {
  const jwks = { keys: signers.map(({ publicJwk }) => publicJwk) };
  return createVerifier({ issuer: ISSUER, resource: RESOURCE, jwks, clock: () => NOW, ...options });
}

/** A clock the test moves. */
export function createTestClock(): { now: number; read: () => number } {
  const clock = { now: NOW, read: () => clock.now };
  return clock;
}

/** A server that answers as the test says and counts. */
export interface Host extends AsyncDisposable {
  readonly origin: string;
  /** What was asked, in order: method, URL and the validators sent. */
  readonly requests: { readonly url: string; readonly etag: string | undefined }[];
  answer: (request: IncomingMessage, response: ServerResponse) => void;
}

export async function startHost(answer: Host['answer'] = () => undefined): Promise<Host> {
  const requests: { url: string; etag: string | undefined }[] = [];
  const server = createServer((request, response) => {
    requests.push({ url: request.url ?? '', etag: request.headers['if-none-match'] });
    host.answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host: Host = {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    answer,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
  return host;
}

/** Answers a JWK Set with the public keys of some signers. */
export function answerKeys(signers: readonly TestSigner[], headers: Record<string, string> = {}): Host['answer'] {
  return answerJson({ keys: signers.map(({ publicJwk }) => publicJwk) }, headers);
}

export function answerJson(document: unknown, headers: Record<string, string> = {}): Host['answer'] {
  return (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(document));
  };
}

export function answerStatus(status: number, headers: Record<string, string> = {}): Host['answer'] {
  return (_request, response) => {
    response.writeHead(status, headers);
    response.end();
  };
}
