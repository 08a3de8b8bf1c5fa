import { EventEmitter, once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  type AccessToken,
  endWithToken,
  type StreamEndOptions,
  type TokenEnd,
  type Verifier,
} from '../../src/resource/index.ts';
import { endWithToken as endNodeWithToken } from '../../src/resource/node.ts';
import { testSigner } from '../support/keys.ts';
import { serve } from '../support/serve.ts';
import { createTestClock, forge, NOW, verifierOf } from './issuer.ts';
import { createTimedVerifier, startRevocationIssuer } from './revocation-issuer.ts';

afterEach(() => void vi.useRealTimers());

const CALL = { jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name: 'x' } };
const LISTEN = { jsonrpc: '2.0', id: 'listen:1', method: 'subscriptions/listen', params: {} };
const EVENT = 'event: message\ndata: {"jsonrpc":"2.0","method":"notifications/progress"}\n\n';

const errorOf = (id: unknown, reason: string, message: string) =>
  `event: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', id, error: { code: -32000, message, data: { reason } } })}\n\n`;
const REVOKED = 'The access token was revoked.';

/** A token whose end the test decides: a watch stands between the stream and what the verifier would tell. */
function createToken(): Pick<StreamEndOptions, 'verifier' | 'accessToken'> & {
  end: (reason: TokenEnd) => void;
  readonly watches: number;
} {
  const emitter = new EventEmitter();
  const watch: Verifier['watch'] = (_token, onEnd) => {
    emitter.on('end', onEnd);
    return () => void emitter.off('end', onEnd);
  };
  return {
    verifier: { watch },
    accessToken: {} as AccessToken,
    end: (reason) => void emitter.emit('end', reason),
    get watches() {
      return emitter.listenerCount('end');
    },
  };
}

/** A response of events the test sends. */
function createSource(contentType = 'text/event-stream; charset=utf-8') {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  const cancelled = vi.fn();
  const body = new ReadableStream<Uint8Array>({
    start: (made) => {
      controller = made;
    },
    cancel: cancelled,
  });
  const response = new Response(body, { headers: { 'content-type': contentType, 'mcp-session-id': 's' } });
  return {
    response,
    cancelled,
    send: (text: string) => controller?.enqueue(new TextEncoder().encode(text)),
    close: () => controller?.close(),
    fail: (error: Error) => controller?.error(error),
  };
}

/** Reads a response as it comes. */
function createReader(response: Response) {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const decoder = new TextDecoder();
  return {
    next: async () => decoder.decode((await reader.read()).value),
    rest: async () => {
      let text = '';
      for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read())
        text += decoder.decode(chunk.value);
      return text;
    },
    cancel: () => reader.cancel('no more'),
  };
}

describe('a stream of events of a web handler', () => {
  test.each([
    ['of a listener', undefined, ''],
    ['of a subscription', LISTEN, errorOf('listen:1', 'revoked', REVOKED)],
    ['of a call', CALL, errorOf(7, 'revoked', REVOKED)],
    ['of a batch', [CALL, { ...CALL, id: 'b' }], errorOf(7, 'revoked', REVOKED) + errorOf('b', 'revoked', REVOKED)],
    ['of a notification', { jsonrpc: '2.0', method: 'notifications/initialized' }, ''],
  ])(
    '%s ends with the reason once its token is revoked, and so does what produces it [RS-19]',
    async (_title, body, errors) => {
      const token = createToken();
      const source = createSource();
      const response = endWithToken(source.response, { ...token, body });
      const reader = createReader(response);
      source.send(EVENT);
      expect(await reader.next()).toBe(EVENT);

      token.end('revoked');

      expect(await reader.rest()).toBe(`: ${REVOKED}\n\n${errors}`);
      expect(source.cancelled).toHaveBeenCalledOnce();
      expect(Object.fromEntries(response.headers)).toEqual({
        'content-type': 'text/event-stream; charset=utf-8',
        'mcp-session-id': 's',
      });
    },
  );

  test.each([
    ['expired', ': The access token has expired.\n\n'],
    ['revoked', `: ${REVOKED}\n\n${errorOf(7, 'revoked', REVOKED)}`],
  ] as const)('that its client can take up again once its token has %s ends with %j', async (reason, expected) => {
    const token = createToken();
    const source = createSource();
    const reader = createReader(endWithToken(source.response, { ...token, body: CALL, grace: 0 }));
    source.send('id: e1\ndata: \n\n');
    await reader.next();

    token.end(reason);

    expect(await reader.rest()).toBe(expected);
  });

  test('ends without a word in the middle of an event', async () => {
    const token = createToken();
    const source = createSource();
    const reader = createReader(endWithToken(source.response, { ...token, body: CALL }));
    source.send('event: message\ndata: {"json');
    await reader.next();

    token.end('revoked');

    expect(await reader.rest()).toBe('');
  });

  test('ends where nobody reads it yet, and where the token ended before', async () => {
    const token = createToken();
    const source = createSource();
    const response = endWithToken(source.response, { ...token, body: CALL });

    token.end('unknown');

    expect(await response.text()).toContain('"reason":"unknown"');
  });

  test.each([
    ['the answer to a call', CALL, 60, ['expired']],
    ['the answer to a call, where that is wanted', CALL, 0, []],
    ['a listener', undefined, 60, []],
    ['a subscription', LISTEN, 60, []],
    ['a batch with one', [CALL, LISTEN], 60, []],
  ] as const)('lasts as long as it may when its token expires: %s [RS-19]', async (_title, body, grace, late) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const token = createToken();
    const source = createSource();
    const reader = createReader(endWithToken(source.response, { ...token, body, grace }));

    token.end('expired');

    if (late.length > 0) {
      vi.advanceTimersByTime(grace * 1000 - 1);
      source.send(EVENT);
      expect(await reader.next()).toBe(EVENT);
      vi.advanceTimersByTime(1);
    }
    expect(await reader.rest()).toContain(': The access token has expired.\n\n');
    expect(vi.getTimerCount()).toBe(0);
  });

  test('that ends by itself, fails, or is left by its client, is waited for no more', async () => {
    const token = createToken();
    const [ending, failing, leaving] = [createSource(), createSource(), createSource()];
    const readers = [ending, failing, leaving].map(({ response }) => createReader(endWithToken(response, token)));
    expect(token.watches).toBe(3);

    ending.close();
    failing.fail(new Error('broken'));
    await readers[2]?.cancel();

    expect(await readers[0]?.rest()).toBe('');
    await expect(readers[1]?.rest()).rejects.toThrow('broken');
    expect([token.watches, leaving.cancelled.mock.calls]).toEqual([0, [['no more']]]);
  });

  test.each([
    ['JSON', Response.json({ ok: true })],
    ['no body', new Response(null, { status: 202 })],
    ['something like events', new Response('x', { headers: { 'content-type': 'text/event-streamer' } })],
  ])('is what ends, and %s is none', (_title, response) => {
    const token = createToken();

    expect(endWithToken(response, token)).toBe(response);
    expect(token.watches).toBe(0);
  });
});

describe('a stream of events of a Node server', () => {
  /** A server whose one response the test writes, ended with a token. */
  async function startStream(body: unknown, token = createToken()) {
    const asked = Promise.withResolvers<ServerResponse>();
    const served = await serve(() => ({
      callback: () => (_request, response) => {
        endNodeWithToken(response, { ...token, body });
        asked.resolve(response);
      },
    }));
    const answer = fetch(served.origin);
    return { served, token, answer, response: await asked.promise };
  }

  const begin: Record<string, (response: ServerResponse) => void> = {
    'writeHead with headers': (response) => void response.writeHead(200, { 'Content-Type': 'text/event-stream' }),
    'writeHead with a list': (response) => void response.writeHead(200, ['content-type', 'text/event-stream']),
    'setHeader and flushHeaders': (response) => {
      response.setHeader('content-type', 'text/event-stream');
      response.flushHeaders();
    },
    'setHeader alone': (response) => void response.setHeader('content-type', 'text/event-stream'),
  };

  test.each(Object.keys(begin))('ends with the reason, begun by %s [RS-19]', async (how) => {
    const { served, token, answer, response } = await startStream(CALL);
    await using _ = served;
    begin[how]?.(response);
    response.write(EVENT);
    const reader = createReader(await answer);
    expect(await reader.next()).toBe(EVENT);
    const closed = once(response, 'close');

    token.end('revoked');

    expect(await reader.rest()).toBe(`: ${REVOKED}\n\n${errorOf(7, 'revoked', REVOKED)}`);
    await closed;
    const written = vi.fn();
    response.write('too late', written);
    response.end('too late');
    await vi.waitFor(() => expect(written).toHaveBeenCalledOnce());
    expect(token.watches).toBe(0);
  });

  test.each(Object.keys(begin))('ends at its beginning where the token was quicker, begun by %s', async (how) => {
    const { served, token, answer, response } = await startStream(undefined);
    await using _ = served;

    token.end('revoked');
    begin[how]?.(response);
    response.write(EVENT);

    expect(await (await answer).text()).toBe(`: ${REVOKED}\n\n`);
  });

  test('is what ends, and JSON is none', async () => {
    const { served, token, answer, response } = await startStream(CALL);
    await using _ = served;
    token.end('revoked');

    response.writeHead(200, 'fine', { 'content-type': 'application/json' });
    response.write('{"a":');
    response.end('1}');

    expect(await (await answer).json()).toEqual({ a: 1 });
  });

  test('that its client leaves is waited for no more', async () => {
    const { served, token, answer, response } = await startStream(undefined);
    await using _ = served;
    begin['setHeader and flushHeaders']?.(response);
    const closed = once(response, 'close');

    await (await answer).body?.cancel();
    await closed;

    expect(token.watches).toBe(0);
  });
});

describe('a stream behind a real verifier', () => {
  test('ends when its grant is revoked, and at the expiry of its token [RS-19]', async () => {
    await using issuer = await startRevocationIssuer();
    const { verifier } = createTimedVerifier(issuer);
    using _ = verifier;
    const open = async (token: string) => {
      const accessToken = await verifier.loadAccessToken(token);
      if (accessToken === undefined) throw new Error('the token is not valid');
      return { accessToken, text: endWithToken(createSource().response, { verifier, accessToken }).text() };
    };
    const [revoked, expiring] = [await open(issuer.token()), await open(issuer.token({ exp: NOW + 30 }))];

    await issuer.deny(revoked.accessToken.grantId ?? '', 'grant');
    expect(await revoked.text).toBe(`: ${REVOKED}\n\n`);

    // Whatever is heard of next, the clock is looked at.
    issuer.clock.now = NOW + 40;
    await issuer.deny('something else');
    expect(await expiring.text).toBe(': The access token has expired.\n\n');
  });

  test('ends at once where its token ended while the answer was made', async () => {
    const clock = createTestClock();
    using verifier = verifierOf([testSigner()], { clock: clock.read });
    const accessToken = await verifier.loadAccessToken(forge());
    if (accessToken === undefined) throw new Error('the token is not valid');
    clock.now = NOW + 1000;

    const response = endWithToken(createSource().response, { verifier, accessToken });

    expect(await response.text()).toBe(': The access token has expired.\n\n');
  });
});
