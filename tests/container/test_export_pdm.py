"""The script runs PDM's own export, and resolves a lock that this export refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from drydock.recipe import packaged
from tests.conftest import write_files

# As much of PDM as the script calls: an export that refuses, and a resolution that finds two candidates.
PDM = {
    "cli/actions.py": """\
from types import SimpleNamespace as Made

def resolve_from_lockfile(project, wanted):
    names = [(name, ()) for name in wanted] + [("fastapi", ("all",))]
    return [Made(candidate=Made(name=name, req=Made(extras=extras))) for name, extras in names]
""",
    "cli/commands/export.py": """\
class Command:
    def handle(self, project, options):
        print("usual")
""",
    "cli/filters.py": """\
class GroupSelection:
    from_options = staticmethod(lambda project, options: options)
""",
    "core.py": """\
import json, sys
from types import SimpleNamespace as Made
from pdm.cli.commands.export import Command

class Project:
    lockfile = Made(strategy=set(json.loads(sys.argv[1])))
    _resolve_dependencies = dict.fromkeys
    get_dependencies = lambda self, group, declared: [f"of {group}"] if group in declared else []

def main():
    Command().handle(Project(), ["default", "tests"])
""",
    "formats.py": """\
class Requirements:
    export = staticmethod(lambda project, found, options: ", ".join(one.name for one in found))

FORMATS = {"requirements": Requirements}
""",
    "project/lockfile.py": 'FLAG_INHERIT_METADATA = "inherit_metadata"\n',
}


@pytest.mark.parametrize(
    ("strategy", "printed"),
    [
        (["inherit_metadata"], "usual"),
        (["cross_platform"], "of default, of tests"),
        ([], "of default, of tests"),
    ],
)
def test_lock_without_markers_is_resolved_from_itself(
    strategy: list[str], printed: str, tmp_path: Path
) -> None:
    write_files(tmp_path, {f"pdm/{path}": text for path, text in PDM.items()})
    script = packaged.SCRIPTS / "install/export_pdm.py"

    done = subprocess.run(
        [sys.executable, script, json.dumps(strategy)],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == f"{printed}\n"
