from __future__ import annotations

import marshal
import os
import subprocess
import sys
from pathlib import Path

import pytest
from divide import imports, trees, written

from tests.conftest import write_files

TAG = sys.implementation.cache_tag


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_code_goes_one_way_and_everything_else_the_other(tmp_path: Path) -> None:
    tree, code, rest = (tmp_path / name for name in ("tree", "code", "rest"))
    names = ("app/shop/main.py", "app/shop/static/logo.svg", "opt/image/start.py", "opt/venv/lib/shop.py")
    write_files(tree, dict.fromkeys(names, ""))

    trees.divide(tree, code, rest, "/app")

    assert files(tree) == list(names)
    assert files(code) == ["app/shop/main.py", "opt/venv/lib/shop.py"]
    assert files(rest) == ["app/shop/static/logo.svg", "opt/image/start.py"]


def test_a_folder_stands_in_both_trees_only_where_both_have_files(tmp_path: Path) -> None:
    tree, code, rest = (tmp_path / name for name in ("tree", "code", "rest"))
    write_files(tree, {"app/main.py": "", "app/logo.svg": "", "app/static/page/index.html": ""})
    (tree / "app/empty").mkdir()

    trees.divide(tree, code, rest, "/app")

    folders = [
        sorted(str(path.relative_to(half)) for path in half.rglob("*") if path.is_dir())
        for half in (code, rest)
    ]
    assert folders == [["app", "app/empty"], ["app", "app/static", "app/static/page"]]


def test_a_folder_keeps_its_owner_where_it_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(tmp_path / "tree", {"app/data/seed.csv": ""})
    owners: dict[str, tuple[int, int]] = {}
    monkeypatch.setattr("os.chown", lambda path, *owner: owners.setdefault(str(path), owner))

    trees.divide(tmp_path / "tree", tmp_path / "code", tmp_path / "rest", "/app")

    found = (tmp_path / "tree/app/data").stat()
    assert owners[str(tmp_path / "rest/app/data")] == (found.st_uid, found.st_gid)


def test_bytecode_names_the_source_where_the_image_has_it(tmp_path: Path) -> None:
    write_files(tmp_path, {"code/app/main.py": ""})

    trees.settle(tmp_path / "code")

    compiled = (tmp_path / f"code/app/__pycache__/main.{TAG}.pyc").read_bytes()
    assert marshal.loads(compiled[16:]).co_filename == "/app/main.py"  # noqa: S302 - written above


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("app/prices.py", "import prices"),
        ("app/shop/prices.py", "from .shop import prices"),
        ("app/main.py", ""),
    ],
)
def test_a_module_that_is_imported_and_does_not_compile_is_named(
    tmp_path: Path, path: str, source: str
) -> None:
    write_files(tmp_path, {"app/other.py": source, path: "def\n"})

    _, broken = imports.statements(tmp_path, [tmp_path / "app"], "main")

    assert list(broken) == [tmp_path / path]
    assert "invalid syntax" in broken[tmp_path / path]


def test_a_link_to_a_module_that_is_mounted_later_stays_a_link(tmp_path: Path) -> None:
    tree, code, rest = (tmp_path / name for name in ("tree", "code", "rest"))
    write_files(tree, {"app/main.py": "import settings, nowhere\n", "app/pages.py/index.html": ""})
    (tree / "app/settings.py").symlink_to("/etc/shop/settings.py")

    assert imports.statements(tree, [tree / "app"], "main") == (["import nowhere"], {})
    trees.divide(tree, code, rest, "/app")
    trees.settle(code, rest)
    assert (code / "app/settings.py").readlink() == Path("/etc/shop/settings.py")


def test_a_template_that_nothing_imports_is_no_module(tmp_path: Path) -> None:
    write_files(tmp_path, {"app/main.py": "import fastapi", "app/blanks/plugin.py": "class {{ name }}:\n"})

    assert imports.statements(tmp_path, [tmp_path / "app"], "main") == (["import fastapi"], {})


def test_the_folder_that_the_application_runs_in_is_there_below_its_code(tmp_path: Path) -> None:
    write_files(tmp_path / "tree", {"app/main.py": ""})

    trees.divide(tmp_path / "tree", tmp_path / "code", tmp_path / "rest", "/app")

    assert [path.name for path in (tmp_path / "rest").rglob("*")] == ["app"]


def test_an_empty_folder_goes_with_the_code(tmp_path: Path) -> None:
    (tmp_path / "tree/app/data").mkdir(parents=True)

    trees.divide(tmp_path / "tree", tmp_path / "code", tmp_path / "rest", "/app")

    assert (tmp_path / "code/app/data").is_dir()
    assert not (tmp_path / "rest/app/data").exists()


def test_what_is_settled_is_written_by_its_owner_alone(tmp_path: Path) -> None:
    write_files(tmp_path, {"tree/run.sh": "", "tree/data.txt": ""})
    (tmp_path / "tree/run.sh").chmod(0o700)
    (tmp_path / "tree/data.txt").chmod(0o666)
    (tmp_path / "tree/link").symlink_to("nowhere")

    trees.settle(tmp_path / "tree")

    found = {path.name: path.lstat() for path in (tmp_path / "tree", *(tmp_path / "tree").iterdir())}
    modes = {name: oct(status.st_mode & 0o777) for name, status in found.items() if name != "link"}
    assert modes == {"tree": "0o755", "run.sh": "0o755", "data.txt": "0o644"}


def listed(tmp_path: Path, source: str) -> list[str]:
    write_files(tmp_path, {"app/shop/main.py": source, "app/shop/openai.py": ""})
    statements, broken = imports.statements(tmp_path, [tmp_path / "app"], "shop.main")
    assert broken == {}
    return statements


def test_imports_of_others_are_listed_the_deferred_ones_too(tmp_path: Path) -> None:
    source = (
        "import json, fastapi, shop.openai\nfrom . import openai\n"
        "def answer():\n    from openai import OpenAI\n    importlib.import_module('agents.mcp')\n"
    )

    assert listed(tmp_path, source) == ["from openai import OpenAI", "import agents.mcp", "import fastapi"]


def test_what_the_code_can_do_without_is_marked(tmp_path: Path) -> None:
    source = (
        "try:\n    import magic\nexcept ImportError:\n    magic = None\n"
        "if DEBUG:\n    import pudb\n"
        "if TYPE_CHECKING:\n    from mypy_extensions import VarArg\n"
    )

    assert listed(tmp_path, source) == ["import magic  # optional", "import pudb  # optional"]


def test_an_import_that_is_needed_anywhere_is_needed(tmp_path: Path) -> None:
    assert listed(tmp_path, "if DEBUG:\n    import magic\nimport magic\n") == ["import magic"]


def test_libraries_that_are_opened_by_a_literal_name_are_listed(tmp_path: Path) -> None:
    source = "import ctypes\nctypes.CDLL('libmagic.so.1')\nfind_library('mount')\nctypes.CDLL(name)\n"

    assert listed(tmp_path, source) == ["ctypes.CDLL('libmagic.so.1')", "ctypes.util.find_library('mount')"]


def test_a_library_whose_absence_the_code_handles_is_marked(tmp_path: Path) -> None:
    source = (
        "try:\n    ctypes.CDLL('libmagic.so.1')\nexcept OSError:\n    magic = None\n"
        "try:\n    ctypes.CDLL('libcairo.so.2')\nexcept OSError:\n    raise RuntimeError from None\n"
        "try:\n    ctypes.CDLL('libpq.so.5')\nfinally:\n    close()\n"
        "if LINUX:\n    ctypes.CDLL('libseccomp.so.2')\n"
    )

    assert listed(tmp_path, source) == [
        "ctypes.CDLL('libcairo.so.2')  # optional",
        "ctypes.CDLL('libmagic.so.1')  # caught",
        "ctypes.CDLL('libpq.so.5')  # optional",
        "ctypes.CDLL('libseccomp.so.2')  # optional",
    ]


def test_a_library_that_is_opened_without_a_fallback_elsewhere_is_needed(tmp_path: Path) -> None:
    opened = "ctypes.CDLL('libmagic.so.1')"
    source = f"try:\n    {opened}\nexcept OSError:\n    pass\n"

    assert listed(tmp_path, f"{source}if LINUX:\n    {opened}\n") == [f"{opened}  # optional"]
    assert listed(tmp_path, f"{source}{opened}\n") == [opened]


def test_a_change_that_imports_nothing_new_leaves_the_list_alone(tmp_path: Path) -> None:
    before = listed(tmp_path, "import fastapi\nimport jwt\n")

    assert listed(tmp_path, "import jwt\nPRICE = 1\nimport fastapi\n") == before


ARGUMENTS = {
    "APP_ENTRY_POINT": "shop.main:app",
    "APP_FACTORY": "0",
    "APP_PATH": "/app:/app/libs",
    "APP_WORKDIR": "/app",
    "APP_LOGGING": "0",
    "APP_SETTINGS_CHECK": "",
    "APP_MIGRATE": "",
    "PORT": "8080",
    "HEALTH_PATH": "/health",
}


def test_starter_runs_the_function_and_ends_with_its_code(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(
        "import sys\nclass cli:\n    def main():\n        return len(sys.argv)\n"
    )
    starter = tmp_path / "starter"
    starter.write_text(written.starter("shop:cli.main"))

    assert starter.read_text().startswith("#!/opt/venv/bin/python3\n")
    assert subprocess.run([sys.executable, starter, "a"], check=False).returncode == 2


def test_what_is_served_is_read_from_the_builds_arguments() -> None:
    assert written.served(ARGUMENTS) == {
        "application": "shop.main:app",
        "factory": False,
        "path": ["/app", "/app/libs"],
        "workdir": "/app",
        "logging": False,
        "settings_check": "",
        "migrate": "",
        "commands": {},
        "port": 8080,
        "health_path": "/health",
        "health_host": "",
        "options": {},
    }


def test_options_of_the_projects_command_are_kept_by_their_names() -> None:
    command = "--root-path /shop=1 --no-access-log --timeout-keep-alive=30 --proxy-headers"

    assert written.options(command) == {
        "root_path": "/shop=1",
        "access_log": "0",
        "timeout_keep_alive": "30",
        "proxy_headers": "1",
    }


def test_the_application_comes_behind_pythonpath_and_before_the_standard_library(tmp_path: Path) -> None:
    folders = [str(tmp_path / name) for name in ("app", "other", "site")]
    write_files(
        tmp_path,
        {
            "app/shop.py": "print('application')",
            "app/sitecustomize.py": "",
            "other/sitecustomize.py": "print('instrumented')",
            "site/_application.pth": written.import_line(folders[:1]),
        },
    )
    script = (
        f"import site; site.addsitedir({folders[2]!r})\n"
        f"import shop, sys; print(sys.path.index({folders[0]!r}))"
    )

    command = [sys.executable, "-c", script]
    environment = {"PYTHONPATH": folders[1]}
    shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    # The working folder's empty name and PYTHONPATH's entries come first.
    assert shown.split() == ["instrumented", "application", "2"]


def test_the_images_user_is_added_to_the_bases_accounts_once() -> None:
    accounts = "root:x:0:0:root:/root:/bin/bash\nother:x:10001:10001::/:\n"

    assert written.with_user(accounts, "10001", "10001").splitlines() == [
        "root:x:0:0:root:/root:/bin/bash",
        "app:x:10001:10001:app:/tmp:/usr/sbin/nologin",
    ]
    assert written.with_group("root:x:0:\n", "10001") == "root:x:0:\napp:x:10001:\n"
    assert written.with_group("root:x:0:\n", "0") == "root:x:0:\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives folders away")
def test_a_folder_of_the_applications_user_is_written_by_root_group_too(tmp_path: Path) -> None:
    (tmp_path / "tree/data").mkdir(parents=True)
    (tmp_path / "tree/code").mkdir()
    os.chown(tmp_path / "tree/data", 10001, 0)

    trees.settle(tmp_path / "tree")

    assert (tmp_path / "tree/data").stat().st_mode & 0o777 == 0o775
    assert (tmp_path / "tree/code").stat().st_mode & 0o777 == 0o755
