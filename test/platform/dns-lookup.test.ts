import { describe, expect, it } from 'vitest';
import { createDnsLookup } from '../../src/platform/index.ts';
import { startNameServer } from '../support/name-server.ts';

describe('createDnsLookup', () => {
  it('answers the addresses of both families, so that each can be judged', async () => {
    await using server = await startNameServer({ 'both.example': { a: [['93.184.216.34']], aaaa: [['::1']] } });
    const lookup = createDnsLookup({ servers: [server.address] });

    expect(await lookup('both.example', new AbortController().signal)).toEqual(['93.184.216.34', '::1']);
  });

  it('answers one family when the other has nothing', async () => {
    await using server = await startNameServer({ 'four.example': { a: [['1.1.1.1']] } });
    const lookup = createDnsLookup({ servers: [server.address] });

    expect(await lookup('four.example', new AbortController().signal)).toEqual(['1.1.1.1']);
  });

  it('ends when it is told to, though the name server is silent', async () => {
    await using server = await startNameServer({});
    const lookup = createDnsLookup({ servers: [server.address] });
    const stop = new AbortController();

    const pending = lookup('silent.example', stop.signal);
    stop.abort();

    expect(await pending).toEqual([]);
  });

  it('does not read the file in which this machine names itself', async () => {
    await using server = await startNameServer({ localhost: {} });
    const lookup = createDnsLookup({ servers: [server.address] });

    expect(await lookup('localhost', new AbortController().signal)).toEqual([]);
  });
});
