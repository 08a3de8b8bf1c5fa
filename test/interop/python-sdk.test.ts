import { execFile, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { OTHER_RESOURCE, RESOURCE, startGuardmint } from '../support/guardmint.ts';

const TOP = new URL('../../', import.meta.url).pathname;
const PYTHON = '/usr/bin/python3';
const hasPyJwt = spawnSync(PYTHON, ['-c', 'import jwt, cryptography']).status === 0;

// What the page imports from the MCP SDK for Python, in the shape it has there.
const SDK = `
from dataclasses import dataclass
from typing import Protocol

@dataclass
class AccessToken:
    token: str
    client_id: str
    scopes: list[str]
    expires_at: int | None = None
    resource: str | None = None

class TokenVerifier(Protocol):
    async def verify_token(self, token: str) -> AccessToken | None: ...
`;

const ASK = `
import asyncio, json, sys
from verifier import GuardmintVerifier

asked = json.load(sys.stdin)
verifier = GuardmintVerifier(asked["issuer"], asked["resource"])

async def answer(token):
    try:
        found = await verifier.verify_token(token)
    except Exception as error:
        return type(error).__name__
    return found and [found.client_id, found.scopes, found.resource]

async def main():
    return [await answer(token) for token in asked["tokens"]]

print(json.dumps(asyncio.run(main())))
`;

/** Runs the verifier of docs/mcp-servers.md over some tokens. */
async function askPython(asked: { issuer: string; resource: string; tokens: readonly string[] }): Promise<unknown> {
  const page = await readFile(join(TOP, 'docs/mcp-servers.md'), 'utf8');
  const folder = await mkdtemp(join(tmpdir(), 'guardmint-python-'));
  try {
    await mkdir(join(folder, 'mcp/server/auth'), { recursive: true });
    await writeFile(join(folder, 'mcp/server/auth/provider.py'), SDK);
    await writeFile(join(folder, 'verifier.py'), /```python\n([\s\S]*?)```/.exec(page)?.[1] ?? '');
    await writeFile(join(folder, 'ask.py'), ASK);
    const running = promisify(execFile)(PYTHON, ['ask.py'], { cwd: folder });
    running.child.stdin?.end(JSON.stringify(asked));
    return JSON.parse((await running).stdout);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test.runIf(hasPyJwt)(
  'the verifier that the docs give to the MCP SDK for Python tells good tokens from others',
  async () => {
    await using server = await startGuardmint();
    const { access_token: good, clientId } = await server.grant();
    const { access_token: foreign } = await server.grant({
      parameters: { resource: OTHER_RESOURCE, scope: 'calc:use' },
    });
    const [header = '', payload = '', signature = ''] = good.split('.');
    const retyped = Buffer.from(Buffer.from(header, 'base64url').toString().replace('at+jwt', 'JWT')).toString(
      'base64url',
    );
    const tokens = [
      good,
      foreign,
      'x',
      `${header}.${payload}.${signature.replace(/^./, (first) => (first === 'A' ? 'B' : 'A'))}`,
      `${retyped}.${payload}.${signature}`,
    ];

    const nobody = Array.from({ length: 4 }, () => null);
    expect(await askPython({ issuer: server.issuer, resource: RESOURCE, tokens })).toEqual([
      [clientId, ['mcp:read', 'mcp:write'], RESOURCE],
      ...nobody,
    ]);
    // Which error an outage is depends on the version.
    expect(await askPython({ issuer: 'http://127.0.0.1:9', resource: RESOURCE, tokens: [good] })).toEqual([
      expect.stringContaining('Error'),
    ]);
  },
);
