from authlib.jose import JsonWebKey, JsonWebToken


def open_jws(token, jwk):
    """The claims, when the key signed them. Times and names are for the guard to check."""
    return dict(JsonWebToken([jwk["alg"]]).decode(token, JsonWebKey.import_key(jwk)))
