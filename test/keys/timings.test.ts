import { describe, expect, it } from 'vitest';
import { defaultTimings, findTimingsFault, type KeyPeriods, type KeyTimingNeeds } from '../../src/keys/index.ts';

const NEEDS: KeyTimingNeeds = {
  accessTokenLifetime: 600,
  jwksMaxAge: 300,
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

  it('need a publish lead of JWK Set max-age, refresh period and skew, and say so with the sum', () => {
    expect(findTimingsFault(withSigning({ publishLead: 960 }), NEEDS)).toBeUndefined();
    expect(findTimingsFault(withSigning({ publishLead: 959 }), NEEDS)).toBe(
      'signing.publishLead of 959 s is too short: 300 s (JWK Set max-age) + 600 s (refresh period of validators) + ' +
        '60 s (clock skew) = 960 s',
    );
  });

  it('need a hold of access token lifetime, JWK Set max-age and skew, and say so with the sum', () => {
    expect(findTimingsFault(withSigning({ hold: 960 }), NEEDS)).toBeUndefined();
    expect(findTimingsFault(withSigning({ hold: 600 }), NEEDS)).toBe(
      'signing.hold of 600 s is too short: 600 s (access token lifetime) + 300 s (JWK Set max-age) + ' +
        '60 s (clock skew) = 960 s',
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
