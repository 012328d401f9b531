"""Forged tokens, each wrong in one way, as attackers and mistakes make them."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.better_auth import PUBLIC_URL, SigningKey
from tests.support.systems import Account

LONGER_THAN_ANY_LEEWAY = 3600


@dataclass(frozen=True)
class Workshop:
    """A forger's material: a real account with its token and, for the worst case, the server's real key."""

    account: Account
    key: SigningKey

    @property
    def claims(self) -> dict[str, Any]:
        """Valid claims."""
        now = int(time.time())
        return {
            "sub": self.account.user.id,
            "iss": PUBLIC_URL,
            "aud": PUBLIC_URL,
            "iat": now,
            "exp": now + 900,
        }

    def sign(
        self, changes: Mapping[str, object] | None = None, *, without: str = "", **header: object
    ) -> str:
        """Sign changed claims with the real key."""
        claims = {**self.claims, **(changes or {})}
        claims.pop(without, None)
        return self.assemble(claims, {"kid": self.key.kid, **header})

    def assemble(self, claims: Mapping[str, object], header: Mapping[str, object]) -> str:
        """Sign any claims and header with the real key, even those that a library refuses."""
        head = {"alg": self.key.jwk.algorithm_name, "typ": "JWT", **header}
        signed = f"{encode(head)}.{encode(claims)}"
        signature = self.key.jwk.Algorithm.sign(signed.encode(), self.key.jwk.key)
        return f"{signed}.{_base64(signature)}"


def encode(part: Mapping[str, object]) -> str:
    """Return a header or claims in a token's encoding."""
    return _base64(json.dumps(part).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unsigned(shop: Workshop, algorithm: str) -> str:
    return f"{encode({'alg': algorithm, 'kid': shop.key.kid})}.{encode(shop.claims)}."


def _with_public_key_as_secret(shop: Workshop, secret: bytes) -> str:
    head, body = encode({"alg": "HS256", "kid": shop.key.kid}), encode(shop.claims)
    algorithm = jwt.get_algorithm_by_name("HS256")
    # The library refuses a PEM as a secret; an attacker's does not.
    return f"{head}.{body}.{_base64(algorithm.sign(f'{head}.{body}'.encode(), secret))}"


def _own_key(shop: Workshop, **header: object) -> str:
    own = Ed25519PrivateKey.generate()
    return jwt.encode(shop.claims, own, "EdDSA", headers={"kid": shop.key.kid, **header})


def _embedded_key(shop: Workshop) -> str:
    own = Ed25519PrivateKey.generate()
    public = jwt.algorithms.OKPAlgorithm.to_jwk(own.public_key(), as_dict=True)
    return jwt.encode(shop.claims, own, "EdDSA", headers={"kid": shop.key.kid, "jwk": public})


def _tampered(shop: Workshop) -> str:
    head, _, signature = shop.account.token.split(".")
    return f"{head}.{encode({**shop.claims, 'admin': True})}.{signature}"


def _public(shop: Workshop, encoding: Encoding, form: PublicFormat) -> bytes:
    data: bytes = shop.key.jwk.key.public_key().public_bytes(encoding, form)
    return data


def _ago(seconds: int) -> int:
    return int(time.time()) - seconds


FORGERIES: Mapping[str, Callable[[Workshop], str]] = {
    "algorithm none": lambda shop: _unsigned(shop, "none"),
    "algorithm nOnE": lambda shop: _unsigned(shop, "nOnE"),
    "algorithm missing": lambda shop: f"{encode({'kid': shop.key.kid})}.{encode(shop.claims)}.",
    "HS256 with the public key as PEM": lambda shop: _with_public_key_as_secret(
        shop, _public(shop, Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    ),
    "HS256 with the public key's bytes": lambda shop: _with_public_key_as_secret(
        shop, _public(shop, Encoding.Raw, PublicFormat.Raw)
    ),
    "another key under the real key id": _own_key,
    "another key inside the header": _embedded_key,
    "another key at an address of the attacker's": lambda shop: _own_key(
        shop, jku="https://evil.example/jwks"
    ),
    "unknown key id": lambda shop: shop.sign(kid="somebody-elses"),
    "no key id": lambda shop: shop.assemble(shop.claims, {}),
    "key id that is a number": lambda shop: shop.sign(kid=7),
    "key id that is a path": lambda shop: shop.sign(kid="../../../../dev/null"),
    "algorithm of another family": lambda shop: shop.sign(alg="ES256"),
    "unknown critical extension": lambda shop: shop.sign(crit=["strict"], strict=True),
    "wrong issuer": lambda shop: shop.sign({"iss": "https://evil.example"}),
    "issuer with a slash too many": lambda shop: shop.sign({"iss": PUBLIC_URL + "/"}),
    "wrong audience": lambda shop: shop.sign({"aud": "https://evil.example"}),
    "audiences without ours": lambda shop: shop.sign({"aud": ["https://evil.example", "other"]}),
    "expired": lambda shop: shop.sign({"exp": _ago(LONGER_THAN_ANY_LEEWAY)}),
    "not yet valid": lambda shop: shop.sign({"nbf": _ago(-LONGER_THAN_ANY_LEEWAY)}),
    "issued in the future": lambda shop: shop.sign({"iat": _ago(-LONGER_THAN_ANY_LEEWAY)}),
    "no expiry": lambda shop: shop.sign(without="exp"),
    "no issue time": lambda shop: shop.sign(without="iat"),
    "no subject": lambda shop: shop.sign(without="sub"),
    "no issuer": lambda shop: shop.sign(without="iss"),
    "no audience": lambda shop: shop.sign(without="aud"),
    "empty subject": lambda shop: shop.sign({"sub": ""}),
    "subject that is a number": lambda shop: shop.sign({"sub": 1}),
    "subject that is a list": lambda shop: shop.sign({"sub": [shop.account.user.id]}),
    "expiry that is a text": lambda shop: shop.sign({"exp": "tomorrow"}),
    "expiry beyond every calendar": lambda shop: shop.sign({"exp": 10**30, "nbf": 10**30}),
    "claims that are a list": lambda shop: f"{encode({'alg': 'EdDSA', 'kid': shop.key.kid})}.W10.AA",
    "claims changed after signing": _tampered,
    "signature cut off": lambda shop: shop.account.token.rsplit(".", 1)[0] + ".",
    "signature of another token": lambda shop: (
        f"{shop.account.token.rsplit('.', 1)[0]}.{shop.sign({'exp': _ago(0)}).rsplit('.', 1)[1]}"
    ),
    "oversized": lambda shop: shop.sign({"padding": "x" * 12_000}),
    "five parts": lambda shop: f"{shop.account.token}.AA.AA",
    "not a JWT": lambda _: "not-a-token",
    "only dots": lambda _: "..",
    "not base64": lambda _: "!!!.???.###",
    "not UTF-8 inside": lambda _: "_w._w._w",
    "session token": lambda shop: shop.account.user.session,
}
