/** What the wire said: status 0 when nothing came back. */
export interface Answer {
  readonly status: number;
  /** `error` of an OAuth answer. */
  readonly error?: string;
  readonly hasRetryAfter?: boolean;
}

interface Timed {
  /** When it was sent and when its answer was there, in milliseconds of one clock. */
  readonly start: number;
  readonly end: number;
}

/** A request of which only the status counts: a page, a registration. */
export interface PageVisit extends Timed {
  readonly kind: 'page';
  readonly answer: Answer;
}

/** The use of a code. `grant` and `refresh` when it was answered with tokens. */
export interface Exchange extends Timed {
  readonly kind: 'exchange';
  readonly code: string;
  readonly answer: Answer;
  readonly grant?: string;
  readonly refresh?: string;
}

/** The use of a refresh token, and its successor when there was one. */
export interface Refresh extends Timed {
  readonly kind: 'refresh';
  readonly grant: string;
  readonly token: string;
  readonly answer: Answer;
  readonly successor?: string;
}

/** A request to end a grant. */
export interface Revoke extends Timed {
  readonly kind: 'revoke';
  readonly grant: string;
  readonly answer: Answer;
}

/** The use of something else that is good for one use: an assertion, a consent form. */
export interface Spend extends Timed {
  readonly kind: 'spend';
  readonly thing: string;
  readonly answer: Answer;
}

/** What an offline validator said of an access token that had not expired. */
export interface Validation extends Timed {
  readonly kind: 'validation';
  readonly validator: string;
  readonly token: string;
  readonly grant: string;
  readonly outcome: 'accepted' | 'refused' | 'unavailable';
  /** How old the last news was that the validator had of the issuer, and knew that it was; in milliseconds. */
  readonly newsAge: number;
}

export type Operation = PageVisit | Exchange | Refresh | Revoke | Spend | Validation;

/** Lengths of time in milliseconds. */
export interface Bounds {
  /** From an acknowledged revocation until news of the issuer has to tell of it. */
  readonly propagation: number;
  /** How long any answer may take. */
  readonly answer: number;
  /** How long a code is good for, less the time it may be on its way. */
  readonly codeLifetime: number;
}

/**
 * Every way in which a history of operations breaks what is promised, as sentences; pure. Each thing in it moves one way
 * only (a code to spent, a grant to revoked, a token to superseded), so that comparing moments is complete: there is no
 * order of the operations in which a violation found here is none.
 */
export function findViolations(history: readonly Operation[], bounds: Bounds): readonly string[] {
  const facts = collectFacts(history, bounds);
  return [
    ...history.flatMap((operation) => findBadAnswer(operation, bounds)),
    ...findSpentTwice(history),
    ...findBranches(history),
    ...history.flatMap((operation) => findUndone(operation, facts, bounds)),
    ...findChangesOfMind(history),
    ...history.flatMap((operation) => findRefusedValid(operation, facts, bounds)),
    ...findLost(history, facts),
  ];
}

interface Facts {
  /** When it was first asked for that a grant end, in whatever way. */
  readonly revocationStarted: ReadonlyMap<string, number>;
  /** When it was first acknowledged that a grant has ended. */
  readonly revocationAcknowledged: ReadonlyMap<string, number>;
  /** When a refresh token was first presented. */
  readonly presented: ReadonlyMap<string, number>;
  /** The successor of each refresh token that had one. */
  readonly successors: ReadonlyMap<string, string>;
  /** All uses of each code, in the order in which they began. */
  readonly exchanges: ReadonlyMap<string, readonly Exchange[]>;
}

function collectFacts(history: readonly Operation[], bounds: Bounds): Facts {
  const revocationStarted = new Map<string, number>();
  const revocationAcknowledged = new Map<string, number>();
  const presented = new Map<string, number>();
  const successors = new Map<string, string>();
  const exchanges = new Map<string, Exchange[]>();
  for (const operation of history) {
    if (operation.kind === 'revoke') {
      earliest(revocationStarted, operation.grant, operation.start);
      if (operation.answer.status === 200) earliest(revocationAcknowledged, operation.grant, operation.end);
    }
    if (operation.kind === 'refresh') {
      earliest(presented, operation.token, operation.start);
      if (operation.successor !== undefined) successors.set(operation.token, operation.successor);
    }
    if (operation.kind === 'exchange') {
      const uses = exchanges.get(operation.code) ?? [];
      exchanges.set(operation.code, [...uses, operation]);
    }
  }
  // A code that is used again ends the grant of its first use.
  for (const uses of exchanges.values()) {
    uses.sort((one, other) => one.start - other.start);
    const first = uses.find(({ grant }) => grant !== undefined);
    if (first?.grant === undefined) continue;
    for (const use of uses) {
      if (use === first) continue;
      earliest(revocationStarted, first.grant, Math.max(first.start, use.start));
      if (use.answer.status === 400 && use.end - first.start < bounds.codeLifetime)
        earliest(revocationAcknowledged, first.grant, Math.max(first.end, use.end));
    }
  }
  return { revocationStarted, revocationAcknowledged, presented, successors, exchanges };
}

function earliest(moments: Map<string, number>, key: string, moment: number): void {
  moments.set(key, Math.min(moments.get(key) ?? Number.POSITIVE_INFINITY, moment));
}

function findBadAnswer(operation: Operation, bounds: Bounds): string[] {
  const faults: string[] = [];
  const took = Math.round(operation.end - operation.start);
  if (took > bounds.answer) faults.push(`${describe(operation)} took ${took} ms`);
  if (operation.kind === 'validation') return faults;
  const { status, error, hasRetryAfter } = operation.answer;
  if (status >= 500 && status !== 503) faults.push(`${describe(operation)} was answered ${status}`);
  if (status === 503 && hasRetryAfter !== true) faults.push(`${describe(operation)}: 503 without Retry-After`);
  if (status === 503 && error !== undefined && error !== 'temporarily_unavailable')
    faults.push(`${describe(operation)}: 503 with ${error}`);
  if (status === 401 || error === 'invalid_client' || error === 'unauthorized_client')
    faults.push(`${describe(operation)}: the client itself was refused (${status} ${error})`);
  return faults;
}

function findSpentTwice(history: readonly Operation[]): string[] {
  const uses = new Map<string, number>();
  for (const operation of history) {
    if (operation.kind !== 'exchange' && operation.kind !== 'spend') continue;
    if (operation.answer.status !== 200) continue;
    const thing = operation.kind === 'exchange' ? `code ${operation.code}` : operation.thing;
    uses.set(thing, (uses.get(thing) ?? 0) + 1);
  }
  return [...uses].filter(([, count]) => count > 1).map(([thing, count]) => `${thing} was accepted ${count} times`);
}

function findBranches(history: readonly Operation[]): string[] {
  const seen = new Map<string, string>();
  return history.flatMap((operation) => {
    if (operation.kind !== 'refresh' || operation.successor === undefined) return [];
    const other = seen.get(operation.token);
    seen.set(operation.token, operation.successor);
    if (other === undefined || other === operation.successor) return [];
    return [`refresh token ${operation.token} has two successors, ${other} and ${operation.successor}`];
  });
}

function findUndone(operation: Operation, facts: Facts, bounds: Bounds): string[] {
  const acknowledged = 'grant' in operation ? facts.revocationAcknowledged.get(operation.grant ?? '') : undefined;
  if (acknowledged === undefined) return [];
  const after = Math.round(operation.start - acknowledged);
  if (operation.kind === 'refresh' && operation.answer.status === 200 && after > 0)
    return [`${describe(operation)} was answered with tokens ${after} ms after its revocation was acknowledged`];
  if (
    operation.kind === 'validation' &&
    operation.outcome === 'accepted' &&
    after - operation.newsAge > bounds.propagation
  )
    return [
      `${describe(operation)} was accepted ${after} ms after its revocation was acknowledged, with news ${operation.newsAge} ms old`,
    ];
  return [];
}

/** A validator that has refused a token and accepts it afterwards. */
function findChangesOfMind(history: readonly Operation[]): string[] {
  const refused = new Map<string, number>();
  for (const operation of history) {
    if (operation.kind === 'validation' && operation.outcome === 'refused')
      earliest(refused, `${operation.validator} ${operation.token}`, operation.end);
  }
  return history.flatMap((operation) => {
    if (operation.kind !== 'validation' || operation.outcome !== 'accepted') return [];
    const since = refused.get(`${operation.validator} ${operation.token}`);
    return since !== undefined && operation.start > since
      ? [`${describe(operation)} was accepted again by ${operation.validator}, which had refused it`]
      : [];
  });
}

function findRefusedValid(operation: Operation, facts: Facts, bounds: Bounds): string[] {
  const hasEnded = (grant: string) => (facts.revocationStarted.get(grant) ?? Number.POSITIVE_INFINITY) < operation.end;
  if (operation.kind === 'validation' && operation.outcome === 'refused' && !hasEnded(operation.grant))
    return [`${describe(operation)} was refused, and nobody had revoked it`];
  if (operation.kind === 'refresh' && isRefusal(operation.answer) && !hasEnded(operation.grant)) {
    const successor = facts.successors.get(operation.token);
    const supersededAt = successor === undefined ? undefined : facts.presented.get(successor);
    if (supersededAt === undefined || supersededAt >= operation.end)
      return [`${describe(operation)} was refused (${operation.answer.error}), and it was live`];
  }
  if (operation.kind === 'exchange' && isRefusal(operation.answer)) {
    const uses = facts.exchanges.get(operation.code) ?? [];
    const began = uses[0]?.start ?? operation.start;
    const wasUsed = uses.some((use) => use !== operation && use.start < operation.end);
    if (!wasUsed && operation.end - began < bounds.codeLifetime)
      return [`${describe(operation)} was refused (${operation.answer.error}), and nobody had used it`];
  }
  return [];
}

function isRefusal({ status }: Answer): boolean {
  return status >= 400 && status < 500;
}

/** Grants whose tokens were acknowledged, that nobody ended, and that were not refreshed when all was over. */
function findLost(history: readonly Operation[], facts: Facts): string[] {
  const last = new Map<string, Refresh>();
  for (const operation of history) {
    if (operation.kind !== 'refresh') continue;
    const known = last.get(operation.grant);
    if (known === undefined || operation.start >= known.start) last.set(operation.grant, operation);
  }
  return history.flatMap((operation) => {
    if (operation.kind !== 'exchange' || operation.grant === undefined || operation.refresh === undefined) return [];
    if (facts.revocationStarted.has(operation.grant)) return [];
    const answer = last.get(operation.grant)?.answer;
    if (answer?.status === 200) return [];
    const said = answer === undefined ? 'was never refreshed' : `ended with ${answer.status} ${answer.error ?? ''}`;
    return [`grant ${operation.grant} ${said}, and nobody had revoked it`];
  });
}

function describe(operation: Operation): string {
  const at = `at ${Math.round(operation.start)} ms`;
  switch (operation.kind) {
    case 'page':
      return `a page ${at}`;
    case 'exchange':
      return `code ${operation.code} ${at}`;
    case 'refresh':
      return `refresh token ${operation.token} of grant ${operation.grant} ${at}`;
    case 'revoke':
      return `the revocation of grant ${operation.grant} ${at}`;
    case 'spend':
      return `${operation.thing} ${at}`;
    case 'validation':
      return `access token ${operation.token} of grant ${operation.grant} ${at}`;
  }
}
