"""What a release has come to, kept across its attempts."""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import platformdirs

from drydock import errors
from drydock.publish.sbom.cyclonedx import MEDIA_TYPE as CYCLONEDX
from drydock.publish.sbom.spdx import MEDIA_TYPE as SPDX
from drydock.release.plan import Plan
from drydock.state.sealed import Sealed, Untrusted, write_whole

FORMAT = 1
FILES = {CYCLONEDX: "cyclonedx.json", SPDX: "spdx.json"}


@dataclass(frozen=True)
class Entry:
    """What is known about a release.

    Args:
        revision: The commit that the image was built from.
        image: The image's id on the engine, which stands for its content and its labels.
        bills: The digest of each bill of materials by its media type.
        digest: The image's manifest on the registry; empty before the push.
        attached: The manifests of what is attached to it.
        signed: The manifests that were signed.
        moved: Whether the version's tags came to name the image.
    """

    revision: str = ""
    image: str = ""
    bills: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""
    attached: tuple[str, ...] = ()
    signed: tuple[str, ...] = ()
    moved: bool = False


class Journal:
    """The journal of one version of one project on one registry.

    Args:
        plan: The release.
    """

    def __init__(self, plan: Plan) -> None:
        state = platformdirs.user_state_path("drydock")
        where = hashlib.sha256(f"{plan.pushed.name} {plan.target}".encode()).hexdigest()[:12]
        self.folder = state / "releases" / plan.image.replace("/", "_") / f"{plan.tags[0]}-{where}"
        self._version = plan.version
        self._files = Sealed(state)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other process from the same release; the kernel lets go when this one ends, however.

        Raises:
            errors.ReleaseRunning: Another one is at it.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise errors.ReleaseRunning(version=self._version) from error
            yield

    def read(self) -> Entry:
        """Return what is known; nothing where the file is missing, damaged, edited or another machine's."""
        try:
            body: dict[str, Any] = self._files.read(self.folder / "journal.json")
        except (FileNotFoundError, Untrusted):
            return Entry()
        if body.pop("format", None) != FORMAT:
            return Entry()
        return Entry(**body | {name: tuple(body[name]) for name in ("attached", "signed")})

    def write(self, entry: Entry) -> None:
        """Write down what is known now, as a whole or not at all."""
        self._files.write(self.folder / "journal.json", asdict(entry) | {"format": FORMAT})

    def keep(self, documents: Mapping[str, bytes]) -> dict[str, str]:
        """Keep the bills of materials, and return the digest of each by its media type."""
        for media_type, content in documents.items():
            write_whole(self.folder / FILES[media_type], content)
        return {media_type: _digest(content) for media_type, content in documents.items()}

    def documents(self, bills: Mapping[str, str]) -> dict[str, bytes] | None:
        """Return the bills of materials as they were kept; None where one is missing or was changed."""
        if set(bills) != set(FILES):
            return None
        try:
            found = {media_type: (self.folder / name).read_bytes() for media_type, name in FILES.items()}
        except OSError:
            return None
        return found if {key: _digest(content) for key, content in found.items()} == dict(bills) else None


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
