from __future__ import annotations

import subprocess

from tests.conftest import ROOT

# All files that a build may read, beside the application's package and its tests.
NAMED = {
    "backend/pyproject.toml",
    "backend/requirements-test.lock",
    "backend/requirements.lock",
    "backend/image/bytecode.txt",
}
FOLDERS = ("backend/tests/", "backend/todo_api/", "drydock/container/")


def test_the_build_sees_what_it_needs_and_nothing_else(tmp_path) -> None:  # type: ignore[no-untyped-def]
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text("FROM scratch\nCOPY . /\n")
    subprocess.run(
        ["docker", "buildx", "build", f"--file={dockerfile}", f"--output={tmp_path / 'context'}", ROOT],
        check=True,
        capture_output=True,
    )

    seen = {
        str(path.relative_to(tmp_path / "context"))
        for path in (tmp_path / "context").rglob("*")
        if path.is_file()
    }
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *FOLDERS],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    expected = NAMED | {name for name in tracked.stdout.split("\0") if name and (ROOT / name).is_file()}
    assert seen == expected
