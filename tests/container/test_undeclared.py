from __future__ import annotations

from pathlib import Path

import pytest
import undeclared

from tests.conftest import write_files

SITE = "lib/python3.11/site-packages"


@pytest.mark.parametrize(
    ("files", "own", "found"),
    [
        ({}, "", ""),
        ({"dock/__init__.py": "import pkg_resources\n"}, "", "dock/__init__.py"),
        (
            {"dock/old.py": "try:\n    from pkg_resources import require\nexcept ImportError: ...\n"},
            "",
            "dock/old.py",
        ),
        ({"dock.py": "# import pkg_resources\nimport pkg_resources_of_mine\n"}, "", ""),
        ({}, "main.py", "main.py"),
        ({"dock.py": "import pkg_resources\n", "setuptools/__init__.py": ""}, "main.py", ""),
    ],
)
def test_what_imports_pkg_resources_is_found(
    files: dict[str, str], own: str, found: str, tmp_path: Path
) -> None:
    write_files(tmp_path / SITE, files)
    (tmp_path / SITE).mkdir(parents=True, exist_ok=True)

    assert undeclared.importer(tmp_path, own) == found
