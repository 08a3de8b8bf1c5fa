import { describe, expect, it } from 'vitest';
import { defaultTimings, findTimingsFault, type KeyPeriods, type KeyTimingNeeds } from '../../src/keys/index.ts';

const NEEDS: KeyTimingNeeds = {
  accessTokenLifetime: 600,
  jwksCached: 360,
  refreshPeriod: 600,
  skew: 60,
  refreshTokenLifetime: 90 * 86_400,
  sealedLifetime: 86_400,
};
const withSigning = (periods: Partial<KeyPeriods>) => ({
  ...defaultTimings,
  signing: { ...defaultTimings.signing, ...periods },
});

describe('key timings', () => {
  it('are sound by default', () => {
    expect(findTimingsFault(defaultTimings, NEEDS)).toBeUndefined();
  });

  it('need a publish lead of caches, refresh period, poll interval and skew, and say so with the sum', () => {
    expect(findTimingsFault(withSigning({ publishLead: 1050 }), NEEDS)).toBeUndefined();
    expect(findTimingsFault(withSigning({ publishLead: 1049 }), NEEDS)).toBe(
      'signing.publishLead of 1049 s is too short: 360 s (JWK Set in caches) + 600 s (refresh period of validators) + ' +
        '30 s (poll interval) + 60 s (clock skew) = 1050 s',
    );
  });

  it('need a hold of access token lifetime, caches and skew, and say so with the sum', () => {
    expect(findTimingsFault(withSigning({ hold: 1020 }), NEEDS)).toBeUndefined();
    expect(findTimingsFault(withSigning({ hold: 600 }), NEEDS)).toBe(
      'signing.hold of 600 s is too short: 600 s (access token lifetime) + 360 s (JWK Set in caches) + ' +
        '60 s (clock skew) = 1020 s',
    );
  });

  it('need an active period that leaves the next key its publish lead', () => {
    expect(findTimingsFault(withSigning({ activePeriod: 86_399 }), NEEDS)).toMatch(/^signing\.activePeriod of 86399 s/);
  });

  it('need refresh secrets that outlive the longest refresh family', () => {
    const timings = { ...defaultTimings, refresh: { ...defaultTimings.refresh, hold: 90 * 86_400 } };
    expect(findTimingsFault(timings, NEEDS)).toBe(
      'refresh.hold of 7776000 s is too short: 7776000 s (life of what it made) + 60 s (clock skew) = 7776060 s',
    );
  });

  it('need secrets that every instance has read before the first use', () => {
    const timings = { ...defaultTimings, sealing: { ...defaultTimings.sealing, publishLead: 89 } };
    expect(findTimingsFault(timings, NEEDS)).toBe(
      'sealing.publishLead of 89 s is too short: 30 s (poll interval) + 60 s (clock skew) = 90 s',
    );
  });

  it('are whole seconds', () => {
    expect(findTimingsFault(withSigning({ hold: 1.5 }), NEEDS)).toBe('signing.hold must be whole seconds, not 1.5');
    expect(findTimingsFault(withSigning({ hold: Number.NaN }), NEEDS)).toBe(
      'signing.hold must be whole seconds, not NaN',
    );
  });
});
