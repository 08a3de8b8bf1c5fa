import type { EpochSeconds } from '../oauth/index.ts';
import type { Session } from './session.ts';
import type { InteractionTicket } from './ticket.ts';

/**
 * What a pending request needs next: a page, a code without one, or, where the client asked that no page be shown
 * (`prompt=none`), the refusal that says which page it would have been.
 */
export type NextStep = 'sign_in' | 'consent' | 'code' | 'sign_in_required' | 'consent_required';

type Asked = Pick<InteractionTicket, 'prompt' | 'maxAge' | 'signedIn'>;
type SignedIn = Pick<Session, 'sid' | 'authTime' | 'isAuthTimeUnknown'>;

/**
 * Decides the next step, from the request and who is signed in. The only place that knows `prompt` and `max_age`
 * (OpenID Connect Core §3.1.2.1). A session that was begun for this very request meets both.
 * @param isRemembered whether the person allowed all of it before
 */
export function nextStep(
  ticket: Asked,
  session: SignedIn | undefined,
  now: EpochSeconds,
  isRemembered = false,
): NextStep {
  const isSilent = ticket.prompt.includes('none');
  if (session === undefined || mustSignInAgain(ticket, session, now)) return isSilent ? 'sign_in_required' : 'sign_in';
  if (isRemembered && !ticket.prompt.includes('consent')) return 'code';
  return isSilent ? 'consent_required' : 'consent';
}

function mustSignInAgain(ticket: Asked, session: SignedIn, now: EpochSeconds): boolean {
  if (ticket.signedIn === session.sid) return false;
  if (ticket.prompt.includes('login') || ticket.prompt.includes('select_account')) return true;
  if (ticket.maxAge === undefined) return false;
  // Who came from a provider that lives on its own session may have been asked a week ago.
  return ticket.maxAge === 0 || session.isAuthTimeUnknown === true || now - session.authTime > ticket.maxAge;
}
