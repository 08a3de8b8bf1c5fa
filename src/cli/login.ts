import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Config } from '../config/index.ts';
import { canonicalResource } from '../oauth/index.ts';
import { CommandError, EXIT } from './failure.ts';
import { type Arrivals, openArrivals } from './login-arrivals.ts';
import { readCallback } from './login-callback.ts';
import { createLoginClient, type LoginClient, type LoginRequest, type LoginTokens } from './login-client.ts';
import { claimLines, verifiedClaims } from './login-report.ts';
import { print, printJson, remark, visible } from './output.ts';

interface Options {
  readonly issuer?: string;
  readonly resource?: string;
  readonly clientId?: string;
  readonly scope?: string;
  readonly listen: boolean;
  readonly port: number;
  /** Seconds. */
  readonly timeout: number;
  readonly printToken?: boolean;
  readonly json?: boolean;
}

/** `login`: the whole way of an MCP client from the metadata to a token, from a terminal. */
export function addLoginCommand(program: Command, loadConfig: () => Config): void {
  program
    .command('login')
    .description('Sign in as an MCP client does, and show the token that comes of it')
    .option('--issuer <url>', 'the authorization server (default: that of the settings)')
    .option('--resource <url>', 'the MCP server to get a token for (default: that of the settings)')
    .option('--scope <scope>', 'scope names to ask for, separated by spaces (default: those of the resource)')
    .option(
      '--client-id <client_id>',
      'a public client that has http://127.0.0.1/callback as a redirect URI (default: registers one)',
    )
    .option('--no-listen', 'do not listen for the browser: take the address it ends at from standard input only')
    .addOption(
      new Option('--port <port>', 'where to listen on 127.0.0.1; 0 for any free port')
        .argParser(upTo(65_535))
        .default(0),
    )
    .addOption(
      new Option('--timeout <seconds>', 'how long to wait for the browser').argParser(upTo(86_400)).default(300),
    )
    .option('--print-token', 'print the access token; without it the token is revoked at the end')
    .option('--json', 'print JSON')
    .action((options: Options) => login(options, loadConfig));
}

async function login(options: Options, loadConfig: () => Config): Promise<void> {
  const { issuer = loadConfig().issuer, resource = defaultResource(loadConfig()) } = options;
  if (canonicalResource(resource) === undefined)
    throw new CommandError('--resource takes the URL of an MCP server.', EXIT.usage);
  await using arrivals = await openArrivals({ listens: options.listen, port: options.port, input: process.stdin });
  const { redirectUri } = arrivals;
  const { clientId, scope } = options;
  const client = await createLoginClient({ issuer, clientId, redirectUri, resource, scope });
  const tokens = await obtainTokens(client, arrivals, options);
  try {
    await report(client, tokens, { ...options, resource });
  } finally {
    if (options.printToken !== true && !(await client.revoke(tokens.refreshToken ?? tokens.accessToken)))
      remark('The token could not be revoked; it ends by itself.');
  }
}

function defaultResource(config: Config): string {
  const [only, ...others] = config.resources;
  const resource = config.defaultResource ?? (others.length === 0 ? only?.resource : undefined);
  if (resource === undefined) throw new CommandError('Name the MCP server with --resource.', EXIT.usage);
  return resource;
}

/** Prints links and waits, until a code was redeemed. @throws CommandError when that ends otherwise */
async function obtainTokens(client: LoginClient, arrivals: Arrivals, options: Options): Promise<LoginTokens> {
  const signal = AbortSignal.timeout(options.timeout * 1000);
  for (;;) {
    const request = await client.begin();
    explain(request, arrivals.redirectUri, options.listen);
    const answer = await awaitAnswer(request, client, arrivals, signal).catch((error: unknown) => {
      throw error === signal.reason ? new CommandError(`Nobody came back within ${options.timeout} s.`) : error;
    });
    const tokens = await request.redeem(answer);
    if (tokens !== undefined) return tokens;
    remark('The code in it has expired (it lives for a minute) or was used before. Here is a new link.');
  }
}

function explain({ url }: LoginRequest, redirectUri: string, listens: boolean): void {
  remark(`Open this link in a browser:\n\n${url}\n`);
  remark(
    listens
      ? `Waiting for the browser at ${redirectUri}. A browser on another machine (you came by ssh, this is a container) does`
      : `The browser will end at ${redirectUri}, where nobody listens: it says that it cannot be reached, as`,
  );
  remark(
    listens
      ? 'not reach it: 127.0.0.1 is its own machine. Then copy the address it ended at and paste it here:'
      : 'expected. Copy that address, which carries the answer, and paste it here:',
  );
}

async function awaitAnswer(
  { state }: LoginRequest,
  { metadata }: LoginClient,
  arrivals: Arrivals,
  signal: AbortSignal,
): Promise<URLSearchParams> {
  const namesIssuer = metadata.authorization_response_iss_parameter_supported === true;
  const expected = { state, issuer: metadata.issuer, namesIssuer };
  for (;;) {
    const arrival = await arrivals.next(signal);
    const callback = readCallback(arrival.text, expected);
    arrival.reply(callback.kind !== 'unusable');
    if (callback.kind === 'code') return callback.parameters;
    const problem = visible(callback.problem);
    if (callback.kind === 'refused' && !arrival.isPasted) throw new CommandError(problem);
    remark(
      arrival.isPasted
        ? `${problem} Paste the address again, or open the link once more.`
        : `Something came to the port that is not the answer. ${problem}`,
    );
  }
}

async function report(
  client: LoginClient,
  tokens: LoginTokens,
  options: Options & { readonly resource: string },
): Promise<void> {
  const { resource, printToken } = options;
  const { issuer } = client.metadata;
  const claims = await verifiedClaims(client, tokens, resource);
  if (options.json === true) {
    const { accessToken, refreshToken, scope, expiresIn } = tokens;
    const shown = { access_token: accessToken, ...(refreshToken !== undefined && { refresh_token: refreshToken }) };
    const outcome = { issuer, resource, client_id: client.clientId, scope, expires_in: expiresIn, claims };
    printJson({ ...outcome, ...(printToken === true && shown) });
    return;
  }
  const write = printToken === true ? remark : print;
  write(
    `Signed in at ${visible(issuer)}: ${claims === undefined ? 'a token for' : 'the token is accepted at'} ${resource}`,
  );
  for (const line of claims === undefined ? opaqueLines(tokens) : claimLines(claims)) write(line);
  if (printToken === true) print(tokens.accessToken);
  else remark('The token is revoked now. With --print-token it is printed instead.');
}

function opaqueLines({ scope = '', expiresIn }: LoginTokens): readonly string[] {
  return [visible(`scope      ${scope}`), `expires in ${expiresIn ?? 'unknown'} s`];
}

function upTo(most: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (/^\d+$/.test(text) && number <= most) return number;
    throw new InvalidArgumentError(`A whole number up to ${most}.`);
  };
}
