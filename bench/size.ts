/**
 * What an MCP server pays for validating tokens: bytes installed, bytes loaded, time to import, memory. This library beside
 * three that people use for the same. Nothing is fetched: packages are measured as they lie in node_modules, by the lock file.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { pack, stagePackage, stageResourcePackage } from '../scripts/staged-package.ts';
import { type ImportCost, type Loaded, measureImport, measureLoaded } from './support/import-cost.ts';
import { type Installation, measureInstallation } from './support/installed-size.ts';
import { formatTable, median } from './support/rounds.ts';

const ROUNDS = 15;
const PEERS = ['mcp-auth', 'express-oauth2-jwt-bearer', 'aws-jwt-verify'];

interface Contender {
  readonly name: string;
  readonly specifier: string;
  readonly installed: Installation;
}

interface Result {
  readonly name: string;
  readonly installed: Installation;
  readonly loaded: Loaded;
  readonly importMilliseconds: number;
  readonly importTimesOurs: number;
  readonly heapBytes: number;
  readonly residentBytes: number;
}

export async function run(print: (line?: string) => void): Promise<object> {
  const folder = mkdtempSync(join(tmpdir(), 'guardmint-size-'));
  try {
    const contenders = await prepare(folder);
    const costs = new Map<string, ImportCost[]>(contenders.map(({ name }) => [name, []]));
    const idle: ImportCost[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      idle.push(await measureImport());
      // Another one begins each time: the first after a pause has the colder machine.
      const turn = contenders.map((_, index) => contenders[(index + round) % contenders.length]);
      for (const one of turn) if (one !== undefined) costs.get(one.name)?.push(await measureImport(one.specifier));
    }
    const own = costs.get('guardmint-resource') ?? [];
    const results: Result[] = [];
    for (const { name, specifier, installed } of contenders) {
      const rounds = costs.get(name) ?? [];
      const middle = (of: (cost: ImportCost, round: number) => number) => median(rounds.map(of));
      results.push({
        name,
        installed,
        loaded: await measureLoaded(specifier),
        importMilliseconds: middle(({ milliseconds }) => milliseconds),
        // Round by round, so that a busy machine slows both.
        importTimesOurs: middle(({ milliseconds }, round) => milliseconds / (own[round]?.milliseconds ?? Number.NaN)),
        heapBytes: middle(({ heapBytes }) => heapBytes),
        residentBytes: middle(({ residentBytes }) => residentBytes),
      });
    }
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
  const small = join(folder, 'guardmint-resource');
  stageResourcePackage(staged, small);
  const alone = { packages: 1, bytes: (await pack(small, folder)).unpackedBytes };
  const entryOf = (place: string) => pathToFileURL(join(place, 'dist/resource/index.js')).href;
  const own = [
    { name: 'guardmint-resource', specifier: entryOf(small), installed: alone },
    { name: 'guardmint/resource', specifier: entryOf(staged), installed },
  ];
  return [...own, ...PEERS.map((name) => ({ name, specifier: name, installed: measureInstallation([name]) }))];
}

function formatResults(results: readonly Result[]): string {
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
  const rows = results.map((result) => [
    result.name,
    String(result.installed.packages),
    kilobytes(result.installed.bytes),
    String(result.loaded.modules),
    kilobytes(result.loaded.bytes),
    result.importMilliseconds.toFixed(0),
    result.importTimesOurs.toFixed(2),
    kilobytes(result.heapBytes),
    megabytes(result.residentBytes),
  ]);
  return formatTable([header, ...rows]);
}

const kilobytes = (bytes: number) => (bytes / 1_000).toFixed(0);
const megabytes = (bytes: number) => (bytes / 1_000_000).toFixed(0);
