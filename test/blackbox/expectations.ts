import { expect } from 'vitest';
import { type JsonObject, REJECTIONS, type RejectionReason } from '../../src/oauth/index.ts';
import type { WireAnswer } from './wire.ts';
import { REDIRECT, STATE, type World } from './world.ts';

/** An answer together with what the server noted while it was made. */
export interface Observed {
  readonly world: World;
  readonly answer: WireAnswer;
  /** Reasons of the refusals audited meanwhile. */
  readonly reasons: readonly string[];
}

/** Checks an answer to the last byte. */
export type Expectation = (observed: Observed) => void;

/** What no answer of ours may hold, whatever was asked. */
const INTERNAL = /\bat [\w.<>]+ \(|node_modules|\/src\/|\.ts:\d|SQLITE|ECONN|undefined|TypeError|\[object /;

/** What holds for every answer of the public port. */
export function expectSound({ answer }: Pick<Observed, 'answer'>): void {
  expect(answer.status, answer.text).toBeLessThan(500);
  expect(answer.text).not.toMatch(INTERNAL);
  expect(answer.header('x-content-type-options')).toBe('nosniff');
  expect(answer.header('x-request-id')).toMatch(/^[A-Za-z0-9_-]{12}$/);
  expect(answer.header('access-control-allow-credentials')).toBeUndefined();
  expect(answer.header('x-powered-by')).toBeUndefined();
  if (answer.status >= 400) expect(answer.header('cache-control')).toBe('no-store');
}

/** The browser is sent on to sign-in. */
export const proceeds: Expectation = ({ world, answer, reasons }) => {
  expect([302, 303]).toContain(answer.status);
  expect(answer.header('location')).toMatch(new RegExp(`^${world.issuer}/interaction/continue\\?request=[\\w.-]+$`));
  expect(answer.header('access-control-allow-origin')).toBeUndefined();
  expect(answer.header('cache-control')).toBe('no-store');
  expect(answer.text).toBe('');
  expect(reasons).toEqual([]);
};

/** The person sees a page, and nothing leads anywhere from it. */
export function page(reason: RejectionReason): Expectation {
  return ({ answer, reasons }) => {
    expect(reasons).toEqual([reason]);
    expect(answer.status).toBe(REJECTIONS[reason].status);
    expect(answer.header('location')).toBeUndefined();
    expect(answer.header('refresh')).toBeUndefined();
    expect(answer.header('cache-control')).toBe('no-store');
    expect(answer.header('content-type')).toBe('text/html; charset=utf-8');
    expect(answer.header('x-frame-options')).toBe('DENY');
    expect(answer.header('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(answer.header('referrer-policy')).toBe('no-referrer');
    expect(answer.header('access-control-allow-origin')).toBeUndefined();
    expect(answer.text).not.toMatch(/<(?:script|form|iframe|object|embed|base)\b|http-equiv/i);
    expect([...answer.text.matchAll(/(?:href|src|action)="([^"]*)"/g)].map((match) => match[1])).toSatisfy(
      (links: string[]) => links.every((link) => link.startsWith('/interaction/')),
    );
  };
}

/** The client is told by redirect: these parameters, in this spelling, and no other. */
export function redirectError(
  reason: RejectionReason,
  options: { readonly to?: string; readonly state?: string | null } = {},
): Expectation {
  const { to = REDIRECT, state = STATE } = options;
  return ({ world, answer, reasons }) => {
    expect(reasons).toEqual([reason]);
    expect([302, 303]).toContain(answer.status);
    const location = answer.header('location') ?? '';
    const query = location.slice(to.length);
    expect(location.startsWith(to), location).toBe(true);
    expect(query[0]).toBe(to.includes('?') ? '&' : '?');
    expect([...new URLSearchParams(query.slice(1))]).toEqual([
      ['error', REJECTIONS[reason].error],
      ['error_description', REJECTIONS[reason].description],
      ...(state === null ? [] : [['state', state]]),
      ['iss', world.issuer],
    ]);
    expect(answer.header('cache-control')).toBe('no-store');
    expect(answer.header('access-control-allow-origin')).toBeUndefined();
    expect(answer.text).toBe('');
  };
}

/** A program is told, by the row of the table and nothing else. */
export function jsonError(
  reason: RejectionReason,
  headers: Readonly<Record<string, string | undefined>> = {},
): Expectation {
  return ({ answer, reasons }) => {
    expect(reasons).toEqual([reason]);
    const { status, error, description } = REJECTIONS[reason];
    expect(answer.status).toBe(status);
    expect(answer.header('content-type')).toBe('application/json; charset=utf-8');
    expect(answer.header('cache-control')).toBe('no-store');
    expect(answer.header('location')).toBeUndefined();
    expect(answer.header('set-cookie')).toBeUndefined();
    for (const [name, value] of Object.entries(headers)) expect(answer.header(name)).toBe(value);
    expect(answer.json()).toEqual({ error, error_description: description });
  };
}

/** 401 to a request with an `Authorization` header names the scheme (RFC 6749 §5.2). */
export function clientError(reason: RejectionReason): Expectation {
  return jsonError(reason, { 'www-authenticate': 'Basic realm="guardmint", charset="UTF-8"' });
}

/** A token response (RFC 6749 §5.1). */
export function tokens(options: { readonly scope?: string; readonly claims?: JsonObject } = {}): Expectation {
  return ({ answer, reasons, world }) => {
    expect(reasons).toEqual([]);
    expect(answer.status, answer.text).toBe(200);
    expect(answer.header('content-type')).toBe('application/json; charset=utf-8');
    expect(answer.header('cache-control')).toBe('no-store');
    expect(answer.header('pragma')).toBe('no-cache');
    const body = answer.json() as JsonObject;
    expect(body).toEqual({
      access_token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
      token_type: 'Bearer',
      expires_in: 600,
      refresh_token: expect.stringMatching(/^gmr_[\w.~-]+$/),
      scope: options.scope ?? 'mcp:read mcp:write',
    });
    expect(claimsOf(String(body['access_token']))).toMatchObject({ iss: world.issuer, ...options.claims });
  };
}

/** 200 with an empty object: revocation says no more (RFC 7009 §2.2). */
export const revoked: Expectation = ({ answer, reasons }) => {
  expect(reasons).toEqual([]);
  expect(answer.status, answer.text).toBe(200);
  expect(answer.header('cache-control')).toBe('no-store');
  expect(answer.json()).toEqual({});
};

/** 201 with the client information (RFC 7591 §3.2.1). */
export function registered(check: (body: JsonObject) => void = () => {}): Expectation {
  return ({ answer, reasons }) => {
    expect(reasons).toEqual([]);
    expect(answer.status, answer.text).toBe(201);
    expect(answer.header('cache-control')).toBe('no-store');
    expect(answer.header('pragma')).toBe('no-cache');
    expect(answer.header('content-type')).toBe('application/json; charset=utf-8');
    const body = answer.json() as JsonObject;
    expect(String(body['client_id'])).toMatch(/^[\w.-]{1,2048}$/);
    expect(body['client_id_issued_at']).toBeTypeOf('number');
    const isPublic = body['token_endpoint_auth_method'] === 'none';
    expect('client_secret' in body).toBe(!isPublic);
    expect(body['client_secret_expires_at']).toBe(isPublic ? undefined : 0);
    check(body);
  };
}

/** The claims of a JWT, unverified. */
export function claimsOf(token: string): JsonObject {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as JsonObject;
}
