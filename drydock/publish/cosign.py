"""Sign and verify images on a registry with cosign 2 or 3; with a key, no other network is needed.

Both write attestations as DSSE envelopes in Sigstore bundles. cosign 3 also writes an image's signature as
one: a statement of the type `SIGNATURE`. cosign 2 has a form of its own for signatures. drydock makes it
write both, so that each version verifies the other's.
"""

import contextlib
import functools
import json
import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from drydock import command, state, temporary
from drydock.engine import apt, install
from drydock.errors import BadCommandLine, BadConfiguration
from drydock.progress import Say, silent
from drydock.publish.errors import (
    CosignLacks,
    CosignNotInstalled,
    KeyUnusable,
    NoIdentity,
    NotVerified,
    SigningFailed,
)
from drydock.publish.reference import Reference

# Debian 12 has no cosign; Debian 13's is one program, which runs there unchanged.
RELEASE = install.NEWER_RELEASE
SIGNATURE = "https://sigstore.dev/cosign/sign/v1"
# cosign 2's name for a signature in its own form.
OWN_FORM = "cosign container image signature"
# Keys outside of this machine: an address as `--key` takes it, and cosign's rule for it.
PLACES = {
    "awskms": ("awskms:///alias/NAME", r"awskms://[^/]*/(alias/.+|arn:aws.*:kms:.+|(mrk-)?[0-9a-f-]+)"),
    "gcpkms": (
        "gcpkms://projects/PROJECT/locations/LOCATION/keyRings/RING/cryptoKeys/NAME",
        r"gcpkms://projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+"
        r"(/(cryptoKeyVersions|versions)/[^/]+)?",
    ),
    "azurekms": ("azurekms://VAULT.vault.azure.net/NAME", r"azurekms://[^/]+/[^/]+(/[^/]+)?"),
    "hashivault": ("hashivault://NAME", r"hashivault://\w(([\w.-]+)?\w)?"),
    "k8s": ("k8s://NAMESPACE/SECRET", r"k8s://[^/]+/[^/]+"),
}
# Tokens of hardware, and keys in a repository's settings.
OTHERS = ("pkcs11:", "github://", "gitlab://", "env://", "http://", "https://")
# Where cosign finds an identity by itself, without asking a person: see its pkg/providers.
IDENTITIES = (
    *("SIGSTORE_ID_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "BUILDKITE_AGENT_ACCESS_TOKEN"),
    *("GOOGLE_SERVICE_ACCOUNT_NAME", "SPIFFE_ENDPOINT_SOCKET"),
)
IDENTITY_FILES = ("/var/run/sigstore/cosign/oidc-token", "/tmp/spire-agent/public/api.sock")  # noqa: S108
GOOGLE = Path("/sys/class/dmi/id/product_name")
# Without these, cosign 3 fetches the public services' addresses, writes to their log, and trusts them.
NO_SERVICES = {
    "signing-config": {
        "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
        "rekorTlogConfig": {},
        "tsaConfig": {},
    },
    "trusted-root": {"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"},
}


@dataclass(frozen=True)
class Identity:
    """A signer without a key, as named in its certificate."""

    subject: str  # a mail address, or the URL of a workflow
    issuer: str  # the OpenID Connect provider that authenticates it

    @classmethod
    def given(cls, key: str, subject: str, issuer: str) -> Self | None:
        """Return the expected signer from a user's options; None if a key identifies it."""
        if key:
            return None
        if not subject or not issuer:
            how = "add --issuer, the provider that confirms it"
            how = how if subject else "add --key, or --identity with --issuer"
            problem = "any signature would be accepted"
            raise BadConfiguration(where="`drydock verify`", problem=problem, how=how)
        return cls(subject, issuer)


@dataclass(frozen=True)
class Cosign:
    """cosign, and the signer or verifier that it acts for."""

    program: Path
    key: str = ""  # file or KMS URI: of the private key to sign, of the public one to verify
    identity: Identity | None = None
    insecure: bool = False

    @property
    def signer(self) -> str:
        """The actual or expected signer, for a message."""
        return f"the key {self.key}" if self.key else self.identity.subject if self.identity else "any signer"

    def sign(
        self, target: Reference, kind: str = SIGNATURE, predicate: bytes = b"{}", say: Say = silent
    ) -> None:
        """Sign a statement about a digest, and attach it there.

        With a key, the public transparency log is not used, and no other network is needed. Without one,
        cosign asks an OpenID Connect provider for its user. It does so by itself if a CI service
        authenticates the job or SIGSTORE_ID_TOKEN holds a token. Otherwise it prints an address to open,
        which `say` receives.
        """

        def tell(chunk: str) -> None:
            for line in chunk.splitlines():
                say(line)

        with _files(predicate=predicate) as folder:
            for arguments in sign_arguments(self, target, kind, folder):
                done = command.stream(arguments, silent if self.key else tell, source="stderr")
                if done.code != 0:
                    # Without a key, `say` has received all of it.
                    told = said(done) | ({} if self.key else {"evidence": ""})
                    raise SigningFailed(reference=target, **told)

    def verify(self, target: Reference, manifest: bytes, kind: str, bundle: bytes) -> None:
        """Check that a bundle holds a statement of a type about a manifest, by the expected signer."""
        with _files(manifest=manifest, bundle=bundle) as folder:
            self._verified(target, verify_arguments(self, kind, folder))

    def verify_own_form(self, target: Reference) -> None:
        """Check that a digest has a signature in cosign 2's own form."""
        with _files() as folder:
            done = self._verified(target, own_form_arguments(self, target, folder))
        signed = [
            entry["critical"]["image"]["docker-manifest-digest"]
            for entry in json.loads(done.stdout)
            # cosign 3 also counts attestations.
            if entry["critical"]["type"] == OWN_FORM
        ]
        if target.digest not in signed:
            reason = f"it is one of {', '.join(signed)}" if signed else "only attestations are signed"
            raise NotVerified(reference=target, signer=self.signer, reason=reason)

    def _verified(self, target: Reference, arguments: list[str]) -> command.Completed:
        done = command.run(arguments, check=False)
        if done.code != 0:
            raise NotVerified(reference=target, signer=self.signer, **said(done))
        return done


@contextlib.contextmanager
def public_key(program: Path, key: str) -> Iterator[str]:
    """Yield the file of a private key's public key; it exists as long as the block."""
    require(key)
    with _files(**{"cosign.pub": _public_key(program, key, os.environ.get("COSIGN_PASSWORD"))}) as folder:
        yield str(folder / "cosign.pub")


@functools.cache
def _public_key(program: Path, key: str, _password: str | None) -> bytes:
    # Opening a private key with its password takes a fifth of a second on purpose.
    done = command.run([str(program), "public-key", f"--key={key}"], check=False)
    if done.code != 0:
        raise without_plugin(key, done) or KeyUnusable(key=key, **said(done))
    return done.stdout.encode()


def require(key: str) -> None:
    """Require that a key in a file exists, and that another's address can be one."""
    if "://" in key and not key.startswith(OTHERS):
        place(key)
    elif key and not key.startswith(OTHERS) and not Path(key).is_file():
        # A missing key is not a missing signature.
        raise KeyUnusable(key=key, reason="there is no such file")


def place(key: str) -> str:
    """Return the kind of a key outside of this machine; raise BadCommandLine for no address of one."""
    kind = key.partition("://")[0]
    if kind not in PLACES or "://" not in key:
        every = ", ".join(form for form, _ in PLACES.values())
        raise BadCommandLine(problem=f"{key!r} is not the address of a key", how=f"write {every}")
    form, rule = PLACES[kind]
    if not re.fullmatch(rule, key):
        raise BadCommandLine(problem=f"{key!r} is not the address of a key", how=f"write it as {form}")
    return kind


def without_plugin(key: str, done: command.Completed) -> CosignLacks | None:
    """Return the error of a cosign that was built without a key management service, as Debian's is."""
    plugin = re.search(r'exec: "(sigstore-kms-\w+)"', done.stderr)
    return CosignLacks(key=key, plugin=plugin[1]) if plugin else None


def require_identity(environment: Mapping[str, str] = os.environ) -> None:
    """Require that cosign can find out who signs, where there is no key."""
    offered = any(map(environment.get, IDENTITIES)) or any(Path(name).exists() for name in IDENTITY_FILES)
    with contextlib.suppress(OSError):
        offered = offered or "Google" in GOOGLE.read_text()
    if not offered and not sys.stdin.isatty():
        raise NoIdentity()


def sign_arguments(cosign: Cosign, target: Reference, kind: str, folder: Path) -> list[list[str]]:
    """Return the commands that sign a statement; ``predicate`` in the folder holds its content."""
    newer = is_newer(cosign.program)
    quiet = _no_services(folder, "signing-config", "trusted-root") if newer else ["--tlog-upload=false"]
    how = ["--yes", *([f"--key={cosign.key}", *quiet] if cosign.key else []), *_registry(cosign)]
    form = [] if newer else ["--new-bundle-format"]
    statement = [f"--type={kind}", f"--predicate={folder / 'predicate'}"]
    attest = [str(cosign.program), "attest", *how, *form, *statement, _digest(target)]
    if kind != SIGNATURE:
        return [attest]
    sign = [str(cosign.program), "sign", *how, _digest(target)]
    return [sign] if newer else [sign, attest]


def verify_arguments(cosign: Cosign, kind: str, folder: Path) -> list[str]:
    """Return the command that verifies ``bundle`` in the folder, a statement about ``manifest`` there."""
    form = [] if is_newer(cosign.program) else ["--new-bundle-format"]
    files = [f"--bundle={folder / 'bundle'}", f"--type={kind}"]
    how = _signer(cosign, folder)
    return [str(cosign.program), "verify-blob-attestation", *form, *files, *how, str(folder / "manifest")]


def own_form_arguments(cosign: Cosign, target: Reference, folder: Path) -> list[str]:
    """Return the command that verifies a signature in cosign 2's own form."""
    how = [*_signer(cosign, folder), *_registry(cosign)]
    return [str(cosign.program), "verify", "--output=json", *how, _digest(target)]


@functools.cache
def is_newer(program: Path) -> bool:
    """Tell whether a program is cosign 3, by its options: Debian's build reports no version."""
    return "--signing-config" in command.run([str(program), "sign", "--help"], check=False).stdout


def _signer(cosign: Cosign, folder: Path) -> list[str]:
    if cosign.key:
        quiet = _no_services(folder, "trusted-root")
        return [f"--key={cosign.key}", "--insecure-ignore-tlog=true", *quiet]
    if cosign.identity:
        return [
            f"--certificate-identity={cosign.identity.subject}",
            f"--certificate-oidc-issuer={cosign.identity.issuer}",
        ]
    raise ValueError("a signature is verified against a key or an identity")


def _no_services(folder: Path, *names: str) -> list[str]:
    return [f"--{name}={folder / name}" for name in names]


def _registry(cosign: Cosign) -> list[str]:
    return ["--allow-insecure-registry", "--allow-http-registry"] if cosign.insecure else []


def _digest(target: Reference) -> str:
    # A tag could move between signing and verifying.
    if not target.digest:
        raise ValueError(f"{target} names no digest")
    return f"{target.name}@{target.digest}"


def said(done: command.Completed) -> dict[str, str]:
    """Return cosign's last line as an error's reason, and its lines as the evidence.

    Its warnings are about the options that drydock sets.
    """
    lines = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("WARNING")]
    last = lines[-1] if lines else f"exit code {done.code}"
    reason = re.sub(r"^error: |^error during command execution: ", "", last, flags=re.IGNORECASE)
    return {"reason": reason, "evidence": "\n".join(lines)}


@contextlib.contextmanager
def _files(**contents: bytes) -> Iterator[Path]:
    """Yield a folder with these files, and with those that keep cosign from the public services."""
    services = {name: json.dumps(document).encode() for name, document in NO_SERVICES.items()}
    with temporary.folder("cosign") as folder:
        for file, content in (contents | services).items():
            (folder / file).write_bytes(content)
        yield folder


def program(say: Say = silent) -> Path:
    """Return cosign: the machine's own, else Debian's, unpacked into the cache."""
    if found := shutil.which("cosign"):
        return Path(found)
    folder = state.cache(f"cosign-{RELEASE}-{platform.machine()}")
    if not folder.exists():
        say(f"fetching cosign from Debian {RELEASE}")
        try:
            # A second process finds the folder in place.
            fetching = apt.unpacked(folder.parent, "cosign", release=RELEASE)
            with fetching as unfinished, contextlib.suppress(OSError):
                unfinished.rename(folder)
        except apt.NotFetched as error:
            raise CosignNotInstalled(reason=error) from error
    return folder / "usr/bin/cosign"
