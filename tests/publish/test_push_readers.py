"""Readers of drydock's pushes: the engine, and the library that Podman pulls with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from drydock import command, osrelease
from drydock import image as images
from drydock.engine import LABEL, Engine
from drydock.image.cache import Cache
from drydock.project.compression import GZIP, ZSTD, Compression
from drydock.publish.engine_image import find
from drydock.publish.push import Pushed, push
from tests.conftest import write_files
from tests.support import registry as real
from tests.support.pushes import push_all

pytestmark = pytest.mark.live

DOCKERFILE = """\
ARG PYTHON_IMAGE
FROM ${PYTHON_IMAGE}
RUN python3 -c "import random; open('/cargo', 'wb').write(random.randbytes(3_000_000) + bytes(9_000_000))"
COPY greeting /greeting
USER 10001
CMD ["python3", "-c", "print(open('/greeting').read(), len(open('/cargo', 'rb').read()))"]
"""


@pytest.fixture(scope="module")
def image(engine: Engine, python_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An image on the base with unique layers."""
    context = tmp_path_factory.mktemp("context")
    write_files(context, {"Dockerfile": DOCKERFILE, "greeting": f"ahoy {uuid4().hex}"})
    reference = f"drydock-test-readers:{uuid4().hex[:12]}"
    settings = [f"--build-arg=PYTHON_IMAGE={python_image}", f"--label={LABEL}=test", "--no-cache"]
    command.run(
        ["docker", "buildx", "build", "--load", *settings, f"--tag={reference}", "."],
        cwd=context,
        env=engine.environment,
    )
    yield reference
    engine.sdk.images.remove(reference)


@pytest.fixture(params=[ZSTD, pytest.param(GZIP, marks=pytest.mark.acceptance)], ids=str)
def pushed(
    request: pytest.FixtureRequest,
    engine: Engine,
    image: str,
    plain: real.Registry,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Pushed:
    """The image on a registry, in either compression."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    compression: Compression = request.param
    return push(engine, f"{plain.address}/read/{compression.name}:1", image=image, compression=compression)


def test_the_engine_pulls_and_runs_it(engine: Engine, image: str, pushed: Pushed) -> None:
    before = find(engine, image)
    # This also removes its layers above the base, so a pull must fetch them from the registry.
    engine.sdk.images.remove(image)
    name = f"{pushed.reference.rpartition(':')[0]}@{pushed.digest}"

    engine.sdk.images.pull(name)
    try:
        pulled = find(engine, name)
        said = engine.sdk.containers.run(name, remove=True, labels={LABEL: "test"})
    finally:
        engine.sdk.api.tag(name, *image.split(":"))
        engine.sdk.images.remove(name)

    assert (pulled.layers, pulled.config) == (before.layers, before.config)
    assert said.startswith(b"ahoy ")
    assert said.strip().endswith(b" 12000000")


def test_skopeo_copies_it_unchanged(engine: Engine, image: str, pushed: Pushed, tmp_path: Path) -> None:
    layout = tmp_path / "layout"

    skopeo("copy", "--src-tls-verify=false", f"docker://{pushed.reference}", f"oci:{layout}:1")

    # Its sizes do not count here, and the base's are those of a large layer.
    copied = images.read_archive(layout, compression=Compression("zstd", 1), cache=Cache(tmp_path / "cache"))
    assert copied.id == pushed.digest
    assert images.content_digest(copied) == images.content_digest(images.read(engine, image))


def test_skopeo_unpacks_it(engine: Engine, image: str, pushed: Pushed, tmp_path: Path) -> None:
    plain = tmp_path / "plain"

    skopeo(
        "copy", "--src-tls-verify=false", "--dest-decompress", f"docker://{pushed.reference}", f"dir:{plain}"
    )

    layers = {digest.removeprefix("sha256:") for digest in find(engine, image).layers}
    assert layers <= {path.name for path in plain.iterdir()}


def test_an_index_serves_each_platform_its_own(
    engine: Engine, plain: real.Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    with (
        real.tiny_image(engine, platform="linux/amd64") as one,
        real.tiny_image(engine, platform="linux/arm64") as other,
    ):
        tags = [f"{plain.address}/read/index:{tag}" for tag in ("1", "latest")]
        pushed = push_all(engine, one, tags, others=[other])

        assert plain.tags("read/index") == dict.fromkeys(("1", "latest"), pushed.digest)
        assert (pushed.layers_sent, pushed.layers_existing) == (2, 0)
        for image, architecture in ((one, "amd64"), (other, "arm64")):
            layout = tmp_path / architecture
            named = ("copy", "--src-tls-verify=false", f"docker://{pushed.reference}", f"oci:{layout}:1")
            skopeo(f"--override-arch={architecture}", *named)
            copied = images.read_archive(layout, architecture=architecture, cache=Cache(tmp_path / "cache"))
            assert copied.config.architecture == architecture
            assert tuple(layer.diff_id for layer in copied.layers) == find(engine, image).layers


def skopeo(*args: str) -> None:
    """Run Debian's skopeo, which needs one library that few machines have."""
    program = real.debian_program("skopeo")
    bookworm = osrelease.codename() == "bookworm"
    libraries = real.debian_folder("libgpgme11" if bookworm else "libgpgme11t64").glob("usr/lib/*")
    path = os.pathsep.join(map(str, libraries))
    command.run([program, "--insecure-policy", *args], env={"LD_LIBRARY_PATH": path})
