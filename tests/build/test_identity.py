"""The engine's id for an image that buildx reports."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from drydock.build import identity
from drydock.engine import Engine

CONFIGURATION = "sha256:" + "c" * 64
MANIFEST = "sha256:" + "d" * 64


def said(folder: Path, *, configuration: str = "", manifest: str = "") -> Path:
    if configuration:
        (folder / identity.ID_FILE).write_text(f"{configuration}\n")
    (folder / identity.METADATA_FILE).write_text(json.dumps({"containerimage.digest": manifest}))
    return folder


def engine(*known: str) -> Engine:
    """An engine with images of these ids."""

    images = {wanted: {"Id": wanted} for wanted in known}
    return cast(Engine, SimpleNamespace(image=images.get))


@pytest.mark.parametrize(
    ("manifest", "known", "expected"),
    [
        pytest.param(
            CONFIGURATION, (), CONFIGURATION, id="the builder inside an engine with a store of its own"
        ),
        pytest.param(MANIFEST, (CONFIGURATION,), CONFIGURATION, id="another builder, the same store"),
        pytest.param(MANIFEST, (MANIFEST,), MANIFEST, id="containerd's store"),
    ],
)
def test_an_image_is_called_as_its_engine_calls_it(
    manifest: str, known: tuple[str, ...], expected: str, tmp_path: Path
) -> None:
    outputs = said(tmp_path, configuration=CONFIGURATION, manifest=manifest)

    assert identity.image_id(engine(*known), outputs) == expected


def test_several_platforms_have_no_id(tmp_path: Path) -> None:
    assert identity.image_id(engine(), said(tmp_path, manifest=MANIFEST)) == ""
