/** One thing that is wrong with the settings. */
export interface ConfigProblem {
  /** The setting by the name the operator typed: an environment variable, or a file and a path in it. */
  readonly setting: string;
  readonly fault: string;
}

/** Settings a server cannot run with: every problem at once. The process ends with exit code 78 (`EX_CONFIG`). */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    const lines = problems.map(({ setting, fault }) => `  - ${setting}: ${fault}`);
    super(['The configuration is not usable:', ...lines].join('\n'));
    this.problems = problems;
  }
}
