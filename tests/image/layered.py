"""Builds of a small image with several layers, of which a change of source makes one anew."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

from drydock import command, image
from drydock.engine import LABEL, Engine
from drydock.image.cache import Cache
from tests.conftest import write_files

# The folders of the code have files of the layer below as well, as those of production do.
DOCKERFILE = """\
FROM scratch
COPY below /
COPY code /
COPY above /
CMD ["/start"]
"""
EPOCH = 1_000_000_000
DEEP = "app/shop/" + "a_folder_with_a_long_name/" * 4 + "a_module_with_a_long_name.py"
FILES = {
    "below/app/shop/static/style.css": "p {}\n",
    "below/app/shop/data.txt": "1\n",
    "below/lib/site/other/__init__.py": "",
    "code/app/main.py": "app = 1\n",
    "code/app/shop/__init__.py": "one = 1\n",
    "code/app/shop/old.py": "two = 2\n",
    f"code/{DEEP}": "three = 3\n",
    "code/lib/site/own/__init__.py": "four = 4\n",
    "above/tests/test_it.py": "def test(): pass\n",
}


class Builds:
    """Builds of one project, read with one cache."""

    def __init__(self, engine: Engine, place: Path, cache: Cache) -> None:
        self.engine, self.cache = engine, cache
        # BuildKit sends no file again that a folder of this name had with this size and time: another test's.
        self.folder = place / f"context-{uuid4().hex}"
        self.made: list[str] = []
        # BuildKit would take an equal layer from its cache, with the times of an earlier test.
        unique = {f"{name}/unique": uuid4().hex for name in ("below/app/shop", "code/app", "above/tests")}
        write_files(self.folder, {"Dockerfile": DOCKERFILE, **FILES, **unique})

    def build(self, revision: str = "one") -> str:
        # Where two layers are new, as with other times, `docker save` reads them.
        for path in self.folder.rglob("*"):
            os.utime(path, (EPOCH, EPOCH), follow_symlinks=False)
        reference = f"drydock-test-rebuilt:{uuid4().hex[:12]}"
        labels = [f"--label={LABEL}=test", f"--label=revision={revision}"]
        args = ["docker", "buildx", "build", "--load", *labels, f"--build-arg=SOURCE_DATE_EPOCH={EPOCH}"]
        command.run([*args, f"--tag={reference}", "."], cwd=self.folder, env=self.engine.environment)
        self.made.append(reference)
        return reference

    def read(self, reference: str) -> image.Image:
        return image.read(self.engine, reference, cache=self.cache)


def changed(folder: Path) -> None:
    (folder / "code/app/main.py").write_text("app = 22\n")


def refuse(*_: object) -> None:
    raise AssertionError("docker save was called")
