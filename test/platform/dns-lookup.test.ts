import { createSocket } from 'node:dgram';
import { describe, expect, it } from 'vitest';
import { createDnsLookup } from '../../src/platform/index.ts';

/** A name server on loopback; answers A and AAAA from a table, and says nothing about other names. */
async function nameServer(table: Record<string, { a?: number[]; aaaa?: number[] }>) {
  const socket = createSocket('udp4');
  socket.on('message', (query, peer) => {
    let end = 12;
    const labels: string[] = [];
    while (query[end] !== 0) {
      const length = query[end] ?? 0;
      labels.push(query.subarray(end + 1, end + 1 + length).toString());
      end += length + 1;
    }
    const record = table[labels.join('.')];
    if (record === undefined) return;
    const type = query.readUInt16BE(end + 1);
    const address = type === 1 ? record.a : type === 28 ? record.aaaa : undefined;
    const header = Buffer.from(query.subarray(0, 12));
    header.writeUInt16BE(0x8180, 2);
    header.writeUInt16BE(address === undefined ? 0 : 1, 6);
    header.writeUInt32BE(0, 8);
    const answer =
      address === undefined
        ? []
        : [Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 0, 0, address.length]), Buffer.from(address)];
    socket.send(Buffer.concat([header, query.subarray(12, end + 5), ...answer]), peer.port, peer.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${socket.address().port}`,
    async [Symbol.asyncDispose]() {
      await new Promise<void>((resolve) => socket.close(() => resolve()));
    },
  };
}

const LOOPBACK_V6 = [...Array(15).fill(0), 1];

describe('createDnsLookup', () => {
  it('answers the addresses of both families, so that each can be judged', async () => {
    await using server = await nameServer({ 'both.example': { a: [93, 184, 216, 34], aaaa: LOOPBACK_V6 } });
    const lookup = createDnsLookup({ servers: [server.address] });

    expect(await lookup('both.example', new AbortController().signal)).toEqual(['93.184.216.34', '::1']);
  });

  it('answers one family when the other has nothing', async () => {
    await using server = await nameServer({ 'four.example': { a: [1, 1, 1, 1] } });
    const lookup = createDnsLookup({ servers: [server.address] });

    expect(await lookup('four.example', new AbortController().signal)).toEqual(['1.1.1.1']);
  });

  it('ends when it is told to, though the name server is silent', async () => {
    await using server = await nameServer({});
    const lookup = createDnsLookup({ servers: [server.address] });
    const stop = new AbortController();

    const pending = lookup('silent.example', stop.signal);
    stop.abort();

    expect(await pending).toEqual([]);
  });

  it('does not read the file in which this machine names itself', async () => {
    await using server = await nameServer({ localhost: {} });
    const lookup = createDnsLookup({ servers: [server.address] });

    expect(await lookup('localhost', new AbortController().signal)).toEqual([]);
  });
});
