import { type Client, type ClientOrigin, clientHash, metadataHash } from '../clients/index.ts';
import {
  type AuthorizationRequest,
  type EpochSeconds,
  parseForm,
  reject,
  type Scope,
  type Seconds,
  type VerifiedRedirectTarget,
  verifyRedirectTarget,
} from '../oauth/index.ts';
import { type Clock, type Random, sha256 } from '../platform/index.ts';
import type { Sealer } from '../tokens/index.ts';

/** What every sign-in has to know of what it is for. */
interface SignInRequest {
  readonly jti: string;
  readonly prompt: readonly string[];
  readonly maxAge?: Seconds;
  readonly loginHint?: string;
  readonly languages: readonly string[];
  /** The session begun for this request, when the person signed in for it. */
  readonly signedIn?: string;
}

/** A pending request, whether or not its client was looked up. */
export interface PendingRequest extends SignInRequest {
  /** SHA-256 of the client_id. */
  readonly client: string;
  readonly resource: string;
  readonly resourceName?: string;
}

interface OwnPageClaims extends SignInRequest {
  readonly page: 'apps';
}

/** A sign-in for a page of ours that no client asked for. */
export interface OwnPageTicket extends OwnPageClaims {
  readonly sealed: string;
  readonly exp: EpochSeconds;
}

/** A request whose client may be looked up only once the person has signed in: its parameters, as they came. */
interface UnresolvedClaims extends PendingRequest {
  readonly parameters: string;
}

/** Such a request, opened. */
export interface UnresolvedTicket extends UnresolvedClaims {
  readonly sealed: string;
  readonly exp: EpochSeconds;
}

interface TicketClaims extends PendingRequest {
  readonly origin: ClientOrigin;
  readonly clientName: string;
  /** Host of the metadata document, the one verified thing about such a client. */
  readonly clientHost?: string;
  /** Digest of what that document said when it was resolved: what the person is shown and agrees to. */
  readonly metadataHash?: string;
  /** Whether the client may refresh, so that what begins here is a grant that can be seen and ended. */
  readonly canRefresh: boolean;
  readonly redirectUri: string;
  readonly redirectUriProvided: boolean;
  readonly state?: string;
  readonly challenge: string;
  readonly scope: Scope;
  /** Thumbprint of the key the code is to be bound to (`dpop_jkt`). */
  readonly jkt?: string;
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

/** Whatever a sign-in can be for. */
export type PendingTicket = InteractionTicket | UnresolvedTicket | OwnPageTicket;

/** Makes and opens the tickets of pending requests. */
export interface InteractionTickets {
  issue(client: Client, request: AuthorizationRequest): Promise<string>;
  /** Seals a request whose client is not looked up yet. @throws OAuthError `parameter_malformed` when it is too long. */
  issueUnresolved(clientId: string, parameters: string): Promise<string>;
  /** Seals a sign-in for a page of ours. */
  issueOwnPage(page: OwnPageTicket['page']): Promise<string>;
  /** @throws OAuthError `interaction_expired` for anything but a ticket of ours that still lives. */
  open(sealed: string | undefined): Promise<InteractionTicket>;
  /** Any kind of ticket, for the steps before consent. @throws OAuthError `interaction_expired` */
  openPending(sealed: string | undefined): Promise<PendingTicket>;
  /** The same request, with the sign-in that was made for it. Ends when the old ticket ends. */
  markSignedIn(ticket: PendingTicket, sid: string): Promise<string>;
}

const MAX_HINT_LENGTH = 128;
// Sealed, in a URL, it must stay below what servers take as one line.
const MAX_PARAMETERS_LENGTH = 8_000;

export function createInteractionTickets(deps: {
  sealer: Sealer;
  clock: Clock;
  random: Random;
  lifetime: Seconds;
  /** What people are told they sign in for while the resource of a request is not known to be one of ours. */
  describeResource: (requested: string | undefined) => { readonly resource: string; readonly resourceName?: string };
}): InteractionTickets {
  const { sealer, clock, random, lifetime, describeResource } = deps;

  async function issue(client: Client, request: AuthorizationRequest): Promise<string> {
    const { target, resource } = request;
    const claims: TicketClaims = {
      // A pushed request is one request, however often it is taken up: the first decision spends it.
      jti: request.pushedId ?? random(16),
      client: clientHash(client),
      origin: client.origin,
      clientName: displayName(client.clientName ?? (client.origin === 'configured' ? client.clientId : '')),
      ...(client.origin === 'document'
        ? { clientHost: new URL(client.clientId).host, metadataHash: metadataHash(client) }
        : {}),
      canRefresh: client.grantTypes.includes('refresh_token'),
      redirectUri: target.uri,
      redirectUriProvided: target.provided,
      ...(target.state === undefined ? {} : { state: target.state }),
      challenge: request.codeChallenge,
      scope: request.scope,
      ...(request.sender === undefined ? {} : { jkt: request.sender.jkt }),
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

  async function issueUnresolved(clientId: string, parameters: string): Promise<string> {
    if (parameters.length > MAX_PARAMETERS_LENGTH) throw reject('parameter_malformed');
    const form = parseForm(parameters);
    const hint = form.get('login_hint');
    const maxAge = form.get('max_age');
    const claims: UnresolvedClaims = {
      jti: random(16),
      client: sha256(clientId),
      ...describeResource(form.get('resource')),
      prompt: (form.get('prompt') ?? '').split(' ').filter((value) => value !== ''),
      ...(maxAge !== undefined && /^\d{1,9}$/.test(maxAge) && { maxAge: Number(maxAge) }),
      ...(hint !== undefined && { loginHint: hint.slice(0, MAX_HINT_LENGTH) }),
      languages: (form.get('ui_locales') ?? '')
        .split(' ')
        .filter((tag) => tag !== '')
        .slice(0, 8),
      parameters,
    };
    return sealer.seal('unresolved+jwe', { ...claims }, lifetime);
  }

  async function issueOwnPage(page: OwnPageTicket['page']): Promise<string> {
    const claims: OwnPageClaims = { jti: random(16), page, prompt: [], languages: [] };
    return sealer.seal('own-page+jwe', { ...claims }, lifetime);
  }

  async function openPending(sealed: string | undefined): Promise<PendingTicket> {
    if (sealed === undefined) throw reject('interaction_expired');
    const claims =
      (await sealer.open<UnresolvedClaims>('unresolved+jwe', sealed)) ??
      (await sealer.open<OwnPageClaims>('own-page+jwe', sealed));
    return claims === undefined ? open(sealed) : { ...claims, sealed };
  }

  async function markSignedIn(ticket: PendingTicket, sid: string): Promise<string> {
    const remaining = Math.max(1, ticket.exp - clock());
    if (isUnresolved(ticket) || isOwnPage(ticket)) {
      const { sealed: _sealed, ...claims } = ticket;
      return sealer.seal(
        isOwnPage(ticket) ? 'own-page+jwe' : 'unresolved+jwe',
        { ...claims, signedIn: sid },
        remaining,
      );
    }
    const { sealed: _sealed, target: _target, ...claims } = ticket;
    return sealer.seal('request+jwe', { ...claims, signedIn: sid }, remaining);
  }

  return { issue, issueUnresolved, issueOwnPage, open, openPending, markSignedIn };
}

/** Whether the client of the request is still to be looked up. */
export function isUnresolved(ticket: PendingTicket): ticket is UnresolvedTicket {
  return 'parameters' in ticket;
}

/** Whether the sign-in is for a page of ours, and no client is waiting. */
export function isOwnPage(ticket: PendingTicket): ticket is OwnPageTicket {
  return 'page' in ticket;
}

/**
 * The parameters to take up again once the person is signed in. A sign-in that was made for this request has answered
 * `prompt=login` and `max_age`; asking for them again would never end.
 */
export function resumedParameters(ticket: UnresolvedTicket, sid: string): string {
  if (ticket.signedIn !== sid) return ticket.parameters;
  const parameters = new URLSearchParams(ticket.parameters);
  const prompt = ticket.prompt.filter((value) => value !== 'login' && value !== 'select_account');
  parameters.delete('max_age');
  parameters.delete('prompt');
  if (prompt.length > 0) parameters.set('prompt', prompt.join(' '));
  return parameters.toString();
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
