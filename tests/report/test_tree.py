from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from drydock.report.page.tree import Node, fitting, grow, summed_up
from tests.report import contents
from tests.report.contents import DEPENDENCIES, RUNTIME


def walk(node: Node, path: str = "") -> Iterator[tuple[str, Node]]:
    """Yield every node with its path."""
    for child in node.children:
        yield f"{path}/{child.name}", child
        yield from walk(child, f"{path}/{child.name}")


def tree_of(tmp_path: Path, *layers: dict[str, str]) -> dict[str, Node]:
    return {path.removeprefix("/"): node for path, node in walk(grow(contents.anatomy(tmp_path, *layers)))}


def test_the_way_leads_from_layer_to_package_to_folder_to_file(tmp_path: Path) -> None:
    tree = tree_of(tmp_path, RUNTIME, DEPENDENCIES)

    assert tree["COPY layer-1 //openai 3.52.0/openai/types/beta.py"].size == 500_000
    assert tree["COPY layer-1 //openai 3.52.0"].kind == "python"
    assert tree["COPY layer-0 //libc6 2.41"].kind == "debian"
    assert tree["COPY layer-0 ///usr/bin"].kind == "folder"


def test_every_byte_is_counted_once(tmp_path: Path) -> None:
    root = grow(contents.anatomy(tmp_path, RUNTIME, DEPENDENCIES))

    leaves = [node for _, node in walk(root) if not node.children]

    assert sum(node.size for node in leaves) == root.size
    assert len(leaves) == root.files
    assert root.size == sum(len(text.encode()) for text in (RUNTIME | DEPENDENCIES).values())


def test_a_folder_that_holds_only_a_folder_is_drawn_as_one(tmp_path: Path) -> None:
    tree = tree_of(tmp_path, {"srv/shop/static/js/a.js": "x", "srv/shop/static/css/deep/b.css": "x"})

    (static,) = [node for node in tree.values() if node.name == "/srv/shop/static"]
    assert [node.name for node in static.children] == ["css/deep", "js"]


def test_a_file_that_a_later_layer_replaced_counts_there(tmp_path: Path) -> None:
    tree = tree_of(tmp_path, {"srv/a.txt": "x" * 10, "srv/b.txt": "x"}, {"srv/a.txt": "x" * 3})

    assert tree["COPY layer-0 /"].size == 1
    assert tree["COPY layer-1 /"].size == 3


SMALL = tuple(Node(f"{number}.txt", number, 1) for number in range(1, 5))
FOLDER = Node("srv", 10, 4, SMALL, "folder")


def test_small_files_are_summed_up_with_all_their_bytes() -> None:
    folded = summed_up(FOLDER, 3)

    assert [(node.name, node.size, node.files) for node in folded.children] == [
        ("4.txt", 4, 1),
        ("2 small files", 3, 2),
        ("3.txt", 3, 1),
    ]
    assert folded.size == FOLDER.size


def test_one_small_file_keeps_its_name() -> None:
    assert summed_up(FOLDER, 2) == FOLDER


def test_a_tree_is_summed_up_only_as_far_as_the_room_demands() -> None:
    files = tuple(Node(f"{number:04}.txt", 1 << (number % 16), 1) for number in range(2_000))
    root = Node("image", sum(node.size for node in files), 2_000, (Node("layer", 1, 2_000, files),))
    whole = len(json.dumps(root.compact()))

    texts = {room: fitting(root, room, json.dumps) for room in (whole, whole - 1, 10_000, 60)}

    assert len(texts[whole]) == whole
    assert all(len(text) <= room for room, text in texts.items())
    assert len(texts[10_000]) > 5_000
    assert json.loads(texts[60]) == ["image", root.size, 2_000, "", []]
