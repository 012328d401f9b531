from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drydock.image.archive import read_archive
from drydock.image.cache import Cache
from drydock.image.file import File, Kind
from drydock.image.model import Image
from drydock.image.tree import efficiency, merge, resolve, resolver
from tests.image.making import Entry, docker_archive, files_tar, folder, layer_tar, write_archive


def image_of(layers: Sequence[bytes]) -> Image:
    with tempfile.TemporaryDirectory() as name:
        archive = write_archive(Path(name) / "image.tar", docker_archive(layers))
        return read_archive(archive, cache=Cache(Path(name)))


def tree_of(*layers: bytes) -> dict[str, File]:
    return merge(layer.files for layer in image_of(layers).layers)


def symlink(name: str, target: str) -> Entry:
    return Entry(name, type=tarfile.SYMTYPE, link=target)


def test_upper_layer_replaces_a_file() -> None:
    assert tree_of(files_tar({"a": "1"}), files_tar({"a": "22"}))["/a"].size == 2


def test_whiteout_deletes_a_file_and_a_folder() -> None:
    lower = files_tar({"etc/hosts": "", "var/cache/apt/pkg": "", "var/cache2": ""})
    tree = tree_of(lower, files_tar({"etc/.wh.hosts": "", "var/.wh.cache": ""}))
    assert sorted(tree) == ["/var/cache2"]


def test_opaque_folder_keeps_only_its_own_layer() -> None:
    # The marker follows the new file: the order inside a layer does not matter.
    upper = layer_tar([folder("d"), Entry("d/new"), Entry("d/.wh..wh..opq")])
    assert sorted(tree_of(files_tar({"d/old": "", "e": ""}), upper)) == ["/d", "/d/new", "/e"]


def test_whiteout_spares_what_its_own_layer_adds() -> None:
    upper = layer_tar([Entry("a", b"new"), Entry(".wh.a")])
    assert tree_of(files_tar({"a": "old one"}), upper)["/a"].size == 3


def test_file_in_place_of_a_folder_takes_its_content_along() -> None:
    lower = layer_tar([folder("lib"), Entry("lib/a")])
    tree = tree_of(lower, layer_tar([symlink("lib", "usr/lib")]))
    assert {path: file.kind for path, file in tree.items()} == {"/lib": Kind.SYMLINK}


def test_changed_folder_keeps_its_content() -> None:
    lower = layer_tar([folder("lib"), Entry("lib/a")])
    assert sorted(tree_of(lower, layer_tar([folder("lib")]))) == ["/lib", "/lib/a"]


def test_image_that_stores_nothing_twice_is_efficient() -> None:
    found = efficiency(image_of([files_tar({"a": "1"}), files_tar({"b": "2"})]))
    assert (found.ratio, found.wasted, found.paths) == (1.0, 0, ())


def test_replaced_file_wastes_all_but_the_smallest_copy() -> None:
    found = efficiency(image_of([files_tar({"a": "x" * 60, "b": "y" * 20}), files_tar({"a": "x" * 20})]))
    assert (found.stored, found.wasted) == (100, 60)
    assert found.ratio == pytest.approx((20 + 20) / 100)
    assert [(waste.path, waste.wasted, waste.copies) for waste in found.paths] == [("/a", 60, 2)]


def test_deleted_file_is_wasted_as_a_whole() -> None:
    found = efficiency(image_of([files_tar({"apt/lists": "x" * 30}), files_tar({".wh.apt": ""})]))
    assert (found.stored, found.wasted) == (30, 30)


def test_empty_image_is_efficient() -> None:
    assert efficiency(image_of([])).ratio == 1.0


contents = st.dictionaries(
    st.sampled_from(["a", "b", "d/c", "d/e", ".wh.a", ".wh.d", "d/.wh.c"]), st.binary(max_size=50)
)


@given(st.lists(contents, max_size=4))
def test_waste_is_what_is_stored_beyond_the_final_tree(layers: list[dict[str, bytes]]) -> None:
    image = image_of([files_tar(layer) for layer in layers])
    found = efficiency(image)
    tree = merge(layer.files for layer in image.layers)
    seen = sum(file.size for file in tree.values())
    assert 0 <= found.wasted <= found.stored
    assert 0 <= found.ratio <= 1
    # The smallest copy is never larger than the visible one.
    assert found.stored - found.wasted <= seen
    assert found.wasted == sum(waste.wasted for waste in found.paths)


LINKS = tree_of(
    layer_tar(
        [
            symlink("lib", "usr/lib"),
            symlink("usr/lib/current", "../../opt/v1"),
            symlink("absolute", "/usr/lib"),
            symlink("usr/lib/libc.so", "libc.so.6"),
            symlink("circle", "circle"),
            symlink("escape", "../../../usr/lib"),
        ]
    )
)


@pytest.mark.parametrize(
    ("path", "real"),
    [
        ("/usr/bin/python3", "/usr/bin/python3"),
        ("/lib/libc.so.6", "/usr/lib/libc.so.6"),
        ("/lib/current/bin", "/opt/v1/bin"),
        ("/absolute/current/bin", "/opt/v1/bin"),
        ("/escape/x", "/usr/lib/x"),
        ("/lib/libc.so", "/usr/lib/libc.so"),
        ("/lib", "/lib"),
        ("/circle/x", "/circle/x"),
        ("/lib/current/.", "/opt/v1"),
        ("/", "/"),
    ],
)
def test_links_in_folders_are_followed(path: str, real: str) -> None:
    assert resolve(path, LINKS) == real
    assert resolver(LINKS)(path) == real


def test_links_are_followed_once_for_the_paths_of_a_folder() -> None:
    asked: list[str] = []

    class Tree(dict[str, File]):
        def get(self, path: str, default: Any = None) -> Any:
            asked.append(path)
            return super().get(path, default)

    find = resolver(Tree(LINKS))

    assert [find(f"/lib/current/{number}") for number in range(50)] == [f"/opt/v1/{n}" for n in range(50)]
    assert len(asked) < 20
