"""Keep the installers' file lists (RECORD) true after files were changed or omitted."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
from pathlib import Path

from assemble import times
from assemble.tree import Tree


def mend_records(tree: Tree, site: Path) -> None:
    """Rewrite every RECORD to list the tree's files with their current hashes; `site` is the image's path."""
    for record in sorted(tree.inside(site).glob("*.dist-info/RECORD")):
        rows = list(csv.reader(record.read_text(encoding="utf-8").splitlines()))
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        for name, digest, size in rows:
            path = f"{tree.root}{os.path.normpath(f'{site}/{name}')}"
            if os.path.islink(path):  # noqa: PTH114 - there are thousands
                # A link to the system's library, whose content a system package records.
                writer.writerow((name, "", ""))
            elif os.path.isfile(path):  # noqa: PTH113
                writer.writerow(_row(name, path) if digest else (name, digest, size))
        content = text.getvalue().encode()
        record.write_bytes(content)
        times.give(record, content)


def _row(name: str, path: str) -> tuple[str, str, int]:
    with open(path, "rb") as file:  # noqa: PTH123
        content = file.read()
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return name, f"sha256={digest}", len(content)
