"""The content of an image's files, for checks that need more than paths and sizes."""

import tarfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from drydock import temporary
from drydock.engine import Engine
from drydock.engine.runtime import created
from drydock.errors import NoSpace
from drydock.image.local import Stream
from drydock.image.record import absolute

OWNER = "security"


@contextmanager
def unpacked(engine: Engine, image: str, wanted: Callable[[str], bool] = lambda _: True) -> Iterator[Path]:
    """Yield a temporary folder with an image's regular files.

    Links, devices and paths outside of it are left out: a stranger's image must not reach this machine.
    """
    with temporary.folder("contents") as folder:
        # The container only merges the layers. It is never started, so its command never runs.
        with created(engine, image, OWNER, command=["-"]) as container:
            chunks: Iterable[bytes] = container.export()  # type: ignore[assignment]  # the stubs say str
            try:
                _write(chunks, folder, wanted)
            except OSError as error:
                raise NoSpace(during=f"unpacking {image}") from error
        yield folder


def _write(chunks: Iterable[bytes], folder: Path, wanted: Callable[[str], bool]) -> None:
    root = folder.resolve()
    with tarfile.open(fileobj=Stream(chunks), mode="r|") as archive:  # type: ignore[call-overload]
        for member in iter(archive.next, None):
            path = absolute(member.name)
            target = root / path.lstrip("/")
            if not member.isreg() or not wanted(path) or not target.is_relative_to(root):
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            content: IO[bytes] | None = archive.extractfile(member)
            assert content is not None  # noqa: S101 - a regular file has content
            with target.open("wb") as file:
                while data := content.read(1 << 20):
                    file.write(data)


def text(folder: Path, path: str) -> str:
    """Return a file's text; empty when the image has no such file."""
    try:
        return (folder / path.lstrip("/")).read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError):
        return ""
