import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readEvents } from '../../src/resource/revocations/event-stream.ts';

async function* chunked(text: string, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((one, other) => one - other);
  let start = 0;
  for (const end of ends) {
    yield bytes.subarray(start, end);
    start = end;
  }
}

async function read(text: string, cuts: readonly number[] = [], maxLength = 10_000): Promise<string[]> {
  const found: string[] = [];
  for await (const { data } of readEvents(chunked(text, cuts), maxLength)) found.push(data);
  return found;
}

describe('server-sent events', () => {
  test.each([
    ['one after the other', 'data: one\n\ndata: two\n\n', ['one', 'two']],
    ['with lines that end in CR LF', 'id: 1\r\ndata: one\r\n\r\n', ['one']],
    ['with other fields, comments and no space', ': hello\n\nretry: 1000\n\nid: 7\nevent: x\ndata:one\n\n', ['one']],
    ['with several lines of data', 'data: one\ndata:\ndata: two\n\n', ['one\n\ntwo']],
    ['with data that is empty', 'data\n\n', ['']],
    ['with a field that only begins alike', 'database: x\n\n', []],
    ['that is cut off', 'data: one\n\ndata: tw', ['one']],
    ['with empty lines between', '\n\n\ndata: one\n\n\n', ['one']],
  ])('are read: %s', async (_title, text, expected) => {
    expect(await read(text)).toEqual(expected);
  });

  test('come out the same wherever the network cuts them', async () => {
    const text = ': c\nid: ä\ndata: öne\r\n\r\ndata: two\ndata: 2\n\nretry: 1\n\ndata: €\n\n';
    const whole = await read(text);
    expect(whole).toEqual(['öne', 'two\n2', '€']);

    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat({ max: 200 }), { maxLength: 20 }), async (cuts) => {
        expect(await read(text, cuts)).toEqual(whole);
      }),
    );
  });

  test('are read no further than is allowed, however the text is spread over lines', async () => {
    await expect(read(`data: ${'x'.repeat(200)}`, [], 100)).rejects.toThrow('too long');
    await expect(read(': x\n'.repeat(100), [], 100)).rejects.toThrow('too long');
    expect(await read('data: x\n\n'.repeat(100), [], 100)).toHaveLength(100);
  });

  test('that are no UTF-8 are none', async () => {
    const bytes = async function* () {
      yield Buffer.from([0x64, 0x61, 0x74, 0x61, 0x3a, 0xff, 0x0a, 0x0a]);
    };
    await expect(Array.fromAsync(readEvents(bytes(), 100))).rejects.toThrow();
  });
});
