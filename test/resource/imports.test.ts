import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';

const TOP = new URL('../../', import.meta.url);

/** What a fresh process has loaded after importing one of our entry points: packages, rooms of ours, and Node's HTTP. */
async function loadedBy(entry: string): Promise<string[]> {
  const script = `
    import { registerHooks } from 'node:module';
    const loaded = [];
    registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context); } });
    await import(${JSON.stringify(new URL(entry, TOP).href)});
    const { moduleLoadList } = process;
    loaded.push(...['http', 'https'].filter((name) => moduleLoadList.includes('NativeModule ' + name)));
    console.log(JSON.stringify(loaded));
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script]);
  const names = (JSON.parse(stdout) as string[]).map((url) => {
    const path = url.startsWith(TOP.href) ? url.slice(TOP.href.length) : url;
    return /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? /^src\/([^/]+)\//.exec(path)?.[1] ?? path;
  });
  return [...new Set(names)].toSorted();
}

describe('what importing costs', () => {
  test.each([
    ['src/resource/index.ts', ['oauth', 'resource']],
    ['src/resource/express.ts', ['oauth', 'resource']],
    ['src/resource/fetch.ts', ['oauth', 'resource']],
    ['src/resource/hono.ts', ['oauth', 'resource']],
    ['src/resource/koa.ts', ['oauth', 'resource']],
    ['src/resource/mcp.ts', ['oauth', 'resource']],
    ['src/resource/node.ts', ['oauth', 'resource']],
  ])('%s loads no package at all', async (entry, loaded) => {
    expect(await loadedBy(entry)).toEqual(loaded);
  });

  test('src/resource/mcp-sdk-v1.ts loads the MCP SDK v1', async () => {
    expect(await loadedBy('src/resource/mcp-sdk-v1.ts')).toEqual(['@modelcontextprotocol/sdk', 'oauth', 'resource']);
  });
});
