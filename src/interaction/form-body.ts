import type { Context } from 'koa';
import { type Form, parseForm, reject } from '../oauth/index.ts';

const MAX_FORM_BYTES = 32_768;

/**
 * Reads the form a page sent. The request body must not have been read before.
 * @throws OAuthError `content_type_unsupported`, `body_too_large`, `body_malformed`, `parameter_repeated`.
 */
export async function readForm(ctx: Context): Promise<Form> {
  const coding = ctx.get('Content-Encoding');
  if (!ctx.is('application/x-www-form-urlencoded') || (coding !== '' && coding !== 'identity')) {
    throw reject('content_type_unsupported');
  }
  const form = parseForm(await readText(ctx));
  if (form.repeated.length > 0) throw reject('parameter_repeated');
  return form;
}

async function readText(ctx: Context): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  // The iterator must not destroy the socket: the refusal is still to be written to it.
  for await (const chunk of ctx.req.iterator({ destroyOnReturn: false })) {
    size += (chunk as Buffer).length;
    if (size > MAX_FORM_BYTES) {
      ctx.set('Connection', 'close');
      throw reject('body_too_large');
    }
    chunks.push(chunk as Buffer);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw reject('body_malformed');
  }
}
