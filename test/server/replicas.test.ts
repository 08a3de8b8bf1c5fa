import { describe, expect, test, vi } from 'vitest';
import { createVerifier } from '../../src/resource/index.ts';
import { RESOURCE, startDeployment } from '../support/deployment.ts';
import { programMissing, reasonToSkip } from '../support/redis.ts';

const missing = reasonToSkip(programMissing);
const WAIT = { timeout: 20_000, interval: 5 };

describe.skipIf(missing !== undefined)(
  `replicas as processes of their own${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  () => {
    test('a revocation at any of them reaches validators of all, and one that is killed takes none with it [I1]', async () => {
      await using deployment = await startDeployment(2);
      const [first, second, kept] = await deployment.grant(3);
      const { issuer, ports } = deployment;
      // The front gives each new connection to the next replica, so that both have validators.
      const verifiers = Array.from({ length: 4 }, () => createVerifier({ issuer, resource: RESOURCE }));
      const accept = async (tokens: typeof kept) =>
        Promise.all(
          verifiers.map(async (one) => (await one.loadAccessToken(tokens?.access_token ?? '')) !== undefined),
        );
      const all = (answer: boolean) => verifiers.map(() => answer);
      const refused = (tokens: typeof kept) =>
        vi.waitFor(async () => expect(await accept(tokens)).toEqual(all(false)), WAIT);
      for (const tokens of [first, second, kept]) expect(await accept(tokens)).toEqual(all(true));

      await deployment.revoke(first?.refresh_token ?? '', ports[0]);
      await refused(first);

      await deployment.killReplica(0);
      await deployment.revoke(second?.refresh_token ?? '', ports[1]);
      await refused(second);
      expect(await accept(kept)).toEqual(all(true));
      for (const verifier of verifiers) verifier.close();
    });
  },
);
