"""The state of a push, a signing or a release, kept across its attempts."""

import fcntl
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from drydock import state
from drydock.publish.registry import digest_of
from drydock.publish.sbom import CYCLONEDX, SPDX
from drydock.release.errors import ReleaseRunning
from drydock.release.plan import Plan
from drydock.state.sealed import Sealed, Untrusted, write_whole

FORMAT = 2
FILES = {CYCLONEDX: "cyclonedx.json", SPDX: "spdx.json"}


@dataclass(frozen=True)
class Entry:
    revision: str = ""
    image: str = ""  # the id on the engine: a digest of content and labels
    others: tuple[str, ...] = ()
    bills: Mapping[str, str] = field(default_factory=dict)  # digest of each bill of materials by its type
    digest: str = ""
    attached: tuple[str, ...] = ()  # the attached documents' manifests
    signed: tuple[str, ...] = ()
    vex: str = ""  # digest of the attached VEX document
    moved: bool = False


class Journal:
    """The journal of one plan: one version of one project on one registry."""

    def __init__(self, plan: Plan) -> None:
        self._command = plan.command
        about = (plan.command, plan.pushed.name, plan.target, *filter(None, plan.platforms))
        where = hashlib.sha256(" ".join(about).encode()).hexdigest()[:12]
        tag = plan.tags[0] if plan.tags else plan.pushed.tag
        self.folder = state.folder("releases") / plan.image.replace("/", "_") / f"{tag}-{where}"
        self._files = Sealed()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Exclude other processes from the same plan; the kernel releases the lock however this one ends."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ReleaseRunning(command=self._command) from error
            yield

    def read(self) -> Entry:
        """Return the entry; an empty one if the file is missing, damaged, edited or another machine's."""
        try:
            body: dict[str, Any] = self._files.read(self.folder / "journal.json")
        except (FileNotFoundError, Untrusted):
            return Entry()
        if body.pop("format", None) != FORMAT:
            return Entry()
        return Entry(**body | {name: tuple(body[name]) for name in ("others", "attached", "signed")})

    def write(self, entry: Entry) -> None:
        self._files.write(self.folder / "journal.json", asdict(entry) | {"format": FORMAT})
        state.tidy("releases")

    def keep(self, documents: Mapping[str, bytes]) -> dict[str, str]:
        """Store the bills of materials, and return each one's digest by type."""
        for kind, content in documents.items():
            write_whole(self.folder / FILES[kind], content)
        return {kind: digest_of(content) for kind, content in documents.items()}

    def documents(self, bills: Mapping[str, str]) -> dict[str, bytes] | None:
        """Return the stored bills of materials; None if one is missing or was changed."""
        if set(bills) != set(FILES):
            return None
        try:
            found = {kind: (self.folder / name).read_bytes() for kind, name in FILES.items()}
        except OSError:
            return None
        return found if {key: digest_of(content) for key, content in found.items()} == dict(bills) else None
