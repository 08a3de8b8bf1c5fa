import type { FormGuard } from './form-guard.ts';
import type { ScopeLimits } from './offered-scope.ts';
import type { Presenter } from './presenter.ts';
import type { Sessions } from './session.ts';
import type { InteractionTickets } from './ticket.ts';

/** What every step of an interaction works with. */
export interface StepParts {
  readonly tickets: InteractionTickets;
  readonly sessions: Sessions;
  readonly forms: FormGuard;
  readonly presenter: Presenter;
  readonly limits: ScopeLimits;
}
