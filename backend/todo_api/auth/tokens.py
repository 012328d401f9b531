"""Bearer tokens: one function decides, and refuses everything unproven."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import jwt
from jwt.types import Options

from todo_api.auth.development import ISSUER as DEVELOPMENT_ISSUER
from todo_api.auth.development import DevelopmentKeys
from todo_api.auth.keys import JwksKeys, http_fetch
from todo_api.auth.source import KeySource, UnknownKey
from todo_api.settings import Settings

MAX_TOKEN_CHARACTERS = 8192
MAX_SUBJECT_CHARACTERS = 255
REQUIRED_CLAIMS = ["exp", "iat", "sub", "iss", "aud"]
REMEMBERED_TOKENS = 2048


class InvalidToken(Exception):
    """The token proves nothing; the text says why, without repeating the token."""


@dataclass(frozen=True, slots=True)
class Principal:
    """A verified token's user."""

    user_id: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class _Proof:
    """A verified signature, its key, and the user that it proves.

    `everywhere` means that the token is valid for the API; otherwise only for the MCP resource.
    """

    kid: str
    algorithm: str
    key: jwt.PyJWK
    principal: Principal
    everywhere: bool


@dataclass(frozen=True, slots=True)
class Resource:
    """The MCP resource, for which separate tokens may be issued (RFC 8707).

    Args:
        audience: Member of such a token's ``aud``.
        issuer: Its ``iss``, if the authorization server differs from the API's issuer.
    """

    audience: str
    issuer: str


class TokenVerifier:
    """Verifies tokens for the API's audience or for the MCP resource.

    A signature is checked once in a token's life. The proof is stored under the token's digest, and is valid
    until the token expires or the issuer no longer lists the same key.

    Args:
        issuers: Accepted values of ``iss``.
        audiences: Accepted members of ``aud``, valid for every path.
        resource: The MCP resource; None if tokens cannot name it.
        leeway: Tolerated clock difference in seconds.
    """

    def __init__(
        self,
        keys: KeySource,
        *,
        issuers: tuple[str, ...],
        audiences: tuple[str, ...],
        algorithms: tuple[str, ...],
        leeway: int,
        resource: Resource | None = None,
    ) -> None:
        self._keys = keys
        self._issuers = issuers
        self._audiences = frozenset(audiences)
        self._resource = resource
        self._all_issuers = (*issuers, *([resource.issuer] if resource else []))
        self._all_audiences = [*audiences, *([resource.audience] if resource else [])]
        self._algorithms = algorithms
        self._leeway = leeway
        # The least recently seen token is dropped first.
        self._proofs: OrderedDict[bytes, _Proof] = OrderedDict()

    async def verify(self, token: str, *, at_mcp: bool = False) -> Principal:
        """Return a token's user; `at_mcp` tells whether the request goes to the MCP resource.

        Raises InvalidToken, or KeysUnavailable if the issuer's keys are unknown and cannot be fetched.
        """
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise InvalidToken("the token is too long")
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        proof = self._proofs.get(digest)
        if proof is None:
            kid, algorithm = self._read_header(token)
            # Only a token with valid claims may cause a fetch of the issuer's keys.
            self._read_claims(token, None, algorithm)
        else:
            kid, algorithm = proof.kid, proof.algorithm
        try:
            key = await self._keys.find(kid, algorithm)
        except UnknownKey:
            raise InvalidToken("the token's key is unknown") from None
        if proof is None or proof.key is not key or proof.principal.expires_at <= time.time() - self._leeway:
            self._proofs.pop(digest, None)
            proof = self._prove(token, kid, algorithm, key)
        self._proofs[digest] = proof
        self._proofs.move_to_end(digest)
        if len(self._proofs) > REMEMBERED_TOKENS:
            self._proofs.popitem(last=False)
        if not at_mcp and not proof.everywhere:
            raise InvalidToken("the token is for another resource")
        return proof.principal

    def _read_header(self, token: str) -> tuple[str, str]:
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError):
            raise InvalidToken("the token is not a signed JWT") from None
        kid, algorithm = header.get("kid"), header.get("alg")
        if algorithm not in self._algorithms:
            raise InvalidToken("the token's algorithm is not accepted")
        if not isinstance(kid, str) or not kid:
            raise InvalidToken("the token names no key")
        return kid, algorithm

    def _prove(self, token: str, kid: str, algorithm: str, key: jwt.PyJWK) -> _Proof:
        claims = self._read_claims(token, key, algorithm)
        subject = claims["sub"]
        if not 0 < len(subject) <= MAX_SUBJECT_CHARACTERS or not subject.isprintable():
            raise InvalidToken("the token's subject cannot be a user id")
        if "cnf" in claims:
            # RFC 9449: a token bound to its sender's key must not pass as a bearer token.
            raise InvalidToken("the token is bound to a key (DPoP), which this service does not support")
        audiences = frozenset(claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]])
        everywhere = claims["iss"] in self._issuers and bool(self._audiences & audiences)
        if not everywhere and (self._resource is None or self._resource.audience not in audiences):
            raise InvalidToken("the token's issuer and audience do not belong together")
        return _Proof(kid, algorithm, key, Principal(subject, int(claims["exp"])), everywhere)

    def _read_claims(self, token: str, key: jwt.PyJWK | None, algorithm: str) -> dict[str, Any]:
        """Return valid claims; without a key the signature is not checked."""
        options: Options = {
            "require": REQUIRED_CLAIMS,
            "verify_signature": key is not None,
            "verify_exp": True,
            "verify_nbf": True,
            "verify_iat": True,
            "verify_aud": True,
            "verify_iss": True,
            "verify_sub": True,
        }
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key or "",
                algorithms=[algorithm],
                issuer=self._all_issuers,
                audience=self._all_audiences,
                leeway=self._leeway,
                options=options,
            )
        except jwt.ExpiredSignatureError:
            raise InvalidToken("the token has expired") from None
        except jwt.MissingRequiredClaimError as error:
            raise InvalidToken(f"the token has no claim {error.claim!r}") from None
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
            raise InvalidToken(f"the token is refused ({type(error).__name__})") from None
        return claims


def make_verifier(settings: Settings) -> tuple[TokenVerifier, JwksKeys | None]:
    """Make the verifier for the settings, with the issuer's remote keys if there is an issuer.

    Without authentication settings only development tokens exist, and none in production.
    """
    if settings.jwks_url and settings.issuers:
        resource = None
        if settings.mcp_resource:
            resource = Resource(settings.mcp_resource, settings.mcp_issuer or settings.issuers[0])
        keys = JwksKeys(http_fetch(settings.jwks_url, settings.auth_jwks_timeout), settings)
        verifier = TokenVerifier(
            keys,
            issuers=settings.issuers,
            audiences=settings.audiences,
            algorithms=settings.auth_algorithms,
            leeway=settings.auth_leeway,
            resource=resource,
        )
        return verifier, keys
    development = DevelopmentKeys(settings)
    return (
        TokenVerifier(
            development,
            issuers=(DEVELOPMENT_ISSUER,),
            audiences=(DEVELOPMENT_ISSUER,),
            algorithms=("EdDSA",),
            leeway=0,
        ),
        None,
    )
