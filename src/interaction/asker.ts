import { parseForm, redirectDestination } from '../oauth/index.ts';
import { isOwnPage, isUnresolved, type PendingTicket } from './ticket.ts';

/** Who asks and where the answer will go, as hosts: all that can be said of an app before anybody signed in. */
export interface Asker {
  /** What is known for certain of the app, or will be before anything is granted; absent: nothing. */
  readonly host?: string;
  readonly destination: string;
}

/**
 * What a person is shown of an app that nobody vouches for before they are sent to another provider (MCP AS-39): a client
 * that registered itself, or a metadata document. `undefined` for clients of the operator's and for pages of ours.
 */
export function describeAsker(ticket: PendingTicket): Asker | undefined {
  if (isOwnPage(ticket)) return undefined;
  if (!isUnresolved(ticket)) {
    if (ticket.origin === 'configured') return undefined;
    const destination = redirectDestination(ticket.redirectUri).host;
    return { destination, ...(ticket.clientHost !== undefined && { host: ticket.clientHost }) };
  }
  // Not looked up yet: these are what the request says, and the document must agree before anything is granted.
  const form = parseForm(ticket.parameters);
  const document = URL.parse(form.get('client_id') ?? '');
  const redirect = form.get('redirect_uri') ?? '';
  const destination = URL.canParse(redirect) ? redirectDestination(redirect).host : '?';
  return { destination, ...(document !== null && { host: document.host }) };
}
