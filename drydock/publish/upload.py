"""Upload layers to a registry: none twice, resuming broken attempts, a few at a time.

See the OCI distribution specification 1.1, "Pushing a blob in chunks", "Resuming an upload" and "Mounting a
blob from another repository".
"""

import hashlib
import json
import queue
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx2

from drydock import state
from drydock.image.cache import Blob
from drydock.image.store import Store
from drydock.publish.event import Event, LayerProgress, State, Tell, short
from drydock.publish.registry import NetworkFault, Registry

AT_ONCE = 3
READ_BYTES = 1 << 18
# Chunk sizes for a layer that was refused as too large: nginx takes 1 MiB by default, others 100 MB.
FIRST_CHUNK, SMALLEST_CHUNK = 64 << 20, 1 << 18
BINARY = {"Content-Type": "application/octet-stream"}
# A registry may check all of a large blob before it answers, but takes the bytes without a long pause.
PATIENCE = httpx2.Timeout(300.0, connect=10.0, write=60.0)
# Repositories remembered for each layer.
MOST_REPOSITORIES = 3


class _Ended(Exception):
    """Another layer failed, or the push was interrupted."""


def bring_all(
    client: Registry, repository: str, blobs: Mapping[Blob, Path], tell: Tell
) -> Iterator[tuple[Blob, State]]:
    """Upload layers to a repository, and yield each with its final state."""
    done: queue.SimpleQueue[tuple[Blob, State] | BaseException] = queue.SimpleQueue()
    room, turn, ended = threading.Semaphore(AT_ONCE), threading.Lock(), threading.Event()

    def in_turn(event: Event) -> None:
        with turn:
            if ended.is_set():
                raise _Ended
            tell(event)

    def work(blob: Blob, path: Path) -> None:
        with room:
            try:
                if not ended.is_set():
                    done.put((blob, bring(client, repository, blob, path, in_turn)))
            except BaseException as error:
                done.put(error)

    for blob, path in blobs.items():
        # Daemon threads: an interrupted push does not wait for a stalled registry.
        threading.Thread(target=work, args=(blob, path), daemon=True).start()
    try:
        for _ in blobs:
            found = done.get()
            if isinstance(found, BaseException):
                raise found
            yield found
    finally:
        ended.set()


def bring(client: Registry, repository: str, blob: Blob, path: Path, tell: Tell = lambda _: None) -> State:
    """Upload one layer unless the repository has it or can mount it, and return its final state."""

    def changed(now: State, sent: int = 0) -> State:
        tell(LayerProgress(short(blob.digest), now, sent, blob.size))
        return now

    if client.has_blob(repository, blob.digest):
        found = changed(State.EXISTING, blob.size)
    elif _mounted(client, repository, blob.digest):
        found = changed(State.MOUNTED, blob.size)
    else:
        client.persist(_Upload(client, repository, blob, path, changed).attempt, tell)
        found = changed(State.SENT, blob.size)
    note(client.name, blob.digest, repository)
    return found


# The repositories that each layer was pushed to, as the engine's own push records them. Only a hint: the
# registry decides.


def _mounted(client: Registry, repository: str, digest: str) -> bool:
    """Mount a layer from another repository instead of sending it."""
    others = [other for other in _holders(client.name, digest) if other != repository]
    return any(client.mount(repository, digest, other) for other in others)


def _holders(registry: str, digest: str) -> list[str]:
    """Return the repositories that a layer was pushed to, latest first."""
    try:
        found = json.loads(_store().read(_name(registry, digest)) or b"[]")
    except ValueError:
        return []
    return [str(repository) for repository in found]


def note(registry: str, digest: str, repository: str) -> None:
    known = _holders(registry, digest)
    if repository not in known[:1]:
        kept = [repository, *(other for other in known if other != repository)][:MOST_REPOSITORIES]
        _store().write(_name(registry, digest), json.dumps(kept).encode())


def _store() -> Store:
    return Store(state.cache("blob-locations"), state.TABLE["blob locations"].largest)


def _name(registry: str, digest: str) -> str:
    return hashlib.sha256(f"{registry} {digest}".encode()).hexdigest()


@dataclass
class _Upload:
    client: Registry
    repository: str
    blob: Blob
    path: Path
    changed: Callable[[State, int], object]
    place: str = ""  # URL for the next bytes; empty before the registry gives one
    offset: int = 0  # bytes that the registry has, as last known
    begun: bool = False  # whether any bytes were sent there
    most: int = 0  # bytes of one request; 0 for all that are left

    def attempt(self) -> None:
        """Send the missing bytes and finish the upload; the next attempt continues after a failure."""
        try:
            # The last attempt may have succeeded, with only its answer lost.
            if self.place and self._arrived():
                return
            if not self._goes_on():
                self.place, self.offset, self.begun = self.client.begin(self.repository), 0, False
                if not self._goes_on():
                    raise NetworkFault("the registry lost the upload")
        except NetworkFault:
            self.changed(State.RETRYING, self.offset)
            raise

    def _arrived(self) -> bool:
        return self.client.once("HEAD", f"{self.repository}/blobs/{self.blob.digest}").is_success

    def _goes_on(self) -> bool:
        """Continue the upload, if there is one; return whether it is complete."""
        if not self.place:
            return False
        self.place, self.offset = self._resumed()
        return bool(self.place) and self._send() and self._end()

    def _resumed(self) -> tuple[str, int]:
        """Ask the registry for its progress; without an answer, everything is sent again."""
        if not self.begun:
            return self.place, 0
        answer = self.client.once("GET", self.place)
        reached = re.fullmatch(r"(?:bytes=)?0-(\d+)", answer.headers.get("Range", ""))
        if not answer.is_success or reached is None:
            return "", 0
        last = int(reached.group(1))
        # If nothing has arrived, registries answer `0-0`, as for one byte.
        return self._following(answer), last + 1 if last else 0

    def _send(self) -> bool:
        """Send the missing bytes, in chunks if a larger body was refused."""
        while self.offset < self.blob.size:
            begin, end = self.offset, min(self.offset + (self.most or self.blob.size), self.blob.size)
            headers = BINARY | {"Content-Length": str(end - begin)}
            if begin or self.most:
                headers["Content-Range"] = f"{begin}-{end - 1}"
            self.begun = True
            body = _Part(self.path, begin, end, self._told)
            answer = self.client.once("PATCH", self.place, headers=headers, content=body, timeout=PATIENCE)
            self.place = self._following(answer)
            if answer.status_code == httpx2.codes.CONTENT_TOO_LARGE:
                if end - begin <= SMALLEST_CHUNK:
                    raise self.client.fault(answer)
                self.offset, self.most = begin, min(FIRST_CHUNK, max(SMALLEST_CHUNK, (end - begin) // 4))
            elif not answer.is_success:
                return False
        return True

    def _end(self) -> bool:
        url = str(httpx2.URL(self.place).copy_merge_params({"digest": self.blob.digest}))
        return self.client.once("PUT", url, headers=BINARY, content=b"", timeout=PATIENCE).is_success

    def _following(self, answer: httpx2.Response) -> str:
        """Return the URL of the next request, which an answer may change."""
        place = answer.headers.get("Location")
        return str(answer.url.join(place)) if place else self.place

    def _told(self, sent: int) -> None:
        self.offset = sent
        self.changed(State.SENDING, sent)


@dataclass(frozen=True)
class _Part:
    """Part of a file, read again for a repeated request; `passed` receives each new position."""

    path: Path
    begin: int
    end: int
    passed: Callable[[int], None]

    def __iter__(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            file.seek(self.begin)
            while data := file.read(min(READ_BYTES, self.end - file.tell())):
                yield data
                self.passed(file.tell())
