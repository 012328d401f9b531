"""The audit gate on real images: an old release with a known vulnerability, and Debian's own archive."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from drydock import command
from drydock.detect.project import load
from drydock.engine import Engine
from drydock.gates import audit, debian
from drydock.gates.expectations.findings import Report
from drydock.image.components import Component, Components
from drydock.verdict import Outcome, Verdict
from tests.conftest import write_files
from tests.support.images import remove_unnamed
from tests.support.subjects import subject

pytestmark = pytest.mark.live

OLD = "jinja2==2.10"
DOCKERFILE = "FROM BASE\nCOPY packages /opt/packages/lib/python3/site-packages\n"


def advisory(day: datetime) -> dict[str, Any]:
    """Return the published advisory about Jinja2 before 2.10.1, as in an export of that day."""
    return {
        "schema_version": "1.7.0",
        "id": "GHSA-462w-v97r-4m45",
        "modified": day.isoformat(),
        "aliases": ["CVE-2019-10906", "PYSEC-2019-217"],
        "summary": "Jinja2 sandbox escape via string formatting",
        "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:N/A:N"}],
        "affected": [
            {
                "package": {"name": "jinja2", "ecosystem": "PyPI"},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.10.1"}]}],
            }
        ],
    }


@pytest.fixture(scope="module", autouse=True)
def archive_asked_once() -> Iterator[None]:
    """Ask Debian's archive for real once: the tests judge one image, and its lists take seconds to unpack."""
    answers: dict[tuple[Component, ...], Report] = {}
    ask = debian.audit

    def asked(components: Components, *limits: Any) -> Report:
        if (known := components.debian) not in answers:
            answers[known] = ask(components, *limits)
        return answers[known]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(debian, "audit", asked)
        yield


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, python_image: str) -> Path:
    """A project whose image contains an old release of Jinja2, really installed."""
    folder = tmp_path_factory.mktemp("audit")
    write_files(
        folder,
        {
            "pyproject.toml": '[project]\nname = "shop"\nversion = "1.0"\n',
            "Dockerfile": DOCKERFILE.replace("BASE", python_image),
        },
    )
    uv = shutil.which("uv") or "uv"
    command.run([uv, "pip", "install", "--quiet", "--no-deps", "--target", str(folder / "packages"), OLD])
    return folder


@pytest.fixture(scope="module")
def image(engine: Engine, project: Path) -> Iterator[str]:
    args = ["docker", "buildx", "build", "--quiet", "--load", str(project)]
    made = command.run(args, env=engine.environment).stdout.strip()
    yield made
    remove_unnamed(engine, made)


def without_debian() -> str:
    """Return an ignore for Debian's updates: they change over time and do not concern these tests."""
    until = datetime.now(UTC).date()
    return f'[[audit.ignore]]\ncheck = "debian-security"\nreason = "another test"\nuntil = {until}'


def judged(engine: Engine, project: Path, image: str, settings: str) -> Verdict:
    write_files(project, {"image/expectations.toml": f"[audit]\n{settings}\n"})
    return audit.judge(subject(engine, load(project), image))


@pytest.fixture
def database(project: Path) -> str:
    """The name of an export of today."""
    write_files(project, {"osv/GHSA.json": json.dumps(advisory(datetime.now(UTC)))})
    return "osv"


def test_old_release_in_an_image_is_vulnerable(
    engine: Engine, project: Path, image: str, database: str
) -> None:
    verdict = judged(engine, project, image, f'database = "{database}"')
    assert verdict.outcome is Outcome.FAILED
    (line,) = [detail for detail in verdict.details if " jinja2: " in detail.lower()]
    assert "is vulnerable (high; fixed in 2.10.1): Jinja2 sandbox escape" in line


def test_accepted_vulnerability_passes_and_debian_was_asked_for_real(
    engine: Engine, project: Path, image: str, database: str
) -> None:
    today = datetime.now(UTC).date()
    ignore = f'[[audit.ignore]]\ncheck = "CVE-2019-10906"\nreason = "not reachable"\nuntil = {today}'
    verdict = judged(engine, project, image, f'database = "{database}"\n{ignore}\n{without_debian()}')
    assert verdict.outcome is Outcome.PASSED, verdict.details
    assert verdict.measurements["checks"]["Debian packages"] > 50
    assert verdict.measurements["checks"]["Python distributions"] == 1


def test_old_database_could_not_check(engine: Engine, project: Path, image: str) -> None:
    old = datetime(2020, 1, 1, tzinfo=UTC)
    write_files(project, {"old/GHSA.json": json.dumps(advisory(old))})
    verdict = judged(engine, project, image, f'database = "old"\n{without_debian()}')
    assert verdict.outcome is Outcome.COULD_NOT_CHECK
    assert "days old, more than 7" in verdict.summary


def test_service_that_does_not_answer_could_not_check(engine: Engine, project: Path, image: str) -> None:
    verdict = judged(engine, project, image, f'service = "http://127.0.0.1:9/v1"\n{without_debian()}')
    assert verdict.outcome is Outcome.COULD_NOT_CHECK
    assert "http://127.0.0.1:9/v1 could not be asked" in verdict.summary
