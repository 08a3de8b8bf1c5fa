import type { Config } from '../config/index.ts';
import { createResourceDirectory, type ResourceDirectory } from '../oauth/index.ts';

/** The resources of the configuration. */
export function describeResources(config: Config): ResourceDirectory {
  return createResourceDirectory({ resources: config.resources, defaultResource: config.defaultResource });
}
