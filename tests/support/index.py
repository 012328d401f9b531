"""A small package index of empty wheels for pip, uv, Poetry, PDM and Pipenv."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Discard the line."""

    def end_headers(self) -> None:
        # PDM otherwise takes an unchanged page as fresh for a tenth of its age (RFC 9111, 4.2.2).
        self.send_header("Cache-Control", "no-store")
        super().end_headers()


class Index:
    """A running index that accepts new versions.

    Args:
        folder: One folder for each package, in PEP 503's layout.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url

    def add(self, name: str, version: str, requires: Sequence[str] = (), python: str = "") -> None:
        place = self.folder / name
        place.mkdir(exist_ok=True)
        info = f"{name.replace('-', '_')}-{version}.dist-info"
        path = place / f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
        lines = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {one}" for one in requires)]
        lines += [f"Requires-Python: {python}"] if python else []
        texts = {
            f"{info}/METADATA": "\n".join(["Metadata-Version: 2.1", *lines, ""]),
            f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{info}/RECORD": "",
        }
        with zipfile.ZipFile(path, "w") as wheel:
            for inner, text in texts.items():
                wheel.writestr(inner, text)
        links = [
            f'<a href="{one.name}#sha256={hashlib.sha256(one.read_bytes()).hexdigest()}">{one.name}</a>'
            for one in sorted(place.glob("*.whl"))
        ]
        page = f"<!DOCTYPE html><html><body>{'<br>'.join(links)}</body></html>"
        (place / "index.html").write_text(page)


@contextmanager
def served(folder: Path) -> Iterator[Index]:
    """Serve an empty index."""
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Index(folder, f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()
