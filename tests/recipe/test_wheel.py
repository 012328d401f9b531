"""The installed drydock: its wheel contains all files that `init` writes into other projects."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.conftest import ROOT, write_files

SCRIPT = """
import sys
from pathlib import Path
from drydock import recipe
assert recipe.__file__.startswith(sys.argv[1]), recipe.__file__
recipe.init(Path(sys.argv[2]), {}, extras=["kubernetes"], vendor=True)
"""
LOCK = "fastapi==0.165.0 \\\n    --hash=sha256:00\nuvicorn==0.54.0 \\\n    --hash=sha256:00\n"


def test_init_works_from_the_installed_wheel(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target=wheel", f"--directory={tmp_path}"]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    installed = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(installed)
    application = "from fastapi import FastAPI\n\napp = FastAPI()\n"
    shop = write_files(tmp_path / "shop", {"main.py": application, "requirements.txt": LOCK})

    # The wheel's folder comes first, because an editable install would lead to this checkout.
    command = [sys.executable, "-c", SCRIPT, str(installed), str(shop)]
    subprocess.run(command, cwd=tmp_path, check=True, env={**os.environ, "PYTHONPATH": str(installed)})

    written = {
        path.relative_to(shop).as_posix(): path.read_text() for path in shop.rglob("*") if path.is_file()
    }
    assert written["image/start.py"].endswith((ROOT / "drydock/container/start.py").read_text())
    assert "AS production" in written["Dockerfile"]
    assert "deploy/kubernetes/base/deployment.yaml" in written
