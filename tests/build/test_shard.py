from __future__ import annotations

from pathlib import Path

import pytest

from drydock.build import shard
from tests.conftest import ROOT, write_files

DOCKERFILE = """\
FROM scratch AS locks
COPY pyproject.toml noise.py /
FROM base AS builder
ARG APP=shop SOURCE_SHARD=0
COPY --from=tools --chown=${SOURCE_SHARD} /drydock /drydock
COPY ${APP} /main.py /rootfs/app/
FROM base AS test
COPY tests /app/tests
"""


@pytest.fixture
def context(tmp_path: Path) -> Path:
    files = {
        "Dockerfile": DOCKERFILE,
        ".dockerignore": "shop/generated\n",
        "main.py": "import shop",
        "noise.py": "",
        "shop/__init__.py": "",
        "shop/deep/model.py": "",
        "shop/data.json": "",
        "shop/generated/a.py": "",
        "shop/node_modules/a.py": "",
        "shop/.cache/a.py": "",
        "tests/test_shop.py": "",
    }
    return write_files(tmp_path, files)


def shards(context: Path, name: str) -> set[str]:
    """Return the shards that changes of one file lead to."""
    found = set()
    for number in range(8):
        (context / name).write_text(f"a = {number}\n")
        found.add(shard.of(context, context / "Dockerfile")["SOURCE_SHARD"])
    return found


@pytest.mark.parametrize("name", ["main.py", "shop/__init__.py", "shop/deep/model.py"])
def test_changes_of_a_copied_module_spread(name: str, context: Path) -> None:
    found = shards(context, name)

    assert len(found) > 4
    assert all(0 <= int(one) < shard.SHARDS for one in found)


@pytest.mark.parametrize(
    "name",
    [
        *("noise.py", "tests/test_shop.py", "shop/data.json", "shop/new.json"),
        *("shop/generated/a.py", "shop/node_modules/a.py", "shop/.cache/a.py"),
    ],
)
def test_what_the_stage_does_not_compile_decides_nothing(name: str, context: Path) -> None:
    assert len(shards(context, name)) == 1


def test_a_module_that_moves_is_another_source(context: Path) -> None:
    path = context / "shop/deep/model.py"

    def moved(number: int) -> str:
        nonlocal path
        path = path.rename(path.with_name(f"model{number}.py"))
        return shard.of(context, context / "Dockerfile")["SOURCE_SHARD"]

    assert len({moved(number) for number in range(8)}) > 4


def test_the_ignore_rules_of_the_dockerfile_itself_come_first(context: Path) -> None:
    (context / "Dockerfile.dockerignore").write_text("shop/deep\n")

    assert len(shards(context, "shop/deep/model.py")) == 1
    assert len(shards(context, "shop/generated/a.py")) > 4


def test_an_unreadable_module_is_left_to_the_build(context: Path) -> None:
    (context / "shop/gone.py").symlink_to("nowhere.py")
    (context / "shop/loop.py").symlink_to("loop.py")
    (context / ".dockerignore").write_bytes(b"\xff\n")

    assert shard.of(context, context / "Dockerfile")


def test_a_dockerfile_that_takes_no_shard_is_given_none(context: Path) -> None:
    (context / "Dockerfile").write_text(DOCKERFILE.replace(" SOURCE_SHARD=0", ""))

    assert shard.of(context, context / "Dockerfile") == {}


def test_this_repositorys_source_is_seen(tmp_path: Path) -> None:
    files = {name: (ROOT / name).read_text() for name in ("Dockerfile", ".dockerignore")}
    write_files(tmp_path, {**files, "backend/todo_api/main.py": ""})

    assert len(shards(tmp_path, "backend/todo_api/main.py")) > 4
    assert len(shards(tmp_path, "backend/main.py")) == 1
