import { describe, expect, test } from 'vitest';
import { findIssuerFault, issuerPath, wellKnownPath } from '../../src/oauth/index.ts';

describe('an issuer', () => {
  test.each([
    ['https://as.example'],
    ['https://as.example/tenant'],
    ['https://as.example:8443/a/b'],
    ['http://localhost:3000'],
    ['http://127.0.0.1:3000/tenant'],
    ['http://[::1]:3000'],
    ['https://xn--mnchen-3ya.example'],
  ])('may be %s', (issuer) => {
    expect(findIssuerFault(issuer)).toBeUndefined();
  });

  test.each([
    ['https://as.example/', /trailing slash/],
    ['https://as.example/tenant/', /trailing slash/],
    ['http://as.example', /must be https/],
    ['http://localhost.evil.example', /must be https/],
    ['https://as.example?x=1', /no query/],
    ['https://as.example?', /no query/],
    ['https://as.example#x', /no fragment/],
    ['https://as.example\\x', /no query and no fragment/],
    ['https://user@as.example', /user information/],
    ['https://:pw@as.example', /user information/],
    ['https://@as.example', /must be written as https:\/\/as\.example$/],
    ['https://AS.example', /must be written as https:\/\/as\.example$/],
    ['https://as.example:443', /must be written as https:\/\/as\.example$/],
    ['https://as.example:', /must be written as https:\/\/as\.example$/],
    ['https://as.example/a/../b', /must be written as https:\/\/as\.example\/b$/],
    ['http://127.1:3000', /must be written as http:\/\/127\.0\.0\.1:3000$/],
    ['HTTPS://as.example', /absolute URL in lower-case/],
    ['as.example', /absolute URL/],
    ['//as.example', /absolute URL/],
    ['https://', /absolute URL/],
    ['', /absolute URL/],
    [' https://as.example', /absolute URL/],
    ['https://as.example ', /absolute URL/],
    ['https://as.example\n', /absolute URL/],
    ['https://äs.example', /absolute URL/],
    ['javascript:alert(1)', /absolute URL/],
    ['urn:example:as', /absolute URL/],
  ])('may not be %j', (issuer, fault) => {
    expect(findIssuerFault(issuer)).toMatch(fault);
  });
});

test.each([
  ['https://as.example', '', '/.well-known/oauth-authorization-server'],
  ['https://as.example/tenant', '/tenant', '/.well-known/oauth-authorization-server/tenant'],
  ['http://localhost:3000/a/b', '/a/b', '/.well-known/oauth-authorization-server/a/b'],
])('the metadata of %s stand between host and path (RFC 8414 §3.1)', (issuer, path, wellKnown) => {
  expect(issuerPath(issuer)).toBe(path);
  expect(wellKnownPath('oauth-authorization-server', issuer)).toBe(wellKnown);
});

test.each([
  ['https://mcp.example', '/.well-known/oauth-protected-resource'],
  ['https://mcp.example/', '/.well-known/oauth-protected-resource'],
  ['https://mcp.example/mcp', '/.well-known/oauth-protected-resource/mcp'],
  ['https://mcp.example/mcp/', '/.well-known/oauth-protected-resource/mcp/'],
  ['https://mcp.example/mcp?tenant=7', '/.well-known/oauth-protected-resource/mcp?tenant=7'],
  ['https://mcp.example?tenant=7', '/.well-known/oauth-protected-resource?tenant=7'],
])('the metadata of the resource %s stand at %s (RFC 9728 §3.1)', (resource, wellKnown) => {
  expect(wellKnownPath('oauth-protected-resource', resource)).toBe(wellKnown);
});
