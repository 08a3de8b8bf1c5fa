import { createSocket } from 'node:dgram';
import ipaddr from 'ipaddr.js';

/** What a name server says about a name: the answers to one question after the other, the last one over and over. */
export interface NameRecords {
  readonly a?: readonly (readonly string[])[];
  readonly aaaa?: readonly (readonly string[])[];
}

/** A name server on loopback, over UDP. */
export interface NameServer extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly address: string;
  /** Names that were asked for, once for each type of record. */
  readonly asked: string[];
}

/** Answers A and AAAA with a lifetime of zero, and says nothing about names it does not know. */
export async function startNameServer(table: Readonly<Record<string, NameRecords>>): Promise<NameServer> {
  const socket = createSocket('udp4');
  const asked: string[] = [];
  const turns = new Map<string, number>();
  socket.on('message', (query, peer) => {
    const { name, end } = questionOf(query);
    asked.push(name);
    const records = table[name];
    if (records === undefined) return;
    const type = query.readUInt16BE(end + 1);
    const sequence = (type === 1 ? records.a : type === 28 ? records.aaaa : undefined) ?? [];
    const turn = turns.get(`${name} ${type}`) ?? 0;
    turns.set(`${name} ${type}`, turn + 1);
    const addresses = sequence[Math.min(turn, sequence.length - 1)] ?? [];
    const header = Buffer.from(query.subarray(0, 12));
    header.writeUInt16BE(0x8180, 2);
    header.writeUInt16BE(addresses.length, 6);
    header.writeUInt32BE(0, 8);
    const answers = addresses.flatMap((address) => {
      const bytes = ipaddr.parse(address).toByteArray();
      return [Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 0, 0, bytes.length]), Buffer.from(bytes)];
    });
    socket.send(Buffer.concat([header, query.subarray(12, end + 5), ...answers]), peer.port, peer.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${socket.address().port}`,
    asked,
    async [Symbol.asyncDispose]() {
      await new Promise<void>((resolve) => socket.close(() => resolve()));
    },
  };
}

function questionOf(query: Buffer): { name: string; end: number } {
  let end = 12;
  const labels: string[] = [];
  while (query[end] !== 0) {
    const length = query[end] ?? 0;
    labels.push(query.subarray(end + 1, end + 1 + length).toString());
    end += length + 1;
  }
  return { name: labels.join('.'), end };
}
