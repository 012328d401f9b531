from __future__ import annotations

import pytest

from drydock import doctor
from tests.conftest import MakeProject


def test_without_an_engine_nothing_else_is_looked_at(
    make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")

    found = list(doctor.examine(make_project({})))

    assert [(one.name, one.ok, one.fatal) for one in found] == [("engine", False, True)]
    assert "unix:///nowhere.sock" in found[0].fact
    assert found[0].advice


def test_a_registry_that_does_not_resolve_is_reported(make_project: MakeProject) -> None:
    project = make_project(
        {"pyproject.toml": '[project]\nname = "s"\n[tool.drydock]\nregistry = "registry.invalid:5000/team"\n'}
    )
    asked: list[str] = []

    def resolve(host: str) -> None:
        asked.append(host)
        raise OSError("no such host")

    found = doctor.registry(project, resolve)

    assert (found.ok, asked) == (False, ["registry.invalid"])


def test_missing_certificates_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "ca_bundle", lambda: None)

    assert doctor.certificates().advice == "install ca-certificates or set SSL_CERT_FILE"
