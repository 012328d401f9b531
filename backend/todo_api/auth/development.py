"""Tokens for trying the service out, signed by a key that never leaves the container.

They exist only outside production and without a configured issuer. The private key is made in DATA_DIR at
first use, readable by its owner alone. Anyone who can read it can already run commands as the service.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import jwt

from todo_api.auth.source import UnknownKey
from todo_api.settings import Settings

ISSUER = "urn:todo-chatbot-api:development"
KEY_ID = "development"
ALGORITHM = "EdDSA"
LIFETIME_SECONDS = 12 * 3600


class DevelopmentTokensOff(Exception):
    """Development tokens are not available; the text says why."""


class DevelopmentKeys:
    """The public half of this container's development key, as a source of keys."""

    def __init__(self, settings: Settings) -> None:
        """Read nothing yet: a container makes a key only for a token."""
        self._settings = settings
        self._key: jwt.PyJWK | None = None

    async def find(self, kid: str, algorithm: str) -> jwt.PyJWK:
        """Return the key if it has been made and its id is requested."""
        if not self._settings.development_tokens or (kid, algorithm) != (KEY_ID, ALGORITHM):
            raise UnknownKey
        if self._key is None:
            try:
                pem = key_path(self._settings).read_bytes()
            except OSError:
                raise UnknownKey from None
            self._key = _public(pem)
        return self._key


def key_path(settings: Settings) -> Path:
    return settings.data_dir / "development-key.pem"


def make_token(settings: Settings, user_id: str, *, lifetime: int = LIFETIME_SECONDS) -> str:
    """Sign a development token; `lifetime` is in seconds.

    Raises DevelopmentTokensOff in production, or with a configured issuer.
    """
    if settings.is_production:
        raise DevelopmentTokensOff("ENVIRONMENT is production; sign in through Better Auth")
    if not settings.development_tokens:
        raise DevelopmentTokensOff("BETTER_AUTH_… is set; sign in there, or unset it")
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": ISSUER, "sub": user_id, "iat": now, "exp": now + lifetime}
    return jwt.encode(claims, _private(settings), algorithm=ALGORITHM, headers={"kid": KEY_ID})


def _private(settings: Settings) -> bytes:
    path = key_path(settings)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        # Written elsewhere, then linked: of two makers one wins, and a partial key is never read.
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(_new_pem())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_bytes()


def _new_pem() -> bytes:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _public(pem: bytes) -> jwt.PyJWK:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from jwt.algorithms import OKPAlgorithm

    private = load_pem_private_key(pem, password=None)
    if not isinstance(private, Ed25519PrivateKey):
        raise UnknownKey
    return jwt.PyJWK(OKPAlgorithm.to_jwk(private.public_key(), as_dict=True), algorithm=ALGORITHM)
