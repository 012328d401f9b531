"""Bring blobs to a registry: not twice, from where an earlier attempt broke off, and with word on the way.

See the OCI distribution specification 1.1, "Pushing a blob in chunks", "Resuming an upload" and "Mounting a
blob from another repository".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2

from drydock.image.cache import Blob
from drydock.publish.event import LayerProgress, State, Tell, short
from drydock.publish.registry import Registry
from drydock.publish.retry import NetworkFault, retrying

CHUNK = 1 << 18
# A registry may look through all of a large blob before it answers.
PATIENCE = httpx2.Timeout(300.0, connect=10.0)


def bring(
    client: Registry,
    repository: str,
    blob: Blob,
    path: Path,
    tell: Tell = lambda _: None,
    *,
    elsewhere: Iterable[str] = (),
) -> State:
    """Bring a layer to a repository, and say how it came to be there.

    Args:
        tell: Takes each change of the layer, and each wait after a network fault.
        elsewhere: Repositories of the same registry that may have it already.

    Raises:
        LoginRefused, PushDenied, RegistryFault: The registry refused.
        RegistryUnreachable: All attempts failed.
    """

    def state(now: State, sent: int = 0) -> None:
        tell(LayerProgress(short(blob.digest), now, sent, blob.size))

    if client.has_blob(repository, blob.digest):
        state(State.EXISTING, blob.size)
        return State.EXISTING
    if any(client.mount(repository, blob.digest, other) for other in elsewhere if other != repository):
        state(State.MOUNTED, blob.size)
        return State.MOUNTED
    upload = _Upload(client, repository, blob, path, state)
    client.persist(lambda: retrying(upload.attempt, tell, client.waits))
    state(State.SENT, blob.size)
    return State.SENT


@dataclass
class _Upload:
    """One blob on its way.

    Args:
        place: Where the registry wants the next bytes; empty when it has given no such place.
        offset: How many bytes it has, or had the last time that it was heard of.
        begun: Whether any bytes went to that place.
    """

    client: Registry
    repository: str
    blob: Blob
    path: Path
    state: Callable[[State, int], None]
    place: str = ""
    offset: int = 0
    begun: bool = False

    def attempt(self) -> None:
        """Send what the registry has not got yet, and end the upload.

        Raises:
            NetworkFault: Another attempt may help, and begins where this one ended.
        """
        try:
            # The last attempt may have arrived, and only its answer been lost.
            if self.place and self._arrived():
                return
            if not self._goes_on():
                self.place, self.offset, self.begun = self.client.begin(self.repository), 0, False
                if not self._goes_on():
                    raise NetworkFault("the registry forgets the upload")
        except NetworkFault:
            self.state(State.RETRYING, self.offset)
            raise

    def _arrived(self) -> bool:
        return self.client.once("HEAD", f"{self.repository}/blobs/{self.blob.digest}").is_success

    def _goes_on(self) -> bool:
        """Go on with the upload, if there is one; return whether it came to its end."""
        if not self.place:
            return False
        self.place, self.offset = self._resumed()
        return bool(self.place) and self._send() and self._end()

    def _resumed(self) -> tuple[str, int]:
        """Ask how far the registry has got; a registry that does not say gets all of it again."""
        if not self.begun:
            return self.place, 0
        answer = self.client.once("GET", self.place)
        reached = re.fullmatch(r"(?:bytes=)?0-(\d+)", answer.headers.get("Range", ""))
        if not answer.is_success or reached is None:
            return "", 0
        last = int(reached.group(1))
        # Where nothing has arrived, registries write `0-0`, as if it were one byte.
        return self._following(answer), last + 1 if last else 0

    def _send(self) -> bool:
        headers = {"Content-Type": "application/octet-stream"}
        if self.offset == self.blob.size:
            return True
        if self.offset:
            headers["Content-Range"] = f"{self.offset}-{self.blob.size - 1}"
        headers["Content-Length"] = str(self.blob.size - self.offset)
        rest = _Rest(self.path, self.offset, self._told)
        self.begun = True
        answer = self.client.once("PATCH", self.place, headers=headers, content=rest, timeout=PATIENCE)
        self.place = self._following(answer)
        return answer.is_success

    def _end(self) -> bool:
        url = str(httpx2.URL(self.place).copy_merge_params({"digest": self.blob.digest}))
        headers = {"Content-Type": "application/octet-stream"}
        answer = self.client.once("PUT", url, headers=headers, content=b"", timeout=PATIENCE)
        return answer.is_success

    def _following(self, answer: httpx2.Response) -> str:
        """Return where the next request goes: an answer may name another place than the last one."""
        return (
            str(answer.url.join(answer.headers["Location"])) if "Location" in answer.headers else self.place
        )

    def _told(self, sent: int) -> None:
        self.offset = sent
        self.state(State.SENDING, sent)


class _Rest:
    """A file from some byte on, read again whenever a request is repeated."""

    def __init__(self, path: Path, offset: int, tell: Callable[[int], None]) -> None:
        self._path, self._offset, self._tell = path, offset, tell

    def __iter__(self) -> Iterator[bytes]:
        with self._path.open("rb") as file:
            file.seek(self._offset)
            while data := file.read(CHUNK):
                yield data
                self._tell(file.tell())
