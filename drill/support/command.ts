/** The admin command line at a simulated moment: `node command.ts <epoch seconds> keys rotate …`. */
import { createProgram } from '../../src/cli/index.ts';
import { loadConfig } from '../../src/config/index.ts';
import { simulateClock } from './simulated-clock.ts';

const [now = '0', ...args] = process.argv.slice(2);
simulateClock(Number(now));
await createProgram(loadConfig).parseAsync(args, { from: 'user' });
