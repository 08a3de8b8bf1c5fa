/**
 * clients: from a client_id to a `Client`, registration, and client authentication.
 *
 * May import: oauth, platform, keys.
 */
export type {
  AssertionClaims,
  AssertionExpectation,
  AssertionFault,
  AssertionMarker,
  ConsumeOnce,
  UnverifiedAssertion,
  VerifiedAssertion,
} from './assertion.ts';
export { assertionMarker, parseAssertion, verifyAssertion } from './assertion.ts';
export { claimAt } from './claim-at.ts';
export type { Client, ClientAuthenticationMethod, ClientOrigin, RegisteredClient } from './client.ts';
export { clientHash, isConfidential } from './client.ts';
export type { ClientAssertions } from './client-assertion.ts';
export { createClientAssertions } from './client-assertion.ts';
export type { ClientAuthentication, ClientCredentials, FindClient } from './client-authentication.ts';
export { createClientAuthentication } from './client-authentication.ts';
export type { ClientDirectory } from './client-directory.ts';
export { createClientDirectory } from './client-directory.ts';
export type { DocumentLimits, DocumentPolicy, MetadataDocumentClients } from './client-id-metadata-document.ts';
export { createMetadataDocumentClients, isMetadataDocumentClientId } from './client-id-metadata-document.ts';
export type { ClientMetadata, RegistrationPolicy } from './client-registration.ts';
export { parseClientMetadata } from './client-registration.ts';
export type { ConfiguredClient } from './configured-client.ts';
export { configuredClient } from './configured-client.ts';
export { derivedSubject } from './derived-subject.ts';
export { createDiscoveredJwkSet } from './discovered-jwk-set.ts';
export type { DocumentTrust } from './document-trust.ts';
export { isDocumentTrustEntry } from './document-trust.ts';
export type { ProvedKey } from './dpop-proof.ts';
export { verifyDpopProof } from './dpop-proof.ts';
export type { AssertionAlgorithm, ForeignKey, ForeignKeyFault } from './foreign-key.ts';
export { ASSERTION_ALGORITHMS, isAssertionAlgorithm } from './foreign-key.ts';
export type {
  AssertionPermits,
  IdentityAssertion,
  IdentityAssertions,
  IdentityProvider,
} from './identity-assertion.ts';
export { createIdentityAssertions, IDENTITY_ASSERTION_TYPE } from './identity-assertion.ts';
export type { JwkSet, SignatureHeader } from './jwk-set.ts';
export { createInlineJwkSet, findJwkSetFault } from './jwk-set.ts';

export { metadataHash } from './metadata-hash.ts';
export type { JwkSetLimits, RemoteJwkSets } from './remote-jwk-set.ts';
export { createRemoteJwkSets } from './remote-jwk-set.ts';
export type { SignedClientIds } from './signed-client-id.ts';
export { createSignedClientIds } from './signed-client-id.ts';
export type { TrustedIssuer } from './trusted-issuer.ts';
export type { Workload, WorkloadAssertions, WorkloadIssuer, WorkloadRule } from './workload-assertion.ts';
export { createWorkloadAssertions } from './workload-assertion.ts';
