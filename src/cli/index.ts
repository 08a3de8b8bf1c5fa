/**
 * cli: the admin command line, for operators.
 *
 * May import: everything.
 */
export { createProgram } from './program.ts';
