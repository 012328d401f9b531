"""Keep the installers' file lists (RECORD) true after files were changed or omitted."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
from pathlib import Path

from assemble.tree import Tree


def mend_records(tree: Tree, site: Path) -> None:
    """Rewrite every RECORD to list the tree's files with their current hashes; `site` is the image's path."""
    for record in sorted(tree.inside(site).glob("*.dist-info/RECORD")):
        rows = list(csv.reader(record.read_text(encoding="utf-8").splitlines()))
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        for name, digest, size in rows:
            path = tree.inside(Path(os.path.normpath(site / name)))
            if path.is_symlink():
                # A link to the system's library, whose content a system package records.
                writer.writerow((name, "", ""))
            elif path.is_file():
                writer.writerow(_row(name, path) if digest else (name, digest, size))
        record.write_text(text.getvalue(), encoding="utf-8")


def _row(name: str, path: Path) -> tuple[str, str, int]:
    content = path.read_bytes()
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return name, f"sha256={digest}", len(content)
