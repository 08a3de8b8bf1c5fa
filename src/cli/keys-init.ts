import type { Config } from '../config/index.ts';
import { systemClock, systemRandom } from '../platform/index.ts';
import { openKeyRing } from '../server/index.ts';
import { CommandError } from './failure.ts';
import { readKeys } from './keys-folder.ts';
import { printOutcome } from './output.ts';

/** `keys init`: makes what a server would make at its start, and nothing more. */
export async function initKeys(config: Config, asJson: boolean): Promise<void> {
  let made = 0;
  const faults: string[] = [];
  const ring = await openKeyRing(config, {
    clock: systemClock,
    random: systemRandom,
    audit: (event) => {
      if (event.event === 'key.created') made++;
      if (event.event === 'key.write_failed') faults.push(`${event['family']}: ${event['reason']}`);
    },
  });
  await ring.close();
  if (faults.length > 0)
    throw new CommandError(`Keys could not be written to ${config.keysDir} (${faults.join(', ')}).`);
  const { records } = await readKeys(config);
  printOutcome(
    made === 0 ? `There are ${records.length} keys already; none is due.` : `Made ${made} keys in ${config.keysDir}.`,
    { made, keys: records.length, directory: config.keysDir },
    asJson,
  );
}
