/** Stands in for src/resource/runtime/node-module.ts: a runtime that has AsyncLocalStorage, for the adapters, and no more of Node. */
export function nodeModule(name: string): unknown {
  return name === 'node:async_hooks' ? process.getBuiltinModule(name) : undefined;
}

export function isProcess(): boolean {
  return false;
}
