from __future__ import annotations

import io
import json
import os
import platform
import re
import secrets
import tarfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from drydock import base
from drydock.base import make, pull
from drydock.base.errors import BaseNotMade, NoBase, OtherRelease, PythonNotFetched
from drydock.base.make import Plan
from drydock.engine import Engine, apt
from drydock.engine.apt import Repository
from drydock.progress import silent
from tests.conftest import FakeProgram, MakeProject, write_files
from tests.support.engine import telling
from tests.support.registry import tiny_image
from tests.support.repository import begin, git

PLAN = Plan("local/python:3.13-slim", "python:3.13-slim", "trixie", ("deb x trixie main",), "amd64")
HERE = base.Base("local/python:3.13-slim", "sha256:1", "made", "made here before")


@dataclass
class Surroundings:
    """An engine without images, a registry without answers, a machine that cannot build a base."""

    images: dict[str, base.Base] = field(default_factory=dict)
    refusal: str | None = "no such host"
    plan: Plan | str = "that takes root"
    pulls: int = 0
    makes: int = 0

    def pull(
        self, _engine: object, reference: str, _say: object, platform: str = "", apart: str = ""
    ) -> str | None:
        self.pulls += 1
        if self.refusal is None:
            name = apart if platform else reference
            self.images[name] = base.Base(name, "sha256:2", "local", "it is on the engine")
        return self.refusal

    def make(self, _engine: object, plan: Plan, _say: object) -> None:
        self.makes += 1
        self.images[plan.reference] = replace(HERE, reference=plan.reference)


@pytest.fixture
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Surroundings:
    # A refused pull is remembered there for some minutes.
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    found = Surroundings()
    monkeypatch.setattr(base, "look", lambda _, reference, *__: found.images.get(reference))
    monkeypatch.setattr(pull, "pull", found.pull)
    monkeypatch.setattr(make, "plan", lambda *_: found.plan)
    monkeypatch.setattr(make, "make", found.make)
    return found


def resolve(make_project: MakeProject, rebuild: bool = False) -> base.Base:
    engine: Any = object()
    return base.resolve(engine, make_project({}), rebuild)


def test_a_local_base_is_taken_as_it_is(surroundings: Surroundings, make_project: MakeProject) -> None:
    surroundings.images["python:3.13-slim"] = base.Base("python:3.13-slim", "sha256:2", "local", "here")

    assert resolve(make_project).kind == "local"
    assert surroundings.pulls == 0


def test_a_base_that_can_be_pulled_is_pulled(surroundings: Surroundings, make_project: MakeProject) -> None:
    surroundings.refusal = None

    assert resolve(make_project).kind == "pulled"


def test_a_base_that_cannot_be_pulled_is_made(surroundings: Surroundings, make_project: MakeProject) -> None:
    surroundings.plan = PLAN

    found = resolve(make_project)

    assert (found.kind, found.reference) == ("made", "local/python:3.13-slim")
    assert found.why == "python:3.13-slim is not local and cannot be pulled (no such host)"


def test_a_made_base_is_used_again_without_another_pull(
    surroundings: Surroundings, make_project: MakeProject
) -> None:
    surroundings.plan = PLAN
    resolve(make_project)
    resolve(make_project)

    assert (surroundings.pulls, surroundings.makes) == (1, 1)


def test_rebuild_forgets_the_refusal_and_makes_anew(
    surroundings: Surroundings, make_project: MakeProject
) -> None:
    surroundings.plan = PLAN
    resolve(make_project)
    resolve(make_project, rebuild=True)

    assert (surroundings.pulls, surroundings.makes) == (2, 2)


def test_rebuild_asks_once_for_a_base_of_debian_testing(
    surroundings: Surroundings, make_project: MakeProject
) -> None:
    surroundings.plan = replace(PLAN, reference="local/python:3.14-slim")
    engine: Any = object()
    project = make_project({"pyproject.toml": '[tool.drydock]\npython = "3.14"\n'})

    found = base.resolve(engine, project, rebuild=True)

    assert (found.reference, surroundings.pulls, surroundings.makes) == ("local/python:3.14-slim", 1, 1)


def test_a_base_that_is_nowhere_names_every_reason(
    surroundings: Surroundings, make_project: MakeProject
) -> None:
    with pytest.raises(NoBase) as caught:
        resolve(make_project)

    assert str(caught.value) == (
        "error: base image python:3.13-slim is not on the engine, and cannot be pulled (no such host) "
        "or made here (that takes root); "
        "pull it where a registry can be reached, or name another one with PYTHON_IMAGE"
    )


def test_another_python_that_the_dependencies_support_does_as_well(
    surroundings: Surroundings, make_project: MakeProject
) -> None:
    surroundings.images["local/python:3.13-slim"] = HERE
    table = '[tool.drydock]\npython = "3.14"\npython-also = ["3.13", "3.12"]\n'
    engine: Any = object()

    found = base.resolve(engine, make_project({"pyproject.toml": table}))

    assert found.reference == "local/python:3.13-slim"
    assert found.why == "python:3.14-slim is not available, and Python 3.13 works too"


@pytest.mark.parametrize(
    ("also", "reference"),
    [("", "local/python:3.14-slim"), ("3.13", "local/python:3.13-slim"), ("3.15", "local/python:3.14-slim")],
)
def test_python_of_the_stable_release_goes_before_one_of_testing(
    also: str, reference: str, surroundings: Surroundings, make_project: MakeProject
) -> None:
    surroundings.images["local/python:3.14-slim"] = replace(HERE, reference="local/python:3.14-slim")
    surroundings.images["local/python:3.13-slim"] = HERE
    listed = f'"{also}"' if also else ""
    project = make_project({"pyproject.toml": f'[tool.drydock]\npython = "3.14"\npython-also = [{listed}]\n'})
    engine: Any = object()

    assert base.resolve(engine, project).reference == reference
    found = base.present(engine, project)
    assert found is not None
    assert found.reference == reference
    assert surroundings.makes == 0


@pytest.mark.parametrize(
    ("refusal", "kind"), [(None, "pulled"), ("no such host", "made")], ids=["pulled", "made"]
)
def test_another_platforms_base_has_a_name_of_its_own(
    refusal: str | None, kind: str, surroundings: Surroundings, make_project: MakeProject, tmp_path: Path
) -> None:
    surroundings.refusal = refusal
    surroundings.plan = replace(PLAN, reference="local/python:3.13-slim-arm64")
    with telling(tmp_path, version={"Arch": "amd64"}) as engine:
        found = base.resolve(engine, make_project({}), platform="linux/arm64")
        again = base.resolve(engine, make_project({}), platform="linux/arm64")

    assert (found.kind, found.reference) == (kind, "local/python:3.13-slim-arm64")
    assert (again.reference, surroundings.pulls) == (found.reference, 1)


def test_the_engines_own_platform_takes_the_usual_base(
    surroundings: Surroundings, make_project: MakeProject, tmp_path: Path
) -> None:
    surroundings.images["local/python:3.13-slim"] = HERE
    with telling(tmp_path, version={"Arch": "amd64"}) as engine:
        assert base.resolve(engine, make_project({}), platform="linux/amd64").reference == HERE.reference


@pytest.mark.live
def test_an_image_of_another_platform_is_not_taken_for_the_base(engine: Engine) -> None:
    with tiny_image(engine, platform="linux/arm64") as image:
        assert base.look(engine, image, "linux/arm64/v8")
        assert base.look(engine, image)
        assert base.look(engine, image, "linux/s390x") is None


@pytest.fixture
def root_of_debian(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make.os, "geteuid", lambda: 0)
    monkeypatch.setattr(make.osrelease, "is_debian_family", lambda: True)
    monkeypatch.setattr(make, "machine", lambda: "amd64")
    monkeypatch.setattr(apt, "repositories", lambda: [Repository("http://mirror", "trixie")])
    monkeypatch.setattr(make.osrelease, "codename", lambda: "trixie")


@pytest.mark.usefixtures("root_of_debian")
def test_newest_pythons_come_from_debian_testing(tmp_path: Path) -> None:
    with telling(tmp_path, version={"Arch": "amd64"}) as engine:
        plans = [make.plan(engine, f"python:{version}-slim") for version in ("3.13", "3.14", "3.15")]

    stable, own, following = (plan for plan in plans if isinstance(plan, Plan))
    assert [plan.release for plan in (stable, own, following)] == ["trixie", "forky", "forky"]
    assert "check-valid-until" not in stable.sources[0]
    assert own.sources[0].startswith("deb [check-valid-until=no signed-by=")
    assert (own.packages, own.hooks) == (stable.packages, stable.hooks)
    assert "python3" not in following.packages
    assert "python3.15" in following.packages


@pytest.mark.live
@pytest.mark.acceptance
def test_base_of_the_python_after_testings_own(engine: Engine) -> None:
    plan = make.plan(engine, "python:3.15-slim")
    if isinstance(plan, str):
        pytest.skip(plan)
    own = replace(plan, reference=f"local/drydock-test-{secrets.token_hex(4)}:3.15")
    try:
        make.make(engine, own, silent)
        asked = [
            "sh",
            "-c",
            "python --version; python3 -m pip --version; python3 -m venv /tmp/v; ls /usr/bin/python3*",
        ]
        said = engine.sdk.containers.run(own.reference, asked, remove=True).decode().split()
    finally:
        engine.sdk.images.remove(own.reference)

    assert said[1].startswith("3.15.")
    assert "pip" in said
    assert [name for name in said if name.startswith("/usr/bin/python3")] == [
        "/usr/bin/python3",
        "/usr/bin/python3.15",
    ]


@pytest.mark.usefixtures("root_of_debian")
def test_a_python_that_debian_lacks_is_uvs_on_the_stable_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(make, "EMULATORS", tmp_path)
    (tmp_path / "qemu-aarch64").touch()
    with telling(tmp_path, version={"Arch": "amd64"}) as engine:
        plans = [make.plan(engine, "python:3.12-slim", one) for one in ("", "linux/arm64")]

    own, other = (plan for plan in plans if isinstance(plan, Plan))
    assert (own.release, own.fetched) == ("trixie", "cpython-3.12-linux-x86_64")
    assert other.fetched == "cpython-3.12-linux-aarch64"
    assert "python3" not in own.packages


def test_another_python_serves_where_uvs_cannot_be_fetched(
    surroundings: Surroundings, make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    lacking = replace(PLAN, reference="local/python:3.12-slim", fetched="cpython-3.12-linux-x86_64")
    monkeypatch.setattr(make, "plan", lambda _, wanted, *__: lacking if "3.12" in wanted else PLAN)
    asked = []

    def fetch(engine: object, plan: Plan, say: object) -> None:
        asked.append(plan.fetched)
        if plan.fetched:
            raise PythonNotFetched("no such host")
        surroundings.make(engine, plan, say)

    monkeypatch.setattr(make, "make", fetch)
    table = '[tool.drydock]\npython = "3.12"\npython-also = ["3.13"]\n'
    project, engine = (
        make_project({"pyproject.toml": f'[project]\nname = "shop"\n{table}'}),
        cast("Any", None),
    )

    found = base.resolve(engine, project)
    with pytest.raises(NoBase, match=r"or made here \(no such host\)"):
        base.resolve(engine, replace(project, python_also=()))

    assert found.reference == "local/python:3.13-slim"
    # The second one was remembered.
    assert asked == ["cpython-3.12-linux-x86_64", ""]


SYSCONFIG = "lib/python3.12/_sysconfigdata"


def managed(folder: Path, program: str) -> Path:
    """Write what uv downloads a Python from: its list, and an archive with a double of the program."""
    name, archive = "cpython-3.12.16-linux-x86_64-gnu", folder / "python.tar.gz"
    head = "# system configuration generated and used by the sysconfig module"
    variables = f"{head}\nbuild_time_vars = {{'prefix': '/install'}}\n"
    files = {"bin/python3.12": program, f"{SYSCONFIG}__linux_x86_64-linux-gnu.py": variables}
    write_files(folder / "python", files)
    (folder / "python/bin/python3.12").chmod(0o755)
    (folder / "python/bin/python3").symlink_to("python3.12")
    with tarfile.open(archive, "w:gz") as file:
        file.add(folder / "python", "python")
    version = {"name": "cpython", "major": 3, "minor": 12, "patch": 16, "prerelease": "", "build": "20261110"}
    target = {"arch": {"family": "x86_64", "variant": None}, "os": "linux", "libc": "gnu", "variant": None}
    listed = folder / "downloads.json"
    listed.write_text(json.dumps({name: {**version, **target, "url": archive.as_uri(), "sha256": None}}))
    return listed


@pytest.mark.live
@pytest.mark.acceptance
@pytest.mark.skipif(platform.machine() != "x86_64", reason="the double of a download is of this platform")
def test_uvs_python_lies_where_the_official_images_does(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a double of the download, which comes from the file that uv is told."""
    plan = make.plan(engine, "python:3.12-slim")
    if isinstance(plan, str):
        pytest.skip(plan)
    own = replace(plan, reference=f"local/drydock-test-{secrets.token_hex(4)}:3.12")
    listed = managed(tmp_path, "#!/bin/sh\necho Python 3.12.16\n")
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS_JSON_URL", str(listed))
    asked = f"python --version; command -v python3; cat /usr/local/{SYSCONFIG}*; ls /usr/local"
    try:
        make.make(engine, own, silent)
        said = (
            engine.sdk.containers.run(own.reference, ["sh", "-c", asked], remove=True).decode().splitlines()
        )
    finally:
        engine.sdk.images.remove(own.reference)

    assert said[:2] == ["Python 3.12.16", "/usr/local/bin/python3"]
    assert str(tmp_path) not in "".join(said)
    assert '"prefix": "/usr/local"' in " ".join(said)
    assert "BUILD" not in said


@pytest.mark.usefixtures("root_of_debian")
def test_a_base_of_another_platform_is_made_where_its_programs_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(make, "EMULATORS", tmp_path)
    with telling(tmp_path, version={"Arch": "amd64"}) as engine:
        refused = make.plan(engine, "python:3.13-slim", "linux/arm64/v8")
        (tmp_path / "qemu-aarch64").touch()
        plan = make.plan(engine, "python:3.13-slim", "linux/arm64/v8")
        own = make.plan(engine, "python:3.13-slim")

    assert isinstance(refused, str)
    assert refused.startswith("it would be for arm64, and this machine, amd64, runs no such programs")
    assert isinstance(plan, Plan)
    assert (plan.reference, make.configuration(plan)["architecture"]) == (
        "local/python:3.13-slim-arm64",
        "arm64",
    )
    assert {"--architectures=arm64", "--skip=check/qemu"} <= set(make.arguments(plan, tmp_path))
    assert isinstance(own, Plan)
    assert not [one for one in make.arguments(own, tmp_path) if one.startswith("--architectures")]


def test_a_base_named_by_hand_is_meant(surroundings: Surroundings, make_project: MakeProject) -> None:
    surroundings.images["python:3.13-slim"] = base.Base("python:3.13-slim", "sha256:2", "local", "here")
    table = '[tool.drydock]\nbase = "mine/python:1"\npython-also = ["3.13"]\n'
    engine: Any = object()

    with pytest.raises(NoBase, match="mine/python:1"):
        base.resolve(engine, make_project({"pyproject.toml": table}))


@pytest.mark.parametrize("name", ["python:3.13-slim", "local/python:3.13-slim"])
def test_the_base_of_a_build_is_found_without_a_pull(
    name: str, surroundings: Surroundings, make_project: MakeProject
) -> None:
    engine: Any = object()
    assert base.present(engine, make_project({})) is None

    surroundings.images[name] = HERE

    assert base.present(engine, make_project({})) is HERE
    assert surroundings.pulls == 0


def test_a_refusal_is_remembered_for_ten_minutes(tmp_path: Path) -> None:
    memory = pull.Memory(tmp_path / "base.json")
    memory.remember("python:3.13-slim", "no such host", now=lambda: 1000.0)

    assert memory.refusal("python:3.13-slim", now=lambda: 1599.0) == "no such host"
    assert memory.refusal("python:3.13-slim", now=lambda: 1601.0) is None
    assert memory.refusal("python:3.12-slim", now=lambda: 1001.0) is None


def test_git_ignores_what_is_remembered_in_a_project(tmp_path: Path) -> None:
    top = begin(tmp_path / "shop")

    pull.Memory(top / ".drydock" / "base.json").remember("python:3.13-slim", "no such host")

    assert git(top, "status", "--porcelain", "--untracked-files=all") == ""


def test_a_damaged_memory_is_no_memory(tmp_path: Path) -> None:
    (tmp_path / "base.json").write_text("{")

    assert pull.Memory(tmp_path / "base.json").refusal("python:3.13-slim") is None


def test_an_engines_message_is_shortened_to_its_cause() -> None:
    message = 'Get "https://registry.example/v2/": dial tcp: lookup registry.example: no such host'

    assert pull.reason(message) == "lookup registry.example: no such host"


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        ("python:3.13-slim", "local/python:3.13-slim"),
        ("docker.io/library/python:3.13-slim", "local/python:3.13-slim"),
        ("local/python:3.13-slim", "local/python:3.13-slim"),
    ],
)
def test_a_made_base_is_kept_under_local(wanted: str, kept: str) -> None:
    assert make.reference(wanted) == kept


def test_what_cannot_be_made_has_a_reason() -> None:
    engine: Any = object()

    assert make.plan(engine, "alpine:3") == "only python:X.Y-slim can be made, not alpine:3"


def test_the_machines_own_mirrors_serve_the_other_release() -> None:
    known = [
        Repository("http://mirror.example/debian/", "bookworm"),
        Repository("http://mirror.example/debian/", "bookworm-updates"),
        Repository("http://security.example/", "bookworm-security"),
        Repository("http://other.example/", "nodistro"),
    ]

    lines = apt.sources(known, "bookworm", "trixie")

    assert [line.split("] ")[1] for line in lines] == [
        "http://mirror.example/debian/ trixie main",
        "http://mirror.example/debian/ trixie-updates main",
        "http://security.example/ trixie-security main",
    ]


def test_a_made_base_says_so_in_its_labels() -> None:
    config = make.configuration(PLAN)["config"]

    assert isinstance(config, dict)
    assert config["Labels"]["dev.drydock.base.kind"] == "made"
    assert config["Labels"]["dev.drydock.base"] == "local"


def test_the_same_root_file_system_gives_the_same_image_id(tmp_path: Path) -> None:
    layer = tmp_path / "layer.tar"
    layer.write_bytes(bytes(1024))

    ids = {
        make.write_archive(tmp_path / name, layer, make.configuration(PLAN), PLAN.reference) for name in "ab"
    }

    assert len(ids) == 1


def test_the_archive_is_what_docker_load_reads(tmp_path: Path) -> None:
    layer = tmp_path / "layer.tar"
    layer.write_bytes(bytes(1024))
    image_id = make.write_archive(tmp_path / "image.tar", layer, make.configuration(PLAN), PLAN.reference)

    with tarfile.open(tmp_path / "image.tar") as content:
        [manifest] = json.load(content.extractfile("manifest.json") or io.BytesIO())
        names = content.getnames()

    assert manifest["RepoTags"] == ["local/python:3.13-slim"]
    assert manifest["Config"] == f"{image_id.removeprefix('sha256:')}.json"
    assert {manifest["Config"], *manifest["Layers"]} <= set(names)


def test_a_failed_bootstrap_leaves_nothing_and_shows_its_reason(
    tmp_path: Path, fake_program: FakeProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_program("mmdebstrap", 'touch "$TMPDIR/half"\necho "E: no such suite"\nexit 25')
    monkeypatch.setenv("TMPDIR", str(tmp_path / "work"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "work"))
    (tmp_path / "work").mkdir()
    engine: Any = object()

    with pytest.raises(BaseNotMade) as caught:
        make.make(engine, PLAN, lambda _: None)

    assert "mmdebstrap exited with 25: E: no such suite" in str(caught.value)
    assert list((tmp_path / "work").iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_a_killed_bootstrap_leaves_nothing_mounted(
    tmp_path: Path, fake_program: FakeProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    mount = 'mkdir -p "$TMPDIR/c/proc" && mount -t proc -o ro proc "$TMPDIR/c/proc" && kill -9 $$'
    fake_program("mmdebstrap", mount)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    engine: Any = object()

    with pytest.raises(BaseNotMade, match="mmdebstrap exited with -9"):
        make.make(engine, PLAN, lambda _: None)

    assert [path.name for path in tmp_path.iterdir()] == ["bin"]
    assert str(tmp_path) not in Path("/proc/self/mounts").read_text()


@pytest.mark.parametrize(
    ("tags", "wanted", "there"),
    [
        (["localhost/local/python:3.13-slim"], "python:3.13-slim", False),
        (["docker.io/local/python:3.13-slim"], "local/python:3.13-slim", True),
        (["docker.io/library/python:3.13-slim"], "python:3.13-slim", True),
        (["local/python:3.13-slim", "python:3.13-slim"], "python:3.13-slim", True),
        ([], "python@sha256:1", True),
    ],
)
def test_podmans_match_of_another_image_is_no_base(tags: list[str], wanted: str, there: bool) -> None:
    image = {"RepoTags": tags, "RepoDigests": [], "Id": "sha256:1", "Config": None}
    engine: Any = SimpleNamespace(image={wanted: image}.get)

    assert (base.look(engine, wanted) is not None) is there


def test_a_lock_for_one_release_refuses_a_base_with_another(
    surroundings: Surroundings, make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    surroundings.images["python:3.13-slim"] = base.Base("python:3.13-slim", "sha256:2", "local", "here")
    project, engine = replace(make_project({}), python_release="3.13.0"), cast(Engine, object())
    monkeypatch.setattr(base, "release", lambda *_: "3.13.5")

    with pytest.raises(
        OtherRelease, match=r"for Python 3\.13\.0 alone, and base image python:3\.13-slim has 3"
    ):
        base.resolve(engine, project)
    monkeypatch.setattr(base, "release", lambda *_: "3.13.0")

    assert base.resolve(engine, project).kind == "local"


@pytest.mark.live
def test_release_of_a_base(engine: Engine, make_project: MakeProject) -> None:
    assert re.fullmatch(r"3\.13\.\d+\S*", base.release(engine, base.resolve(engine, make_project({}))))
