import { strictEqual } from 'node:assert';
import { type ChildProcess, execFile, spawnSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { certify } from '../support/certificates.ts';
import { RECIPES, type Recipe, type Site } from './consumer.ts';

const PYTHON = '/usr/bin/python3';
const GOCODE = '/usr/share/gocode';
const APACHE_MODULES = '/usr/lib/apache2/modules';
const OWN_PACKAGE = new URL('own-package.mjs', import.meta.url).href;

/** Why a program, or what it needs, is not there; `undefined` when it runs. */
function missing(what: string, program: string, ...args: string[]): string | undefined {
  const { status } = spawnSync(program, args, { stdio: 'ignore', timeout: 20_000 });
  return status === 0 ? undefined : `${what} is not installed`;
}

function python(library: 'pyjwt' | 'authlib'): Recipe {
  const imported = library === 'pyjwt' ? 'jwt, cryptography' : 'authlib.jose';
  return {
    name: library === 'pyjwt' ? 'Python, PyJWT' : 'Python, Authlib',
    absent: missing(`python3-${library === 'pyjwt' ? 'jwt' : 'authlib'}`, PYTHON, '-c', `import ${imported}`),
    lacks: [],
    start(site) {
      const env = { LIBRARY: library, PYTHONDONTWRITEBYTECODE: '1' };
      site.run(PYTHON, [join(RECIPES, 'python/app.py')], { env });
      return site.ready();
    },
  };
}

const ruby: Recipe = {
  name: 'Ruby, jwt',
  absent: missing('ruby with the gems jwt and webrick', 'ruby', '-e', 'require "jwt"; require "webrick"'),
  lacks: [],
  start(site) {
    site.run('ruby', [join(RECIPES, 'ruby/server.rb')]);
    return site.ready();
  },
};

const go: Recipe = {
  name: 'Go, golang-jwt',
  absent:
    missing('go', 'go', 'version') ??
    (existsSync(join(GOCODE, 'src/github.com/golang-jwt/jwt')) ? undefined : 'golang-jwt is not installed'),
  lacks: [],
  async start(site) {
    const source = join(site.folder, 'gopath/src/guard');
    cpSync(join(RECIPES, 'go'), source, { recursive: true });
    const env = {
      PATH: process.env['PATH'] ?? '',
      HOME: site.folder,
      GO111MODULE: 'off',
      GOPATH: [join(site.folder, 'gopath'), GOCODE].join(delimiter),
    };
    await promisify(execFile)('go', ['build', '-o', join(site.folder, 'guard'), '.'], { cwd: source, env });
    site.run(join(site.folder, 'guard'), []);
    return site.ready();
  },
};

/** A configuration of a recipe with the ports of the site in the place of its own. */
function adapt(site: Site, file: string, replaced: Readonly<Record<string, string>>): string {
  let text = readFileSync(join(RECIPES, file), 'utf8');
  for (const [from, to] of Object.entries(replaced)) {
    if (!text.includes(from)) throw new Error(`${file} has no ${from}`);
    text = text.replaceAll(from, to);
  }
  const path = join(site.folder, file.split('/').at(-1) ?? '');
  writeFileSync(path, text);
  return path;
}

/** Two replicas of a server that knows nothing of tokens: it says who asks, as the proxy in front told it. */
async function startReplicas(site: Site): Promise<readonly [string, string]> {
  const script = `
    const { createServer } = require('node:http');
    for (const port of process.argv.slice(1)) createServer(({ headers }, response) => {
      const { 'x-subject': subject, 'x-client-id': client, authorization } = headers;
      response.end(JSON.stringify({ subject, client, authorization, port, headers }));
    }).listen(port, '127.0.0.1');`;
  const ports = [String(await site.freePort()), String(await site.freePort())] as const;
  site.run(process.execPath, ['-e', script, ...ports]);
  return ports;
}

const nginx: Recipe = {
  name: 'nginx, auth_request',
  absent: missing('nginx', 'nginx', '-v'),
  lacks: [],
  async start(site) {
    const [one, two] = await startReplicas(site);
    const guard = String(await site.freePort());
    site.run(process.execPath, ['--import', OWN_PACKAGE, join(RECIPES, 'nginx/guard.mjs')], {
      env: { GUARD_PORT: guard },
    });
    const config = adapt(site, 'nginx/nginx.conf', {
      '127.0.0.1:9400': `127.0.0.1:${guard}`,
      '127.0.0.1:9401': `127.0.0.1:${one}`,
      '127.0.0.1:9402': `127.0.0.1:${two}`,
      '127.0.0.1:9403': `127.0.0.1:${site.port}`,
    });
    site.run('nginx', ['-p', site.folder, '-c', config, '-g', 'daemon off;']);
    return site.ready();
  },
};

const haproxy: Recipe = {
  name: 'HAProxy, jwt_verify',
  absent: missing('haproxy', 'haproxy', '-v'),
  lacks: ['revocations'],
  async start(site) {
    const [one, two] = await startReplicas(site);
    // It starts without keys, too.
    await writeKeys(site).catch(() => undefined);
    const config = adapt(site, 'haproxy/haproxy.cfg', {
      '127.0.0.1:9401': `127.0.0.1:${one}`,
      '127.0.0.1:9402': `127.0.0.1:${two}`,
      '127.0.0.1:9403': `127.0.0.1:${site.port}`,
    });
    masters.set(site, site.run('haproxy', ['-W', '-f', config]));
    return site.ready();
  },
  async refresh(site) {
    strictEqual(await writeKeys(site), 'changed\n');
    // Reloads: the workers that come read the keys anew.
    masters.get(site)?.kill('SIGUSR2');
    strictEqual(await writeKeys(site), 'unchanged\n');
  },
};

const masters = new WeakMap<Site, ChildProcess>();

async function writeKeys(site: Site): Promise<string> {
  const env = { ...process.env, ISSUER: site.issuer };
  const script = join(RECIPES, 'haproxy/write-keys.mjs');
  const { stdout } = await promisify(execFile)(process.execPath, [script], { cwd: site.folder, env });
  return stdout;
}

const apache: Recipe = {
  name: 'Apache, mod_auth_openidc',
  absent: existsSync(join(APACHE_MODULES, 'mod_auth_openidc.so'))
    ? missing('apache2', 'apache2', '-v')
    : 'libapache2-mod-auth-openidc is not installed',
  lacks: [
    'of another type',
    'with a critical header',
    'not valid yet',
    '403 for a missing scope',
    'a challenge without error',
    '503 without keys',
    'revocations',
  ],
  async start(site) {
    const [one, two] = await startReplicas(site);
    const ca = join(site.folder, 'ca.pem');
    adapt(site, 'apache/oauth-protected-resource.json', {});
    const config = adapt(site, 'apache/httpd.conf', {
      '127.0.0.1:9401': `127.0.0.1:${one}`,
      '127.0.0.1:9402': `127.0.0.1:${two}`,
      '127.0.0.1:9403': `127.0.0.1:${site.port}`,
      'OIDCJWKSRefreshInterval 300': `OIDCJWKSRefreshInterval 300
OIDCCABundlePath ${ca}`,
    });
    site.run('apache2', ['-d', site.folder, '-f', config, '-DFOREGROUND'], {
      env: { FOLDER: site.folder, MODULES: APACHE_MODULES, JWKS_URI: await serveKeysByTls(site, ca) },
    });
    return site.ready();
  },
};

/** The JWK Set under an https address, which is all that Apache's module takes, with the authority in a file. */
async function serveKeysByTls(site: Site, authorityFile: string): Promise<string> {
  const authority = certify({ commonName: 'Test Authority' });
  const { key, cert } = certify({ commonName: 'localhost', names: ['localhost'], issuer: authority });
  writeFileSync(authorityFile, authority.cert);
  const server = createServer({ key, cert }, async (_, response) => {
    const answer = await fetch(`${site.issuer}/.well-known/jwks.json`).catch(() => Response.error());
    response.writeHead(answer.status || 502, { 'content-type': 'application/json' }).end(await answer.text());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  site.defer(() => {
    server.close();
    server.closeAllConnections();
  });
  return `https://localhost:${(server.address() as AddressInfo).port}/.well-known/jwks.json`;
}

export const ALL_RECIPES: readonly Recipe[] = [python('pyjwt'), python('authlib'), ruby, go, nginx, haproxy, apache];
