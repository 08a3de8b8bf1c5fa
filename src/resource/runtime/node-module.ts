import type * as AsyncHooks from 'node:async_hooks';
import type * as NodeBuffer from 'node:buffer';
import type * as NodeCrypto from 'node:crypto';
import type * as NodeHttp from 'node:http';
import type * as NodeHttps from 'node:https';

interface NodeModules {
  readonly 'node:async_hooks': typeof AsyncHooks;
  readonly 'node:buffer': typeof NodeBuffer;
  readonly 'node:crypto': typeof NodeCrypto;
  readonly 'node:http': typeof NodeHttp;
  readonly 'node:https': typeof NodeHttps;
}

interface Runtime {
  readonly process?: { readonly getBuiltinModule?: (name: string) => unknown };
  readonly navigator?: { readonly userAgent?: string };
}

const runtime = globalThis as unknown as Runtime;

/**
 * A module of Node where the runtime has it: in Node, Deno and Bun, and in workers with Node compatibility. `undefined`
 * elsewhere; there the web standards do. Nothing is imported, so that no bundler looks for it.
 */
export function nodeModule<Name extends keyof NodeModules>(name: Name): NodeModules[Name] | undefined {
  return runtime.process?.getBuiltinModule?.(name) as NodeModules[Name] | undefined;
}

/**
 * Whether this is a process: work goes on between requests, and the modules of Node are whole. In workers work ends with the
 * request that began it, nobody's socket or timer outlives its request, and `node:crypto` does not verify everything.
 */
export function isProcess(): boolean {
  return runtime.process?.getBuiltinModule !== undefined && runtime.navigator?.userAgent !== 'Cloudflare-Workers';
}
