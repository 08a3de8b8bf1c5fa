import { execFile, spawnSync } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { RESOURCE } from '../support/guardmint.ts';
import { fencesOf } from '../support/page-examples.ts';
import { startTokenWorld } from './token-world.ts';

const TOP = new URL('../../', import.meta.url).pathname;
const PYTHON = '/usr/bin/python3';
const isAbsent = spawnSync(PYTHON, ['-c', 'import jwt, cryptography']).status !== 0;

/** The record of the SDK, which is not packaged for Debian: what `mcp.server.auth.provider` has of it. */
const ACCESS_TOKEN = `from dataclasses import dataclass

@dataclass
class AccessToken:
    token: str
    client_id: str
    scopes: list
    expires_at: int | None = None
    resource: str | None = None
    subject: str | None = None
    claims: dict | None = None
`;

const ASK = `import asyncio, dataclasses, json, sys
from guardmint_verifier import GuardmintVerifier

async def main(issuer, resource, tokens):
    verifier = GuardmintVerifier(issuer, resource)
    found = [await verifier.verify_token(token) for token in tokens]
    print(json.dumps([one and dataclasses.asdict(one) for one in found]))

asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
`;

test.skipIf(isAbsent)(
  `the token verifier of docs/migration/python-mcp-sdk.md takes good tokens and nothing else${isAbsent ? ' (skipped: no python3-jwt)' : ''}`,
  { timeout: 120_000 },
  async () => {
    await using world = await startTokenWorld();
    const folder = await mkdtemp(join(tmpdir(), 'guardmint-python-'));
    try {
      const page = await readFile(join(TOP, 'docs/migration/python-mcp-sdk.md'), 'utf8');
      const verifier = fencesOf(page).find(({ code }) => code.includes('class GuardmintVerifier'));
      await mkdir(join(folder, 'mcp/server/auth'), { recursive: true });
      await writeFile(join(folder, 'mcp/server/auth/provider.py'), ACCESS_TOKEN);
      await writeFile(join(folder, 'guardmint_verifier.py'), verifier?.code ?? '');
      await writeFile(join(folder, 'ask.py'), ASK);
      for (const file of ['guard.py', 'with_pyjwt.py'])
        await copyFile(join(TOP, 'docs/consumers/python', file), join(folder, file));
      const good = await world.grant();
      const bad = (await world.badTokens()).map(([, token]) => token);
      const revoked = await world.grant();
      const { gid } = JSON.parse(Buffer.from(revoked.split('.')[1] ?? '', 'base64url').toString());
      await world.deny('grant', gid);

      const asked = [join(folder, 'ask.py'), world.server.issuer, RESOURCE, good, revoked, ...bad];
      const { stdout, stderr } = await promisify(execFile)(PYTHON, asked);

      expect(stderr).toBe('');
      const [first, ...others] = JSON.parse(stdout) as Record<string, unknown>[];
      expect(first).toMatchObject({
        client_id: expect.stringMatching(/^eyJ/),
        scopes: ['mcp:read', 'mcp:write'],
        expires_at: expect.any(Number),
        resource: RESOURCE,
        subject: expect.any(String),
        claims: { iss: world.server.issuer },
      });
      expect(others).toEqual([revoked, ...bad].map(() => null));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
);
