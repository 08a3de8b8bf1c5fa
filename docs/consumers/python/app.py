"""A WSGI app behind the guard: ISSUER, RESOURCE, PORT, LIBRARY (pyjwt or authlib) and WHEN_STALE in the environment."""

import importlib
import json
import os
from socketserver import ThreadingMixIn
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIServer, make_server

from guard import BadToken, Guard, InsufficientScope, Unavailable

ISSUER, RESOURCE, SCOPE = os.environ["ISSUER"], os.environ["RESOURCE"], "mcp:read"
RESOURCE_PARTS = urlsplit(RESOURCE)
METADATA_PATH = "/.well-known/oauth-protected-resource" + RESOURCE_PARTS.path.rstrip("/")
METADATA_URL = f"{RESOURCE_PARTS.scheme}://{RESOURCE_PARTS.netloc}{METADATA_PATH}"


class BearerAuth:
    """WSGI middleware: `environ["access_token"]` has the claims, or the request ends here (RFC 6750 §3)."""

    def __init__(self, app, guard, scope):
        self.app, self.guard, self.scope = app, guard, scope

    def __call__(self, environ, start_response):
        challenge = f'Bearer scope="{self.scope}", resource_metadata="{METADATA_URL}"'
        scheme, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer":
            return self.refuse(start_response, "401 Unauthorized", ("WWW-Authenticate", challenge))
        try:
            environ["access_token"] = self.guard.check(token.strip(), self.scope)
        except BadToken:
            return self.refuse(start_response, "401 Unauthorized", ("WWW-Authenticate", challenge + ', error="invalid_token"'))
        except InsufficientScope:
            header = ("WWW-Authenticate", challenge + ', error="insufficient_scope"')
            return self.refuse(start_response, "403 Forbidden", header)
        except Unavailable:
            return self.refuse(start_response, "503 Service Unavailable", ("Retry-After", "5"))
        return self.app(environ, start_response)

    @staticmethod
    def refuse(start_response, status, header):
        start_response(status, [header, ("Content-Length", "0")])
        return []


def answer(start_response, document):
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(document).encode()]


def notes(environ, start_response):
    return answer(start_response, {"subject": environ["access_token"]["sub"]})


open_jws = importlib.import_module(f"with_{os.environ.get('LIBRARY', 'pyjwt')}").open_jws
guard = Guard(ISSUER, RESOURCE, open_jws, when_stale=os.environ.get("WHEN_STALE", "accept"))
guarded = BearerAuth(notes, guard, SCOPE)


def app(environ, start_response):
    if environ["PATH_INFO"] == METADATA_PATH:
        return answer(start_response, {"resource": RESOURCE, "authorization_servers": [ISSUER], "scopes_supported": [SCOPE]})
    return guarded(environ, start_response)


if __name__ == "__main__":

    class Server(ThreadingMixIn, WSGIServer):
        daemon_threads = True

    make_server("127.0.0.1", int(os.environ["PORT"]), app, server_class=Server).serve_forever()
