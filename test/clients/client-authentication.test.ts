import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Client, type ClientAuthenticationMethod, createClientAuthentication } from '../../src/clients/index.ts';
import { OAuthError, parseForm } from '../../src/oauth/index.ts';
import { sha256 } from '../../src/platform/index.ts';

const authenticateClient = createClientAuthentication();

const SECRET = 's3cr~t-+%/:é "x"';

function client(clientId: string, authenticationMethod: ClientAuthenticationMethod, secret?: string): Client {
  return {
    clientId,
    origin: 'configured',
    redirectUris: [],
    grantTypes: ['authorization_code'],
    authenticationMethod,
    ...(secret !== undefined && { secretHash: sha256(secret) }),
    metadata: {},
  };
}

const CLIENTS = [
  client('public', 'none'),
  client('basic', 'client_secret_basic', SECRET),
  client('post', 'client_secret_post', SECRET),
  client('id:with %41 +', 'client_secret_basic', 'pw'),
  client('unfinished', 'client_secret_basic'),
  client('assertion', 'private_key_jwt'),
];

const base64 = (text: string | Uint8Array) => Buffer.from(text as string).toString('base64');
const formEncode = (text: string) => new URLSearchParams([['', text]]).toString().slice(1);
const raw = (id: string, secret: string) => `Basic ${base64(`${id}:${secret}`)}`;
const encoded = (id: string, secret: string) => raw(formEncode(id), formEncode(secret));

const looked: string[] = [];
async function authenticate(form: Record<string, string>, authorization?: string): Promise<string> {
  looked.length = 0;
  try {
    const found = await authenticateClient(
      { form: parseForm(new URLSearchParams(form).toString()), authorization },
      async (id) => {
        looked.push(id);
        return CLIENTS.find((one) => one.clientId === id);
      },
    );
    return `is ${found.clientId}`;
  } catch (thrown) {
    if (thrown instanceof OAuthError) return thrown.reason;
    throw thrown;
  }
}

describe('a client is who it says', () => {
  test.each<[string, Record<string, string>, string | undefined, string]>([
    ['a public client by its id alone', { client_id: 'public' }, undefined, 'public'],
    [
      'a public client with an empty secret, as some send',
      { client_id: 'public', client_secret: '' },
      undefined,
      'public',
    ],
    ['by its secret in the form', { client_id: 'post', client_secret: SECRET }, undefined, 'post'],
    ['by Basic, form-encoded (RFC 6749 §2.3.1)', {}, encoded('basic', SECRET), 'basic'],
    ['by Basic, raw (RFC 7617)', {}, raw('basic', SECRET), 'basic'],
    [
      'by Basic, every character escaped',
      {},
      raw(
        '%62asic',
        SECRET.replace(/[^é]/g, (c) => `%${c.charCodeAt(0).toString(16).padStart(2, '0')}`),
      ),
      'basic',
    ],
    ['by Basic, percent-encoded id with a colon [AS-CA-11]', {}, encoded('id:with %41 +', 'pw'), 'id:with %41 +'],
    ['by Basic, spaces as %20', {}, raw('id%3Awith%20%2541%20%2B', 'pw'), 'id:with %41 +'],
    ['by Basic and its id in the form', { client_id: 'basic' }, encoded('basic', SECRET), 'basic'],
    ['by Basic with an empty secret in the form', { client_secret: '' }, encoded('basic', SECRET), 'basic'],
    ['by Basic in lower case', {}, encoded('basic', SECRET).replace('Basic', 'basic'), 'basic'],
    ['by Basic behind two spaces', {}, encoded('basic', SECRET).replace(' ', '  '), 'basic'],
    ['by Basic without padding', {}, encoded('basic', SECRET).replace(/=+$/, ''), 'basic'],
  ])('%s', async (_, form, authorization, id) => {
    expect(await authenticate(form, authorization)).toBe(`is ${id}`);
  });

  test.each<[string, Record<string, string>, string | undefined, string]>([
    ['nobody', {}, undefined, 'client_missing'],
    ['an empty id', { client_id: '' }, undefined, 'client_missing'],
    ['a secret without an id', { client_secret: SECRET }, undefined, 'client_missing'],
    ['an unknown client', { client_id: 'nope' }, undefined, 'client_unknown'],
    ['an unknown client by Basic', {}, encoded('nope', SECRET), 'client_unknown'],
    ['a client in other case', { client_id: 'PUBLIC' }, undefined, 'client_unknown'],
    ['a client behind a space', { client_id: ' public' }, undefined, 'client_unknown'],
    ['NUL behind a client', { client_id: 'public\0' }, undefined, 'client_unknown'],
    ['a line feed behind a client', { client_id: 'public\n' }, undefined, 'client_unknown'],
    [
      'a confidential client without credentials [AS-CA-02]',
      { client_id: 'basic' },
      undefined,
      'client_credentials_missing',
    ],
    [
      'a confidential client with an empty secret',
      { client_id: 'post', client_secret: '' },
      undefined,
      'client_credentials_missing',
    ],
    ['a wrong secret by Basic [AS-CA-03]', {}, encoded('basic', 'wrong'), 'client_credentials_wrong'],
    [
      'a wrong secret in the form',
      { client_id: 'post', client_secret: 'wrong' },
      undefined,
      'client_credentials_wrong',
    ],
    [
      'a secret in other case',
      { client_id: 'post', client_secret: SECRET.toUpperCase() },
      undefined,
      'client_credentials_wrong',
    ],
    [
      'a secret behind a space',
      { client_id: 'post', client_secret: `${SECRET} ` },
      undefined,
      'client_credentials_wrong',
    ],
    [
      'the hash of a secret',
      { client_id: 'post', client_secret: sha256(SECRET) },
      undefined,
      'client_credentials_wrong',
    ],
    ['a secret encoded twice', {}, encoded('basic', formEncode(formEncode(SECRET))), 'client_credentials_wrong'],
    ['an empty secret by Basic [AS-CA-05]', {}, raw('basic', ''), 'client_credentials_missing'],
    ['an empty secret of a public client by Basic', {}, raw('public', ''), 'client_credentials_missing'],
    [
      'Basic and a secret in the form [AS-CA-06]',
      { client_id: 'basic', client_secret: SECRET },
      encoded('basic', SECRET),
      'client_authentication_ambiguous',
    ],
    [
      'Basic and another client in the form [AS-CA-08]',
      { client_id: 'post' },
      encoded('basic', SECRET),
      'client_id_mismatch',
    ],
    [
      'Basic and a public client in the form [AS-CA-08]',
      { client_id: 'public' },
      encoded('basic', SECRET),
      'client_id_mismatch',
    ],
    [
      'a secret in the form from a client of Basic [AS-CA-10]',
      { client_id: 'basic', client_secret: SECRET },
      undefined,
      'client_authentication_method_wrong',
    ],
    ['Basic from a client of the form', {}, encoded('post', SECRET), 'client_authentication_method_wrong'],
    ['Basic from a public client', {}, encoded('public', 'x'), 'client_authentication_method_wrong'],
    [
      'a secret in the form from a public client',
      { client_id: 'public', client_secret: 'x' },
      undefined,
      'client_authentication_method_wrong',
    ],
    ['a client whose secret is not set', {}, encoded('unfinished', 'x'), 'client_authentication_method_wrong'],
    ['a client of assertions without one', { client_id: 'assertion' }, undefined, 'client_credentials_missing'],
    ['an assertion', { client_id: 'public', client_assertion: 'x' }, undefined, 'client_authentication_method_wrong'],
    [
      'an assertion type',
      { client_id: 'public', client_assertion_type: 'x' },
      undefined,
      'client_authentication_method_wrong',
    ],
    [
      'an assertion beside a secret',
      { client_assertion: 'x', client_secret: SECRET },
      undefined,
      'client_authentication_ambiguous',
    ],
    [
      'an assertion beside Basic',
      { client_assertion: 'x' },
      encoded('basic', SECRET),
      'client_authentication_ambiguous',
    ],
    ['another scheme', {}, `Bearer ${base64('basic:x')}`, 'client_credentials_malformed'],
    ['another scheme beside a public client', { client_id: 'public' }, 'Bearer x', 'client_credentials_malformed'],
    ['an empty header', { client_id: 'public' }, '', 'client_credentials_malformed'],
    ['Basic without credentials', {}, 'Basic', 'client_credentials_malformed'],
    ['Basic and nothing', {}, 'Basic ', 'client_credentials_malformed'],
    ['Basic twice', {}, `${encoded('basic', SECRET)}, ${encoded('basic', SECRET)}`, 'client_credentials_malformed'],
    ['Basic behind a tab', {}, encoded('basic', SECRET).replace(' ', '\t'), 'client_credentials_malformed'],
    [
      'Basic in the URL alphabet',
      {},
      `Basic ${base64('basic:~~~???').replaceAll('/', '_').replaceAll('+', '-')}`,
      'client_credentials_malformed',
    ],
    ['Basic with spare bits set', {}, 'Basic YTpi'.replace('YTpi', 'YTpiYR=='), 'client_credentials_malformed'],
    ['Basic without a colon', {}, `Basic ${base64('basic')}`, 'client_credentials_malformed'],
    ['Basic without an id', {}, raw('', SECRET), 'client_credentials_malformed'],
    ['a bad percent escape [AS-CA-14]', {}, 'Basic JXp6OiV6eg==', 'client_unknown'],
    ['NUL and UTF-8 [AS-CA-15]', {}, 'Basic AADDqTrDqQ==', 'client_unknown'],
    ['an escaped NUL', {}, raw('basic%00', 'x'), 'client_unknown'],
    ['a line feed in a secret', {}, raw('nope\n', 'x\n'), 'client_unknown'],
    [
      'bytes that are no UTF-8',
      {},
      `Basic ${base64(Uint8Array.from([0xff, 0x3a, 0xff]))}`,
      'client_credentials_malformed',
    ],
    [
      'bytes that are no UTF-8 in the secret',
      {},
      `Basic ${base64(Uint8Array.from([0x61, 0x3a, 0xff]))}`,
      'client_credentials_malformed',
    ],
    ['escaped bytes that are no UTF-8', {}, raw('%FF', '%FF'), 'client_unknown'],
  ])('or is refused: %s', async (_, form, authorization, reason) => {
    expect(await authenticate(form, authorization)).toBe(reason);
  });

  test('whatever its secret is made of, form-encoded or, in printable characters, raw', async () => {
    const secret = fc.string({
      unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
      minLength: 1,
    });
    await fc.assert(
      fc.asyncProperty(secret, async (text) => {
        const known = client('c', 'client_secret_basic', text);
        for (const authorization of [encoded('c', text), raw('c', text)]) {
          const found = await authenticateClient({ form: parseForm(''), authorization }, async (id) =>
            id === 'c' ? known : undefined,
          );
          expect(found).toBe(known);
        }
      }),
    );
  });

  test('by the right secret only', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ minLength: 1 }), fc.boolean(), async (text, isEncoded) => {
        const authorization = isEncoded ? encoded('basic', text) : raw('basic', text);
        const isRight = [text, formEncode(text)].includes(SECRET) || text === formEncode(SECRET);
        expect((await authenticate({}, authorization)) === 'is basic').toBe(isRight);
      }),
    );
  });
});

test('nobody is looked for under a name that holds a control character', async () => {
  for (const authorization of ['Basic AADDqTrDqQ==', raw('basic%00', 'x'), raw('a\x7f', 'b')]) {
    await authenticate({}, authorization);
    expect(looked.filter((id) => /[^\x20-\x7e]/.test(id))).toEqual([]);
  }
  await authenticate({ client_id: 'a\0' });
  expect(looked).toEqual([]);
});

test('the name of an unknown client goes to no log, only its hash', async () => {
  await expect(
    authenticateClient({ form: parseForm('client_id=hello'), authorization: undefined }, async () => undefined),
  ).rejects.toMatchObject({ detail: { clientHash: sha256('hello') } });
});
