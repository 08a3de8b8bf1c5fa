import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ConfiguredClient, configuredClient } from '../../src/clients/index.ts';
import { type Config, ConfigError, describeSettings, loadConfig, printableConfig } from '../../src/config/index.ts';
import { DEFAULT_INTERACTION_LIFETIMES } from '../../src/interaction/index.ts';
import { defaultTimings } from '../../src/keys/timings.ts';
import { createResourceDirectory } from '../../src/oauth/index.ts';

const RESOURCE = { resource: 'https://mcp.example.com/mcp', scopes: { read: 'Read notes', write: 'Change notes' } };

function load(env: NodeJS.ProcessEnv, file?: unknown): Config {
  return loadConfig({ env, readFile: () => (file === undefined ? undefined : JSON.stringify(file)) });
}

function problems(env: NodeJS.ProcessEnv, file?: unknown): readonly string[] {
  try {
    load(env, file);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ setting, fault }) => `${setting}: ${fault}`);
    throw error;
  }
  return [];
}

describe('settings', () => {
  test('nothing at all is a usable configuration for this machine', () => {
    const { keys: all, ...settings } = load({});
    const { backend, formerBackends, ...keys } = all;
    expect({ backend, formerBackends }).toEqual({ backend: { kind: 'file' }, formerBackends: [] });
    expect({ ...settings, keys }).toEqual({
      issuer: 'http://localhost:3000',
      host: '127.0.0.1',
      port: 3000,
      managementPort: 9000,
      keysDir: 'keys',
      dangerouslyKeepKeysInClear: false,
      dataDir: 'data',
      redisPrefix: 'guardmint:',
      redisCommandTimeout: 1000,
      redisAcknowledgement: { replicas: 'auto', timeout: 200 },
      redisStrict: false,
      usersFile: 'data/users.json',
      trustProxy: 0,
      logLevel: 'info',
      resources: [],
      clients: [],
      identityProviders: [],
      workloadIssuers: [],
      tokenExchanges: [],
      branding: { name: 'guardmint' },
      signIn: { local: true, oidc: [], oauth2: [] },
      lifetimes: {
        accessToken: 600,
        authorizationCode: 60,
        refreshIdle: 2_592_000,
        refreshAbsolute: 7_776_000,
        ...DEFAULT_INTERACTION_LIFETIMES,
      },
      refresh: { replayWindow: 86_400, burstWindow: 10, reuse: 'revoke' },
      dpop: { nonce: 'off', strict: true },
      registration: { enabled: true, management: false },
      pushedRequests: { required: false, lifetime: 90 },
      clientDocuments: { enabled: true },
      keys: { algorithm: 'ES256', postQuantum: false, timings: defaultTimings },
      rateLimits: { enabled: true, authorize: 60, token: 300, par: 120, register: 20, introspect: 600, revoke: 120 },
      warnings: [
        expect.stringMatching(/^resources: none are configured/),
        expect.stringMatching(/^keysSecret: none is set, so private keys lie in clear/),
      ],
    });
  });

  test('every environment variable reaches its setting', () => {
    const config = load(
      {
        GUARDMINT_ISSUER: 'https://auth.example.com/tenant',
        GUARDMINT_HOST: '0.0.0.0',
        GUARDMINT_PORT: '8080',
        GUARDMINT_MANAGEMENT_PORT: '8081',
        GUARDMINT_KEYS_DIR: '/keys',
        GUARDMINT_DATA_DIR: '/data/',
        GUARDMINT_REDIS_URL: 'rediss+cluster://a:b@c:1',
        GUARDMINT_REDIS_STRICT: '1',
        GUARDMINT_USERS_FILE: '/users.json',
        GUARDMINT_TRUST_PROXY: '2',
        GUARDMINT_LOG_LEVEL: 'warn',
        GUARDMINT_RATE_LIMITS: 'off',
      },
      { resources: [RESOURCE] },
    );

    expect(config).toMatchObject({
      issuer: 'https://auth.example.com/tenant',
      host: '0.0.0.0',
      port: 8080,
      managementPort: 8081,
      keysDir: '/keys',
      dataDir: '/data/',
      redisUrl: 'rediss+cluster://a:b@c:1',
      redisStrict: true,
      usersFile: '/users.json',
      trustProxy: 2,
      logLevel: 'warn',
      rateLimits: { enabled: false, token: 300 },
    });
  });

  test('settings are shown to an operator without the secrets in them', () => {
    const shown = JSON.stringify(printableConfig(load({ GUARDMINT_REDIS_URL: 'redis://user:hunter2@r:6379' })));
    expect(shown).toContain('"redisUrl":"(set, not shown)"');
    expect(shown).not.toContain('hunter2');
  });

  test('the environment goes before the file, and an empty variable counts as unset', () => {
    const file = { port: 4000, logLevel: 'debug', keysDir: 'mine' };

    const config = load({ GUARDMINT_PORT: '5000', GUARDMINT_LOG_LEVEL: '', UNRELATED: 'x' }, file);

    expect(config).toMatchObject({ port: 5000, logLevel: 'debug', keysDir: 'mine', issuer: 'http://localhost:5000' });
  });

  test('the file named by GUARDMINT_CONFIG is read from disk, and its absence is a problem of that variable', () => {
    const folder = mkdtempSync(join(tmpdir(), 'guardmint-config-'));
    const path = join(folder, 'settings.json');
    try {
      expect(() => loadConfig({ env: { GUARDMINT_CONFIG: path } })).toThrow(
        `GUARDMINT_CONFIG: there is no file ${path}`,
      );
      expect(() => loadConfig({ env: { GUARDMINT_CONFIG: folder } })).toThrow('cannot be read (EISDIR)');
      writeFileSync(path, JSON.stringify({ port: 4100 }));
      expect(loadConfig({ env: { GUARDMINT_CONFIG: path } }).port).toBe(4100);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('the result is frozen at every depth', () => {
    const config = load({}, { resources: [RESOURCE] });

    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.lifetimes)).toBe(true);
    expect(Object.isFrozen(config.resources[0]?.scopes)).toBe(true);
  });

  test('resources are kept in their canonical spelling and fit the resource directory', () => {
    const config = load({}, { resources: [{ ...RESOURCE, resource: 'HTTPS://MCP.Example.com:443/' }] });

    expect(config.resources[0]?.resource).toBe('https://mcp.example.com');
    const directory = createResourceDirectory(config);
    expect(directory.resolve([]).resource).toBe('https://mcp.example.com');
  });

  test('a configured client fits the client directory', () => {
    const secretHash = createHash('sha256').update('correct horse').digest('base64url');
    const entry = { client_id: 'desk', redirect_uris: ['http://127.0.0.1/cb'], client_secret_hash: secretHash };

    const clients: readonly ConfiguredClient[] = load({}, { clients: [entry] }).clients;

    expect(clients.map(configuredClient)).toMatchObject([{ clientId: 'desk', secretHash }]);
  });

  test('strict refreshing narrows the replay window', () => {
    expect(load({}, { refresh: { strict: true } }).refresh).toEqual({
      replayWindow: 60,
      burstWindow: 10,
      reuse: 'revoke',
    });
  });
});

describe('problems', () => {
  test('all are reported at once, each by the name the operator typed, cross-field ones among them', () => {
    const file = {
      resources: [
        { resource: 'https://mcp.example.com/#top' },
        { ...RESOURCE, defaultScopes: ['admin'], implies: { write: ['read', 'chmod'] } },
        RESOURCE,
      ],
      defaultResource: 'https://elsewhere.example.com',
      lifetimes: { accessToken: 60, refreshIdle: 7_776_001 },
      clients: [{ client_id: 'a', redirect_uris: ['http://evil.example/cb'] }, { client_id: 'a' }],
    };

    expect(
      problems({ GUARDMINT_PORT: '70000', GUARDMINT_ISSUER: 'https://auth.example.com/' }, file).toSorted(),
    ).toEqual([
      'GUARDMINT_ISSUER: must have no trailing slash: clients compare it byte for byte',
      'GUARDMINT_PORT: must be a whole number from 0 to 65535',
      'guardmint.json: clients[0].redirect_uris[0]: must be https, http on this machine, or a private-use scheme of an app',
      'guardmint.json: clients[1].client_id: is used by two clients',
      'guardmint.json: clients[1].redirect_uris: must name at least one redirect URI',
      'guardmint.json: defaultResource: is not one of the resources',
      'guardmint.json: lifetimes.accessToken: must be a whole number of seconds from 300 to 900',
      'guardmint.json: lifetimes.refreshAbsolute: must not be shorter than lifetimes.refreshIdle',
      'guardmint.json: resources[0].resource: must be an absolute http or https URI without fragment or user information (RFC 8707 §2)',
      'guardmint.json: resources[1].defaultScopes[0]: "admin" is not one of its scopes',
      'guardmint.json: resources[1].implies.write[1]: "chmod" is not one of its scopes',
      'guardmint.json: resources[2].resource: is listed twice',
    ]);
  });

  test.each([
    [{ GUARDMINT_PROT: '1' }, 'GUARDMINT_PROT: is not a setting; did you mean GUARDMINT_PORT?'],
    [
      { GUARDMINT_REDIS_URL: 'http://x' },
      'GUARDMINT_REDIS_URL: must begin with redis://, redis+sentinel:// or redis+cluster://, or the same with rediss for TLS',
    ],
    [{ GUARDMINT_PORT: '0' }, 'GUARDMINT_ISSUER: is required where the port is 0 (any free port)'],
    [{ GUARDMINT_PORT: '9000' }, 'GUARDMINT_MANAGEMENT_PORT: must differ from the port of the server'],
    [{ GUARDMINT_RATE_LIMITS: 'maybe' }, 'GUARDMINT_RATE_LIMITS: must be on or off (true or false)'],
    [{ GUARDMINT_ISSUER: 'http://auth.example.com' }, 'GUARDMINT_ISSUER: must be https unless it is on this machine'],
  ])('the environment %j is refused', (env, problem) => {
    expect(problems(env)).toEqual([problem]);
  });

  test.each([
    [{ isuer: 'https://a.example' }, 'isuer: is not a setting; did you mean issuer?'],
    [{ redisUri: 'redis://x' }, 'redisUri: is not a setting; did you mean redisUrl?'],
    [{ lifetimes: { acessToken: 600 } }, 'lifetimes.acessToken: is not a setting; did you mean accessToken?'],
    [
      { clients: [{ client_id: 'a', redirect_uris: ['https://a.example/cb'], client_secret: 's' }] },
      'clients[0].client_secret: is not a setting',
    ],
    [
      { lifetimes: { refreshIdle: 7200, refreshAbsolute: 7200, consent: 7201 } },
      'lifetimes.consent: must not be longer than lifetimes.refreshAbsolute',
    ],
    [
      { lifetimes: { sessionAbsolute: 600 } },
      'lifetimes.sessionAbsolute: must not be shorter than lifetimes.sessionIdle',
    ],
    [
      { signIn: { local: false } },
      'signIn.local: must stay on where there is no other way to sign in (signIn.oidc, signIn.oauth2)',
    ],
    [{ refresh: { strict: true, replayWindow: 61 } }, 'refresh.replayWindow: must be at most 60 with refresh.strict'],
    [
      { registration: { validScopes: ['read'], defaultScopes: ['write'] } },
      'registration.defaultScopes[0]: "write" is not in registration.validScopes',
    ],
    [
      { resources: [{ resource: 'https://a.example', scopes: { 'a b': 'x' } }] },
      'resources[0].scopes.a b: must be a scope name: printable ASCII without space, quote and backslash (RFC 6749 §3.3)',
    ],
    [{ resources: [{ name: 'x' }] }, 'resources[0].resource: is required'],
    [{ rateLimits: 'off' }, 'rateLimits: must be an object'],
  ])('the file %j is refused', (file, problem) => {
    expect(problems({}, file)).toEqual([`guardmint.json: ${problem}`]);
  });

  test.each([
    ['client_secret_basic', undefined, 'client_secret_hash: is required for client_secret_basic'],
    ['none', 'A'.repeat(43), 'client_secret_hash: must be absent for a client that does not authenticate ("none")'],
    [
      undefined,
      'correct horse',
      'client_secret_hash: must be the SHA-256 of the secret in base64url: 43 characters, never the secret itself',
    ],
  ])('a client with method %s and secret hash %s is refused', (method, hash, problem) => {
    const client = {
      client_id: 'a',
      redirect_uris: ['https://a.example/cb'],
      token_endpoint_auth_method: method,
      client_secret_hash: hash,
    };

    expect(problems({}, { clients: [client] })).toEqual([`guardmint.json: clients[0].${problem}`]);
  });

  test('a client with tokens of its own must authenticate, under a name that fits into them', () => {
    const machine = { client_id: 'm', grant_types: ['client_credentials'] };
    const hash = 'A'.repeat(43);

    expect(problems({}, { clients: [{ ...machine, client_secret_hash: hash }] })).toEqual([]);
    expect(problems({}, { clients: [machine] })).toEqual([
      'guardmint.json: clients[0].grant_types: is for a client that authenticates: give it a client_secret_hash or jwks',
    ]);
    expect(problems({}, { clients: [{ ...machine, client_id: 'm'.repeat(1_025), client_secret_hash: hash }] })).toEqual(
      ['guardmint.json: clients[0].client_id: must have at most 1024 characters for these grant_types'],
    );
    const keys = { jwks_uri: 'https://m.example/jwks' };
    expect(problems({}, { clients: [{ ...machine, ...keys }] })).toEqual([]);
  });

  test.each<[string, object, string]>([
    ['no keys', { token_endpoint_auth_method: 'private_key_jwt' }, 'jwks: or jwks_uri is required for private_key_jwt'],
    ['an empty set', { jwks: { keys: [] } }, 'jwks.keys: must name at least one key'],
    [
      'keys in two places',
      { jwks: { keys: [{ kty: 'EC' }] }, jwks_uri: 'https://a.example/jwks' },
      'jwks_uri: must be absent where jwks is given',
    ],
    [
      'keys that another method does not use',
      { token_endpoint_auth_method: 'none', jwks_uri: 'https://a.example/jwks' },
      'token_endpoint_auth_method: must be private_key_jwt for a client with keys',
    ],
    [
      'keys and a secret',
      { jwks_uri: 'https://a.example/jwks', client_secret_hash: 'A'.repeat(43) },
      'client_secret_hash: must be absent for a client with keys',
    ],
  ])('a client with %s is refused', (_case, members, problem) => {
    const client = { client_id: 'a', redirect_uris: ['https://a.example/cb'], ...members };

    expect(problems({}, { clients: [client] })).toEqual([`guardmint.json: clients[0].${problem}`]);
  });

  test('an exchange of tokens names a client that may, two resources, and scopes they have', () => {
    const grant = 'urn:ietf:params:oauth:grant-type:token-exchange';
    const notes = { client_id: 'notes', client_secret_hash: 'A'.repeat(43), grant_types: [grant] };
    const other = { ...notes, client_id: 'other', grant_types: ['client_credentials'] };
    const calculator = { resource: 'https://calc.example.com', scopes: { use: 'Calculate' } };
    const file = (exchange: object) => ({
      clients: [notes, other],
      resources: [RESOURCE, calculator],
      defaultResource: RESOURCE.resource,
      tokenExchanges: [exchange],
    });
    const exchange = { client: 'notes', from: RESOURCE.resource, to: 'HTTPS://calc.example.com/' };
    const faults = (change: object) =>
      problems({}, file({ ...exchange, ...change })).map((problem) => problem.split('tokenExchanges[0].')[1]);

    expect(faults({ scopes: { read: ['use'] } })).toEqual([]);
    expect(faults({ client: 'nobody' })).toEqual(['client: is not one of the clients']);
    expect(faults({ client: 'other' })).toEqual([`client: must have ${grant} among its grant_types`]);
    expect(faults({ from: 'https://x.example' })).toEqual(['from: is not one of the resources']);
    expect(faults({ to: 'https://x.example' })).toEqual(['to: is not one of the resources']);
    expect(faults({ to: RESOURCE.resource })).toEqual(['to: must differ from the resource the tokens are of']);
    expect(faults({ scopes: { read: ['nothing'] } })).toEqual(['scopes.read: "nothing" is not a scope of to']);
    expect(faults({ scopes: { nothing: ['use'] } })).toEqual(['scopes.nothing: "nothing" is not a scope of from']);
  });

  test('issuers of assertions are named once, have one place for their keys, and are not this server [EMA-15]', () => {
    const issuer = 'https://idp.example.com';
    const workloads = [{ clientId: 'w', claims: { sub: 'x' } }];
    const faults = (file: object) =>
      problems(
        {},
        {
          issuer: 'https://auth.example.com',
          trustProxy: 1,
          keysSecret: 'A'.repeat(43),
          resources: [RESOURCE],
          ...file,
        },
      ).map((problem) => problem.replace('guardmint.json: ', ''));
    const provider = (change: object) => faults({ identityProviders: [{ issuer, ...change }] });
    const platform = (change: object) => faults({ workloadIssuers: [{ issuer, workloads, ...change }] });

    expect(provider({})).toEqual([]);
    expect(provider({ jwks: { keys: [] } })).toEqual([]);
    expect(platform({ issuer: 'spiffe://acme.example', jwksUri: 'https://keys.example.com' })).toEqual([]);
    expect(provider({ issuer: 'https://auth.example.com' })).toEqual([
      'identityProviders[0].issuer: must not be this server itself',
    ]);
    expect(problems({}, { identityProviders: [{ issuer: 'http://localhost:3000' }] })).toEqual([
      'guardmint.json: identityProviders[0].issuer: must not be this server itself',
    ]);
    expect(faults({ identityProviders: [{ issuer }, { issuer }] })).toEqual([
      'identityProviders[1].issuer: is listed twice',
    ]);
    expect(faults({ identityProviders: [{ issuer }, { issuer: `${issuer}/2`, subject: 'sub' }] })).toEqual([
      'identityProviders[1].subject: must be derived where there are several, so that none can name the people of another',
    ]);
    expect(provider({ jwks: { keys: [] }, jwksUri: 'https://a.example' })).toEqual([
      'identityProviders[0].jwksUri: must be absent where jwks is given',
    ]);
    for (const jwksUri of ['http://idp.example.com/jwks', 'ftp://a.example', 'x', 'https://a:b@c.example'])
      expect(provider({ jwksUri })).toEqual([
        'identityProviders[0].jwksUri: must be an https URL, or http on this machine',
      ]);
    expect(platform({ issuer: 'spiffe://acme.example' })).toEqual([
      'workloadIssuers[0].issuer: must be a URL, so that its metadata can be found, or have jwks or jwksUri',
    ]);
    expect(provider({ resources: ['https://x.example'] })).toEqual([
      'identityProviders[0].resources[0]: is not one of the resources',
    ]);
    expect(platform({ workloads: [] })).toEqual(['workloadIssuers[0].workloads: must name at least one workload']);
    expect(platform({ workloads: [{ clientId: 'w', claims: {} }] })).toEqual([
      'workloadIssuers[0].workloads[0].claims: must name at least one claim',
    ]);
    expect(platform({ workloads: [{ clientId: 'w', claims: { sub: '*' } }] })).toEqual([
      'workloadIssuers[0].workloads[0].claims.sub: must say something before the *',
    ]);
    expect(platform({ workloads: [{ clientId: 'w', claims: { sub: ['a', 7] } }] })).toEqual([
      'workloadIssuers[0].workloads[0].claims.sub: must be a text or a list',
    ]);
  });

  test('a file that is no JSON object is refused without quoting it', () => {
    const refusal = (text: string) => () => loadConfig({ env: {}, readFile: () => text });

    expect(refusal('{"client_secret": "hunter2",}')).toThrow(/guardmint\.json: is not JSON \(line 1 column \d+\)/);
    expect(refusal('{"client_secret": "hunter2",}')).not.toThrow('hunter2');
    expect(refusal('[]')).toThrow('must be one JSON object');
    expect(refusal('{"port": 1, "port": 2}')).toThrow('no member name repeats');
  });

  test('whatever a file holds, the answer is a configuration or a list of problems', () => {
    const names = describeSettings().map(({ path }) => path.split(/[.[]/)[0] ?? '');
    const file = fc.dictionary(fc.constantFrom(...names, 'zork'), fc.jsonValue({ maxDepth: 3 }));

    fc.assert(
      fc.property(file, (settings) => {
        try {
          expect(load({}, settings).issuer).toMatch(/^https?:/);
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
          expect((error as ConfigError).problems.length).toBeGreaterThan(0);
        }
      }),
    );
  });
});

describe('the secret of the keys', () => {
  const SECRET = 'c2VjcmV0LXRoYXQtbXVzdC1uZXZlci1iZS1zaG93bi0';

  test('is read from a file, line breaks and all', () => {
    const readFile = (path: string) => (path === '/run/secrets/keys' ? `${SECRET}\n` : undefined);
    const config = loadConfig({ env: { GUARDMINT_KEYS_SECRET_FILE: '/run/secrets/keys' }, readFile });

    expect(config.keysSecret).toBe(`${SECRET}\n`);
    expect(JSON.stringify(printableConfig(config))).not.toContain(SECRET);
  });

  test('cannot be set twice, nor come from a file that is not there', () => {
    const file = 'GUARDMINT_KEYS_SECRET_FILE';

    expect(problems({ [file]: '/nowhere' })).toEqual([`${file}: there is no file /nowhere`]);
    expect(problems({ [file]: '/nowhere', GUARDMINT_KEYS_SECRET: SECRET })).toEqual([
      `${file}: cannot be set together with keysSecret`,
    ]);
  });

  test('is not shown, and may be left out in plain words', () => {
    const config = load({ GUARDMINT_KEYS_SECRET: SECRET, GUARDMINT_DANGEROUSLY_KEEP_KEYS_IN_CLEAR: '1' });

    expect(printableConfig(config)).toMatchObject({ keysSecret: '(set, not shown)', dangerouslyKeepKeysInClear: true });
  });
});

describe('Redis', () => {
  const env = {
    GUARDMINT_REDIS_URL: 'rediss://redis.internal',
    GUARDMINT_REDIS_PREFIX: 'prod.auth:',
    GUARDMINT_REDIS_CA_FILE: '/tls/ca.pem',
    GUARDMINT_REDIS_CERT_FILE: '/tls/cert.pem',
    GUARDMINT_REDIS_KEY_FILE: '/tls/key.pem',
    GUARDMINT_REDIS_SERVERNAME: 'redis.example',
    GUARDMINT_REDIS_COMMAND_TIMEOUT: '3000',
    GUARDMINT_REDIS_ACKNOWLEDGEMENT_REPLICAS: '2',
    GUARDMINT_REDIS_ACKNOWLEDGEMENT_TIMEOUT: '1500',
  };

  test('is wholly set by the environment', () => {
    expect(load(env)).toMatchObject({
      redisUrl: 'rediss://redis.internal',
      redisPrefix: 'prod.auth:',
      redisCaFile: '/tls/ca.pem',
      redisCertFile: '/tls/cert.pem',
      redisKeyFile: '/tls/key.pem',
      redisServername: 'redis.example',
      redisCommandTimeout: 3000,
      redisAcknowledgement: { replicas: 2, timeout: 1500 },
    });
    expect(load({ GUARDMINT_REDIS_ACKNOWLEDGEMENT_REPLICAS: 'auto' }).redisAcknowledgement.replicas).toBe('auto');
  });

  test.each([
    [{ GUARDMINT_REDIS_PREFIX: 'a{b}:' }, 'GUARDMINT_REDIS_PREFIX: must consist of letters, digits and . : _ -'],
    [{ GUARDMINT_REDIS_PREFIX: 'all*' }, 'GUARDMINT_REDIS_PREFIX: must consist of letters, digits and . : _ -'],
    [{ GUARDMINT_REDIS_KEY_FILE: '' }, 'GUARDMINT_REDIS_KEY_FILE: is required beside redisCertFile'],
    [{ GUARDMINT_REDIS_CERT_FILE: '' }, 'GUARDMINT_REDIS_CERT_FILE: is required beside redisKeyFile'],
    [
      { GUARDMINT_REDIS_ACKNOWLEDGEMENT_REPLICAS: 'some' },
      'GUARDMINT_REDIS_ACKNOWLEDGEMENT_REPLICAS: must be auto, or a whole number from 0 to 16',
    ],
    [
      { GUARDMINT_REDIS_ACKNOWLEDGEMENT_TIMEOUT: '1501' },
      'GUARDMINT_REDIS_ACKNOWLEDGEMENT_TIMEOUT: must be at most half of redisCommandTimeout',
    ],
    [
      { GUARDMINT_REDIS_COMMAND_TIMEOUT: '1s' },
      'GUARDMINT_REDIS_COMMAND_TIMEOUT: must be a whole number of milliseconds from 100 to 30000',
    ],
  ])('with %j is refused', (change, problem) => {
    expect(problems({ ...env, ...change })).toEqual([problem]);
  });

  test('has its URL in a file, where the password does not show', () => {
    const readFile = (path: string) =>
      path === '/run/secrets/redis' ? 'redis://guardmint:hunter2@redis\n' : undefined;
    const config = loadConfig({ env: { GUARDMINT_REDIS_URL_FILE: '/run/secrets/redis' }, readFile });

    expect(config.redisUrl).toBe('redis://guardmint:hunter2@redis');
    expect(JSON.stringify(printableConfig(config))).not.toContain('hunter2');
  });

  test('is told of a URL file that is absent, beside a URL, or no URL, without a word of what it holds', () => {
    const file = 'GUARDMINT_REDIS_URL_FILE';
    const readFile = (path: string) => (path === '/run/secrets/redis' ? 'hunter2' : undefined);
    const load = () => loadConfig({ env: { [file]: '/run/secrets/redis' }, readFile });

    expect(problems({ [file]: '/nowhere' })).toEqual([`${file}: there is no file /nowhere`]);
    expect(problems({ ...env, [file]: '/nowhere' })).toEqual([`${file}: cannot be set together with redisUrl`]);
    expect(load).toThrow(`${file}: what /run/secrets/redis holds must begin with redis://`);
    expect(load).not.toThrow('hunter2');
  });
});

describe('warnings', () => {
  const GUARDMINT_KEYS_SECRET = 'passphrase:kept somewhere else';

  test('registrations that everybody can make and delete work and are warned about', () => {
    const settings = (registration: object) => ({ resources: [RESOURCE], registration });
    expect(load({ GUARDMINT_KEYS_SECRET }, settings({ management: true })).warnings).toEqual([
      expect.stringMatching(/^registration\.management: everybody may register/),
    ]);
    const closed = { management: true, initialAccessTokenHashes: ['A'.repeat(43)] };
    expect(load({ GUARDMINT_KEYS_SECRET }, settings(closed)).warnings).toEqual([]);
  });

  test.each([
    [{ GUARDMINT_HOST: '0.0.0.0' }, /^issuer: http:\/\/localhost:3000 means each caller's own machine/],
    [{ GUARDMINT_ISSUER: 'https://auth.example.com' }, /^trustProxy: /],
    [{ GUARDMINT_RATE_LIMITS: 'off' }, /^rateLimits: /],
    [{ GUARDMINT_KEYS_SECRET: '' }, /^keysSecret: none is set/],
  ])('%j works and is warned about', (env, warning) => {
    expect(load({ GUARDMINT_KEYS_SECRET, ...env }, { resources: [RESOURCE] }).warnings).toEqual([
      expect.stringMatching(warning),
    ]);
  });

  test('offline_access among the scopes of a resource is warned about [RS-08]', () => {
    const resource = { ...RESOURCE, scopes: { offline_access: 'Stay connected' } };

    expect(load({ GUARDMINT_KEYS_SECRET }, { resources: [resource] }).warnings).toEqual([
      expect.stringMatching(/offline_access is not a scope/),
    ]);
  });

  test('a plain http resource elsewhere is warned about', () => {
    const resource = { resource: 'http://mcp.internal/mcp' };

    expect(load({ GUARDMINT_KEYS_SECRET }, { resources: [resource] }).warnings).toEqual([
      expect.stringMatching(/is plain http/),
    ]);
  });

  test('a sound configuration has none', () => {
    const env = {
      GUARDMINT_ISSUER: 'https://auth.example.com',
      GUARDMINT_TRUST_PROXY: 'on',
      GUARDMINT_HOST: '0.0.0.0',
    };

    expect(load(env, { resources: [RESOURCE] }).warnings).toEqual([]);
  });
});

describe('where signing keys live', () => {
  const keys = (backend: unknown, more: object = {}) => problems({}, { keys: { backend, ...more } });

  test.each([
    [{ kind: 'pkcs11', module: '/lib/p11.so', tokenLabel: 'keys', pinFile: '/run/pin' }],
    [{ kind: 'aws-kms' }],
    [{ kind: 'vault-transit', address: 'https://vault:8200', tokenFile: '/run/token', mount: 'team/transit' }],
    [{ kind: 'node-jose', file: 'keystore.json', kid: '1' }],
  ])('%j is enough', (backend) => {
    expect(keys(backend)).toEqual([]);
  });

  test('everything that is wrong with a place is told together, by its name', () => {
    expect(keys({ kind: 'pkcs11', module: '', pinFil: '/run/pin', sessions: 0, rsaBits: 1024 })).toEqual([
      'guardmint.json: keys.backend.module: must not be empty',
      'guardmint.json: keys.backend.tokenLabel: is required',
      'guardmint.json: keys.backend.pinFile: is required',
      'guardmint.json: keys.backend.sessions: must be a whole number from 1 to 64',
      'guardmint.json: keys.backend.rsaBits: must be 2048, 3072 or 4096',
      'guardmint.json: keys.backend.pinFil: is not a setting; did you mean pinFile?',
    ]);
  });

  const PLACES: Readonly<Record<string, object>> = {
    'vault-transit': { address: 'https://v', tokenFile: 't' },
    pkcs11: { module: '/m.so', tokenLabel: 't', pinFile: 'p' },
    'node-jose': { file: 'f', kid: 'k' },
  };

  test.each<[object, object, RegExp]>([
    [{ kind: 'hsm' }, {}, /keys.backend.kind: must be file, pkcs11, aws-kms, vault-transit or node-jose$/],
    [{ kind: 'vault-transit', address: 'vault', tokenFile: 't' }, {}, /address: must be an http or https URL$/],
    [{ kind: 'vault-transit', address: 'http://v', tokenFile: 't', mount: '/x' }, {}, /mount: must be a path/],
    [{ kind: 'aws-kms', deletionDays: 3 }, {}, /deletionDays: must be a whole number from 7 to 30$/],
    [{ kind: 'aws-kms' }, { algorithm: 'EdDSA' }, /keys.algorithm: must not be EdDSA with aws-kms/],
    [
      { kind: 'file' },
      { algorithm: 'ML-DSA-44' },
      /keys.algorithm: must not be ML-DSA-44 without keys.postQuantum: .* 4 kB .* AKP/,
    ],
    ...['aws-kms', 'vault-transit', 'pkcs11', 'node-jose'].map((kind): [object, object, RegExp] => [
      { ...PLACES[kind], kind },
      { algorithm: 'ML-DSA-44', postQuantum: true },
      new RegExp(`keys.algorithm: must not be ML-DSA-44 with ${kind}: .*backend file`),
    ]),
    [{ kind: 'aws-kms' }, { formerBackends: [{ kind: 'aws-kms' }] }, /formerBackends\[0\]: is a second aws-kms/],
    [{ kind: 'file' }, { formerBackends: [{ kind: 'file' }] }, /kind: must be pkcs11, aws-kms or vault-transit$/],
  ])('%j with %j is refused', (backend, more, fault) => {
    expect(keys(backend, more)).toEqual([expect.stringMatching(fault)]);
  });

  test('a token of Vault that travels in clear is warned of', () => {
    const backend = { kind: 'vault-transit', address: 'http://vault.internal:8200', tokenFile: 't' };
    expect(load({}, { keys: { backend } }).warnings).toContainEqual(expect.stringMatching(/^keys: .*plain http/));
  });
});
