// Writes the published keys as keys/1.pem to keys/4.pem: ISSUER=https://... node write-keys.mjs, every five minutes, and
// after it, when it says "changed": a reload of HAProxy. It exits 1 and changes nothing when it cannot.
import { createPublicKey } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

const SLOTS = 4;
const answer = await fetch(`${process.env.ISSUER}/.well-known/jwks.json`, {
  signal: AbortSignal.timeout(5_000),
});
if (!answer.ok) throw new Error(`the issuer answered ${answer.status}`);
const { keys } = await answer.json();
const pems = keys
  .filter(({ alg, use }) => alg === 'ES256' && use === 'sig')
  .map((key) => createPublicKey({ key, format: 'jwk' }).export({ type: 'spki', format: 'pem' }));
if (pems.length === 0 || pems.length > SLOTS) throw new Error(`${pems.length} keys for ${SLOTS} places`);

mkdirSync('keys', { recursive: true });
let changed = false;
for (let slot = 1; slot <= SLOTS; slot++) {
  const [path, pem] = [`keys/${slot}.pem`, pems[slot - 1] ?? pems[0]];
  if (existsSync(path) && readFileSync(path, 'utf8') === pem) continue;
  writeFileSync(`${path}.new`, pem);
  renameSync(`${path}.new`, path);
  changed = true;
}
process.stdout.write(changed ? 'changed\n' : 'unchanged\n');
