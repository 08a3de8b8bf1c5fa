/**
 * What happened, for people who must know later. Names are stable; values are identifiers (jti, kid, grant id, hash of a
 * client_id, subject), never a token, code, verifier, secret or cookie.
 */
export type AuditEvent = { readonly event: AuditEventName } & Readonly<
  Record<string, string | number | boolean | undefined>
>;

export type AuditEventName =
  | 'sign_in.succeeded'
  | 'sign_in.failed'
  | 'sign_in.throttled'
  | 'sign_out.succeeded'
  | 'consent.granted'
  | 'consent.remembered'
  | 'consent.denied'
  | 'consent.withdrawn'
  | 'code.issued'
  | 'code.replayed'
  | 'token.issued'
  | 'token.exchanged'
  | 'token.refreshed'
  | 'token.refresh_replayed'
  | 'token.refresh_reused'
  | 'token.revoked'
  | 'assertion.replayed'
  | 'client.registered'
  | 'client.deleted'
  | 'client.authentication_failed'
  | 'request.refused'
  | 'grant.revoked'
  | 'denylist.entry_added'
  | 'denylist.entries_restored'
  | 'user.added'
  | 'user.password_changed'
  | 'user.disabled'
  | 'user.enabled'
  | 'key.created'
  | 'key.promoted'
  | 'key.retired'
  | 'key.removed'
  | 'key.revoked'
  | 'key.unreadable'
  | 'key.write_failed'
  | 'key.denial_failed'
  | 'key.store_unavailable'
  | 'key.store_recovered';

/** Where audit events go. Must not throw. */
export type Audit = (event: AuditEvent) => void;

/** An audit that keeps nothing. */
export const silentAudit: Audit = () => {};
