"""The documents name existing files and folders."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.documents.extract import documents

PAGES = [*documents(), ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", ROOT / "tests/apps/README.md"]
TOP = "|".join(
    sorted(re.escape(path.name) for path in ROOT.iterdir() if path.is_dir() and path.name != ".git")
)
# Words in capitals are placeholders.
NAMED = re.compile(rf"`((?:{TOP})/[a-z0-9_./-]*)[`:]")
LINKED = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_path_that_a_document_names_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = [ROOT / path for path in NAMED.findall(text)]
    linked = [page.parent / path for path in LINKED.findall(text)]

    assert [path for path in (*named, *linked) if not path.exists()] == []


def test_the_documents_name_paths() -> None:
    found = [path for page in PAGES for path in NAMED.findall(page.read_text(encoding="utf-8"))]
    assert {"drydock/container/start.py", "tests/apps"} <= set(found)
