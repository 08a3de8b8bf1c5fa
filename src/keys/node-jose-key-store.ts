import type { JsonObject } from '../oauth/index.ts';

/** The operator asked for node-jose and it is not installed, or it refuses the file. */
export class NodeJoseError extends Error {
  override readonly name = 'NodeJoseError';
}

/**
 * The private JWKs of a keystore that node-jose wrote (`keystore.toJSON(true)`), read by node-jose itself. For files of
 * the operator only: node-jose bounds neither inflation nor PBES2 (docs/decisions/0012-node-jose.md).
 * @throws NodeJoseError
 */
export async function readNodeJoseKeyStore(document: JsonObject): Promise<readonly unknown[]> {
  const { JWK } = await load();
  try {
    const keystore = await JWK.asKeyStore(document);
    return keystore.all().map((key) => key.toJSON(true));
  } catch {
    // Its messages may quote members of keys.
    throw new NodeJoseError('node-jose does not take the file for a keystore.');
  }
}

async function load(): Promise<typeof import('node-jose')> {
  try {
    const { default: nodeJose } = await import('node-jose');
    return nodeJose;
  } catch {
    throw new NodeJoseError('node-jose is not installed: npm install node-jose@2');
  }
}
