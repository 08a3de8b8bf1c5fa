import type { JsonWebKey } from 'node:crypto';
import { ecdsaToDer } from '../../src/resource/runtime/der.ts';
import { signBytes, type TestSigner } from '../support/keys.ts';
import { CLAIMS, encode, type Forgery, forge, ISSUER, NOW, RESOURCE, sealText } from './issuer.ts';

/** What the keys of a run are called: the issuer's two keys, both in its JWK Set, and one that is nobody's. */
export interface Keys {
  readonly legit: TestSigner;
  readonly other: TestSigner;
  readonly attacker: TestSigner;
}

/**
 * What must happen: `refused` (401), `accepted`, or `forbidden` (the token is good, its scope is not: 403).
 * Where the source leaves a choice, this is ours and `because` says why.
 */
export interface Attack {
  readonly id: string;
  readonly title: string;
  readonly outcome: 'refused' | 'accepted' | 'forbidden';
  readonly because?: string;
  /** Only where the issuer signs with this algorithm. */
  readonly only?: string;
  readonly token: (keys: Keys) => string;
}

type Make = Forgery | ((keys: Keys) => Forgery | string);

function attack(id: string, title: string, make: Make, more: Partial<Attack> = {}): Attack {
  const token = (keys: Keys) => {
    const forgery = typeof make === 'function' ? make(keys) : make;
    return typeof forgery === 'string' ? forgery : forge(forgery, keys.legit);
  };
  return { id: `JWT-${id}`, title, outcome: 'refused', token, ...more };
}

function accepted(id: string, title: string, make: Make, because?: string): Attack {
  return attack(id, title, make, { outcome: 'accepted', ...(because !== undefined && { because }) });
}

function forbidden(id: string, title: string, make: Make): Attack {
  return attack(id, title, make, { outcome: 'forbidden' });
}

const UNSIGNED = { bytes: Buffer.alloc(0) };
const P256_ORDER = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex');
const ONE = Buffer.concat([Buffer.alloc(31), Buffer.from([1])]);

const pem = ({ publicKey }: TestSigner) => publicKey.export({ type: 'spki', format: 'pem' }).toString();
const jwk = ({ publicJwk }: TestSigner) => publicJwk as unknown as JsonWebKey & { kid: string };
const coordinate = (signer: TestSigner) => Buffer.from(String(jwk(signer).x ?? jwk(signer).n), 'base64url');

/** A header text in the usual order, with our own alg and kid at hand. */
const headerText = (write: (alg: string, kid: string) => string) => (keys: Keys) => ({
  headerText: write(keys.legit.alg, keys.legit.kid),
});

/** A token of the attacker, who claims to be the issuer's key as far as the header can say it. */
const byAttacker = (header: Record<string, unknown>) => (keys: Keys) => ({ signing: keys.attacker, header });

const algorithm: readonly Attack[] = [
  attack('ALG-01', 'alg "none" and no signature', { header: { alg: 'none' }, signing: UNSIGNED }),
  attack('ALG-02', 'alg "None" and no signature', { header: { alg: 'None' }, signing: UNSIGNED }),
  attack('ALG-03', 'alg "NONE" and no signature', { header: { alg: 'NONE' }, signing: UNSIGNED }),
  attack('ALG-04', 'alg "nOnE" and no signature', { header: { alg: 'nOnE' }, signing: UNSIGNED }),
  attack('ALG-07', 'a good token whose signature was cut off', { signing: UNSIGNED }),
  attack('ALG-08', 'no alg at all', { header: { alg: undefined } }),
  attack(
    'ALG-09',
    'alg null',
    headerText((_, kid) => `{"alg":null,"kid":"${kid}","typ":"at+jwt"}`),
  ),
  attack(
    'ALG-14',
    'alg with a space behind',
    headerText((alg, kid) => `{"alg":"${alg} ","kid":"${kid}","typ":"at+jwt"}`),
  ),
  attack('ALG-16', 'HS256 with our public key in PEM as secret', (keys) => hmac('HS256', pem(keys.legit))),
  attack('ALG-17', 'HS256 with the PEM, no line break at its end', (keys) => hmac('HS256', pem(keys.legit).trim())),
  attack('ALG-18', 'HS256 with the PEM in DOS lines', (keys) =>
    hmac('HS256', pem(keys.legit).replaceAll('\n', '\r\n')),
  ),
  attack('ALG-22', 'HS256 with the text of our JWK', (keys) => hmac('HS256', JSON.stringify(jwk(keys.legit)))),
  attack('ALG-23', 'HS256 with the bytes of x or n', (keys) => hmac('HS256', coordinate(keys.legit))),
  attack('ALG-24', 'HS256 with the PEM of another key of the set', (keys) => ({
    header: { alg: 'HS256', kid: keys.other.kid },
    signing: { hmac: pem(keys.other) },
  })),
  attack('ALG-25', 'HS256 with an empty secret', hmac('HS256', '')),
  attack('ALG-27', 'HS512 with the PEM', (keys) => hmac('HS512', pem(keys.legit), 'sha512')),
  attack('ALG-28', 'HS256 with 32 zero bytes', hmac('HS256', Buffer.alloc(32))),
  attack('ALG-29', 'HS256 with the word secret', hmac('HS256', 'secret')),
  attack('ALG-32', 'ES384 over a key that is of another algorithm', { header: { alg: 'ES384' } }),
  attack('ALG-33', 'ES256K', { header: { alg: 'ES256K' } }),
  attack('ALG-35', 'RS1 over the RSA key of the set', (keys) => ({
    header: { alg: 'RS1', kid: keys.other.kid },
    signing: keys.other,
  })),
];

function hmac(alg: string, secret: string | Buffer, hash = 'sha256'): Forgery {
  return { header: { alg }, signing: { hmac: secret, hash } };
}

const madeUp = (alg: string, ...parts: readonly Buffer[]): Forgery => ({
  header: { alg },
  signing: { bytes: Buffer.concat(parts) },
});

const signature: readonly Attack[] = [
  attack('SIG-01', 'an ECDSA signature of zeros', madeUp('ES256', Buffer.alloc(64))),
  attack('SIG-02', 'r and s are the order of the curve', madeUp('ES256', P256_ORDER, P256_ORDER)),
  attack('SIG-03', 'r and s are one', madeUp('ES256', ONE, ONE)),
  attack('SIG-04', 'an RSA signature of zeros', (keys) => ({
    header: { alg: 'RS256', kid: keys.other.kid },
    signing: { bytes: Buffer.alloc(256) },
  })),
  attack('SIG-05', 'an RSA signature that is one', (keys) => ({
    header: { alg: 'RS256', kid: keys.other.kid },
    signing: { bytes: Buffer.concat([Buffer.alloc(255), Buffer.from([1])]) },
  })),
  attack('SIG-07', 'one character cut off the end', { respell: (segments) => segments.join('.').slice(0, -1) }),
  attack('SIG-09', 'the signature of another good token', (keys) => {
    const [, , kept = ''] = forge({}, keys.legit).split('.');
    return { claims: { sub: 'admin' }, respell: ([header, payload]) => `${header}.${payload}.${kept}` };
  }),
  attack(
    'SIG-12',
    'an ECDSA signature as DER',
    {
      respell: ([header, payload, sig]) =>
        `${header}.${payload}.${encode(ecdsaToDer(Buffer.from(sig, 'base64url'), 32))}`,
    },
    { only: 'ES256' },
  ),
  attack('SIG-15', 'another key of the same algorithm under our kid', byAttacker({})),
];

const header: readonly Attack[] = [
  attack('HDR-01', 'brings its own key in jwk', (keys) => ({
    signing: keys.attacker,
    header: { jwk: jwk(keys.attacker) },
  })),
  attack('HDR-02', 'brings its own key in jwk, and no kid', (keys) => ({
    signing: keys.attacker,
    header: { jwk: jwk(keys.attacker), kid: undefined },
  })),
  attack('HDR-04', 'jku of the cloud metadata address', byAttacker({ jku: 'http://169.254.169.254/jwks' })),
  attack(
    'HDR-05',
    'jku with our issuer as user name',
    byAttacker({ jku: 'https://as.example.test@evil.example/jwks' }),
  ),
  attack('HDR-08', 'jku of a file', byAttacker({ jku: 'file:///etc/passwd' })),
  attack('HDR-09', 'jku that is a document itself', byAttacker({ jku: 'data:application/json,{"keys":[]}' })),
  attack('HDR-10', 'x5u of the attacker', byAttacker({ x5u: 'https://evil.example/cert.pem' })),
  attack('HDR-12', 'x5t of no certificate', byAttacker({ x5t: 'AAAA', 'x5t#S256': 'AAAA' })),
  attack('HDR-14', 'kid is a path', byAttacker({ kid: '/etc/hostname' })),
  attack('HDR-20', 'kid is "constructor"', byAttacker({ kid: 'constructor' })),
  attack('HDR-21', 'kid is "toString"', byAttacker({ kid: 'toString' })),
  attack('HDR-23', 'kid with a NUL', byAttacker({ kid: 'a\u0000b' })),
  attack('HDR-25', 'kid with a right-to-left override', byAttacker({ kid: '\u202eKID' })),
  attack('HDR-26', 'kid is a Redis pattern', byAttacker({ kid: 'keys:*' })),
  attack('HDR-27', 'kid is an index', byAttacker({ kid: '0' })),
  attack('HDR-28', 'kid of one mebibyte', byAttacker({ kid: 'k'.repeat(1_048_576) })),
  attack(
    'HDR-36',
    'alg twice, none last',
    headerText((alg, kid) => `{"alg":"${alg}","alg":"none","kid":"${kid}","typ":"at+jwt"}`),
  ),
  attack(
    'HDR-37',
    'alg twice, none first',
    headerText((alg, kid) => `{"alg":"none","alg":"${alg}","kid":"${kid}","typ":"at+jwt"}`),
  ),
  attack(
    'HDR-38',
    'kid twice',
    headerText((alg, kid) => `{"alg":"${alg}","kid":"${kid}","kid":"x","typ":"at+jwt"}`),
  ),
  attack(
    'HDR-39',
    'JSON behind the header',
    headerText((alg, kid) => `{"alg":"${alg}","kid":"${kid}","typ":"at+jwt"}{"x":1}`),
  ),
  attack(
    'HDR-40',
    'a comma too many in the header',
    headerText((alg, kid) => `{"alg":"${alg}","kid":"${kid}","typ":"at+jwt",}`),
  ),
  attack(
    'HDR-42',
    'the header is a string',
    headerText((alg) => `"${alg}"`),
  ),
  attack(
    'HDR-43',
    'the header is null',
    headerText(() => 'null'),
  ),
  attack(
    'HDR-44',
    'the header decodes to nothing',
    headerText(() => ''),
  ),
  attack(
    'HDR-45',
    'alg in the prototype of the header',
    headerText((_, kid) => `{"__proto__":{"alg":"none"},"kid":"${kid}"}`),
  ),
  accepted(
    'HDR-46',
    'the name alg written with an escape',
    headerText((alg, kid) => `{"\\u0061lg":"${alg}","kid":"${kid}","typ":"at+jwt"}`),
    'JSON gives both spellings one meaning, and the issuer signed it',
  ),
];

const critical: readonly Attack[] = [
  attack('CRIT-02', 'crit is empty', { header: { crit: [] } }),
  attack('CRIT-03', 'crit names a claim', { header: { crit: ['exp'], exp: 1 } }),
  attack('CRIT-09', 'crit names a number', { header: { crit: [1] } }),
  attack('CRIT-12', 'b64 false without crit, over the bare payload', ({ legit }) => unencoded(legit)),
];

/** RFC 7797 §3: signed over the payload as it is, which then stands in the token encoded, as every gate wants it. */
function unencoded(signer: TestSigner): string {
  const head = encode(JSON.stringify({ alg: signer.alg, kid: signer.kid, typ: 'at+jwt', b64: false }));
  const payload = JSON.stringify(CLAIMS);
  const sig = signBytes(signer.alg, signer.privateKey, Buffer.from(`${head}.${payload}`));
  return `${head}.${encode(payload)}.${encode(sig)}`;
}

const ID_TOKEN = { iss: ISSUER, sub: 'user-1', aud: 'client-1', iat: NOW, exp: NOW + 600, nonce: 'n' };

const type: readonly Attack[] = [
  attack('TYP-01', 'an ID token', { header: { typ: 'JWT' }, payload: JSON.stringify(ID_TOKEN) }),
  attack('TYP-02', 'a refresh token', () => `gmr_${encode(Buffer.alloc(16, 1))}.1.${encode(Buffer.alloc(32, 2))}`),
  attack('TYP-03', 'an authorization code', () =>
    sealText(JSON.stringify({ jti: 'c', gid: 'grant-1' }), { typ: 'code' }),
  ),
  attack('TYP-04', 'a signed client_id', {
    header: { alg: 'HS256', typ: 'client+jwt' },
    payload: JSON.stringify({ iss: ISSUER, redirect_uris: ['https://client.example/cb'] }),
    signing: { hmac: Buffer.alloc(32, 3) },
  }),
  attack('TYP-05', 'a client assertion', (keys) => ({
    header: { typ: 'JWT' },
    payload: JSON.stringify({ iss: 'client-1', sub: 'client-1', aud: ISSUER, iat: NOW, exp: NOW + 60, jti: 'a' }),
    signing: keys.attacker,
  })),
  attack('TYP-24', 'typ JWT', { header: { typ: 'JWT' } }),
  accepted('TYP-25', 'typ application/at+jwt', { header: { typ: 'application/at+jwt' } }),
  accepted('TYP-26', 'typ AT+JWT', { header: { typ: 'AT+JWT' } }, 'media types have no case (RFC 2045 §5.1)'),
  attack('TYP-28', 'typ in a list', { header: { typ: ['at+jwt'] } }),
  attack('TYP-29', 'a logout token', { header: { typ: 'logout+jwt' } }),
  attack('TYP-30', 'a security event', { header: { typ: 'secevent+jwt' } }),
  attack('TYP-32', 'typ with a parameter', { header: { typ: 'at+jwt;x=1' } }),
  attack('TYP-35', 'claims in a JWE', () => sealText(JSON.stringify(CLAIMS), { typ: 'at+jwt' })),
  attack('TYP-36', 'a good token in a JWE', (keys) => sealText(forge({}, keys.legit), { cty: 'at+jwt' })),
];

const claims: readonly Attack[] = [
  attack('CLAIM-02', 'exp is text', { claims: { exp: String(NOW + 3600) } }),
  accepted(
    'CLAIM-04',
    'expired for as long as the tolerance',
    { claims: { exp: NOW - 5 } },
    'the tolerance is 5 s, its end included',
  ),
  accepted('CLAIM-05', 'expires this very second', { claims: { exp: NOW } }, 'the tolerance is 5 s'),
  accepted('CLAIM-06', 'exp has a fraction', { claims: { exp: 100_000_000_000.5 } }),
  attack('CLAIM-09', 'exp is true', { claims: { exp: true } }),
  attack('CLAIM-11', 'exp is an object', { claims: { exp: { valueOf: 4_102_444_800 } } }),
  attack('CLAIM-12', 'exp is null', { claims: { exp: null } }),
  attack('CLAIM-14', 'nbf is text', { claims: { nbf: '0' } }),
  attack('CLAIM-15', 'issued in ten minutes', { claims: { iat: NOW + 600 } }),
  attack('CLAIM-16', 'no iat', { claims: { iat: undefined } }),
  attack('CLAIM-17', 'iat is text', { claims: { iat: 'yesterday' } }),
  accepted('CLAIM-20', 'aud lists us and another', { claims: { aud: [RESOURCE, 'https://other.example.test'] } }),
  attack('CLAIM-24', 'aud starts with our name', { claims: { aud: `${RESOURCE}.evil.example` } }),
  attack('CLAIM-25', 'aud is below our path', { claims: { aud: `${RESOURCE}/extra` } }),
  attack('CLAIM-26', 'aud is our origin only', { claims: { aud: 'https://mcp.example.test' } }),
  accepted(
    'CLAIM-27',
    'aud with our host in capitals',
    { claims: { aud: 'https://MCP.EXAMPLE.TEST/mcp' } },
    'scheme and host have no case (RFC 3986 §6.2.2.1), and the issuer signed it',
  ),
  attack('CLAIM-28', 'aud is a list in a list', { claims: { aud: [[RESOURCE]] } }),
  attack('CLAIM-29', 'aud is an object like a list', { claims: { aud: { 0: RESOURCE, length: 1 } } }),
  attack('CLAIM-32', 'no iss', { claims: { iss: undefined } }),
  attack('CLAIM-33', 'another iss', { claims: { iss: 'https://evil.example' } }),
  attack('CLAIM-34', 'iss with a slash behind', { claims: { iss: `${ISSUER}/` } }),
  attack('CLAIM-35', 'iss starts with our issuer', { claims: { iss: `${ISSUER}.evil.example` } }),
  attack('CLAIM-36', 'iss in a list', { claims: { iss: [ISSUER] } }),
  attack('CLAIM-37', 'iss with its scheme in capitals', { claims: { iss: 'HTTPS://as.example.test' } }),
  attack('CLAIM-38', 'no sub', { claims: { sub: undefined } }),
  attack('CLAIM-39', 'sub is empty', { claims: { sub: '' } }),
  attack('CLAIM-41', 'sub is an object', { claims: { sub: { a: 1 } } }),
  attack('CLAIM-42', 'no client_id', { claims: { client_id: undefined } }),
  attack('CLAIM-44', 'no jti', { claims: { jti: undefined } }),
  attack('CLAIM-46', 'jti of 64 KiB', { claims: { jti: 'j'.repeat(65_536) } }),
  accepted('CLAIM-47', 'jti with Redis pattern characters and a command', { claims: { jti: '*:?[a-z]\r\nDEL x' } }),
  forbidden('CLAIM-49', 'no scope', { claims: { scope: undefined } }),
  forbidden('CLAIM-51', 'a scope that only starts like the one needed', { claims: { scope: 'mcp:readwrite' } }),
  forbidden('CLAIM-52', 'scopes parted by a tab', { claims: { scope: 'mcp:read\tmcp:write' } }),
  forbidden('CLAIM-53', 'the scope in capitals', { claims: { scope: 'MCP:READ' } }),
  forbidden('CLAIM-54', 'a star for a scope', { claims: { scope: '*' } }),
  attack('CLAIM-56', 'exp twice, far away last', { payload: withMember('"exp":4102444800') }),
  attack('CLAIM-58', 'aud twice, another last', { payload: withMember('"aud":"https://other.example.test"') }),
  attack('CLAIM-60', 'the payload is a list', { payload: '[]' }),
  attack('CLAIM-63', 'the payload is a number', { payload: '123' }),
  attack('CLAIM-67', 'a comment in the payload', { payload: JSON.stringify(CLAIMS).replace('{', '{/*c*/') }),
  attack(
    'CLAIM-73',
    'a byte order mark before the payload',
    { payload: `\ufeff${JSON.stringify(CLAIMS)}` },
    {
      because: 'JSON texts carry none (RFC 8259 §8.1)',
    },
  ),
  attack('CLAIM-74', 'a payload that is no UTF-8', {
    payload: Buffer.from(JSON.stringify({ ...CLAIMS, sub: 'caf\u00e9' }), 'latin1'),
  }),
  attack(
    'CLAIM-75',
    'a payload 5,000 lists deep',
    { payload: withMember(`"x":${'['.repeat(5000)}${']'.repeat(5000)}`) },
    {
      because: 'deeper than 32 is no set of claims',
    },
  ),
];

function withMember(member: string): string {
  return JSON.stringify(CLAIMS).replace(/\}$/, `,${member}}`);
}

const SAME_TOKEN = 'the canonical gate lets one spelling of a token pass';

/** The signature of a good token in another spelling. */
function respelled(id: string, title: string, respell: (signature: string) => string, because?: string): Attack {
  const change = {
    respell: ([head, payload, sig]: readonly [string, string, string]) => `${head}.${payload}.${respell(sig)}`,
  };
  return attack(id, title, change, because === undefined ? {} : { because });
}

const appended = (text: string) => (sig: string) => sig + text;
const inserted = (text: string) => (sig: string) => sig.slice(0, 5) + text + sig.slice(5);

const serialization: readonly Attack[] = [
  respelled(
    'SER-01',
    'a spare bit of the signature set',
    (sig) => sig.slice(0, -1) + nextLetter(sig.at(-1) ?? ''),
    SAME_TOKEN,
  ),
  respelled('SER-03', 'the signature padded', appended('='), SAME_TOKEN),
  attack('SER-05', 'the signature in the other alphabet', (keys) => standardAlphabet(keys.legit), {
    because: SAME_TOKEN,
  }),
  respelled('SER-07', 'a space behind', appended(' '), SAME_TOKEN),
  respelled('SER-08', 'a tab inside', inserted('\t'), SAME_TOKEN),
  respelled('SER-09', 'a tab behind', appended('\t'), SAME_TOKEN),
  respelled('SER-11', 'a line feed behind', appended('\n'), SAME_TOKEN),
  respelled('SER-12', 'a line break inside', inserted('\r\n'), SAME_TOKEN),
  respelled('SER-13', 'a line break behind', appended('\r\n'), SAME_TOKEN),
  respelled('SER-14', 'a form feed inside', inserted('\f'), SAME_TOKEN),
  respelled('SER-17', 'a NUL behind', appended('\u0000')),
  respelled('SER-19', 'a zero-width space behind', appended('\u200b')),
  respelled('SER-20', 'an escaped padding behind', appended('%3D')),
  respelled('SER-23', 'a semicolon behind', appended(';')),
  attack('SER-28', 'white space behind a token of ours', (keys) => `${forge({}, keys.legit)} `, {
    because: SAME_TOKEN,
  }),
  attack('SER-30', 'the general JSON serialization', {
    respell: ([head, payload, sig]) => JSON.stringify({ payload, signatures: [{ protected: head, signature: sig }] }),
  }),
  attack('SER-33', 'four segments', { respell: (segments) => `${segments.join('.')}.AAAA` }),
  attack('SER-36', 'one segment', { respell: ([head]) => head }),
  attack('SER-37', 'an empty header segment', { respell: ([, payload, sig]) => `.${payload}.${sig}` }),
  attack('SER-40', 'an empty token', () => ''),
  attack('SER-43', 'an object turned into text', () => '[object Object]'),
  attack('SER-44', 'two tokens with a comma', (keys) => `${forge({}, keys.legit)},${forge({}, keys.legit)}`),
  attack('SER-46', 'two tokens with a space', (keys) => `${forge({}, keys.legit)} ${forge({}, keys.legit)}`),
];

function nextLetter(letter: string): string {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return letters[letters.indexOf(letter) + 1] ?? 'B';
}

/** A good token whose signature has letters that differ between the alphabets, in the wrong one. */
function standardAlphabet(signer: TestSigner): string {
  for (let attempt = 0; ; attempt++) {
    const [head, payload, sig = ''] = forge({ claims: { jti: `jti-${attempt}` } }, signer).split('.');
    if (/[-_]/.test(sig)) return `${head}.${payload}.${sig.replaceAll('-', '+').replaceAll('_', '/')}`;
  }
}

/** Malicious tokens as strings. */
export const TOKEN_ATTACKS: readonly Attack[] = [
  ...algorithm,
  ...signature,
  ...header,
  ...critical,
  ...type,
  ...claims,
  ...serialization,
];

/** Malicious requests around a good token: what is sent instead of `Authorization: Bearer TOKEN`. */
export interface TransportAttack {
  readonly id: string;
  readonly title: string;
  readonly statuses: readonly number[];
  readonly request: (token: string) => { readonly query?: string; readonly headers: readonly string[] };
}

export const TRANSPORT_ATTACKS: readonly TransportAttack[] = [
  {
    id: 'JWT-SER-52',
    title: 'two Authorization headers',
    statuses: [400],
    request: (token) => ({ headers: [`Authorization: Bearer ${token}`, 'Authorization: Bearer x'] }),
  },
  {
    id: 'JWT-SER-53',
    title: 'the token in the query',
    statuses: [401],
    request: (token) => ({ query: `?access_token=${token}`, headers: [] }),
  },
  {
    id: 'JWT-SER-57',
    title: 'the token under the DPoP scheme',
    statuses: [401],
    request: (token) => ({ headers: [`Authorization: DPoP ${token}`] }),
  },
  {
    id: 'JWT-SER-58',
    title: 'a token of 70 KiB',
    statuses: [401, 431],
    request: () => ({ headers: [`Authorization: Bearer ${'A'.repeat(71_680)}`] }),
  },
];
