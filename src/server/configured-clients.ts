import { type Client, configuredClient, findJwkSetFault, isAssertionAlgorithm } from '../clients/index.ts';
import { type Config, ConfigError, type ConfigProblem } from '../config/index.ts';

/**
 * The clients of the configuration.
 * @throws ConfigError for keys with which no signature of theirs could be verified, or that must not be shown to us.
 */
export function openConfiguredClients(config: Config): readonly Client[] {
  const problems = config.clients.flatMap(({ jwks, token_endpoint_auth_signing_alg: alg }, index): ConfigProblem[] => {
    const fault = jwks === undefined ? undefined : findJwkSetFault(jwks);
    return [
      ...(fault === undefined
        ? []
        : [{ setting: `clients[${index}].jwks`, fault: `has a key that is not usable: ${fault}` }]),
      ...(alg === undefined || isAssertionAlgorithm(alg)
        ? []
        : [
            {
              setting: `clients[${index}].token_endpoint_auth_signing_alg`,
              fault: 'is no algorithm that is verified here',
            },
          ]),
    ];
  });
  if (problems.length > 0) throw new ConfigError(problems);
  return config.clients.map(configuredClient);
}
