import { createServer, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { createDnsLookup, createGuardedFetch, isPublicAddress } from '../../src/platform/index.ts';
import { createForeignSigner } from '../support/assertion.ts';
import { authority, type DocumentHost, publish, publishRaw, watchDials } from '../support/document-host.ts';
import { RESOURCE, type RunningGuardmint, startGuardmint } from '../support/guardmint.ts';
import { type NameRecords, startNameServer } from '../support/name-server.ts';
import { pkcePair } from '../support/pkce.ts';

const REDIRECT = 'http://127.0.0.1:7777/callback';
/** The one address that stands for the public Internet; every other rule is the real one. */
const PUBLIC = '127.0.0.1';
/** An address nobody may be made to dial, where somebody listens. */
const INSIDE = '127.0.0.2';

/** A whole server over a real name server, with listeners inside that count whoever comes. */
async function startAgainst(host: Pick<DocumentHost, 'port'>, names: Readonly<Record<string, NameRecords>>) {
  const nameServer = await startNameServer(names);
  const visits: string[] = [];
  const inside = await Promise.all(
    [INSIDE, '::1'].map(async (address) => {
      const listener = createServer((socket) => {
        visits.push(address);
        socket.destroy();
      });
      await new Promise<void>((resolve) => listener.listen(host.port, address, resolve));
      return listener;
    }),
  );
  const server = await startGuardmint({
    fetch: createGuardedFetch({
      lookup: createDnsLookup({ servers: [nameServer.address] }),
      isAdmitted: (address) => address === PUBLIC || isPublicAddress(address),
      ca: authority.cert,
      timeout: 0.5,
    }),
  });
  const dials = watchDials();
  const person = server.person();
  // Documents are asked for on behalf of people who have signed in.
  await server.authorize({ person });
  return {
    server,
    /** What the person sees of a request by this client. */
    open: async (clientId: string) => {
      const page = await person.open(authorizeUrl(server, clientId).url);
      // The number of the request is the one thing that may differ.
      const text = page.html.replace(/<code>[\w-]{12}<\/code>/, '');
      return { status: page.status, leavesFor: page.leavesFor?.href, text };
    },
    person,
    /** Addresses this process dialled, and visits inside. */
    seen: () => ({ dialled: [...new Set(dials.addresses)], visits }),
    async [Symbol.asyncDispose]() {
      dials[Symbol.dispose]();
      await server[Symbol.asyncDispose]();
      await nameServer[Symbol.asyncDispose]();
      await Promise.all(inside.map((listener) => new Promise((resolve) => listener.close(resolve))));
    },
  };
}

function authorizeUrl(server: RunningGuardmint, clientId: string) {
  const { verifier, challenge } = pkcePair();
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: clientId,
    redirect_uri: REDIRECT,
    code_challenge: challenge,
    code_challenge_method: 'S256',
    resource: RESOURCE,
    scope: 'mcp:read',
  });
  return { verifier, url: `${server.issuer}/authorize?${query}` };
}

/** What a host publishes; a test changes it as it goes. */
interface Publication {
  members?: object;
  status?: number;
  headers?: Record<string, string>;
}

function publishing(publication: Publication): Promise<DocumentHost> {
  return publish((request, response) => {
    const clientId = `https://${request.headers.host}${request.url}`;
    const document = { client_id: clientId, client_name: 'X', redirect_uris: [REDIRECT], ...publication.members };
    response.writeHead(publication.status ?? 200, {
      'Content-Type': 'application/json',
      'Cache-Control': 'no-store',
      ...publication.headers,
    });
    response.end(publication.status === 204 ? undefined : JSON.stringify(document));
  });
}

describe('addresses that a client_id leads to, and that nobody is made to dial [CI-08]', () => {
  const NAMES: Readonly<Record<string, NameRecords>> = {
    'inside.client.example': { a: [[INSIDE]] },
    'among.client.example': { a: [[PUBLIC, INSIDE]] },
    'v6.client.example': { aaaa: [['::1']] },
    'beside.client.example': { a: [[PUBLIC]], aaaa: [['::1']] },
    'mapped.client.example': { aaaa: [[`::ffff:${INSIDE}`]] },
    'nat64.client.example': { aaaa: [['64:ff9b::7f00:2']] },
    'nat64-local.client.example': { aaaa: [['64:ff9b:1::7f00:2']] },
    '6to4.client.example': { aaaa: [['2002:7f00:2::1']] },
    'teredo.client.example': { aaaa: [['2001:0:4136:e378:8000:63bf:80ff:fffd']] },
    'compatible.client.example': { aaaa: [['::7f00:2']] },
    'zero.client.example': { a: [['0.0.0.0']] },
    'metadata.client.example': { a: [['169.254.169.254']] },
    'carrier.client.example': { a: [['100.64.0.1']] },
    'private.client.example': { a: [['10.0.0.1']] },
    'nowhere.client.example': { a: [[]] },
  };

  it('whatever their name servers say: one page for all, and no connection', async () => {
    await using host = await publishing({});
    await using world = await startAgainst(host, NAMES);

    const pages = [];
    for (const name of Object.keys(NAMES)) pages.push(await world.open(`https://${name}:${host.port}/c`));

    expect(new Set(pages.map((page) => JSON.stringify(page))).size).toBe(1);
    expect(pages[0]).toMatchObject({ status: 401, leavesFor: undefined });
    expect(world.seen().visits).toEqual([]);
    expect(world.seen().dialled.filter((address) => address !== PUBLIC)).toEqual([]);
    expect(host.connections).toBe(0);
  });

  it('however the address is written', async () => {
    const WRITTEN = {
      decimal: '2130706434',
      octal: '0177.0.0.2',
      hexadecimal: '0x7f.0.0.2',
      shortened: '127.2',
      plain: INSIDE,
      IPv6: '[::1]',
      'IPv4-mapped': `[::ffff:${INSIDE}]`,
      '6to4': '[2002:7f00:2::1]',
      NAT64: '[64:ff9b::7f00:2]',
      'fullwidth digits': '１２７.0.0.2',
      'ideographic full stops': '127。0。0。2',
      'circled letters': 'ⓛocalhost',
      'a Cyrillic letter': 'сlient.example',
      'a soft hyphen': 'client\u00ad.example',
      'a dot at the end': 'client.example.',
      'this machine': 'localhost',
    };
    await using host = await publishing({});
    await using world = await startAgainst(host, { 'client.example': { a: [[PUBLIC]] } });

    for (const [how, hostname] of Object.entries(WRITTEN)) {
      const page = await world.open(`https://${hostname}:${host.port}/c`);
      expect({ how, isRefused: page.status >= 400 && page.status < 500 }).toEqual({ how, isRefused: true });
      expect({ how, leavesFor: page.leavesFor, ...world.seen() }).toMatchObject({
        how,
        leavesFor: undefined,
        visits: [],
      });
    }
    expect(host.connections).toBe(0);
  });

  it('by a name that moves between the check and the dial, and between one fetch and the next', async () => {
    await using host = await publishing({ headers: { 'Keep-Alive': 'timeout=60' } });
    const names = { 'moves.client.example': { a: [[PUBLIC], [INSIDE]] } };
    await using world = await startAgainst(host, names);
    const clientId = `https://moves.client.example:${host.port}/c`;

    expect((await world.open(clientId)).text).toContain('name="decision"');
    expect((await world.open(clientId)).status).toBe(401);
    expect(host.connections).toBe(1);
    expect(world.seen().visits).toEqual([]);
  });

  it('by a redirect of the document host', async () => {
    const publication: Publication = { status: 302 };
    await using host = await publishing(publication);
    await using world = await startAgainst(host, { 'client.example': { a: [[PUBLIC]] } });

    for (const location of [`https://${INSIDE}:${host.port}/c`, `http://[::1]:${host.port}/`, '/other', '//inside/']) {
      publication.headers = { Location: location };
      expect((await world.open(`${host.origin}/${encodeURIComponent(location)}`)).status).toBe(401);
    }
    expect(world.seen().visits).toEqual([]);
    expect(host.requests.map(({ url }) => url)).not.toContain('/other');
  });
});

describe('answers of a hostile host', () => {
  const drip = (socket: Socket, head: string) => {
    socket.write(head);
    const timer = setInterval(() => void socket.write('x'), 50);
    socket.on('close', () => clearInterval(timer));
  };
  const good = JSON.stringify({ client_name: 'X' });
  const RAW: readonly (readonly [string, (socket: Socket) => void])[] = [
    ['slow body', (socket) => drip(socket, 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{')],
    ['slow headers', (socket) => drip(socket, 'HTTP/1.1 200 OK\r\nX: ')],
    [
      'endless body',
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n');
        const pour = () => {
          while (!socket.destroyed && socket.write('x'.repeat(4_096)));
          socket.once('drain', pour);
        };
        pour();
      },
    ],
    [
      'gzip bomb',
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n\r\n');
        socket.end(gzipSync(Buffer.alloc(5_000_000)));
      },
    ],
    ['204', (socket) => socket.end('HTTP/1.1 204 No Content\r\n\r\n')],
    [
      'wrong type',
      (socket) =>
        socket.end(`HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: ${good.length}\r\n\r\n${good}`),
    ],
    ['another protocol', (socket) => socket.end('220 mail.corp.internal ESMTP hush\r\n')],
    ['nothing', (socket) => socket.destroy()],
  ];

  it('all end on one page, whatever went wrong: there is nothing to learn from it [CI-14]', async () => {
    const hosts = await Promise.all(RAW.map(([, listener]) => publishRaw(listener)));
    try {
      const [first] = hosts;
      if (first === undefined) throw new Error('no hosts');
      const names = Object.fromEntries(
        RAW.map((_row, index) => [`h${index}.client.example`, { a: [[PUBLIC]] }] as const),
      );
      await using world = await startAgainst(first, names);

      const pages = await Promise.all(
        hosts.map(({ port }, index) => world.open(`https://h${index}.client.example:${port}/c`)),
      );

      expect(new Set(pages.map((page) => JSON.stringify(page))).size).toBe(1);
      expect(pages[0]).toMatchObject({ status: 401, leavesFor: undefined });
      expect(hosts.map(({ connections }) => connections)).toEqual(hosts.map(() => 1));
      expect(world.server.lines.join('')).not.toContain('hush');
    } finally {
      for (const host of hosts) await host[Symbol.asyncDispose]();
    }
  });
});

describe('a document that changes', () => {
  it('between the page and the decision: what was shown is what is agreed to, and where the answer goes', async () => {
    const publication: Publication = { members: { client_name: 'The first' } };
    await using host = await publishing(publication);
    await using world = await startAgainst(host, { 'client.example': { a: [[PUBLIC]] } });
    const clientId = `${host.origin}/c`;
    const shown = await world.person.open(authorizeUrl(world.server, clientId).url);
    expect(shown.html).toContain('The first');

    publication.members = { client_name: 'The second', redirect_uris: ['https://evil.example/cb'] };
    const page = await world.person.open(shown.url);
    expect(page.html).toContain('The first');
    expect(page.html).not.toContain('evil.example');
    const left = await world.person.authorize(shown.url);
    expect(left.href).toMatch(`${REDIRECT}?code=`);
    expect(host.requests).toHaveLength(1);
  });

  it('between the answer and the exchange: the code is still for the redirect URI it went to, and the keys are the new ones [CI-13]', async () => {
    const publication: Publication = {};
    await using host = await publishing(publication);
    await using world = await startAgainst(host, { 'client.example': { a: [[PUBLIC]] } });
    const clientId = `${host.origin}/c`;
    const { url, verifier } = authorizeUrl(world.server, clientId);
    const code = (await world.person.authorize(url)).searchParams.get('code') ?? '';
    const exchange = { grant_type: 'authorization_code', client_id: clientId, code, code_verifier: verifier };

    publication.members = { redirect_uris: ['https://evil.example/cb'] };
    const stolen = await world.server.post('/token', { ...exchange, redirect_uri: 'https://evil.example/cb' });
    expect(stolen.body).toMatchObject({ error: 'invalid_grant' });

    // It asks for a key now: who has none is not the client any more.
    const signer = await createForeignSigner();
    publication.members = { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [signer.publicJwk] } };
    expect((await world.server.post('/token', exchange)).status).toBe(401);
    const claims = { iss: clientId, sub: clientId, aud: world.server.issuer, jti: 'one', exp: world.server.now() + 60 };
    const answer = await world.server.post('/token', {
      ...exchange,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: await signer.sign(claims),
    });
    expect(answer.status).toBe(200);
  });

  it('in its name or keys: the next request is agreed to anew, and the audit tells the two apart [CI-15]', async () => {
    const publication: Publication = { members: { client_name: 'The first' } };
    await using host = await publishing(publication);
    await using world = await startAgainst(host, { 'client.example': { a: [[PUBLIC]] } });
    const agree = () => world.person.authorize(authorizeUrl(world.server, `${host.origin}/c`).url);
    await agree();
    await agree();

    publication.members = { client_name: 'The second' };
    const page = await world.open(`${host.origin}/c`);
    expect(page.text).toContain('name="decision"');
    expect(page.text).toContain('The second');
    await agree();

    const granted = world.server.events.filter(({ event }) => event === 'consent.granted').slice(-3);
    const [one, two, three] = granted.map((event) => event['metadata']);
    expect(one).toMatch(/^[\w-]{43}$/);
    expect(two).toBe(one);
    expect(three).not.toBe(one);
  });
});

describe('keys of a document elsewhere', () => {
  const keyed = (jwksUri: string) => ({ token_endpoint_auth_method: 'private_key_jwt', jwks_uri: jwksUri });

  it('at an address make the document unacceptable, and nobody dials [CI-08]', async () => {
    const publication: Publication = {};
    await using host = await publishing(publication);
    await using world = await startAgainst(host, { 'client.example': { a: [[PUBLIC]] } });

    for (const jwksUri of [
      `https://${INSIDE}/jwks`,
      'https://[fd00::1]/jwks',
      'https://2130706434/jwks',
      'http://client.example/jwks',
      'https://keys.internal/jwks',
    ]) {
      publication.members = keyed(jwksUri);
      const page = await world.open(`${host.origin}/${encodeURIComponent(jwksUri)}`);
      expect({ jwksUri, status: page.status }).toEqual({ jwksUri, status: 401 });
    }
    expect(world.seen().visits).toEqual([]);
  });

  it('behind names and redirects that lead inside: 503, the same for all, and nobody dials [CI-08]', async () => {
    await using host = await publish((request, response) => {
      const target = /^\/(inside|mapped|redirect)$/.exec(request.url ?? '')?.[1];
      if (target === undefined) {
        response.writeHead(302, { Location: `https://${INSIDE}:${host.port}/jwks` }).end();
        return;
      }
      const keys = target === 'redirect' ? 'client' : `${target}.client`;
      const document = {
        client_id: `https://${request.headers.host}${request.url}`,
        client_name: 'X',
        redirect_uris: [REDIRECT],
        ...keyed(`https://${keys}.example:${host.port}/jwks`),
      };
      response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(document));
    });
    await using world = await startAgainst(host, {
      'client.example': { a: [[PUBLIC]] },
      'inside.client.example': { a: [[INSIDE]] },
      'mapped.client.example': { aaaa: [[`::ffff:${INSIDE}`]] },
    });
    const signer = await createForeignSigner();

    const answers = [];
    for (const target of ['inside', 'mapped', 'redirect']) {
      const clientId = `${host.origin}/${target}`;
      const { url, verifier } = authorizeUrl(world.server, clientId);
      const code = (await world.person.authorize(url)).searchParams.get('code') ?? '';
      const claims = {
        iss: clientId,
        sub: clientId,
        aud: world.server.issuer,
        jti: target,
        exp: world.server.now() + 60,
      };
      const { status, text } = await world.server.post('/token', {
        grant_type: 'authorization_code',
        code,
        code_verifier: verifier,
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: await signer.sign(claims),
      });
      answers.push({ status, text });
    }

    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(answers[0]?.status).toBe(503);
    expect(world.seen().visits).toEqual([]);
    expect(world.seen().dialled.filter((address) => address !== PUBLIC && address !== '::1')).toEqual([]);
  });
});
