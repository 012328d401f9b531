"""Make the key pair that signs images: in files, in a key management service, or in a Kubernetes Secret."""

import getpass
import os
import sys
from pathlib import Path

from drydock import command, temporary
from drydock.errors import NotWritten
from drydock.publish import cosign
from drydock.publish.errors import KeyNotMade

PASSWORD = "COSIGN_PASSWORD"  # noqa: S105 - the variable's name
SECRET = "k8s"  # noqa: S105 - a password opens it too


def make(program: Path, output: str, place: str = "") -> list[Path]:
    """Make a key pair and return its new files, the public key last; nothing is ever overwritten.

    Args:
        output: The files' path without `.key` and `.pub`.
        place: URI of the private key outside of this machine; empty for a file.
    """
    kind = cosign.place(place) if place else ""
    paths = [Path(f"{output}{suffix}") for suffix in ((".pub",) if place else (".key", ".pub"))]
    for path in paths:
        if path.exists():
            raise NotWritten(path=path, reason="it is there already, and a lost key signs nothing again")
        if not path.parent.is_dir():
            raise NotWritten(path=path, reason=f"there is no folder {path.parent}")
    password = {} if place and kind != SECRET else {PASSWORD: _password()}
    where = [] if not place else [place] if kind == SECRET else [f"--kms={place}"]
    # cosign writes into the current folder, and over a public key that is there.
    with temporary.folder("key") as folder:
        done = command.run([str(program), "generate-key-pair", *where], check=False, cwd=folder, env=password)
        if done.code != 0:
            raise cosign.without_plugin(place, done) or KeyNotMade(**cosign.said(done))
        for path in paths:
            _write(path, (folder / f"cosign{path.suffix}").read_bytes())
    return paths


def _write(path: Path, content: bytes) -> None:
    """Write a new file; a private key's only its owner can read."""
    mode = 0o600 if path.suffix == ".key" else 0o644
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
    except OSError as error:
        raise NotWritten(path=path, reason=error.strerror or str(error)) from error


def _password() -> str:
    """Return the new key's password: the variable's, else as typed twice."""
    if (given := os.environ.get(PASSWORD)) is not None:
        return given
    if not sys.stdin.isatty():
        raise KeyNotMade(reason=f"{PASSWORD} is not set, and there is no terminal to ask on")
    first, second = (getpass.getpass(f"{text} of the new key: ") for text in ("password", "password again"))
    if first != second:
        raise KeyNotMade(reason="the two passwords differ")
    return first
