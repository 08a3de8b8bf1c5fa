// Judges requests for a proxy that asks first (auth_request of nginx, forward auth of others): 204, 401, 403 or 503.
// ISSUER, RESOURCE, GUARD_PORT and WHEN_STALE in the environment.
import { createServer } from 'node:http';
import { authenticate, createVerifier, refusalAnswer, resourceMetadataUrl } from 'guardmint/resource';

const { ISSUER: issuer, RESOURCE: resource, GUARD_PORT: port, WHEN_STALE: onStale = 'accept' } = process.env;
const requiredScopes = ['mcp:read'];
const verifier = createVerifier({ issuer, resource, onStale });
const challenge = { requiredScopes, resourceMetadataUrl: resourceMetadataUrl(resource) };

createServer(async ({ headers }, response) => {
  try {
    const { accessToken } = await authenticate(headers, { verifier, requiredScopes });
    response.writeHead(204, { 'x-subject': accessToken.subject, 'x-client-id': accessToken.clientId }).end();
  } catch (error) {
    const refusal = refusalAnswer(error, challenge);
    response.writeHead(refusal?.status ?? 500, refusal?.headers).end();
  }
}).listen(Number(port), '127.0.0.1');
