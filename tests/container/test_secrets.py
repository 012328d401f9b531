"""A build's secrets are not in the image."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from drydock import command
from drydock.build import Options, build
from drydock.detect.project import load
from drydock.engine import Engine
from drydock.gates.security import linters
from drydock.project import ca_bundle
from tests.conftest import ROOT
from tests.support.archives import unpack

pytestmark = [pytest.mark.live, pytest.mark.acceptance]

REFERENCE = "drydock-tests/secrets:live"


@pytest.fixture(scope="module")
def words() -> dict[str, str]:
    """The secrets: a line of the certificates' file, user and password of the index."""
    return {name: f"{name}-{secrets.token_hex(12)}" for name in ("bundle", "user", "password")}


@pytest.fixture(scope="module")
def saved(
    engine: Engine, python_image: str, words: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """Production, built from nothing with both secrets, as an unpacked archive."""
    folder = tmp_path_factory.mktemp("secrets")
    ask = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"
    index = command.run(["docker", "run", "--rm", python_image, "python3", "-c", ask], env=engine.environment)
    public = urlsplit(index.stdout.strip())
    private = public._replace(netloc=f"{words['user']}:{words['password']}@{public.netloc}").geturl()
    bundle = ca_bundle()
    (folder / "ca").write_text(f"# {words['bundle']}\n{bundle.read_text() if bundle else ''}")
    (folder / "index").write_text(private)
    options = Options(
        "production",
        REFERENCE,
        no_cache=True,
        build_args={"PYTHON_IMAGE": python_image},
        secrets={name: f"src={folder / name}" for name in ("ca", "index")},
    )
    build(engine, load(ROOT), options)
    try:
        environment = {**os.environ, **engine.environment}
        save = subprocess.Popen(["docker", "save", REFERENCE], stdout=subprocess.PIPE, env=environment)
        with tarfile.open(fileobj=save.stdout, mode="r|") as archive:
            unpack(archive, folder / "saved")
        assert save.wait(60) == 0
        yield folder / "saved"
    finally:
        engine.sdk.images.remove(REFERENCE)


def test_no_byte_of_a_build_secret_is_in_a_layer_the_history_or_a_label(
    saved: Path, words: dict[str, str]
) -> None:
    blobs = [path for path in saved.rglob("*") if path.is_file()]
    configuration = json.loads((saved / "manifest.json").read_text())[0]["Config"]

    assert (saved / configuration) in blobs
    assert sum(path.stat().st_size for path in blobs) > 100_000_000
    for path in blobs:
        content = path.read_bytes()
        for name, word in words.items():
            assert word.encode() not in content, f"{name} in {path}"


def test_trivy_finds_no_secret_in_any_layer(saved: Path, tmp_path: Path) -> None:
    for layer in json.loads((saved / "manifest.json").read_text())[0]["Layers"]:
        with tarfile.open(saved / layer) as archive:
            unpack(archive, tmp_path / Path(layer).name)
    report = linters.trivy_secrets(tmp_path, lambda _: None)

    assert report.findings == ()
