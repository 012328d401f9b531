"""The tests that `container_tests` begins with."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from drydock.gates.container_tests import FIRST, MARK, PLUGIN, PROGRAM, shown, touched
from drydock.gates.container_tests.touched import Record, choose, digests
from tests.conftest import MakeProject, write_files

SHOP = """\
type Money = int  # newer than some Pythons that run drydock
RATE = 2


@functools.cache
def price(
    net,
):
    @functools.cache
    def inner():
        return net * RATE

    return inner()


class Cart:
    @property
    def total(self):
        return 0
"""
DIGESTS = {
    "shop.py:": "1",
    "shop.py:price": "1",
    "shop.py:Cart.total": "1",
    "tax.py:": "1",
    "tax.py:rate": "1",
    "tests/test_shop.py:test_price": "1",
    "tests/test_shop.py:TestCart.test_total": "1",
}
RECORD = Record(
    DIGESTS,
    {
        "tests/test_shop.py::test_all": (0.1, ["shop.py:price", "shop.py:Cart.total", "tax.py:rate"]),
        "tests/test_shop.py::test_price[1]": (0.1, ["shop.py:price"]),
        "tests/test_shop.py::test_slow": (9.0, ["shop.py:price"]),
        "tests/test_shop.py::TestCart::test_total": (0.1, ["shop.py:Cart.total"]),
    },
)


def packed(tests: object) -> str:
    return base64.b85encode(zlib.compress(json.dumps(tests).encode())).decode()


def test_nothing_is_first_without_a_change() -> None:
    assert choose(RECORD, DIGESTS) == ()


def test_tests_of_a_changed_function_come_first_the_most_specific_and_the_quickest_before_the_others() -> (
    None
):
    found = choose(RECORD, DIGESTS | {"shop.py:price": "2"})

    names = ("test_price[1]", "test_slow", "test_all")
    assert found == tuple(f"tests/test_shop.py::{name}" for name in names)


def test_a_change_outside_of_functions_touches_the_tests_of_the_whole_file() -> None:
    assert choose(RECORD, DIGESTS | {"tax.py:": "2"}) == ("tests/test_shop.py::test_all",)


def test_a_removed_function_counts_as_changed() -> None:
    left = {name: digest for name, digest in DIGESTS.items() if name != "tax.py:rate"}

    assert choose(RECORD, left) == ("tests/test_shop.py::test_all",)


def test_new_tests_come_first() -> None:
    new = {
        "tests/test_cart.py:TestEmpty.test_total": "1",
        "tests/test_cart.py:helper": "1",
        "cart.py:test": "1",
    }

    found = choose(RECORD, DIGESTS | new | {"tax.py:": "2"})

    assert found == ("tests/test_cart.py::TestEmpty::test_total", "tests/test_shop.py::test_all")


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("net * RATE", "net", {"shop.py:price"}),
        ("inner()\n", "net\n", {"shop.py:price"}),
        ("class Cart", "class Cart(list)", {"shop.py:"}),
        ("return 0", "return 1", {"shop.py:Cart.total"}),
        ("@property", "@staticmethod", {"shop.py:Cart.total"}),
        ("RATE = 2", "RATE = 3", {"shop.py:"}),
    ],
)
def test_a_digest_changes_with_its_function_alone(
    tmp_path: Path, old: str, new: str, changed: set[str]
) -> None:
    before = digests(write_files(tmp_path, {"shop.py": SHOP}))
    after = digests(write_files(tmp_path, {"shop.py": SHOP.replace(old, new)}))

    assert set(before) == {"shop.py:", "shop.py:price", "shop.py:Cart.total"}
    assert {name for name in before if before[name] != after[name]} == changed


@pytest.mark.usefixtures("own_state")
def test_a_record_is_kept_for_the_next_run(make_project: MakeProject) -> None:
    project = make_project({"shop.py": SHOP})
    touched.keep(project, packed({"tests/test_shop.py::test_price": (0.1, ["shop.py:price"])}))
    unchanged = touched.first(project)
    (project.source / "shop.py").write_text(SHOP.replace("net * RATE", "net"))

    assert unchanged == ()
    assert touched.first(project) == ("tests/test_shop.py::test_price",)


@pytest.mark.usefixtures("own_state")
@pytest.mark.parametrize(
    "text", ["", "x", packed({}), packed({"a": (0.1, [])}), packed({"a": (1, ["b"])})[:-9]]
)
def test_a_record_without_functions_or_cut_off_is_dropped(make_project: MakeProject, text: str) -> None:
    project = make_project({})
    touched.keep(project, text)

    assert not touched.place(project).exists()
    assert touched.first(project) == ()


@pytest.mark.usefixtures("own_state")
@pytest.mark.parametrize("text", ["{", "[]", '{"digests": {}}', '{"digests": {}, "tests": "x"}'])
def test_a_broken_file_chooses_no_test(make_project: MakeProject, text: str) -> None:
    project = make_project({})
    write_files(touched.place(project).parent, {touched.place(project).name: text})

    assert touched.first(project) == ()


def test_the_plugin_names_what_its_reader_expects() -> None:
    for name, value in (("MARK", MARK), ("FIRST", FIRST)):
        assert f'\n{name} = "{value}"\n' in PLUGIN


def test_the_record_is_not_shown() -> None:
    output: list[str] = []
    chunks = [b"..\n", f"2 passed\n\n{MARK}abc".encode(), b"def\n"]

    assert "".join(shown(chunks, output)) == "..\n2 passed\n\n"
    assert "".join(output).endswith("abcdef\n")


@pytest.mark.parametrize("processes", [(), ("-n", "2")])
def test_pytest_begins_with_the_wanted_tests_and_shows_a_failure_at_once(
    tmp_path: Path, processes: tuple[str, ...]
) -> None:
    body = "import pytest, shop\n\n\ndef test_a(): shop.price(1)\n\n\n@pytest.mark.parametrize('n', [1, 2])\n"
    tests = f"{body}def test_b(n): assert shop.price(n) == 2\n"
    shop = "def price(net): return net * 2\n"
    folder = write_files(tmp_path, {"shop.py": shop, "test_shop.py": tests, "pytest.ini": "[pytest]\n"})
    environment = {
        **os.environ,
        # Other plugins of this environment would take seconds.
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTEST_PLUGINS": "xdist.plugin",
        FIRST: "test_shop.py::test_b[2]\ntest_gone.py::test\ntest_shop.py::test_b",
    }

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, PLUGIN, "-p", "no:cacheprovider", *processes],
        cwd=folder,
        check=False,
        env=environment,
        capture_output=True,
        text=True,
    )

    said, mark, record = done.stdout.partition(MARK)
    failure = said.partition("test_shop.py::test_b[2] failed:\n")[2]
    assert failure.index("assert 4 == 2") < failure.index("= FAILURES =")
    assert mark
    tests_of_it = json.loads(zlib.decompress(base64.b85decode(record.strip())))
    assert set(tests_of_it) == {"test_shop.py::test_a", "test_shop.py::test_b[1]", "test_shop.py::test_b[2]"}
    if not processes:
        assert next(iter(tests_of_it)) == "test_shop.py::test_b[2]"
    called = ["shop.py:price", "test_shop.py:test_a"] if sys.version_info >= (3, 12) else []
    assert tests_of_it["test_shop.py::test_a"][1] == called
