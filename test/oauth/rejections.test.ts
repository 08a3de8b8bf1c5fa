import { describe, expect, test } from 'vitest';
import { OAuthError, REJECTIONS, type RejectionReason, reject, UnavailableError } from '../../src/oauth/index.ts';

/** Error codes and the statuses they may be answered with, by the document that defines them. */
const LEGAL: Readonly<Record<string, readonly number[]>> = {
  // RFC 6749 §4.1.2.1 and §5.2; 405, 410 and 413 are those of HTTP, 403 tells a person
  invalid_request: [400, 403, 405, 410, 413],
  invalid_client: [401],
  invalid_grant: [400],
  unauthorized_client: [400],
  unsupported_grant_type: [400],
  unsupported_response_type: [400],
  invalid_scope: [400],
  access_denied: [403],
  server_error: [500],
  temporarily_unavailable: [429, 503],
  // RFC 8707 §2
  invalid_target: [400],
  // RFC 6750 §3.1
  invalid_token: [401],
  // RFC 9449 §5, §8
  invalid_dpop_proof: [400],
  use_dpop_nonce: [400],
  // RFC 9101 §6.2
  invalid_request_uri: [400],
  // RFC 7591 §3.2.2
  invalid_redirect_uri: [400],
  invalid_client_metadata: [400],
  unapproved_software_statement: [400],
  // OpenID Connect Core §3.1.2.6
  login_required: [400],
  consent_required: [400],
  request_not_supported: [400],
  request_uri_not_supported: [400],
  // ours: nothing is at this address
  not_found: [404],
};

const rows = Object.entries(REJECTIONS);

describe('the table of refusals', () => {
  test.each(rows)('%s: an error code with a status it may have', (_, { error, status }) => {
    expect(LEGAL[error], error).toContain(status);
  });

  // RFC 6749 §5.2 and RFC 6750 §3 allow these characters in error and error_description.
  test.each(rows)('%s: written in the characters RFC 6749 allows, as a sentence', (_, { error, description }) => {
    expect(error).toMatch(/^[\x21\x23-\x5b\x5d-\x7e]+$/);
    expect(description).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/);
    expect(description).toMatch(/^[A-Za-z].*\.$/);
  });

  test('a caller cannot tell one bad code, refresh token or client credential from another', () => {
    const answers = (pattern: RegExp) =>
      new Set(rows.filter(([reason]) => pattern.test(reason)).map(([, row]) => JSON.stringify(row)));
    expect(answers(/^code_(?!challenge|verifier_missing)/).size).toBe(1);
    expect(answers(/^refresh_token_/).size).toBe(1);
    expect(answers(/^client_(unknown$|credentials|authentication_method)/).size).toBe(1);
  });

  test('every refusal of a token that is not good drops it, and none makes a client forget its registration', () => {
    const errorsOf = (pattern: RegExp) => [
      ...new Set(rows.filter(([reason]) => pattern.test(reason)).map(([, row]) => row.error)),
    ];
    expect(errorsOf(/^(code_(?!challenge|verifier_missing)|refresh_token_)/)).toEqual(['invalid_grant']);
    expect(errorsOf(/^(unavailable|internal|rate_limited)$/).sort()).toEqual([
      'server_error',
      'temporarily_unavailable',
    ]);
  });
});

describe('a refusal', () => {
  test('answers with its row of the table, and keeps its details to itself', () => {
    for (const [reason, row] of rows) {
      const refusal = reject(reason as RejectionReason, { parameter: 'never shown' });
      expect(refusal).toBeInstanceOf(OAuthError);
      expect([refusal.error, refusal.status, refusal.description]).toEqual([row.error, row.status, row.description]);
      expect(refusal.message).toBe(reason);
      expect(refusal.detail).toEqual({ parameter: 'never shown' });
    }
  });

  test('has no details when none are given', () => {
    expect(reject('code_spent').detail).toEqual({});
  });
});

test('a dependency that cannot answer is named, with a time to try again', () => {
  const cause = new Error('connection refused');
  expect(new UnavailableError('redis', { cause })).toMatchObject({ dependency: 'redis', retryAfter: 5, cause });
  expect(new UnavailableError('redis', { retryAfter: 1 }).retryAfter).toBe(1);
});
