import { type Client, type ClientOrigin, clientHash } from '../clients/index.ts';
import {
  type AuthorizationRequest,
  type EpochSeconds,
  reject,
  type Scope,
  type Seconds,
  type VerifiedRedirectTarget,
  verifyRedirectTarget,
} from '../oauth/index.ts';
import type { Clock, Random } from '../platform/index.ts';
import type { Sealer } from '../tokens/index.ts';

interface TicketClaims {
  readonly jti: string;
  /** SHA-256 of the client_id. */
  readonly client: string;
  readonly origin: ClientOrigin;
  readonly clientName: string;
  /** Host of the metadata document, the one verified thing about such a client. */
  readonly clientHost?: string;
  readonly redirectUri: string;
  readonly redirectUriProvided: boolean;
  readonly state?: string;
  readonly challenge: string;
  readonly scope: Scope;
  readonly resource: string;
  readonly resourceName?: string;
  readonly prompt: readonly string[];
  readonly maxAge?: Seconds;
  readonly loginHint?: string;
  readonly languages: readonly string[];
  /** The session begun for this request, when the person signed in for it. */
  readonly signedIn?: string;
}

/**
 * A pending authorization request, sealed: what the browser carries from step to step. Nothing of it is stored, and
 * nobody but this server can read or change it.
 */
export interface InteractionTicket extends TicketClaims {
  /** The sealed form, as it stands in URLs. */
  readonly sealed: string;
  /** The redirect target, proved before it was sealed. */
  readonly target: VerifiedRedirectTarget;
  readonly exp: EpochSeconds;
}

/** Makes and opens the tickets of pending requests. */
export interface InteractionTickets {
  issue(client: Client, request: AuthorizationRequest): Promise<string>;
  /** @throws OAuthError `interaction_expired` for anything but a ticket of ours that still lives. */
  open(sealed: string | undefined): Promise<InteractionTicket>;
  /** The same request, with the sign-in that was made for it. Ends when the old ticket ends. */
  markSignedIn(ticket: InteractionTicket, sid: string): Promise<string>;
}

const MAX_HINT_LENGTH = 128;

export function createInteractionTickets(deps: {
  sealer: Sealer;
  clock: Clock;
  random: Random;
  lifetime: Seconds;
}): InteractionTickets {
  const { sealer, clock, random, lifetime } = deps;

  async function issue(client: Client, request: AuthorizationRequest): Promise<string> {
    const { target, resource } = request;
    const claims: TicketClaims = {
      jti: random(16),
      client: clientHash(client),
      origin: client.origin,
      clientName: displayName(client.clientName ?? (client.origin === 'configured' ? client.clientId : '')),
      ...(client.origin === 'document' ? { clientHost: new URL(client.clientId).host } : {}),
      redirectUri: target.uri,
      redirectUriProvided: target.provided,
      ...(target.state === undefined ? {} : { state: target.state }),
      challenge: request.codeChallenge,
      scope: request.scope,
      resource: resource.resource,
      ...(resource.name === undefined ? {} : { resourceName: resource.name }),
      prompt: request.prompt,
      ...(request.maxAge === undefined ? {} : { maxAge: request.maxAge }),
      ...(request.loginHint === undefined ? {} : { loginHint: request.loginHint.slice(0, MAX_HINT_LENGTH) }),
      languages: (request.uiLocales ?? []).slice(0, 8),
    };
    return sealer.seal('request+jwe', { ...claims }, lifetime);
  }

  async function open(sealed: string | undefined): Promise<InteractionTicket> {
    const claims = await sealer.open<TicketClaims>('request+jwe', sealed ?? '');
    if (sealed === undefined || claims === undefined) throw reject('interaction_expired');
    // The URI was proved against the client before it was sealed; the seal is what proves it again.
    const target = verifyRedirectTarget([claims.redirectUri], claims.redirectUri, claims.state);
    return { ...claims, sealed, target };
  }

  async function markSignedIn(ticket: InteractionTicket, sid: string): Promise<string> {
    const { sealed: _sealed, target: _target, ...claims } = ticket;
    return sealer.seal('request+jwe', { ...claims, signedIn: sid }, Math.max(1, ticket.exp - clock()));
  }

  return { issue, open, markSignedIn };
}

const MAX_NAME_LENGTH = 60;

/** A self-chosen name without what could disguise it: controls, invisible and direction-changing characters, length. */
export function displayName(name: string): string {
  const visible = name
    .normalize('NFC')
    .replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu, ' ')
    .replace(/\p{M}{3,}/gu, '')
    .replace(/\s+/g, ' ')
    .trim();
  const characters = Array.from(visible);
  return characters.length <= MAX_NAME_LENGTH ? visible : `${characters.slice(0, MAX_NAME_LENGTH - 1).join('')}…`;
}
