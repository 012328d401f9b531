"""Bills of materials of a real image, checked with the formats' validators and the file system."""

from __future__ import annotations

import email
import io
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from drydock import command
from drydock.engine import LABEL, Engine
from drydock.programs import tool
from drydock.publish import sbom

pytestmark = pytest.mark.live

STRICTLY = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1]).read())
sys.exit(str(fault) if fault else 0)
"""


@pytest.fixture(scope="module")
def image(engine: Engine, python_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real base image with an added distribution that records its files."""
    name = "drydock-test-sbom:dev"
    info = "/opt/site-packages/cargo-1.2.dist-info"
    metadata = "Metadata-Version: 2.4\\nName: cargo\\nVersion: 1.2\\nLicense-Expression: MIT\\n"
    dockerfile = f"""
FROM {python_image}
RUN mkdir -p {info} && echo 'cargo = 1' > /opt/site-packages/cargo.py \\
 && printf '{metadata}' > {info}/METADATA \\
 && printf 'cargo.py,,\\ncargo-1.2.dist-info/METADATA,,\\ncargo-1.2.dist-info/RECORD,,\\n' > {info}/RECORD
"""
    # buildx never removes its copy of a Dockerfile that it reads from standard input.
    context = tmp_path_factory.mktemp("context")
    (context / "Dockerfile").write_text(dockerfile)
    build = ["docker", "buildx", "build", "--quiet", "--load", "--pull=false", f"--tag={name}", str(context)]
    command.run(build, env=engine.environment)
    try:
        yield name
    finally:
        engine.sdk.images.remove(name)


@pytest.fixture(scope="module")
def bill(engine: Engine, image: str) -> sbom.Bill:
    return sbom.read(engine, image)


def files(engine: Engine, image: str) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    """Yield every file of a container's exported file system."""
    container = engine.sdk.containers.create(image, command=["-"], labels={LABEL: "test"})
    try:
        content = io.BytesIO(b"".join(container.export()))
    finally:
        container.remove(force=True)
    with tarfile.open(fileobj=content) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isreg() else None
            yield member, file.read() if file else b""


def test_the_bill_names_what_the_file_system_has(engine: Engine, image: str, bill: sbom.Bill) -> None:
    expected = set()
    for member, content in files(engine, image):
        if re.search(r"-packages/[^/]+\.dist-info/METADATA$", member.name):
            fields = email.message_from_bytes(content)
            expected.add(("pypi", fields["Name"], fields["Version"]))
        if re.fullmatch(r"var/lib/dpkg/status(\.d/[^/]*)?", member.name):
            for paragraph in content.decode().split("\n\n"):
                fields = email.message_from_string(paragraph.strip())
                if fields["Package"]:
                    expected.add(("deb", fields["Package"], fields["Version"]))

    found = {
        (one.purl.partition(":")[2].partition("/")[0], one.name, one.version)
        for one in bill.materials
        if not one.is_file
    }
    assert len(expected) > 20
    (interpreter,) = found - expected
    assert interpreter[:2] == ("generic", "CPython")
    assert re.fullmatch(r"3\.\d+\.\d+", interpreter[2])
    assert expected <= found


def test_packages_of_a_complete_base_know_their_files(bill: sbom.Bill) -> None:
    without = [one.name for one in bill.materials if not one.sha256]

    # Packages that contain only links and folders.
    assert len(without) < len(bill.materials) / 10
    assert any(one.licence for one in bill.materials if one.purl.startswith("pkg:deb/"))


def test_cyclonedx_fits_its_strict_schema(bill: sbom.Bill, tmp_path: Path) -> None:
    document = tmp_path / "bom.json"
    document.write_bytes(sbom.cyclonedx(bill))
    python = tool("cyclonedx-py").with_name("python")

    assert command.run([str(python), "-c", STRICTLY, str(document)], check=False).stderr == ""


def test_spdx_is_valid(bill: sbom.Bill, tmp_path: Path) -> None:
    document = tmp_path / "bom.spdx.json"
    document.write_bytes(sbom.spdx(bill))

    done = command.run([str(tool("pyspdxtools")), "--infile", str(document)], check=False)

    assert (done.code, done.stdout, done.stderr) == (0, "", "")


def test_the_validators_refuse_what_is_wrong(bill: sbom.Bill, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.json"
    wrong.write_bytes(sbom.cyclonedx(bill).replace(b'"type": "library"', b'"type": "ship"', 1))
    python = tool("cyclonedx-py").with_name("python")
    assert command.run([str(python), "-c", STRICTLY, str(wrong)], check=False).code != 0

    wrong = tmp_path / "wrong.spdx.json"
    wrong.write_bytes(
        sbom.spdx(bill).replace(b'"relatedSpdxElement": "SPDXRef-', b'"relatedSpdxElement": "', 1)
    )
    assert command.run([str(tool("pyspdxtools")), "--infile", str(wrong)], check=False).code != 0


def test_the_same_image_gives_the_same_bytes(engine: Engine, image: str, bill: sbom.Bill) -> None:
    again = sbom.read(engine, image)

    assert sbom.cyclonedx(again) == sbom.cyclonedx(bill)
    assert sbom.spdx(again) == sbom.spdx(bill)


def test_no_container_is_left(engine: Engine, bill: sbom.Bill) -> None:
    assert bill.materials
    assert engine.sdk.containers.list(all=True, filters={"label": f"{LABEL}=sbom"}) == []
