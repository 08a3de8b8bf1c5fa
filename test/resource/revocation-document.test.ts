import { describe, expect, test, vi } from 'vitest';
import type { RevocationClaims } from '../../src/oauth/index.ts';
import { createFixedKeys } from '../../src/resource/keys/key-source.ts';
import { createDocumentReader } from '../../src/resource/revocations/revocation-document.ts';
import { createRevocationFeed } from '../../src/resource/revocations/revocation-feed.ts';
import type { OpenedAnswer } from '../../src/resource/runtime/open-url.ts';
import { testSigner } from '../support/keys.ts';
import { encode, type Forgery, forge, ISSUER, NOW } from './issuer.ts';

const signer = testSigner();
const TYP = { typ: 'revocations+jwt' };

const SOUND: RevocationClaims = {
  iss: ISSUER,
  iat: NOW,
  exp: NOW + 60,
  ttl: 5,
  epoch: 'epoch',
  seq: '7',
  salt: 'AAAAAAAAAAAAAAAAAAAAAA',
  jti: [['jti-1', NOW + 600]],
  grant: [],
  key: [],
  sub: [],
  client: [],
  all: [],
};

/** A revocation document, but for what the forgery says. */
function document(claims: Record<string, unknown> = {}, forgery: Forgery = {}): string {
  const { header, ...rest } = forgery;
  return forge({ header: { ...TYP, ...header }, payload: JSON.stringify({ ...SOUND, ...claims }), ...rest });
}

function createReader(now = NOW) {
  const keys = createFixedKeys({ keys: [signer.publicJwk] });
  return createDocumentReader({ issuer: ISSUER, algorithms: ['ES256'], keys, clock: () => now, clockTolerance: 5 });
}

const row = (...cells: unknown[]) => [cells];

describe('a revocation document', () => {
  test('is read when it is signed by the issuer and stands now', async () => {
    expect(await createReader()(document())).toEqual(SOUND);
  });

  test('may say more than is known today', async () => {
    const text = document({ future: true, jti: [['jti-1', NOW + 600, 'more']] }, { header: { jku: 'https://x' } });

    expect((await createReader()(text)).jti[0]?.[0]).toBe('jti-1');
  });

  test.each<[string, string]>([
    ['signed by a key of somebody else', document({}, { signing: testSigner('ES256', 'other') })],
    ['of a key that is not known', document({}, { header: { kid: 'unknown' } })],
    ['of no key', document({}, { header: { kid: undefined } })],
    ['with a signature of something else', `${document().slice(0, -86)}${document({ seq: '8' }).slice(-86)}`],
    ['with no signature', document({}, { signing: { bytes: Buffer.alloc(0) } })],
    ['of the algorithm none', document({}, { header: { alg: 'none' }, signing: { bytes: Buffer.alloc(0) } })],
    ['of another algorithm', document({}, { header: { alg: 'ES384' } })],
    ['signed with the public key as a secret', document({}, { header: { alg: 'HS256' }, signing: { hmac: 'x' } })],
    ['that is an access token', forge({ payload: JSON.stringify(SOUND) })],
    ['that is a plain JWT', document({}, { header: { typ: 'JWT' } })],
    ['with a critical header', document({}, { header: { crit: ['exp'] } })],
    ['with an unencoded payload', document({}, { header: { b64: false } })],
    ['of another issuer', document({ iss: 'https://other.example.test' })],
    ['of the issuer with a slash more', document({ iss: `${ISSUER}/` })],
    ['that has expired', document({ iat: NOW - 70, exp: NOW - 5 })],
    ['from the future', document({ iat: NOW + 61 })],
    ['without a position', document({ seq: undefined })],
    ['with a position that is none', document({ seq: 'a.b' })],
    ['with a number for a position', document({ seq: 7 })],
    ['without a list', document({ grant: undefined })],
    ['with an object for a list', document({ jti: { 'jti-1': NOW + 600 } })],
    ['with a row that is none', document({ jti: ['jti-1'] })],
    ['with a row that is short', document({ sub: row('hash', NOW) })],
    ['with a text for a time', document({ jti: row('jti-1', 'never') })],
    ['with a number for an id', document({ grant: row(1, NOW) })],
    ['with a time that is no number', document({ exp: null })],
    ['that repeats a member', document({}, { payload: JSON.stringify(SOUND).replace('{', '{"jti":[],') })],
    ['that is no JSON', document({}, { payload: 'revoked: everything' })],
    ['that is a list', document({}, { payload: JSON.stringify([SOUND]) })],
    ['with spare bits', document({}, { respell: ([one, two, three]) => `${one}.${two}.${three.slice(0, -1)}B` })],
    ['with padding', document({}, { respell: ([one, two, three]) => `${one}.${two}.${three}==` })],
    ['with a segment more', `${document()}.`],
    ['that is empty', ''],
    ['that is a page of a proxy', '<html>502 Bad Gateway</html>'],
    ['that is unsigned JSON', JSON.stringify(SOUND)],
    ['that begins with text', `x${document()}`],
    ['of a JSON serialization', JSON.stringify({ payload: encode(JSON.stringify(SOUND)) })],
  ])('is refused %s', async (_title, text) => {
    await expect(createReader()(text)).rejects.toThrow(/document/);
  });
});

/** A feed whose stream says what the test says, after a list that says `SOUND`. */
function createStreamedFeed(maxEntries = 1_000) {
  const clock = { now: NOW };
  const keys = createFixedKeys({ keys: [signer.publicJwk] });
  const queue: string[] = [];
  let wake = () => {};
  const asked: string[] = [];
  async function* events(): AsyncGenerator<Uint8Array> {
    for (;;) {
      for (const text of queue.splice(0)) yield Buffer.from(`data: ${text}\n\n`);
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
  let list = document();
  const feed = createRevocationFeed({
    locate: async () => ({ list: 'https://as/list', stream: 'https://as/stream' }),
    open: async (url): Promise<OpenedAnswer> => {
      asked.push(url);
      const isStream = url.includes('/stream');
      const body = isStream
        ? events()
        : (async function* () {
            yield Buffer.from(list);
          })();
      return { status: 200, contentType: isStream ? 'text/event-stream' : 'application/jwt', body, close: () => {} };
    },
    readDocument: createDocumentReader({
      issuer: ISSUER,
      algorithms: ['ES256'],
      keys,
      clock: () => clock.now,
      clockTolerance: 5,
    }),
    clock: () => clock.now,
    onKeyDenied: (kid) => keys.drop(kid, clock.now),
    maxEntries,
  });
  return {
    feed,
    clock,
    asked,
    state: () => feed.state(clock.now),
    setList: (text: string) => {
      list = text;
    },
    say(text: string) {
      queue.push(text);
      wake();
    },
    isDenied: (jti: string) =>
      feed.isDenied({ jti, kid: 'kid', subject: 'sub', clientId: 'client', issuedAt: NOW - 10 }),
  };
}

async function started(maxEntries?: number) {
  const streamed = createStreamedFeed(maxEntries);
  streamed.feed.begin?.();
  await vi.waitFor(() => expect(streamed.asked).toHaveLength(2));
  return streamed;
}

describe('the stream', () => {
  test('passes over documents that are not to be believed, and goes on', async () => {
    const { feed, say, state, isDenied, asked } = await started();
    const next = { prev: '7', seq: '8', jti: [['jti-2', NOW + 600]] };

    say(document({ ...next, jti: [['forged', NOW + 600]] }, { signing: testSigner('ES256', 'other') }));
    say(document({ ...next, iss: 'https://other.example.test', jti: [['foreign', NOW + 600]] }));
    say(document({ ...next, iat: NOW - 100, exp: NOW - 40, jti: [['expired', NOW + 600]] }));
    say('nonsense');
    await vi.waitFor(() => expect(state().lastFailure).toBe('the document is no compact JWS'));
    expect(state()).toMatchObject({ entries: 1, position: 'epoch.7' });

    say(document(next));
    await vi.waitFor(() => expect(state().position).toBe('epoch.8'));
    expect(state().lastFailure).toBeUndefined();
    expect(['jti-1', 'jti-2', 'forged', 'foreign', 'expired'].map(isDenied)).toEqual([true, true, false, false, false]);
    expect(asked).toHaveLength(2);
    feed.close();
  });

  test('is not taken for fresh because an old document of it is repeated', async () => {
    const { feed, say, state, clock } = await started();
    const heartbeat = document({ prev: '7', jti: [] });
    say(heartbeat);
    clock.now += 40;
    say(document({ prev: '7', iat: NOW + 40, exp: NOW + 100, jti: [] }));
    await vi.waitFor(() => expect(state().heardAt).toBe(NOW + 40));

    clock.now += 16;
    say(heartbeat);
    say(document({ prev: '7', seq: '8', iat: NOW + 1, exp: NOW + 61, jti: [['seen', NOW + 600]] }));

    await vi.waitFor(() => expect(state().position).toBe('epoch.8'));
    expect(state()).toMatchObject({ freshness: 'degraded', heardAt: NOW + 40, ageSeconds: 16 });
    feed.close();
  });

  test('may be of a replica whose clock is a minute behind, and no older', async () => {
    const { feed, say, state, isDenied, clock } = await started();
    clock.now += 30;
    say(document({ prev: '7', iat: NOW + 30, exp: NOW + 90, jti: [] }));
    await vi.waitFor(() => expect(state().heardAt).toBe(NOW + 30));

    say(document({ prev: '7', seq: '8', iat: NOW - 30, exp: NOW + 60, jti: [['behind', NOW + 600]] }));
    await vi.waitFor(() => expect(isDenied('behind')).toBe(true));
    say(document({ prev: '8', seq: '9', iat: NOW - 31, exp: NOW + 60, jti: [['older', NOW + 600]] }));

    await vi.waitFor(() => expect(state().lastFailure).toBe('the document is older than one that was read'));
    expect([isDenied('older'), state().heardAt]).toEqual([false, NOW + 30]);
    feed.close();
  });

  test('may be of a replica whose clock is a minute ahead, which makes nobody better informed than now', async () => {
    const { feed, say, state, isDenied, clock } = await started();
    say(document({ prev: '7', seq: '8', iat: NOW + 60, exp: NOW + 120, jti: [['ahead', NOW + 600]] }));
    await vi.waitFor(() => expect(isDenied('ahead')).toBe(true));
    const before = state();
    clock.now += 16;

    expect(before).toMatchObject({ freshness: 'fresh', heardAt: NOW });
    expect(state()).toMatchObject({ freshness: 'degraded', ageSeconds: 16 });
    feed.close();
  });

  test('that skips something sends its reader to the list, for what it skipped', async () => {
    const { feed, say, setList, isDenied, asked } = await started();
    setList(document({ prev: '7', seq: '9', jti: [['skipped', NOW + 600]] }));

    say(document({ prev: '8', seq: '9', jti: [['after the gap', NOW + 600]] }));

    await vi.waitFor(() => expect(isDenied('skipped')).toBe(true));
    expect(isDenied('after the gap')).toBe(true);
    expect(asked.slice(2, 4)).toEqual(['https://as/list?since=epoch.7', 'https://as/stream?since=epoch.9']);
    feed.close();
  });

  test('of another epoch does not go on where the old one was', async () => {
    const { feed, say, setList, state, isDenied } = await started();
    setList(document({ epoch: 'later', seq: '7', jti: [['new', NOW + 600]] }));

    say(document({ epoch: 'later', prev: '7', seq: '8', jti: [] }));

    await vi.waitFor(() => expect(state().position).toBe('later.7'));
    expect([isDenied('jti-1'), isDenied('new')]).toEqual([true, true]);
    feed.close();
  });

  test('of more than can be held is not read any further, until there is room again', async () => {
    const { feed, say, setList, state, isDenied, clock } = await started(2);
    const many = ['a', 'b', 'c'].map((id) => [id, NOW + 30]);
    say(document({ prev: '7', seq: '8', jti: many }));
    await vi.waitFor(() => expect(state()).toMatchObject({ entries: 4, position: 'epoch.8' }));

    const late = { prev: '8', seq: '9', jti: [['late', NOW + 600]] };
    setList(document(late));
    say(document(late));
    await vi.waitFor(() => expect(state().lastFailure).toBe('more is revoked than can be held'));
    expect([isDenied('c'), isDenied('late'), state().position]).toEqual([true, false, 'epoch.8']);

    clock.now += 31;
    const renewed = document({ ...late, iat: clock.now, exp: clock.now + 60 });
    setList(renewed);
    await vi.waitFor(() => {
      say(renewed);
      expect(isDenied('late')).toBe(true);
    });
    expect(state()).toMatchObject({ freshness: 'fresh', position: 'epoch.9' });
    expect(state().lastFailure).toBeUndefined();
    feed.close();
  });

  test('is not believed under a key that was denied, whoever signs with it', async () => {
    const { feed, say, state, isDenied } = await started();

    say(document({ prev: '7', seq: '8', jti: [], key: [[signer.kid, NOW + 600]] }));
    say(document({ prev: '8', seq: '9', jti: [['by a thief', NOW + 600]] }));

    await vi.waitFor(() => expect(state().lastFailure).toBe('the document is not signed by a key of the issuer'));
    expect(isDenied('by a thief')).toBe(false);
    feed.close();
  });
});
