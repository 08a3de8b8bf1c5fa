/**
 * Signatures per second: the local signer beside signing keys in SoftHSM2 and in a software TPM, as the server uses them,
 * which is in a process of their own and behind timeout, limit, breaker and verification. One at a time (what a token
 * costs) and 32 at a time (what a server reaches). Of AWS KMS and Vault the network decides; there is nothing to measure
 * on one machine.
 */

import { guardKeyStore } from '../src/keys/external/guarded-store.ts';
import { createLocalSigner, type ExternalKeyStore, type JwsSigner, type SigningAlg } from '../src/keys/index.ts';
import { generatePrivateKey, toPublicJwk } from '../src/keys/key-material.ts';
import { createPkcs11KeyStore } from '../src/keys/pkcs11.ts';
import { createSoftHsm, SOFTHSM_MISSING } from '../test/support/softhsm.ts';
import { startTpm, TPM_MISSING } from '../test/support/tpm.ts';
import { type Contender, formatTable, takeTurns } from './support/rounds.ts';

const ROUNDS = 9;
const AT_ONCE = 32;
/** As long as the signing input of an access token. */
const INPUT = Buffer.alloc(320, 'a');
const signal = new AbortController().signal;

export async function run(print: (line?: string) => void): Promise<object> {
  await using closing = new AsyncDisposableStack();
  const stores: { readonly name: string; readonly store: ExternalKeyStore; readonly algs: readonly SigningAlg[] }[] =
    [];
  if (SOFTHSM_MISSING === undefined) {
    const { options } = closing.use(await createSoftHsm());
    for (const sessions of [1, 4]) {
      const store = guardKeyStore(createPkcs11KeyStore({ ...options, rsaBits: 3072, sessions }));
      closing.defer(() => store.close());
      const name = `SoftHSM2, ${sessions} session${sessions === 1 ? '' : 's'}`;
      stores.push({ name, store, algs: ['ES256', 'EdDSA', 'RS256', 'PS256'] });
    }
  } else print(`Left out: ${SOFTHSM_MISSING}`);
  if (TPM_MISSING === undefined) {
    const { options } = closing.use(await startTpm());
    const store = guardKeyStore(createPkcs11KeyStore(options));
    closing.defer(() => store.close());
    stores.push({ name: 'software TPM (RSA: 2048 bits)', store, algs: ['ES256', 'RS256'] });
  } else print(`Left out: ${TPM_MISSING}`);

  const results: Record<string, object> = {};
  for (const alg of ['ES256', 'EdDSA', 'RS256', 'PS256'] as const) {
    const signers: [string, JwsSigner][] = [['local', await makeLocal(alg)]];
    for (const { name, store, algs } of stores) {
      if (algs.includes(alg)) signers.push([name, await makeRemote(store, alg)]);
    }
    const reached = await takeTurns(
      signers.flatMap(([name, signer]) => contendersOf(name, signer)),
      ROUNDS,
    );
    results[alg] = Object.fromEntries(reached.map(({ name, perSecond }) => [name, Math.round(perSecond)]));
    print(`\n${alg}, signatures per second`);
    print(
      formatTable(
        reached.map(({ name, perSecond, microseconds }) => [
          name,
          String(Math.round(perSecond)),
          `${Math.round(microseconds)} µs`,
        ]),
      ),
    );
  }
  return { node: process.version, atOnce: AT_ONCE, results };
}

function contendersOf(name: string, signer: JwsSigner): Contender[] {
  return [
    {
      name: `${name}, one at a time`,
      size: AT_ONCE,
      async batch() {
        for (let turn = 0; turn < AT_ONCE; turn++) await signer.sign(INPUT, { signal });
      },
    },
    {
      name: `${name}, ${AT_ONCE} at a time`,
      size: 4 * AT_ONCE,
      async batch() {
        const sign = async () => {
          for (let turn = 0; turn < 4; turn++) await signer.sign(INPUT, { signal });
        };
        await Promise.all(Array.from({ length: AT_ONCE }, sign));
      },
    },
  ];
}

async function makeLocal(alg: SigningAlg): Promise<JwsSigner> {
  const key = await generatePrivateKey(alg);
  return createLocalSigner(await toPublicJwk({ ...key.export({ format: 'jwk' }) }, alg), key);
}

async function makeRemote(store: ExternalKeyStore, alg: SigningAlg): Promise<JwsSigner> {
  const { id, publicJwk } = await store.create({ alg, label: `guardmint ${alg}` }, { signal });
  return await store.openSigner(id, await toPublicJwk(publicJwk, alg), { signal });
}
