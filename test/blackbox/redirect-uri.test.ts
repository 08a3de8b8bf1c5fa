import { describe, expect, test } from 'vitest';
import { page, proceeds } from './expectations.ts';
import { observe, type Row, runTable } from './runner.ts';
import { authorizeRequest, encodeParameters, openWorld, REDIRECT, type World } from './world.ts';

const world = await openWorld();

const WEB = 'https://client.example/cb';
const LOOPBACK = 'http://127.0.0.1/cb';
const LOCALHOST = 'http://localhost/cb';
const PRIVATE_USE = 'com.example.app:/cb';

/** What was registered, what a request presents, and the ids of the catalogue. */
type Pair = readonly [registered: string, presented: string, ids?: string];

const SAME: readonly Pair[] = [
  [WEB, WEB, '[AS-RU-01]'],
  ['https://client.example/cb?a=1', 'https://client.example/cb?a=1', '[AS-RU-67]'],
  [LOOPBACK, 'http://127.0.0.1:51004/cb', '[AS-RU-72]'],
  ['http://127.0.0.1:8080/cb', 'http://127.0.0.1:51004/cb', '[AS-RU-73]'],
  [LOCALHOST, 'http://localhost:51004/cb', '[AS-RU-75]'],
  [PRIVATE_USE, PRIVATE_USE, '[AS-RU-100]'],
  // variations
  ['http://[::1]/cb', 'http://[::1]:51004/cb'],
  ['http://[::1]:8080/cb', 'http://[::1]/cb'],
  ['http://127.0.0.1:8080/cb', LOOPBACK],
  ['http://127.0.0.1:8080', 'http://127.0.0.1:1'],
  ['http://localhost:3334/oauth/callback', 'http://localhost:65535/oauth/callback'],
  ['http://localhost/cb?a=1', 'http://localhost:9/cb?a=1'],
  ['https://client.example', 'https://client.example'],
  ['https://client.example/', 'https://client.example/'],
  ['https://client.example:8443/cb', 'https://client.example:8443/cb'],
  ['https://client.example/a%20b', 'https://client.example/a%20b'],
  ['https://client.example/cb?state_hint=1', 'https://client.example/cb?state_hint=1'],
  ['cursor://anysphere.cursor-retrieval/oauth/callback', 'cursor://anysphere.cursor-retrieval/oauth/callback'],
  ['vscode://vscode.github-authentication/did-authenticate', 'vscode://vscode.github-authentication/did-authenticate'],
];

const OTHER: readonly Pair[] = [
  [WEB, 'https://client.example/CB', '[AS-RU-03]'],
  [WEB, 'http://client.example/cb', '[AS-RU-06]'],
  [WEB, 'https://client.example/cb?x=1', '[AS-RU-09]'],
  [WEB, 'https://client.example/cb#frag', '[AS-RU-12]'],
  [WEB, 'https://client.example/cb/../evil', '[AS-RU-14]'],
  [WEB, 'https://client.example/cb/..%2fevil', '[AS-RU-15]'],
  [WEB, 'https://client.example/cb%2f..%2fevil', '[AS-RU-16]'],
  [WEB, 'https://client.example/cb/%2e%2e/evil', '[AS-RU-17]'],
  [WEB, 'https://client.example/cb/..;/evil', '[AS-RU-19]'],
  [WEB, 'https://client.example/x/../cb', '[AS-RU-22]'],
  [WEB, 'https://client.example/%63b', '[AS-RU-23]'],
  [WEB, 'https://client.example/cb%00', '[AS-RU-24]'],
  [WEB, 'https://client.example/cb%20', '[AS-RU-25]'],
  [WEB, 'https://client.example/cb ', '[AS-RU-27]'],
  [WEB, 'https://client.example/cb\t', '[AS-RU-28]'],
  [WEB, 'https://client.example\\cb', '[AS-RU-30]'],
  [WEB, 'https:\\\\client.example\\cb', '[AS-RU-31]'],
  [WEB, 'https:/client.example/cb', '[AS-RU-33]'],
  [WEB, '//client.example/cb', '[AS-RU-35]'],
  [WEB, '/cb', '[AS-RU-36]'],
  [WEB, 'client.example/cb', '[AS-RU-37]'],
  [WEB, 'https://user@client.example/cb', '[AS-RU-38]'],
  [WEB, 'https://client.example:x@evil.example/cb', '[AS-RU-40]'],
  [WEB, 'https://evil.example\\@client.example/cb', '[AS-RU-42]'],
  [WEB, 'https://evil.example?@client.example/cb', '[AS-RU-44]'],
  [WEB, 'https://client.example.evil.example/cb', '[AS-RU-45]'],
  [WEB, 'https://evil-client.example/cb', '[AS-RU-47]'],
  [WEB, 'https://client.example./cb', '[AS-RU-49]'],
  [WEB, 'https://client\u3002example/cb', '[AS-RU-52]'],
  [WEB, 'https://client.example\uff0fcb', '[AS-RU-53]'],
  [WEB, 'https://client.example/cb\u200b', '[AS-RU-54]'],
  [WEB, 'https://client.example/cb\u0301', '[AS-RU-55]'],
  [WEB, 'vbscript:x', '[AS-RU-60]'],
  [WEB, 'blob:https://client.example/x', '[AS-RU-62]'],
  [WEB, 'about:blank', '[AS-RU-63]'],
  ['https://client.example/cb?a=1', 'https://client.example/cb?a=2', '[AS-RU-68]'],
  ['https://client.example/cb?a=1', 'https://client.example/cb', '[AS-RU-69]'],
  ['https://client.example/cb?a=1&b=2', 'https://client.example/cb?b=2&a=1', '[AS-RU-70]'],
  ['https://client.example/cb?a=%2F', 'https://client.example/cb?a=/', '[AS-RU-71]'],
  [LOOPBACK, 'http://localhost:51004/cb', '[AS-RU-76]'],
  [LOCALHOST, 'http://127.0.0.1:51004/cb', '[AS-RU-77]'],
  [LOOPBACK, 'https://127.0.0.1:51004/cb', '[AS-RU-80]'],
  [LOOPBACK, 'http://127.0.0.1:51004/cb/', '[AS-RU-81]'],
  [LOOPBACK, 'http://127.000.000.001:51004/cb', '[AS-RU-82]'],
  [LOOPBACK, 'http://127.1:51004/cb', '[AS-RU-83]'],
  [LOOPBACK, 'http://2130706433:51004/cb', '[AS-RU-84]'],
  [LOOPBACK, 'http://0x7f000001:51004/cb', '[AS-RU-85]'],
  [LOOPBACK, 'http://127.0.0.2:51004/cb', '[AS-RU-86]'],
  [LOOPBACK, 'http://127.0.0.1:/cb', '[AS-RU-91]'],
  [LOOPBACK, 'http://127.0.0.1:080/cb', '[AS-RU-92]'],
  [LOCALHOST, 'http://localhost.evil.example:51004/cb', '[AS-RU-94]'],
  [PRIVATE_USE, 'COM.EXAMPLE.APP:/cb', '[AS-RU-102]'],
  // variations: letter case, ports, slashes, dots
  [WEB, 'HTTPS://client.example/cb'],
  [WEB, 'https://CLIENT.example/cb'],
  [WEB, 'https://client.example:443/cb'],
  [WEB, 'https://client.example:8443/cb'],
  [WEB, 'https://client.example/cb/'],
  [WEB, 'https://client.example//cb'],
  [WEB, 'https://client.example/cb?'],
  [WEB, 'https://client.example/cb#'],
  [WEB, 'https://client.example/cb;jsessionid=1'],
  [WEB, 'https://client.example/./cb'],
  [WEB, 'https://client.example/cb/.'],
  [WEB, 'https://client.example/cb/x'],
  [WEB, 'https://client.example/c'],
  [WEB, 'https://client.example/'],
  [WEB, 'https://client.example'],
  [WEB, 'https://client.example/cb%2Fx'],
  [WEB, 'https://client.example/%2563b'],
  [WEB, 'https://client.example/cb%'],
  [WEB, 'https://client.example/cb%0d%0aLocation:%20https://evil.example'],
  [WEB, 'https://client.example/cb\r\nLocation: https://evil.example'],
  [WEB, 'https://client.example/cb\0'],
  [WEB, ' https://client.example/cb'],
  [WEB, '\u0001https://client.example/cb'],
  [WEB, '\ufeffhttps://client.example/cb'],
  [WEB, 'https://client.example/cb,https://evil.example/cb'],
  [WEB, 'https://client.example/cb https://evil.example/cb'],
  [WEB, '["https://client.example/cb"]'],
  // variations: hosts
  [WEB, 'https://evil.example/cb'],
  [WEB, 'https://evil.example/?https://client.example/cb'],
  [WEB, 'https://evil.example/https://client.example/cb'],
  [WEB, 'https://evil.example#https://client.example/cb'],
  [WEB, 'https://evil.example#@client.example/cb'],
  [WEB, 'https://client.example@evil.example/cb'],
  [WEB, 'https://client.example%40evil.example/cb'],
  [WEB, 'https://client.example%2eevil.example/cb'],
  [WEB, 'https://sub.client.example/cb'],
  [WEB, 'https://clientxexample/cb'],
  [WEB, 'https://client.example\u2024evil.example/cb'],
  [WEB, 'https://\u0441lient.example/cb'],
  [WEB, 'https://client.examp\u217ce/cb'],
  [WEB, 'https://client.example/\uff43\uff42'],
  [WEB, 'https:///client.example/cb'],
  [WEB, 'https:client.example/cb'],
  [WEB, '\\\\client.example\\cb'],
  // variations: schemes
  [WEB, 'javascript:alert(1)'],
  [WEB, 'JaVaScRiPt:alert(1)'],
  [WEB, 'java\nscript:alert(1)'],
  [WEB, 'javascript://client.example/cb%0aalert(1)'],
  [WEB, 'data:text/html,<script>alert(1)</script>'],
  [WEB, 'file:///etc/passwd'],
  [WEB, 'filesystem:https://client.example/x'],
  [WEB, 'view-source:https://client.example/cb'],
  [WEB, 'intent://client.example/cb#Intent;scheme=https;end'],
  [WEB, 'wss://client.example/cb'],
  [WEB, 'ftp://client.example/cb'],
  [WEB, 'mailto:a@client.example'],
  [WEB, 'urn:ietf:wg:oauth:2.0:oob'],
  [WEB, 'postmessage'],
  [WEB, 'null'],
  // variations: loopback
  ['http://[::1]/cb', 'http://127.0.0.1:1/cb'],
  ['http://[::1]/cb', 'http://[::2]:1/cb'],
  ['http://[::1]/cb', 'http://[0:0:0:0:0:0:0:1]:1/cb'],
  ['http://[::1]/cb', 'http://[::ffff:127.0.0.1]:1/cb'],
  ['http://[::1]/cb', 'http://[::1%25eth0]:1/cb'],
  [LOOPBACK, 'http://127.0.0.1:51004/CB'],
  [LOOPBACK, 'http://127.0.0.1:51004/'],
  [LOOPBACK, 'http://127.0.0.1:51004/cb?x=1'],
  [LOOPBACK, 'http://127.0.0.1:51004/cb#x'],
  [LOOPBACK, 'http://127.0.0.1:51004/x/../cb'],
  [LOOPBACK, 'http://127.0.0.1:0/cb'],
  [LOOPBACK, 'http://127.0.0.1:65536/cb'],
  [LOOPBACK, 'http://127.0.0.1:99999/cb'],
  [LOOPBACK, 'http://127.0.0.1:-1/cb'],
  [LOOPBACK, 'http://127.0.0.1:+80/cb'],
  [LOOPBACK, 'http://127.0.0.1:80 /cb'],
  [LOOPBACK, 'http://127.0.0.1:8\u0660/cb'],
  [LOOPBACK, 'http://127.0.0.1:51004@evil.example/cb'],
  [LOOPBACK, 'http://user@127.0.0.1:51004/cb'],
  [LOOPBACK, 'http://127.0.0.1.evil.example:51004/cb'],
  [LOOPBACK, 'http://127.0.0.1.:51004/cb'],
  [LOOPBACK, 'http://0.0.0.0:51004/cb'],
  [LOOPBACK, 'http://0177.0.0.1:51004/cb'],
  [LOOPBACK, 'HTTP://127.0.0.1:51004/cb'],
  [LOCALHOST, 'http://LOCALHOST:51004/cb'],
  [LOCALHOST, 'http://localhost.:51004/cb'],
  [LOCALHOST, 'http://localhost:51004//cb'],
  [LOCALHOST, 'http://sub.localhost:51004/cb'],
  ['https://localhost:8443/cb', 'https://localhost:9443/cb'],
  ['https://127.0.0.1:8443/cb', 'https://127.0.0.1:9443/cb'],
  // variations: private-use schemes
  [PRIVATE_USE, 'com.example.app://cb'],
  [PRIVATE_USE, 'com.example.app:///cb'],
  [PRIVATE_USE, 'com.example.app:/cb/'],
  [PRIVATE_USE, 'com.example.app:/cb?x=1'],
  [PRIVATE_USE, 'com.example.app:/CB'],
  [PRIVATE_USE, 'com.example.app2:/cb'],
  [PRIVATE_USE, 'com.example.app'],
  ['cursor://anysphere.cursor-retrieval/cb', 'cursor://evil/cb'],
];

const shown = (text: string) => JSON.stringify(text).replaceAll('\u0000', '\\u0000');

async function present(open: World, [registered, presented]: Pair) {
  const client = await open.client({ redirect_uris: [registered] });
  return authorizeRequest(open, { client_id: client.client_id, redirect_uri: presented });
}

describe('a redirect URI that is the registered one', () => {
  runTable(
    world,
    SAME.map((pair): Row => {
      const [registered, presented, ids = ''] = pair;
      const title = `${shown(presented)} goes on where ${shown(registered)} is registered ${ids}`;
      return { title: title.trim(), request: (open) => present(open, pair), expect: proceeds };
    }),
  );
});

describe('a redirect URI that is another one', () => {
  runTable(
    world,
    OTHER.map((pair): Row => {
      const [registered, presented, ids = ''] = pair;
      const title = `${shown(presented)} is shown to the person where ${shown(registered)} is registered ${ids}`;
      return {
        title: title.trim(),
        request: (open) => present(open, pair),
        expect: (observed) => {
          page('redirect_uri_not_registered')(observed);
          expect(observed.answer.text).not.toContain(encodeURI(presented).slice(0, 40));
        },
      };
    }),
  );
});

const EVIL = 'https://evil.example/cb';
const TWO = { redirect_uris: [REDIRECT, 'https://client.example/cb'] };

describe('the redirect URI of a request', () => {
  runTable(world, [
    {
      title: 'without a value it is the only registered one [AS-RU-105]',
      request: (open) => authorizeRequest(open, { redirect_uri: '' }),
      expect: proceeds,
    },
    {
      title: 'left out it is the only registered one',
      request: (open) => authorizeRequest(open, { redirect_uri: undefined }),
      expect: proceeds,
    },
    {
      title: 'must be named by a client that registered two',
      request: async (open) => {
        const client = await open.client(TWO);
        return authorizeRequest(open, { client_id: client.client_id, redirect_uri: undefined });
      },
      expect: page('redirect_uri_missing'),
    },
    {
      title: 'given twice is shown to the person, the registered one first [AS-RU-106]',
      request: (open) => authorizeRequest(open, { redirect_uri: [REDIRECT, EVIL] }),
      expect: page('parameter_repeated'),
    },
    {
      title: 'given twice is shown to the person, the other one first [AS-RU-107]',
      request: (open) => authorizeRequest(open, { redirect_uri: [EVIL, REDIRECT] }),
      expect: page('parameter_repeated'),
    },
    {
      title: 'given twice and twice the registered one is shown to the person',
      request: (open) => authorizeRequest(open, { redirect_uri: [REDIRECT, REDIRECT] }),
      expect: page('parameter_repeated'),
    },
    {
      title: 'given twice, once without a value, is shown to the person',
      request: (open) => authorizeRequest(open, { redirect_uri: ['', REDIRECT] }),
      expect: page('parameter_repeated'),
    },
    {
      title: 'of another client is shown to the person [AS-RU-109]',
      request: (open) => authorizeRequest(open, { redirect_uri: open.otherClient.redirectUri }),
      expect: page('redirect_uri_not_registered'),
    },
    {
      title: 'of a client nobody knows leads nowhere [AS-RU-110]',
      request: (open) => authorizeRequest(open, { client_id: 'nope', redirect_uri: EVIL }),
      expect: page('client_unknown_at_authorize'),
    },
    {
      title: 'of a client that is not named leads nowhere',
      request: (open) => authorizeRequest(open, { client_id: undefined, redirect_uri: EVIL }),
      expect: page('client_missing'),
    },
    {
      title: 'of a client_id without a value leads nowhere',
      request: (open) => authorizeRequest(open, { client_id: '', redirect_uri: EVIL }),
      expect: page('client_missing'),
    },
    ...['redirect_uri[]', 'redirect_uri[0]', 'redirect_uri.x', 'Redirect_uri', ' redirect_uri'].map(
      (name): Row => ({
        title: `is not the parameter ${JSON.stringify(name)}`,
        request: (open) => authorizeRequest(open, {}, `&${encodeParameters({ [name]: EVIL })}`),
        expect: proceeds,
      }),
    ),
  ]);

  test('wins over any other fault of the request: nobody is redirected', async () => {
    const faults = [
      { response_type: 'token' },
      { scope: '"' },
      { code_challenge: undefined },
      { resource: 'nope' },
      { prompt: 'none' },
      { request: 'x' },
      { response_mode: 'form_post' },
      { state: ['a', 'b'] },
    ];
    for (const fault of faults) {
      page('redirect_uri_not_registered')(
        await observe(world, authorizeRequest(world, { ...fault, redirect_uri: EVIL })),
      );
    }
  });

  test('is echoed byte for byte, its query included', async () => {
    for (const uri of [
      'https://client.example/cb?a=%2f&b=1+2',
      'com.example.app:/cb',
      'https://client.example/a%20b',
    ]) {
      const { client_id } = await world.client({ redirect_uris: [uri] });
      const { answer } = await observe(
        world,
        authorizeRequest(world, { client_id, redirect_uri: uri, response_type: 'token' }),
      );
      expect(answer.header('location')).toSatisfy((location: string) =>
        location.startsWith(`${uri}${uri.includes('?') ? '&' : '?'}error=`),
      );
    }
  });
});
