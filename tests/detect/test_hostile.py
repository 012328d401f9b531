"""Broken or hostile folders: the detector quickly returns findings and raises nothing."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from drydock.detect import as_json, detect, explain_lines
from tests.detect.support import write

GOOD = "from fastapi import FastAPI\n\napp = FastAPI()\n"

BROKEN: dict[str, dict[str, str | bytes]] = {
    "syntax error": {"other.py": "from fastapi import FastAPI\napp = FastAPI(\n"},
    "null bytes": {"other.py": b"from fastapi import FastAPI\0\napp = FastAPI()\n"},
    "not UTF-8": {"other.py": b"# caf\xe9\nfrom fastapi import FastAPI\napp = FastAPI()\n"},
    "unknown coding": {"other.py": "# -*- coding: nonsense -*-\nfrom fastapi import FastAPI\n"},
    "deep parentheses": {"other.py": "from fastapi import FastAPI\nx = " + "(" * 5_000 + ")" * 5_000},
    "deep operators": {"other.py": "from fastapi import FastAPI\nx = " + "-" * 50_000 + "1"},
    "long sum": {"other.py": "from fastapi import FastAPI\nx = " + "1+" * 50_000 + "1"},
    "long attribute": {"other.py": "from fastapi import FastAPI\nx = a" + ".b" * 50_000},
    "deep TOML": {"pyproject.toml": "x = " + "[" * 50_000},
    "malformed TOML": {"pyproject.toml": "[project\n"},
    "wrong types in TOML": {"pyproject.toml": "project = 3\ntool = [1]\n", "uv.lock": "package = 7\n"},
    "wrong types in a table": {
        "pyproject.toml": "[project]\nname = []\ndependencies = {}\noptional-dependencies = 4\n"
    },
    "wrong types in locks": {"poetry.lock": '[[package]]\nname = 3\n[metadata]\nfiles = "x"\n'},
    "deep JSON": {"Pipfile.lock": "[" * 100_000},
    "deep YAML": {"compose.yml": "a: " + "[" * 5_000},
    "YAML bomb": {
        "compose.yml": "a: &a [x]\n"
        + "".join(f"{c}: &{c} [*{p}, *{p}, *{p}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True))
    },
    "wrong types in compose": {
        "compose.yml": "services:\n  web: [1]\n  db:\n    build: 3\n    command: {a: b}\n"
    },
    "Dockerfile without FROM": {"Dockerfile": "CMD [\nCOPY\nENV\nEXPOSE x\nWORKDIR\nFROM\nRUN <<EOF\n"},
    "regular import cycle": {"other.py": "from main import app\n", "main2.py": "from other import app\n"},
    "include cycle": {"requirements.txt": "-r requirements.txt\n-r ../../etc/passwd\nfastapi\n"},
    "huge number": {"other.py": "from fastapi import FastAPI\nx = " + "9" * 10_000},
    "own alias": {"other.py": "from fastapi import FastAPI\nfrom .other import app\napp = app\n"},
    "self-reference": {"other.py": "from fastapi import FastAPI\nx = x + x\ny = FastAPI(docs_url=x)\n"},
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_files_do_no_harm(case: str, tmp_path: Path) -> None:
    write(tmp_path, {"main.py": GOOD, "requirements.txt": "fastapi\n", **BROKEN[case]})

    found = detect(tmp_path)

    assert as_json(found)["entry_point"] is not None or found.conflicts


def test_symlink_loops_and_links_to_the_outside_are_not_followed(tmp_path: Path) -> None:
    write(tmp_path / "outside", {"secret.py": GOOD})
    write(tmp_path / "project", {"main.py": GOOD, "requirements.txt": "fastapi\n"})
    (tmp_path / "project" / "loop").symlink_to(tmp_path / "project")
    (tmp_path / "project" / "self.py").symlink_to("self.py")
    (tmp_path / "project" / "out.py").symlink_to(tmp_path / "outside" / "secret.py")

    found = detect(tmp_path / "project")

    assert found.conflicts == ()
    assert found.entry_point is not None
    assert found.entry_point.value == "main:app"


def test_pipes_are_not_opened(tmp_path: Path) -> None:
    write(tmp_path, {"main.py": GOOD, "requirements.txt": "fastapi\n"})
    os.mkfifo(tmp_path / "other.py")
    os.mkfifo(tmp_path / "pyproject.toml")

    assert detect(tmp_path).entry_point is not None


def test_hostile_names_reach_no_line(tmp_path: Path) -> None:
    files = {"main.py": GOOD, "requirements.txt": "fastapi\n.\0\n", "a\nb/app.py": GOOD, "\x1b[31m.py": GOOD}
    write(tmp_path, {**files, "Procfile": "worker: python \x1b[31m.py\nc\x1b: python x.py\n"})
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.py"))).write_text(GOOD)

    lines = explain_lines(detect(tmp_path))

    assert all(line.isprintable() for line in lines)
    assert any("main:app" in line for line in lines)


def test_missing_and_empty_folders_are_blockers(tmp_path: Path) -> None:
    assert [b.key for b in detect(tmp_path).blockers] == ["entry-point"]
    assert [b.key for b in detect(tmp_path / "missing").blockers] == ["entry-point"]


def test_code_is_not_run(tmp_path: Path) -> None:
    proof = tmp_path / "ran"
    write(
        tmp_path,
        {
            "main.py": f"open({str(proof)!r}, 'w')\n{GOOD}",
            "setup.py": f"open({str(proof)!r}, 'w')\nimport setuptools\nsetuptools.setup()\n",
        },
    )

    detect(tmp_path)

    assert not proof.exists()


@pytest.mark.parametrize(
    "name",
    ["other.py", "pyproject.toml", "poetry.lock", "Pipfile.lock", "requirements.txt", "Dockerfile", ".env"],
)
def test_files_of_gigabytes_and_binary_ones_are_left_alone(name: str, tmp_path: Path) -> None:
    write(tmp_path, {"main.py": GOOD, "setup.py": "", "blob.py": bytes(range(256)) * 100, name: b""})
    os.truncate(tmp_path / name, 50 * 10**9)  # sparse: it needs no disk, but would fill all memory

    found = detect(tmp_path)

    assert found.entry_point
    assert found.entry_point.value == "main:app"


def test_five_thousand_files_take_less_than_two_seconds(tmp_path: Path) -> None:
    body = "".join(f"def function_{n}(value: int) -> int:\n    return value + {n}\n\n\n" for n in range(40))
    files: dict[str, str | bytes] = {"main.py": GOOD, "requirements.txt": "fastapi\nuvicorn\n"}
    imports = []
    for number in range(1_000):
        files[f"shop/part_{number}/__init__.py"] = ""
        files[f"shop/part_{number}/views.py"] = f"from fastapi import APIRouter\nrouter = APIRouter()\n{body}"
        files[f"web/part_{number}/index.html"] = "<p>text</p>" * 50
        files[f"web/part_{number}/data.bin"] = bytes(2_000)
        files[f"docs/part_{number}.md"] = "text\n" * 50
        imports.append(f"from shop.part_{number}.views import router as router_{number}\n")
    files["main.py"] = "".join(imports) + GOOD
    files["large.py"] = "x = 1\n" * 500_000
    write(tmp_path, files)

    started = time.process_time()
    found = detect(tmp_path)
    seconds = time.process_time() - started

    assert found.entry_point is not None
    assert seconds < 2
