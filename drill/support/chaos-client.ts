import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { createPerson } from '../../examples/person.ts';
import type { Verifier } from '../../src/resource/index.ts';
import type { Answer, Operation } from './history.ts';
import { answerOf, postForm } from './http-client.ts';
import type { SeededRandom } from './seeded-random.ts';

/** Where a client works, and where it writes down what it did. */
export interface ChaosClientDeps {
  readonly issuer: string;
  readonly resource: string;
  readonly credentials: { readonly username: string; readonly password: string };
  readonly validators: readonly { readonly name: string; readonly verifier: Verifier }[];
  readonly random: SeededRandom;
  readonly record: (operation: Operation) => void;
}

/** A client that signs in, keeps itself signed in from several sessions at once, and is revoked, over and over. */
export interface ChaosClient {
  /** Signs in, with a password, before anything is broken. @throws when it cannot. */
  begin(): Promise<void>;
  /** Works until the signal, and does not stop half way through anything. */
  work(signal: AbortSignal): Promise<void>;
  /** Looks at every grant it ever had: the live ones are refreshed, of the others every token is tried once more. */
  lookBack(): Promise<void>;
}

/** One grant, as the sessions of one client share it: in one file of tokens, so to speak. */
interface HeldGrant {
  readonly id: string;
  refreshToken: string;
  readonly access: { token: string; id: string; expiresAt: number }[];
  isEnded: boolean;
}

const REDIRECT = 'http://127.0.0.1:7777/callback';
const SESSIONS = 2;

export function createChaosClient(deps: ChaosClientDeps): ChaosClient {
  const { issuer, resource, random, record, validators } = deps;
  const person = createPerson(deps.credentials, visit);
  const grants: HeldGrant[] = [];
  let clientId: string | undefined;
  let registering: Promise<string> | undefined;

  async function visit(input: string | URL | Request, init?: RequestInit): Promise<Response> {
    const start = performance.now();
    try {
      const response = await fetch(input, { ...init, signal: AbortSignal.timeout(15_000) });
      record({ kind: 'page', start, end: performance.now(), answer: answerOf(response) });
      return response;
    } catch (error) {
      record({ kind: 'page', start, end: performance.now(), answer: { status: 0 } });
      throw error;
    }
  }

  async function register(): Promise<string> {
    const response = await visit(`${issuer}/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ redirect_uris: [REDIRECT], token_endpoint_auth_method: 'none' }),
    });
    return ((await response.json()) as { client_id: string }).client_id;
  }

  /** By the first session that needs it; the others wait for that. */
  async function registerOnce(): Promise<string> {
    registering ??= register();
    try {
      return await registering;
    } catch (error) {
      registering = undefined;
      throw error;
    }
  }

  /** The whole way to a grant; `undefined` when something on the way gave no answer, or said that it cannot. */
  async function signIn(): Promise<HeldGrant | undefined> {
    clientId = await registerOnce();
    const verifier = randomBytes(32).toString('base64url');
    const query = new URLSearchParams({
      response_type: 'code',
      client_id: clientId,
      redirect_uri: REDIRECT,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
      resource,
      scope: 'mcp:read',
    });
    const code = (await person.authorize(`${issuer}/authorize?${query}`)).searchParams.get('code');
    if (code === null) return undefined;
    const form = {
      grant_type: 'authorization_code',
      code,
      code_verifier: verifier,
      redirect_uri: REDIRECT,
      client_id: clientId,
    };
    const isRaced = random.next() < 0.15;
    const answers = await Promise.all(Array.from({ length: isRaced ? 3 : 1 }, () => exchange(form)));
    let held = answers.find((answer) => answer !== undefined);
    for (let attempt = 0; held === undefined && !isRaced && attempt < 4; attempt += 1) {
      await pause(random.between(100, 400));
      held = await exchange(form);
    }
    if (held === undefined) return undefined;
    grants.push(held);
    if (isRaced) held.isEnded = true;
    if (random.next() < 0.1) {
      // Used again, by somebody who has the verifier too.
      held.isEnded = true;
      await exchange(form);
    }
    return held;
  }

  async function exchange(form: { readonly code: string } & Record<string, string>): Promise<HeldGrant | undefined> {
    const { start, end, body, ...answer } = await postForm(`${issuer}/token`, form);
    const { access_token: access, refresh_token: refresh } = body;
    const operation = { kind: 'exchange', code: nameOf(form.code), start, end, answer } as const;
    if (typeof access !== 'string' || typeof refresh !== 'string') {
      record(operation);
      return undefined;
    }
    const claims = claimsOf(access);
    record({ ...operation, grant: claims.gid, refresh: nameOf(refresh) });
    return { id: claims.gid, refreshToken: refresh, access: [heldAccess(access)], isEnded: false };
  }

  async function refresh(grant: HeldGrant): Promise<Answer> {
    const presented = grant.refreshToken;
    const form = { grant_type: 'refresh_token', refresh_token: presented, client_id: clientId ?? '' };
    const { start, end, body, ...answer } = await postForm(`${issuer}/token`, form);
    const operation = { kind: 'refresh', grant: grant.id, token: nameOf(presented), start, end, answer } as const;
    const { access_token: access, refresh_token: successor } = body;
    if (typeof access !== 'string' || typeof successor !== 'string') {
      record(operation);
      return answer;
    }
    record({ ...operation, successor: nameOf(successor) });
    // Whoever wrote the shared file meanwhile is further than we are.
    if (grant.refreshToken === presented) grant.refreshToken = successor;
    grant.access.push(heldAccess(access));
    return answer;
  }

  async function revoke(grant: HeldGrant): Promise<void> {
    grant.isEnded = true;
    const token = random.next() < 0.5 ? grant.refreshToken : (grant.access.at(-1)?.token ?? grant.refreshToken);
    for (let attempt = 0; attempt < 20; attempt += 1) {
      const {
        start,
        end,
        body: _,
        ...answer
      } = await postForm(`${issuer}/revoke`, { token, client_id: clientId ?? '' });
      record({ kind: 'revoke', grant: grant.id, start, end, answer });
      if (answer.status === 200) return;
      await pause(random.between(100, 500));
    }
  }

  async function validate(grant: HeldGrant): Promise<void> {
    const held = random.pick(grant.access);
    const validator = random.pick(validators);
    if (held === undefined || validator === undefined || held.expiresAt * 1000 < Date.now() + 10_000) return;
    const ageSeconds = validator.verifier.state().revocations?.ageSeconds;
    const newsAge = ageSeconds === undefined ? Number.POSITIVE_INFINITY : ageSeconds * 1000;
    const start = performance.now();
    const outcome = await validator.verifier.loadAccessToken(held.token).then(
      (token) => (token === undefined ? 'refused' : 'accepted'),
      () => 'unavailable' as const,
    );
    const end = performance.now();
    record({
      kind: 'validation',
      validator: validator.name,
      token: held.id,
      grant: grant.id,
      start,
      end,
      outcome,
      newsAge,
    });
  }

  async function session(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await pause(random.between(50, 450));
      const live = grants.filter(({ isEnded }) => !isEnded);
      const grant = live.at(-1);
      const ended = grants.filter(({ isEnded }) => isEnded).at(-1);
      const dice = random.next();
      if (grant === undefined || (dice < 0.04 && live.length < 3)) await signIn().catch(() => undefined);
      else if (dice < 0.08) await revoke(grant);
      else if (dice < 0.12) await Promise.all([revoke(grant), refresh(grant), refresh(grant)]);
      else if (dice < 0.2) await Promise.all([refresh(grant), refresh(grant), refresh(grant)]);
      else if (dice < 0.55) await refresh(grant);
      else if (dice < 0.65 && ended !== undefined) await Promise.all([refresh(ended), validate(ended)]);
      else if (dice < 0.75 && ended !== undefined) await validate(ended);
      else await validate(grant);
    }
  }

  return {
    async begin() {
      await signIn();
    },

    async work(signal) {
      await Promise.all(Array.from({ length: SESSIONS }, () => session(signal)));
    },

    async lookBack() {
      for (const grant of grants) {
        for (let attempt = 0; attempt < 40; attempt += 1) {
          const { status } = await refresh(grant);
          if (status !== 0 && status !== 503) break;
          await pause(250);
        }
        await validate(grant);
      }
    },
  };
}

/** A short name for a secret, so that a history can be read without knowing any. */
function nameOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex').slice(0, 12);
}

function claimsOf(token: string): { gid: string; jti: string; exp: number } {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
}

function heldAccess(token: string): HeldGrant['access'][number] {
  const { jti, exp } = claimsOf(token);
  return { token, id: jti, expiresAt: exp };
}
