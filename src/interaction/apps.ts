import type { Context, Middleware } from 'koa';
import { type Resource, reject } from '../oauth/index.ts';
import type { Audit } from '../platform/index.ts';
import type { RefreshFamily } from '../tokens/index.ts';
import type { ConsentMemory } from './consent-memory.ts';
import { readForm } from './form-body.ts';
import type { StepParts } from './parts.ts';
import { describeScope } from './scope-sentences.ts';
import type { Session } from './session.ts';

/** The grants of people: what the page about them lists, and ends. */
export interface PersonalGrants {
  /** Those that can still be refreshed, newest first. @throws UnavailableError */
  list(subject: string): Promise<readonly RefreshFamily[]>;
  /** Ends one, its refresh tokens and its access tokens; durable when it returns. @throws UnavailableError */
  revoke(grantId: string): Promise<void>;
  /** Whether one was ended before its time, by whomever. @throws UnavailableError */
  hasEnded(grantId: string): Promise<boolean>;
}

/** The page of the apps a person allowed: GET lists them, POST with `grant` disconnects one. */
export function createApps(deps: {
  parts: StepParts;
  settings: { readonly resources: readonly Resource[] };
  grants: PersonalGrants;
  memory: ConsentMemory;
  audit: Audit;
}): { show: Middleware; submit: Middleware } {
  const { parts, settings, grants, memory, audit } = deps;
  const { tickets, sessions, forms, presenter } = parts;

  async function enter(ctx: Context): Promise<Session | undefined> {
    const session = await sessions.find(ctx);
    if (session === undefined) presenter.redirect(ctx, presenter.path('sign-in', await tickets.issueOwnPage('apps')));
    return session;
  }

  async function show(ctx: Context): Promise<void> {
    const session = await enter(ctx);
    if (session === undefined) return;
    const messages = presenter.messages(ctx);
    const families = await grants.list(session.user.subject);
    const days = new Intl.DateTimeFormat(messages.lang, { dateStyle: 'medium', timeZone: 'UTC' });
    const view = {
      title: messages.apps.title,
      action: presenter.path('apps'),
      form: await forms.seal(ctx, bindingOf(session)),
      username: session.user.username,
      signOut: presenter.path('sign-out'),
      ended: ctx.querystring === ENDED,
      apps: families.map(({ familyId, clientName, resource, scope, createdAt, usedAt }) => ({
        grant: familyId,
        name: clientName,
        resource,
        resourceName: settings.resources.find((known) => known.resource === resource)?.name,
        scope: describeScope(
          { resource, scope: scope === '' ? [] : scope.split(' ') },
          settings.resources,
          messages.consent,
        ),
        since: days.format(createdAt * 1000),
        lastUsed: days.format(usedAt * 1000),
      })),
    };
    presenter.show(ctx, 'apps', view, { messages });
  }

  async function submit(ctx: Context): Promise<void> {
    forms.requireSameOrigin(ctx);
    const form = await readForm(ctx);
    const session = await enter(ctx);
    if (session === undefined) return;
    await forms.requireOwn(ctx, form, bindingOf(session));
    const grantId = form.get('grant');
    if (grantId === undefined) throw reject('parameter_missing', { parameter: 'grant' });
    // Only what is in one's own list: a grant of somebody else is as little there as one that has ended.
    const family = (await grants.list(session.user.subject)).find(({ familyId }) => familyId === grantId);
    if (family !== undefined) {
      await grants.revoke(grantId);
      const { clientHash: client, resource } = family;
      await memory.forget(ctx, { subject: session.user.subject, client, resource });
      audit({ event: 'consent.withdrawn', grantId, client, subject: session.user.subject });
    }
    presenter.redirect(ctx, `${presenter.path('apps')}?${ENDED}`);
  }

  return { show, submit };
}

const ENDED = 'ended';

function bindingOf(session: Session) {
  return { purpose: 'apps', ticket: '', sid: session.sid } as const;
}
