"""Validates the access tokens of a guardmint issuer offline, and what the issuer has revoked.

`open_jws(token, jwk) -> claims` checks one signature: with_pyjwt.py or with_authlib.py. Everything else is here, and needs
nothing but the standard library.
"""

import base64
import hashlib
import hmac
import json
import logging
import threading
import time
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit, urlunsplit
from urllib.request import urlopen

ALGORITHMS = {"ES256", "EdDSA", "RS256", "PS256"}
CLOCK_TOLERANCE = 5  # seconds, as all below
KEYS_FRESH = 300  # then they are asked for again, in the background
KEYS_USABLE = 86_400  # for that long they serve while the issuer is away
KEYS_RETRY = 10  # an unknown kid asks for them at most so often
REVOCATIONS_STALE = 60  # no news for that long: see `when_stale`


class BadToken(Exception):
    """401: it is none of ours, has ended, or was revoked."""


class InsufficientScope(Exception):
    """403: a good token without the scope."""


class Unavailable(Exception):
    """503: nobody can know now. The token may be good, so it is never called bad."""


def fetch(url, limit):
    with urlopen(url, timeout=5) as answer:
        body = answer.read(limit + 1)
    if len(body) > limit:
        raise ValueError(f"{url} answered more than {limit} bytes")
    return body.decode()


def decode(segment):
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def is_text(value):
    return isinstance(value, str) and value != ""


def is_moment(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


class Keys:
    """The JWK Set of the issuer. Keys are added and dropped by the issuer at any time."""

    def __init__(self, uri):
        self.uri = uri
        self.by_kid = {}
        self.fetched_at = self.asked_at = float("-inf")
        self.last_failed = True
        self.lock = threading.Lock()

    def find(self, kid):
        """The key, or None when the issuer has no such key. Raises Unavailable when that cannot be known."""
        if kid not in self.by_kid:
            self.refresh(KEYS_RETRY)
        key = self.by_kid.get(kid)
        is_old = time.monotonic() - self.fetched_at > KEYS_USABLE
        if is_old or (key is None and self.last_failed):
            raise Unavailable("keys")
        return key

    def refresh(self, every):
        with self.lock:
            if time.monotonic() - self.asked_at < every:
                return
            self.asked_at = time.monotonic()
            try:
                keys = json.loads(fetch(self.uri, 1_000_000))["keys"]
                usable = [key for key in keys if key.get("alg") in ALGORITHMS and key.get("use") == "sig"]
                self.by_kid = {key["kid"]: key for key in usable}
                self.fetched_at, self.last_failed = self.asked_at, False
            except Exception as error:  # what is held goes on to verify
                self.last_failed = True
                logging.warning("the keys could not be fetched: %s", error)


class Revocations:
    """What the issuer has revoked (docs/tokens.md#revocation-document). Entries are added, and go when they have ended."""

    def __init__(self):
        self.ids = {"jti": {}, "grant": {}, "key": {}}
        self.marks = {}  # salt -> (kind, hash) -> (issued at or before, until)
        self.all = (0, 0)
        self.position = None
        self.heard_at = 0

    def add(self, claims):
        for kind, known in self.ids.items():
            for row in claims[kind]:
                known[row[0]] = max(row[1], known.get(row[0], 0))
        for kind in ("sub", "client"):
            for row in claims[kind]:
                marks = self.marks.setdefault(claims["salt"], {})
                issued, until = marks.get((kind, row[0]), (0, 0))
                marks[kind, row[0]] = (max(issued, row[1]), max(until, row[2]))
        for row in claims["all"]:
            self.all = (max(self.all[0], row[0]), max(self.all[1], row[1]))
        self.position = (claims["epoch"], claims["seq"])
        self.heard_at = max(self.heard_at, claims["iat"])
        self.tidy(time.time())

    def tidy(self, now):
        self.ids = {kind: {id: until for id, until in known.items() if until > now} for kind, known in self.ids.items()}
        marks = {salt: {id: mark for id, mark in known.items() if mark[1] > now} for salt, known in self.marks.items()}
        self.marks = {salt: known for salt, known in marks.items() if known}

    def denies_key(self, kid):
        return self.ids["key"].get(kid, 0) > time.time()

    def denies(self, claims, kid):
        now = time.time()
        named = (("jti", claims["jti"]), ("grant", claims.get("gid")), ("key", kid))
        if any(self.ids[kind].get(id, 0) > now for kind, id in named):
            return True
        watermarks = [self.all]
        for salt, marks in list(self.marks.items()):
            for kind, id in self.hashes(claims, decode(salt)):
                watermarks.append(marks.get((kind, id), (0, 0)))
        return any(until > now and claims["iat"] <= issued for issued, until in watermarks)

    @staticmethod
    def hashes(claims, salt):
        client = hashlib.sha256(claims["client_id"].encode()).digest()
        for kind, id in (("sub", claims["sub"]), ("client", base64.urlsafe_b64encode(client).decode().rstrip("="))):
            digest = hmac.new(salt, id.encode(), hashlib.sha256).digest()[:16]
            yield kind, base64.urlsafe_b64encode(digest).decode().rstrip("=")


class Guard:
    """`check(token, scope)` answers the claims of a good token; without a scope, whatever was granted. A thread keeps keys and revocations up to date."""

    def __init__(self, issuer, resource, open_jws, when_stale="accept"):
        self.issuer, self.resource, self.open_jws, self.when_stale = issuer, resource, open_jws, when_stale
        self.keys = self.revocations_uri = None
        self.revocations = Revocations()
        self.started = threading.Event()
        threading.Thread(target=self.keep_up, daemon=True).start()

    def check(self, token, scope=None):
        self.started.wait(5)  # the first tokens wait for the first answers of the issuer
        if self.keys is None:
            raise Unavailable("metadata")
        if self.when_stale == "unavailable" and time.time() - self.revocations.heard_at > REVOCATIONS_STALE:
            raise Unavailable("revocations")
        claims, kid = self.open(token, ("at+jwt", "application/at+jwt"))
        self.check_claims(claims)
        if self.revocations.denies(claims, kid):
            raise BadToken("revoked")
        if scope is not None and scope not in claims.get("scope", "").split(" "):
            raise InsufficientScope(scope)
        return claims

    def open(self, token, types):
        """The claims under a signature of the issuer, and the kid. `typ` keeps its other documents from standing in."""
        try:
            header = json.loads(decode(token.split(".")[0]))
            kid, typ = header["kid"], header["typ"].lower()
            if typ not in types or "crit" in header or not is_text(kid):
                raise BadToken("header")
            key = self.keys.find(kid)
            if key is None or self.revocations.denies_key(kid) or header["alg"] != key["alg"]:
                raise BadToken("key")
            return self.open_jws(token, key), kid
        except (BadToken, Unavailable):
            raise
        except Exception as error:  # whatever is no JWS, and whatever the library says of one that does not verify
            raise BadToken("malformed") from error

    def check_claims(self, claims):
        now = time.time()
        if not all(is_text(claims.get(name)) for name in ("iss", "sub", "client_id", "jti")):
            raise BadToken("claims")
        if not all(is_moment(claims.get(name)) for name in ("iat", "exp")) or not is_moment(claims.get("nbf", 0)):
            raise BadToken("claims")
        if not isinstance(claims.get("scope", ""), str) or not isinstance(claims.get("gid", ""), str):
            raise BadToken("claims")
        if claims["iss"] != self.issuer or claims.get("aud") != self.resource:
            raise BadToken("for somebody else")
        if claims["exp"] + CLOCK_TOLERANCE < now or max(claims["iat"], claims.get("nbf", 0)) - CLOCK_TOLERANCE > now:
            raise BadToken("not now")
        if "cnf" in claims:  # bound to a key (DPoP): no Bearer token
            raise BadToken("bound")

    def keep_up(self):
        wait = 1
        while True:
            try:
                wait = self.keep_up_once()
            except Exception as error:  # all that is known stays
                wait = 5
                logging.warning("the issuer could not be asked: %s", error)
            self.started.set()
            time.sleep(wait)

    def keep_up_once(self):
        if self.keys is None:
            self.discover()
        self.keys.refresh(KEYS_FRESH)
        if self.revocations_uri is None:
            return KEYS_FRESH
        return self.hear()

    def discover(self):
        parts = urlsplit(self.issuer)
        path = "/.well-known/oauth-authorization-server" + parts.path.rstrip("/")
        metadata = json.loads(fetch(urlunsplit((parts.scheme, parts.netloc, path, "", "")), 1_000_000))
        if metadata["issuer"] != self.issuer:
            raise ValueError("the metadata is of another issuer")
        self.revocations_uri = metadata.get("revocation_list_endpoint")
        self.keys = Keys(metadata["jwks_uri"])

    def hear(self):
        """Asks what was revoked since the last answer. Answers when to ask again, in seconds."""
        position = self.revocations.position
        query = "" if position is None else "?" + urlencode({"since": ".".join(position)})
        try:
            text = fetch(self.revocations_uri + query, 64_000_000)
        except HTTPError as error:
            if error.code != 410:
                raise
            self.revocations.position = None  # too long away: everything is read again
            return 0
        claims, _ = self.open(text, ("revocations+jwt",))
        now = time.time()
        if claims["iss"] != self.issuer or claims["exp"] + CLOCK_TOLERANCE < now or claims["iat"] - CLOCK_TOLERANCE > now:
            raise ValueError("the revocation document does not stand now")
        if "prev" in claims and position != (claims["epoch"], claims["prev"]):
            self.revocations.position = None
            return 0
        self.revocations.add(claims)
        return claims["ttl"]
