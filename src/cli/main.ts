#!/usr/bin/env node
import { loadConfig } from '../config/index.ts';
import { describeFailure, EXIT } from './failure.ts';
import { createProgram } from './program.ts';

// Whoever reads a list may stop reading it (`| head`).
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? EXIT.clean : EXIT.failed);
});

createProgram(loadConfig)
  .parseAsync()
  .catch((error: unknown) => {
    const { message, exitCode } = describeFailure(error);
    process.stderr.write(`${message}\n`);
    process.exit(exitCode);
  });
