import { createServer, type Server } from 'node:http';
import type { Metrics } from '../telemetry/index.ts';

/** One thing readiness depends on. Resolves when it works. */
export interface ReadinessCheck {
  readonly name: string;
  readonly check: () => Promise<void> | void;
}

/**
 * The management port: `/livez` says the process runs, `/readyz` that it can serve, `/metrics` how it fares. Never reachable
 * from outside.
 */
export interface Management {
  readonly server: Server;
  /** From here on `/readyz` answers 503, so that nobody sends new requests. */
  drain(): void;
}

export function createManagement(deps: {
  checks: readonly ReadinessCheck[];
  metrics: Pick<Metrics, 'render'>;
}): Management {
  let isDraining = false;

  async function readiness(): Promise<{ status: number; body: object }> {
    const results = await Promise.all(deps.checks.map(runCheck));
    const checks = Object.fromEntries(results);
    const isReady = !isDraining && results.every(([, result]) => result === 'ok');
    return {
      status: isReady ? 200 : 503,
      body: { status: isDraining ? 'draining' : isReady ? 'ready' : 'unready', checks },
    };
  }

  const server = createServer((request, response) => {
    const send = (status: number, contentType: string, text: string) => {
      response.writeHead(status, { 'content-type': contentType, 'cache-control': 'no-store' });
      response.end(request.method === 'HEAD' ? undefined : text);
    };
    const answer = (status: number, body: object) => send(status, 'application/json', JSON.stringify(body));
    if (request.method !== 'GET' && request.method !== 'HEAD') return answer(405, { error: 'method_not_allowed' });
    if (request.url === '/livez' || request.url === '/healthz') return answer(200, { status: 'alive' });
    if (request.url === '/metrics') {
      deps.metrics.render().then(
        ({ text, contentType }) => send(200, contentType, text),
        () => answer(500, { error: 'server_error' }),
      );
      return undefined;
    }
    if (request.url !== '/readyz') return answer(404, { error: 'not_found' });
    void readiness().then(({ status, body }) => answer(status, body));
    return undefined;
  });

  return {
    server,
    drain: () => {
      isDraining = true;
    },
  };
}

async function runCheck({ name, check }: ReadinessCheck): Promise<[string, 'ok' | 'failed']> {
  try {
    await check();
    return [name, 'ok'];
  } catch {
    return [name, 'failed'];
  }
}
