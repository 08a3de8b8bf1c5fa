import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { RESOURCE } from './issuer.ts';
import { startProxy, startRevocationIssuer } from './revocation-issuer.ts';

const LIBRARY = new URL('../../src/resource/index.ts', import.meta.url).href;

/** Runs a script that ends when nothing keeps it alive; answers its exit code and what it wrote. */
async function run(script: string): Promise<{ code: number | null; text: string }> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, text };
}

describe('a process with a verifier', () => {
  test('ends when its own work is done, with the stream of revocations open', async () => {
    await using issuer = await startRevocationIssuer();
    const options = { issuer: issuer.issuer, resource: RESOURCE };

    const { code, text } = await run(`
      import { createVerifier } from ${JSON.stringify(LIBRARY)};
      const verifier = createVerifier({ ...${JSON.stringify(options)}, clock: () => ${issuer.now()} });
      const token = await verifier.loadAccessToken(${JSON.stringify(issuer.token())});
      console.log(token?.subject, verifier.state().revocations.freshness);
    `);

    expect({ code, text }).toEqual({ code: 0, text: 'user-1 fresh\n' });
  });

  test('ends when its own work is done, with an issuer that answers nothing, and not before', async () => {
    await using issuer = await startRevocationIssuer();
    await using proxy = await startProxy(issuer.issuer);
    proxy.mode = 'silent';
    const options = {
      issuer: issuer.issuer,
      resource: RESOURCE,
      jwks: `${issuer.issuer}/.well-known/jwks.json`,
      revocations: `${proxy.origin}/revocations`,
    };

    const { code, text } = await run(`
      import { createVerifier } from ${JSON.stringify(LIBRARY)};
      const verifier = createVerifier({ ...${JSON.stringify(options)}, clock: () => ${issuer.now()} });
      const token = await verifier.loadAccessToken(${JSON.stringify(issuer.token())});
      console.log(token?.subject, verifier.state().revocations.freshness);
    `);

    expect({ code, text }).toEqual({ code: 0, text: 'user-1 stale\n' });
    expect(proxy.asked).toEqual(['/revocations']);
  });

  test('ends with a token that is waited for, and with several issuers of which one never answers', async () => {
    await using issuer = await startRevocationIssuer();
    await using proxy = await startProxy(issuer.issuer);
    proxy.mode = 'silent';

    const { code, text } = await run(`
      import { createVerifierSet } from ${JSON.stringify(LIBRARY)};
      const verifier = createVerifierSet({
        resource: ${JSON.stringify(RESOURCE)},
        clock: () => ${issuer.now()},
        issuers: [{ issuer: ${JSON.stringify(issuer.issuer)} }, { issuer: ${JSON.stringify(proxy.origin)} }],
      });
      const token = await verifier.loadAccessToken(${JSON.stringify(issuer.token())});
      verifier.watch(token, () => console.log('never'));
      verifier.state();
      console.log(token.subject);
    `);

    expect({ code, text }).toEqual({ code: 0, text: 'user-1\n' });
  });

  test('may close it, twice too, and go on with what is known', async () => {
    await using issuer = await startRevocationIssuer();
    const options = { issuer: issuer.issuer, resource: RESOURCE };

    const { code, text } = await run(`
      import { createVerifier } from ${JSON.stringify(LIBRARY)};
      const verifier = createVerifier({ ...${JSON.stringify(options)}, clock: () => ${issuer.now()} });
      const tokens = ${JSON.stringify([issuer.token(), issuer.token()])};
      const before = await verifier.loadAccessToken(tokens[0]);
      verifier.close();
      verifier.close();
      const after = await verifier.loadAccessToken(tokens[1]);
      console.log(before?.subject, after?.subject);
    `);

    expect({ code, text }).toEqual({ code: 0, text: 'user-1 user-1\n' });
  });
});
