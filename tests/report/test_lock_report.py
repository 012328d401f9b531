from __future__ import annotations

from drydock.recipe.locking import Renewed
from drydock.report.init import lock_lines as lines


def test_only_pins_that_moved_are_told() -> None:
    old = {"fastapi": "1.0", "httpx": "1.0", "orjson": "1.0"}
    new = {"fastapi": "1.1", "httpx": "1.0", "uvicorn": "1.0"}

    assert [" ".join(line.split()) for line in lines(Renewed("requirements.lock", old, new, True))] == [
        "renewed requirements.lock",
        "fastapi 1.0 -> 1.1",
        "orjson 1.0 -> (none)",
        "uvicorn (none) -> 1.0",
    ]


def test_a_lock_that_is_the_same_and_a_new_one_are_one_line_each() -> None:
    pins = {"fastapi": "1.0"}

    assert [*lines(Renewed("uv.lock", pins, pins, False)), *lines(Renewed("uv.lock", None, pins, True))] == [
        "unchanged    uv.lock",
        "made         uv.lock (1 package)",
    ]
