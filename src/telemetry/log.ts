import { type DestinationStream, type Level, type Logger, pino, stdTimeFunctions } from 'pino';
import { withoutSecrets, withoutSecretText } from './secrets.ts';

/** How severe a line must be to be written. */
export type LogLevel = Level | 'silent';

/** What a line says beside its message. */
export type LogFields = Readonly<Record<string, unknown>>;

type WriteLine = (fields: LogFields, message: string) => void;

/** Where the process says what it does: one JSON object per line. Fields may hold anything; secrets never come out. */
export interface Log extends Readonly<Record<Level, WriteLine>> {
  readonly level: string;
  /** A log that adds `fields` to every line. */
  child(fields: LogFields, options?: { level?: LogLevel }): Log;
}

/**
 * A log that writes JSON lines to `destination`, or to standard output. Members named like secrets and text that looks
 * like a token or a credential are replaced at every depth, in messages and errors too.
 */
export function createLog(options: { level: LogLevel; destination?: DestinationStream }): Log {
  const { level, destination } = options;
  const settings = {
    level,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    // Errors are described by `withoutSecrets`; pino would describe the description.
    serializers: { err: (described: unknown) => described },
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return guarded(destination === undefined ? pino(settings) : pino(settings, destination));
}

/** The only way to a line leads through `withoutSecrets`. pino's own redaction knows paths only, not names at any depth. */
function guarded(logger: Logger): Log {
  const writerAt =
    (level: Level): WriteLine =>
    (fields, message) => {
      if (logger.isLevelEnabled(level)) logger[level](withoutSecrets(fields), withoutSecretText(message));
    };
  return {
    level: logger.level,
    trace: writerAt('trace'),
    debug: writerAt('debug'),
    info: writerAt('info'),
    warn: writerAt('warn'),
    error: writerAt('error'),
    fatal: writerAt('fatal'),
    child: (fields, options = {}) => guarded(logger.child({ ...(withoutSecrets(fields) as object) }, options)),
  };
}
