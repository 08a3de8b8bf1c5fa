import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { getRequestListener } from '@hono/node-server';
import express from 'express';
import { Hono } from 'hono';
import Koa from 'koa';
import * as forExpress from '../../src/resource/express.ts';
import * as forFetch from '../../src/resource/fetch.ts';
import * as forHono from '../../src/resource/hono.ts';
import type { AuthInfo, OriginCheckOptions, Verifier } from '../../src/resource/index.ts';
import * as forKoa from '../../src/resource/koa.ts';
import { bearerGate } from '../../src/resource/mcp.ts';
import * as forNode from '../../src/resource/node.ts';

/** What stands before an application. */
export interface Gate {
  readonly verifier: Verifier;
  /** What `requireScopes` asks for; absent: nobody may go on too. */
  readonly scopes?: readonly string[];
  readonly metadata?: forFetch.MetadataOptions;
  /** Which pages may call. */
  readonly origins?: OriginCheckOptions;
  readonly resourceMetadataUrl?: string;
  readonly requestUrl?: () => string;
}

/** The application behind it, in the two forms servers take. */
export interface Application {
  web(request: Request, authInfo: AuthInfo | undefined): Response | Promise<Response>;
  node(request: IncomingMessage, response: ServerResponse): void | Promise<void>;
}

/** One way in: how its gate is put before an application. */
export interface Adapter {
  readonly name: string;
  /** Whether nobody may go on too, and `getAccessToken()` knows who did. */
  readonly hasContext: boolean;
  /** Which of its two forms it calls the application in. */
  readonly isWeb: boolean;
  listen(gate: Gate, application: Application): RequestListener;
  /** Its `requireScopes`, with no `bearerAuth` before it. */
  listenUnguarded(application: Application): RequestListener;
}

// The tests look at what runtimes have, not at what this server replaces it by.
const listenWeb = (fetch: (request: Request) => Response | Promise<Response>) =>
  getRequestListener(fetch, { overrideGlobalObjects: false, errorHandler: () => new Response(null, { status: 500 }) });

const authOptions = ({ verifier, resourceMetadataUrl, requestUrl }: Gate) => ({
  verifier,
  ...(resourceMetadataUrl !== undefined && { resourceMetadataUrl }),
  ...(requestUrl !== undefined && { requestUrl }),
});

const koa: Adapter = {
  name: 'Koa',
  hasContext: true,
  isWeb: false,
  listen(gate, application) {
    const app = new Koa();
    app.silent = true;
    if (gate.metadata !== undefined) app.use(forKoa.protectedResourceMetadata(gate.metadata));
    if (gate.origins !== undefined) app.use(forKoa.allowOrigins(gate.origins));
    app.use(forKoa.bearerAuth(authOptions(gate)));
    if (gate.scopes !== undefined) app.use(forKoa.requireScopes(...gate.scopes));
    app.use(inKoa(application));
    return app.callback();
  },
  listenUnguarded(application) {
    const app = new Koa();
    app.silent = true;
    app.use(forKoa.requireScopes());
    app.use(inKoa(application));
    return app.callback();
  },
};

function inKoa(application: Application): Koa.Middleware {
  return async (ctx) => {
    ctx.respond = false;
    await application.node(ctx.req, ctx.res);
  };
}

const inExpress: Adapter = {
  name: 'Express',
  hasContext: true,
  isWeb: false,
  listen(gate, application) {
    const app = express();
    app.set('env', 'test');
    if (gate.metadata !== undefined) app.use(forExpress.protectedResourceMetadata(gate.metadata));
    if (gate.origins !== undefined) app.use(forExpress.allowOrigins(gate.origins));
    app.use(forExpress.bearerAuth(authOptions(gate)));
    if (gate.scopes !== undefined) app.use(forExpress.requireScopes(...gate.scopes));
    app.use((request, response) => application.node(request, response));
    return app;
  },
  listenUnguarded(application) {
    const app = express();
    app.set('env', 'test');
    app.use(forExpress.requireScopes());
    app.use((request, response) => application.node(request, response));
    return app;
  },
};

const node: Adapter = {
  name: 'node:http',
  hasContext: true,
  isWeb: false,
  listen: (gate, application) =>
    forNode.protect(
      (request, response) => void application.node(request, response),
      ...(gate.metadata === undefined ? [] : [forNode.protectedResourceMetadata(gate.metadata)]),
      ...(gate.origins === undefined ? [] : [forNode.allowOrigins(gate.origins)]),
      forNode.bearerAuth(authOptions(gate)),
      ...(gate.scopes === undefined ? [] : [forNode.requireScopes(...gate.scopes)]),
    ),
  listenUnguarded: (application) =>
    forNode.protect((request, response) => void application.node(request, response), forNode.requireScopes()),
};

const fetch: Adapter = {
  name: 'fetch',
  hasContext: true,
  isWeb: true,
  listen: (gate, application) =>
    listenWeb(
      forFetch.protect(
        (request) => application.web(request, forFetch.getAuthInfo(request)),
        ...(gate.metadata === undefined ? [] : [forFetch.protectedResourceMetadata(gate.metadata)]),
        ...(gate.origins === undefined ? [] : [forFetch.allowOrigins(gate.origins)]),
        forFetch.bearerAuth(authOptions(gate)),
        ...(gate.scopes === undefined ? [] : [forFetch.requireScopes(...gate.scopes)]),
      ),
    ),
  listenUnguarded: (application) =>
    listenWeb(forFetch.protect((request) => application.web(request, undefined), forFetch.requireScopes())),
};

const hono: Adapter = {
  name: 'Hono',
  hasContext: true,
  isWeb: true,
  listen(gate, application) {
    const app = new Hono<forHono.AuthEnv>();
    app.onError((_error, c) => c.body(null, 500));
    if (gate.metadata !== undefined) app.use(forHono.protectedResourceMetadata(gate.metadata));
    if (gate.origins !== undefined) app.use(forHono.allowOrigins(gate.origins));
    app.use(forHono.bearerAuth(authOptions(gate)));
    if (gate.scopes !== undefined) app.use(forHono.requireScopes(...gate.scopes));
    app.all('*', (c) => application.web(c.req.raw, c.get('auth')));
    return listenWeb(app.fetch);
  },
  listenUnguarded(application) {
    const app = new Hono();
    app.onError((_error, c) => c.body(null, 500));
    app.use(forHono.requireScopes());
    app.all('*', (c) => application.web(c.req.raw, undefined));
    return listenWeb(app.fetch);
  },
};

const gateOfMcp: Adapter = {
  name: 'bearerGate of the MCP SDK v2',
  hasContext: false,
  isWeb: true,
  listen(gate, application) {
    const admit = bearerGate({ ...authOptions(gate), requiredScopes: gate.scopes ?? [] });
    const handler = async (request: Request) => {
      const admitted = await admit(request);
      return admitted instanceof Response ? admitted : application.web(request, admitted);
    };
    const before = [
      ...(gate.metadata === undefined ? [] : [forFetch.protectedResourceMetadata(gate.metadata)]),
      ...(gate.origins === undefined ? [] : [forFetch.allowOrigins(gate.origins)]),
    ];
    return listenWeb(forFetch.protect(handler, ...before));
  },
  listenUnguarded: () => {
    throw new Error('it is one piece');
  },
};

/** Every adapter there is. */
export const ADAPTERS: readonly Adapter[] = [koa, inExpress, node, fetch, hono, gateOfMcp];

/** An application that answers as JSON what `look` sees of a request: its body, and what the MCP SDKs are told. */
export function seeing(
  look: (request: { body: string; authInfo: AuthInfo | undefined }) => object | Promise<object>,
): Application {
  return {
    async web(request, authInfo) {
      return Response.json(await look({ body: await request.text(), authInfo }));
    },
    async node(request, response) {
      const authInfo = Reflect.get(request, 'auth') as AuthInfo | undefined;
      const seen = await look({ body: await text(request), authInfo });
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(seen));
    },
  };
}
