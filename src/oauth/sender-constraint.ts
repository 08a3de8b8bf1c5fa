/** What the holder of a token must prove with every use of it: the possession of a key (RFC 7800, RFC 9449 §6). */
export interface SenderConstraint {
  /** SHA-256 thumbprint of the public key (RFC 7638), in base64url: `jkt` of a `cnf` claim. */
  readonly jkt: string;
}

/** Whether whoever proved `proved` may use what is bound to `bound`. What is bound to nobody anybody may use. */
export function meetsConstraint(bound: SenderConstraint | undefined, proved: SenderConstraint | undefined): boolean {
  return bound === undefined || bound.jkt === proved?.jkt;
}
