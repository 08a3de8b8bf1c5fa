/**
 * What an MCP server pays for validating tokens: bytes installed, bytes loaded, time to import, memory. This library beside
 * three that people use for the same. Nothing is fetched: packages are measured as they lie in node_modules, by the lock file.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { pack, stagePackage } from '../scripts/staged-package.ts';
import { type ImportCost, importOnce } from './support/import-cost.ts';
import { type Installation, measureInstallation } from './support/installed-size.ts';
import { formatTable, median } from './support/rounds.ts';

const ROUNDS = 9;
const PEERS = ['mcp-auth', 'express-oauth2-jwt-bearer', 'aws-jwt-verify'];

interface Contender {
  readonly name: string;
  readonly specifier: string;
  readonly installed: Installation;
}

export async function run(print: (line?: string) => void): Promise<object> {
  const folder = mkdtempSync(join(tmpdir(), 'guardmint-size-'));
  try {
    const contenders = await prepare(folder);
    const costs = new Map<string, ImportCost[]>(contenders.map(({ name }) => [name, []]));
    const idle: ImportCost[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      idle.push(await importOnce(''));
      for (const { name, specifier } of contenders) costs.get(name)?.push(await importOnce(specifier));
    }
    const own = costs.get(contenders[0]?.name ?? '') ?? [];
    const results = contenders.map(({ name, installed }) => {
      const rounds = costs.get(name) ?? [];
      const { modules = 0, bytes = 0 } = rounds[0] ?? {};
      return {
        name,
        installedPackages: installed.packages,
        installedBytes: installed.bytes,
        loadedModules: modules,
        loadedBytes: bytes,
        importMilliseconds: median(rounds.map(({ milliseconds }) => milliseconds)),
        // Round by round, so that a busy machine slows both.
        importTimesOurs: median(
          rounds.map(({ milliseconds }, round) => milliseconds / (own[round]?.milliseconds ?? 1)),
        ),
        heapBytes: median(rounds.map(({ heapBytes }) => heapBytes)),
        residentBytes: median(rounds.map(({ residentBytes }) => residentBytes)),
      };
    });
    print(formatResults(results));
    print(
      `\nA process that imports nothing: ${megabytes(median(idle.map(({ residentBytes }) => residentBytes)))} MB resident.`,
    );
    print('Installed: what npm installs with it, required peers included. Loaded: files read by importing it once.');
    return { results };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function prepare(folder: string): Promise<readonly Contender[]> {
  const staged = join(folder, 'guardmint');
  stagePackage(staged);
  const { unpackedBytes } = await pack(staged, folder);
  const { dependencies } = JSON.parse(readFileSync(join(staged, 'package.json'), 'utf8')) as { dependencies: object };
  const along = measureInstallation(Object.keys(dependencies));
  const installed = { packages: along.packages + 1, bytes: along.bytes + unpackedBytes };
  const own = {
    name: 'guardmint/resource',
    specifier: pathToFileURL(join(staged, 'dist/resource/index.js')).href,
    installed,
  };
  return [own, ...PEERS.map((name) => ({ name, specifier: name, installed: measureInstallation([name]) }))];
}

function formatResults(results: readonly Record<string, string | number>[]): string {
  const header = [
    '',
    'packages',
    'installed kB',
    'modules',
    'loaded kB',
    'import ms',
    '× ours',
    'heap kB',
    'resident MB',
  ];
  const rows = results.map((result) => {
    const value = (name: string) => Number(result[name]);
    return [
      String(result['name']),
      String(result['installedPackages']),
      kilobytes(value('installedBytes')),
      String(result['loadedModules']),
      kilobytes(value('loadedBytes')),
      value('importMilliseconds').toFixed(0),
      value('importTimesOurs').toFixed(2),
      kilobytes(value('heapBytes')),
      megabytes(value('residentBytes')),
    ];
  });
  return formatTable([header, ...rows]);
}

const kilobytes = (bytes: number) => (bytes / 1_000).toFixed(0);
const megabytes = (bytes: number) => (bytes / 1_000_000).toFixed(0);
