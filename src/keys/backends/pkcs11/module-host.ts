/**
 * The process that loads a PKCS #11 module: it answers the calls of `messages.ts` and ends with the server. It handles no
 * fault of the module but reports it; the server starts another one.
 */
import type { HostAnswer, HostCall, HostRequest, HostResults } from './messages.ts';
import type { Pkcs11Module } from './module-api.ts';
import { codeOf, openToken, type Token, TokenError } from './token.ts';

let token: Token | undefined;

async function answer(call: HostCall): Promise<HostResults[HostCall['method']]> {
  if (call.method === 'open') {
    token = openToken(await loadModule(), call.options);
    return undefined;
  }
  if (token === undefined) throw new TokenError('not_open');
  switch (call.method) {
    case 'create':
      return await token.create(call.alg, call.label);
    case 'find':
      token.find(call.keyId);
      return undefined;
    case 'sign':
      return await token.sign(call.keyId, call.alg, call.input);
    case 'destroy':
      token.destroy(call.keyId);
      return undefined;
  }
}

async function loadModule(): Promise<Pkcs11Module> {
  // Its types are not there where it is not installed.
  const name: string = 'pkcs11js';
  try {
    const { default: pkcs11js }: { default: { PKCS11: new () => Pkcs11Module } } = await import(name);
    return new pkcs11js.PKCS11();
  } catch {
    throw new TokenError('module_not_installed');
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof TokenError) return error.reason;
  if (!(error instanceof Error)) return 'failed';
  const name = /^CKR_\w+/.exec(error.message)?.[0];
  if (name !== undefined) return name;
  const code = codeOf(error);
  return code === undefined || code === 0 ? 'failed' : `CKR_${code}`;
}

process.on('message', (request: HostRequest) => {
  const { id } = request;
  const send = (message: HostAnswer): void => {
    process.send?.(message);
  };
  answer(request).then(
    (result) => send({ id, result }),
    (error: unknown) => send({ id, reason: reasonOf(error) }),
  );
});
// It lives as long as the server, also while that finishes its requests after a Ctrl-C in the terminal of both.
process.on('disconnect', () => process.exit());
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
