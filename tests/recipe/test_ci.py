"""Jobs for CI services, checked against the services' schemas, with every shell step really run."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

import drydock
from drydock import recipe
from drydock.engine import Engine
from drydock.hook import install
from drydock.publish import cosign
from drydock.recipe import ci
from tests.conftest import ROOT, write_files
from tests.support import sigstore
from tests.support.images import remove_repository
from tests.support.registry import PASSWORD, USER, Registry, debian_folder, private_registry
from tests.support.repository import git

CHECK = Path(sys.executable).with_name("check-jsonschema")
NAME = "drydock-test-ci"
LOCK = "fastapi==0.165.0 \\\n    --hash=sha256:00\nuvicorn==0.54.0 \\\n    --hash=sha256:00\n"
SHOP = {
    "pyproject.toml": f'[project]\nname = "{NAME}"\nversion = "1.4.2"\nrequires-python = ">=3.11"\n',
    "requirements.txt": "fastapi==0.165.0\nuvicorn==0.54.0\n",
    "main.py": "from fastapi import FastAPI\n\napp = FastAPI()\n\n\n"
    '@app.get("/livez")\ndef livez() -> dict[str, bool]:\n    return {"alive": True}\n',
    "tests/test_main.py": "from main import livez\n\n\ndef test_livez() -> None:\n    assert livez()\n",
    "requirements-dev.txt": "pytest\n",
    "drydock.toml": 'main-branch = "trunk"\n',
}


def repository(root: Path, folder: str = ".") -> Path:
    root.mkdir()
    git(root, "init", "--quiet", "--initial-branch=trunk")
    return write_files(root / folder, SHOP)


def written(project: Path, files: Mapping[str, str]) -> Path:
    (name,) = files
    write_files(project, files)
    return (project / name).resolve()


@pytest.mark.parametrize("folder", [".", "services/shop"])
def test_the_pre_push_entry_is_installed_by_pre_commit(folder: str, tmp_path: Path) -> None:
    project = repository(tmp_path / "repository", folder)

    path = written(project, ci.HOOK.render(project))

    top = tmp_path / "repository"
    assert path == top / ".pre-commit-config.yaml"
    pre_commit = [sys.executable, "-m", "pre_commit", "validate-config", str(path)]
    assert subprocess.run(pre_commit, check=False).returncode == 0
    (entry,) = yaml.safe_load(path.read_text())["repos"][0]["hooks"]
    assert entry["entry"].split()[-2:] == ["--project", folder]
    assert entry["additional_dependencies"] == [f"fastapi-drydock=={drydock.version()}"]
    install.install(project)
    assert "pre-commit" in (top / ".git/hooks/pre-push").read_text()


@pytest.mark.parametrize("folder", [".", "services/shop"])
@pytest.mark.parametrize(
    ("job", "schema", "place"),
    [
        (ci.GITHUB, "vendor.github-workflows", ".github/workflows/drydock.yml"),
        (ci.GITLAB, "vendor.gitlab-ci", ".gitlab-ci.yml"),
    ],
)
def test_a_job_fits_its_services_schema(
    job: Any, schema: str, place: str, folder: str, tmp_path: Path
) -> None:
    project = repository(tmp_path / "repository", folder)

    path = written(project, job.render(project))

    assert path == tmp_path / "repository" / place
    text = path.read_text()
    assert f"fastapi-drydock=={drydock.version()}" in text
    assert not re.search(r"@[A-Z]+@", text)
    assert subprocess.run([CHECK, "--builtin-schema", schema, path], check=False).returncode == 0
    path.write_text(re.sub(r"^(    steps|  script):", r"\1s:", text, flags=re.M))
    assert subprocess.run([CHECK, "--builtin-schema", schema, path], check=False).returncode != 0


def test_a_pipeline_of_another_origin_stays_and_includes_the_job(tmp_path: Path) -> None:
    project = repository(tmp_path / "repository")
    (project / ".gitlab-ci.yml").write_text("test:\n  script: [make]\n")

    assert list(ci.GITLAB.render(project)) == [".gitlab/drydock.yml"]


@pytest.mark.parametrize("folder", [".", "services/shop"])
@pytest.mark.parametrize(
    ("service", "place"), [("github", ".github/workflows/drydock.yml"), ("gitlab", ".gitlab-ci.yml")]
)
def test_init_writes_the_job_once_and_merges_an_edit(
    service: str, place: str, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = repository(tmp_path / "repository", folder)
    (project / "requirements.txt").write_text(LOCK)
    path = tmp_path / "repository" / place

    recipe.init(project, {}, extras=[service], lock=False)
    first = path.read_text()
    recipe.init(project, {}, extras=[service], lock=False)
    assert path.read_text() == first
    assert f"fastapi-drydock=={drydock.version()}" in first

    path.write_text(first.replace("60", "90").replace("1h", "2h"))
    monkeypatch.setattr(drydock, "version", lambda: "9.9.9")
    recipe.init(project, {}, extras=[service], lock=False)
    merged = path.read_text()
    assert "fastapi-drydock==9.9.9" in merged
    assert "timeout-minutes: 90" in merged or "timeout: 2h" in merged


class Service:
    """A CI service reduced to its shell steps: folders, variables, and a PATH that steps share.

    Args:
        folder: An empty one.
        project: The checkout.
        variables: The job's.
    """

    def __init__(self, folder: Path, project: Path, variables: Mapping[str, str]) -> None:
        self.project = project
        self.path, self.summary = folder / "path", folder / "summary.md"
        self.path.touch()
        own = ("VIRTUAL_ENV", "PYTHONPATH")
        tools = str(Path(sys.executable).parent)
        self.folders = [one for one in os.environ["PATH"].split(os.pathsep) if one != tools]
        self.environment = {name: text for name, text in os.environ.items() if name not in own} | {
            "RUNNER_TEMP": str(folder),
            "GITHUB_PATH": str(self.path),
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "DOCKER_CONFIG": str(folder / "docker"),
            "XDG_STATE_HOME": str(folder / "state"),
            "CI_PROJECT_DIR": str(project),
            **variables,
        }

    def run(self, script: str, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run one step as the services do: bash, which ends at the first failing command."""
        added = self.path.read_text().split()
        path = os.pathsep.join([*reversed(added), *self.folders])
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=self.project,
            env={**self.environment, **variables, "PATH": path},
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, in place of the pinned release."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target=wheel", f"--directory={folder}"]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (found,) = folder.iterdir()
    return found


@pytest.fixture
def open_registry(engine: Engine) -> Iterator[Registry]:
    """A registry with a password; a job's images are removed afterwards."""
    with private_registry(tls=False) as running:
        yield running
    remove_repository(engine, NAME)


def results(project: Path) -> dict[str, str]:
    """Check that the SARIF file, the JUnit file and the table agree, and return their verdicts."""
    folder = project / ".drydock/ci"
    (run,) = json.loads((folder / "drydock.sarif").read_text())["runs"]
    refused = {found["ruleId"] for found in run["results"]}
    junit = (folder / "junit.xml").read_text()
    tests = re.findall(r'<testcase classname="drydock.production" name="(\w+)"', junit)
    faults = junit.count("<failure ") + junit.count("<error ")
    table = (folder / "gates.txt").read_text()
    assert faults == len(refused)
    assert [name for name in tests if f"{name} " not in table] == []
    assert "<title>" in (folder / "report.html").read_text()
    return {name: "refused" if name in refused else "passed" for name in tests}


def variables(registry: Registry, wheel: Path) -> dict[str, str]:
    """Return replacements for the service's own cache, registry and release."""
    return {
        "DRYDOCK": str(wheel),
        "DRIVER": "",
        "CACHE_FROM": f"type=registry,ref={registry.address}/cache",
        "CACHE_TO": "type=inline",
        "HOST": registry.address,
        "OWNER": "Acme",
        "LOGIN": USER,
        "TOKEN": PASSWORD,
        "CI_REGISTRY": registry.address,
        "CI_REGISTRY_IMAGE": f"{registry.address}/acme",
        "CI_REGISTRY_USER": USER,
        "CI_REGISTRY_PASSWORD": PASSWORD,
        "CI_COMMIT_TAG": "v1.4.2",
    }


def verified(registry: Registry, job: Mapping[str, str], service: Service, reader: Path) -> str:
    """Return cosign 3's verification of the pushed image."""
    asked = ["drydock", "verify", "--registry", f"{registry.address}/acme"]
    asked += ["--identity", job["subject"], "--issuer", job["iss"]]
    done = service.run(f"PATH={reader.parent}:$PATH {shlex.join(asked)}", {})
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.live
@pytest.mark.acceptance
@pytest.mark.timeout(1500)
@pytest.mark.parametrize(("job", "identity"), [(ci.GITHUB, sigstore.GITHUB), (ci.GITLAB, sigstore.GITLAB)])
def test_every_shell_step_of_a_job_runs(
    job: Any, identity: dict[str, str], wheel: Path, open_registry: Registry, tmp_path: Path
) -> None:
    project = repository(tmp_path / "repository")
    path = written(project, job.render(project))
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "All")
    content = yaml.safe_load(path.read_text())
    own = variables(open_registry, wheel)
    service = Service(tmp_path, project, own)
    reader = debian_folder("cosign", "forky") / "usr/bin/cosign"

    if "jobs" in content:
        steps = [
            (one["run"], one.get("env", {})) for one in content["jobs"]["image"]["steps"] if "run" in one
        ]
        told = {name for _, given in steps for name in given}
        assert told <= set(own)
    else:
        assert {name for name in content["drydock"]["variables"] if name.startswith("CACHE")} <= set(own)
        # GitLab runs its lines in one shell.
        *lines, last = content["drydock"]["script"]
        steps = [("\n".join([*lines, f"set -a; . {tmp_path}/identity", last]), {"PROJECT": "."})]
    assert len(steps) == 5 or "script" in content["drydock"]

    (tmp_path / "sigstore").mkdir()
    with sigstore.services(tmp_path / "sigstore", reader) as public:
        keys = {} if cosign.is_newer(cosign.program()) else public.keys
        signing = {**public.variables, **keys, **public.identity(identity)}
        words = "".join(f"{name}={shlex.quote(value)}\n" for name, value in signing.items())
        (tmp_path / "identity").write_text(words)
        for script, _ in steps:
            done = service.run(script, signing if script == steps[-1][0] and "jobs" in content else {})
            assert done.returncode == 0, f"{script}\n{done.stdout}"
        assert set(public.certified) == {identity["subject"]}
        service.environment |= public.variables
        if "jobs" not in content:
            service.path.write_text(f"{project}/.drydock/ci-venv/bin\n")
        assert "verified" in verified(open_registry, identity, service, reader)

    assert set(results(project).values()) == {"passed"}
    if "jobs" in content:
        assert re.search(r"^```text\n[^`]*\bsmoke\b[^`]*^```$", service.summary.read_text(), re.M)
    assert git(project, "status", "--porcelain", "--", ".", ":(exclude).drydock") == ""
