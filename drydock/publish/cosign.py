"""Sign what is on a registry and verify it, with cosign; with a key, no other network is needed."""

from __future__ import annotations

import contextlib
import json
import platform
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from drydock import command, errors
from drydock.engine import install
from drydock.progress import Say, silent
from drydock.publish import debian
from drydock.publish.reference import Reference

# Debian 12 has no cosign; that of Debian 13 is one program, which runs there as it is.
RELEASE = install.NEWER_RELEASE


@dataclass(frozen=True)
class Identity:
    """Who signed without a key: what the certificate must say.

    Args:
        subject: A mail address, or the URL of a workflow.
        issuer: The OpenID Connect provider that vouches for it.
    """

    subject: str
    issuer: str

    @classmethod
    def given(cls, key: str, subject: str, issuer: str) -> Identity | None:
        """Return who must have signed, by what a user gave; None where a key says it.

        Raises:
            errors.BadConfiguration: With what was given, a signature of anybody would do.
        """
        if key:
            return None
        if not subject or not issuer:
            missing = "--issuer, who vouches for it" if subject else "--key, or --identity with --issuer"
            raise errors.BadConfiguration(
                where="`drydock verify`",
                problem="as it stands, anybody's signature would do",
                how=f"add {missing}",
            )
        return cls(subject, issuer)


def sign(
    program: Path, target: Reference, *, key: str = "", insecure: bool = False, say: Say = silent
) -> None:
    """Sign what a digest names.

    With a key nothing is told to the public transparency log, and no other network is needed. Without one,
    cosign asks an OpenID Connect provider who its user is: by itself where a CI service vouches for the job
    or SIGSTORE_ID_TOKEN holds a token, else with an address for the user to open, which `say` is told.

    Args:
        program: cosign.
        target: A reference with a digest.
        key: File or KMS URI of the private key; COSIGN_PASSWORD opens it.
        insecure: Whether the engine trusts the registry without verified TLS; see `security`.
        say: Takes what cosign says to its user, a line at a time.

    Raises:
        errors.SigningFailed: cosign refused; carries its words.
    """
    arguments = sign_arguments(program, target, key=key, insecure=insecure)

    def tell(chunk: str) -> None:
        for line in chunk.splitlines():
            say(line)

    done = command.stream(arguments, silent if key else tell, source="stderr")
    if done.code != 0:
        # Without a key, `say` has had all of it.
        raise errors.SigningFailed(reference=target, reason=_last(done), evidence=done.stderr if key else "")


def verify(
    program: Path,
    target: Reference,
    *,
    key: str = "",
    identity: Identity | None = None,
    insecure: bool = False,
) -> None:
    """Check that somebody signed what a digest names.

    Args:
        program: cosign.
        target: A reference with a digest.
        key: File or KMS URI of the public key.
        identity: Who must have signed it where there is no key.
        insecure: Whether the engine trusts the registry without verified TLS; see `security`.

    Raises:
        errors.NotVerified: There is no such signature, or it is one of something else.
    """
    signer = f"the key {key}" if key else f"{identity.subject if identity else 'anybody'}"
    arguments = verify_arguments(program, target, key=key, identity=identity, insecure=insecure)
    done = command.run(arguments, check=False)
    if done.code != 0:
        reason = _last(done)
        raise errors.NotVerified(reference=target, signer=signer, reason=reason, evidence=done.stderr)
    signed = [entry["critical"]["image"]["docker-manifest-digest"] for entry in json.loads(done.stdout)]
    if target.digest not in signed:
        raise errors.NotVerified(reference=target, signer=signer, reason=f"it is one of {', '.join(signed)}")


@contextlib.contextmanager
def public_key(program: Path, key: str) -> Iterator[str]:
    """Yield the file of a private key's public one; it lives as long as the block.

    Raises:
        errors.KeyUnusable: The key is not there, or COSIGN_PASSWORD does not open it.
    """
    with tempfile.TemporaryDirectory(prefix="drydock-cosign-") as folder:
        public = Path(folder) / "cosign.pub"
        done = command.run([str(program), "public-key", f"--key={key}", f"--outfile={public}"], check=False)
        if done.code != 0:
            raise errors.KeyUnusable(key=key, reason=_last(done), evidence=done.stderr)
        yield str(public)


def is_signed(program: Path, target: Reference, public: str, *, insecure: bool = False) -> bool:
    """Tell whether a key, given its public one, has signed what a digest names."""
    try:
        verify(program, target, key=public, insecure=insecure)
    except errors.NotVerified:
        return False
    return True


def sign_arguments(program: Path, target: Reference, *, key: str, insecure: bool) -> list[str]:
    """Return the command that signs."""
    how = [f"--key={key}", "--tlog-upload=false"] if key else []
    return [str(program), "sign", "--yes", *how, *_registry(insecure), _digest(target)]


def verify_arguments(
    program: Path, target: Reference, *, key: str, identity: Identity | None, insecure: bool
) -> list[str]:
    """Return the command that verifies.

    Raises:
        ValueError: Neither key nor identity: then any signature would do.
    """
    if key:
        how = [f"--key={key}", "--insecure-ignore-tlog=true"]
    elif identity:
        how = [
            f"--certificate-identity={identity.subject}",
            f"--certificate-oidc-issuer={identity.issuer}",
        ]
    else:
        raise ValueError("a signature is verified against a key or an identity")
    return [str(program), "verify", "--output=json", *how, *_registry(insecure), _digest(target)]


def _registry(insecure: bool) -> list[str]:
    return ["--allow-insecure-registry", "--allow-http-registry"] if insecure else []


def _digest(target: Reference) -> str:
    # A tag could come to mean something else between two looks at it.
    if not target.digest:
        raise ValueError(f"{target} names no digest")
    return f"{target.name}@{target.digest}"


def _last(done: command.Completed) -> str:
    lines = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("WARNING")]
    last = lines[-1] if lines else f"exit code {done.code}"
    return re.sub(r"^error: |^error during command execution: ", "", last, flags=re.IGNORECASE)


def program(say: Say = silent) -> Path:
    """Return cosign: the machine's own, else Debian's, unpacked into the cache.

    Raises:
        errors.CosignNotInstalled: This is no Debian-family machine, or apt refused.
    """
    if found := shutil.which("cosign"):
        return Path(found)
    folder = platformdirs.user_cache_path("drydock") / f"cosign-{RELEASE}-{platform.machine()}"
    if not folder.exists():
        say(f"fetching cosign from Debian {RELEASE}")
        try:
            # Whoever comes second finds the folder there, and it is the same.
            fetching = debian.unpacked(folder.parent, "cosign", release=RELEASE)
            with fetching as unfinished, contextlib.suppress(OSError):
                unfinished.rename(folder)
        except debian.NotFetched as error:
            raise errors.CosignNotInstalled(reason=error) from error
    return folder / "usr/bin/cosign"
