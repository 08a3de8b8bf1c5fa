import type { Context, Middleware } from 'koa';
import { koaBody } from 'koa-body';
import { type Form, type JsonObject, parseForm, parseJsonBytes, reject } from '../oauth/index.ts';

const FORM = 'application/x-www-form-urlencoded';
const FORM_LIMIT = '64kb';
const JSON_LIMIT = '64kb';

// One character for one byte: what is not UTF-8 is still to be seen, where a decoder would have put U+FFFD in its place.
const BYTES = 'latin1';

const readForm: Middleware = koaBody({
  encoding: BYTES,
  json: false,
  text: false,
  multipart: false,
  patchNode: false,
  formLimit: FORM_LIMIT,
  includeUnparsed: true,
});

const readJson: Middleware = koaBody({
  encoding: BYTES,
  json: true,
  text: false,
  urlencoded: false,
  multipart: false,
  patchNode: false,
  jsonLimit: JSON_LIMIT,
  includeUnparsed: true,
});

/**
 * The form of a POST (RFC 6749 §3.2), read from the raw text: koa-body's own parser gives brackets and repeats a
 * meaning they do not have here.
 * @throws OAuthError `content_type_unsupported`, `body_malformed`, `parameter_repeated`; koa-body throws 413 and 400.
 */
export async function readFormBody(ctx: Context): Promise<Form> {
  const form = parseForm(await readAnyFormText(ctx));
  if (form.repeated.length > 0) throw reject('parameter_repeated', { parameter: form.repeated[0] });
  return form;
}

/** The text of such a form, as it was sent. */
export async function readAnyFormText(ctx: Context): Promise<string> {
  await requirePlainBody(ctx, ctx.is(FORM) === FORM);
  await readForm(ctx, async () => {});
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(rawBody(ctx));
  } catch {
    throw reject('body_malformed');
  }
}

/** The JSON object of a POST; repeated members and text that is not UTF-8 are refused. @throws OAuthError `content_type_unsupported`, `body_malformed` */
export async function readJsonBody(ctx: Context): Promise<JsonObject> {
  await requirePlainBody(ctx, typeof ctx.is('json', '+json') === 'string');
  await readJson(ctx, async () => {});
  const body = parseJsonBytes(rawBody(ctx));
  if (body === undefined) throw reject('body_malformed');
  return body;
}

function rawBody(ctx: Context): Buffer {
  const { rawBody: text } = ctx.request as { rawBody?: unknown };
  return Buffer.from(typeof text === 'string' ? text : '', BYTES);
}

// Nobody compresses a form of a few hundred bytes, so there is nothing to unpack, and nothing to be bombed with.
async function requirePlainBody(ctx: Context, isExpectedType: boolean): Promise<void> {
  const coding = ctx.get('Content-Encoding').toLowerCase();
  if (isExpectedType && (coding === '' || coding === 'identity')) return;
  await drain(ctx);
  throw reject('content_type_unsupported');
}

// An answer sent before the body was read resets the connection under some clients, which then never see the answer.
async function drain(ctx: Context): Promise<void> {
  const length = Number(ctx.get('Content-Length'));
  if (!(length <= 65_536)) return;
  try {
    for await (const _chunk of ctx.req) {
      // read to the end, keep nothing
    }
  } catch {
    // whoever sent it has hung up, and needs no answer
  }
}
