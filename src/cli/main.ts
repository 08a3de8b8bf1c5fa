#!/usr/bin/env node
import { loadConfig } from '../config/index.ts';
import { describeFailure } from './failure.ts';
import { createProgram } from './program.ts';

createProgram(loadConfig)
  .parseAsync()
  .catch((error: unknown) => {
    const { message, exitCode } = describeFailure(error);
    process.stderr.write(`${message}\n`);
    process.exit(exitCode);
  });
