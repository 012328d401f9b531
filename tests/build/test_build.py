from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from drydock import command
from drydock.build import COLD, Options, Update, build, builder, remove_mounts, shard
from drydock.build.errors import BadDockerfile, BuildFailed, NoBuildx, NotInContext, StartNotPulled
from drydock.engine import Engine, find
from drydock.engine.errors import EngineGone
from drydock.errors import DrydockError, Interrupted, NoSpace
from drydock.project import Project
from drydock.project.errors import UnknownTarget
from drydock.publish.builds import open_workspace
from drydock.state.history import History
from tests.conftest import ROOT, MakeProject
from tests.support.images import remove_repository

pytestmark = pytest.mark.live

Reference = str


@pytest.fixture
def reference(engine: Engine) -> Iterator[Reference]:
    """A unique reference, removed afterwards."""
    name = f"drydock-test-{uuid.uuid4().hex[:12]}:1"
    yield name
    remove_repository(engine, name.split(":")[0])


def project_of(make_project: MakeProject, python_image: str, *lines: str, **files: str) -> Project:
    dockerfile = "\n".join((f"FROM {python_image} AS production", *lines, "# drydock's", ""))
    return make_project({"Dockerfile": dockerfile, **files})


def run_step(code: str) -> str:
    return f'RUN python3 -c "{code}"'


@pytest.mark.parametrize(
    "line", ["COPY missing.txt /", "RUN --mount=type=bind,source=missing.txt,target=/x true"]
)
def test_a_file_that_the_build_does_not_see_is_named(
    line: str, engine: Engine, make_project: MakeProject, python_image: str
) -> None:
    project = project_of(make_project, python_image, line)

    with pytest.raises(
        NotInContext, match=r"Dockerfile reads missing.txt, which is not in the build context; "
    ):
        build(engine, project, Options())


def test_a_build_reports_its_steps_and_its_image(
    engine: Engine, make_project: MakeProject, python_image: str, reference: Reference
) -> None:
    project = project_of(
        make_project, python_image, run_step(f"print('{reference}')"), "COPY pyproject.toml /"
    )

    first = build(engine, project, Options(reference=reference))
    second = build(engine, project, Options(reference=reference))

    assert sorted(step.instruction.split()[0] for step in first.steps) == ["COPY", "RUN"]
    assert first.cached == 0
    assert second.cached == 2
    assert first.image_id == second.image_id == engine.sdk.images.get(reference).id


def test_the_source_decides_its_shard_unless_the_caller_does(
    engine: Engine, make_project: MakeProject, python_image: str, reference: Reference
) -> None:
    lines = ("ARG SOURCE_SHARD=none", "LABEL shard=${SOURCE_SHARD}", "COPY main.py /")
    project = project_of(make_project, python_image, *lines, **{"main.py": reference})

    def label(**build_args: str) -> str:
        build(engine, project, Options(reference=reference, build_args=build_args))
        return str(engine.sdk.images.get(reference).labels["shard"])

    assert label() == shard.of(project.root, project.root / "Dockerfile")["SOURCE_SHARD"]
    assert label(SOURCE_SHARD="mine") == "mine"


def test_updates_arrive_while_the_build_runs(
    engine: Engine, make_project: MakeProject, python_image: str
) -> None:
    step = run_step(f"import time; print('{uuid.uuid4().hex[:8]}', flush=True); time.sleep(1)")
    seen: list[tuple[float, Update]] = []

    build(
        engine,
        project_of(make_project, python_image, step),
        Options(),
        lambda update: seen.append((time.monotonic(), update)),
    )

    logged = next(at for at, update in seen if update.kind == "log")
    done = next(
        at for at, update in seen if update.kind == "done" and update.step.instruction.startswith("RUN")
    )
    assert done - logged > 0.5


def test_a_file_that_another_stage_lacks_is_not_missed_in_the_context(
    engine: Engine, make_project: MakeProject, python_image: str
) -> None:
    text = f"FROM {python_image} AS first\nFROM scratch AS production\nCOPY --from=first /missing /\n"
    project = make_project({"Dockerfile": text})

    with pytest.raises(
        BuildFailed,
        match=r"COPY --from=first /missing /' failed: /missing is not there; it printed nothing; correct",
    ):
        build(engine, project, Options())


def test_a_failing_step_shows_its_last_lines(
    engine: Engine, make_project: MakeProject, python_image: str
) -> None:
    project = project_of(make_project, python_image, run_step("print('the reason'); raise SystemExit(3)"))

    with pytest.raises(BuildFailed, match=r"build step 'RUN python3.* failed: exit code 3") as caught:
        build(engine, project, Options())

    assert "the reason" in caught.value.evidence


def test_a_syntax_error_is_named_with_its_line(
    engine: Engine, make_project: MakeProject, python_image: str
) -> None:
    project = project_of(make_project, python_image, "COPPY a b")

    with pytest.raises(BadDockerfile, match=r"Dockerfile:2: unknown instruction: COPPY"):
        build(engine, project, Options())


def test_a_base_that_no_registry_gives_is_no_faulty_line(engine: Engine, make_project: MakeProject) -> None:
    project = make_project({"Dockerfile": "FROM 127.0.0.1:1/acme/base:1 AS production\nCOPY . /\n"})

    with pytest.raises(
        StartNotPulled,
        match=r"Dockerfile:1 starts from 127\.0\.0\.1:1/acme/base:1, which cannot be pulled: .*refused; che",
    ):
        build(engine, project, Options())


def test_a_missing_file_is_named(engine: Engine, make_project: MakeProject, python_image: str) -> None:
    project = project_of(make_project, python_image, "COPY nowhere.txt /")

    with pytest.raises(DrydockError, match=r"nowhere\.txt"):
        build(engine, project, Options())


def test_an_unknown_target_lists_the_known_ones(
    engine: Engine, make_project: MakeProject, python_image: str
) -> None:
    project = project_of(make_project, python_image)

    with pytest.raises(UnknownTarget, match="there is no target 'prod'; choose one of production"):
        build(engine, project, Options("prod"))


def test_a_full_disk_is_said_so(engine: Engine, make_project: MakeProject, python_image: str) -> None:
    fill = "open('/small/file', 'wb').write(b'x' * 2_000_000)"
    project = project_of(
        make_project,
        python_image,
        f'RUN --mount=type=tmpfs,target=/small,size=1000000 python3 -c "{fill}"',
    )

    with pytest.raises(NoSpace, match="no space left on the device during the build; free some with"):
        build(engine, project, Options())


def test_a_cli_without_buildx_is_said_so(
    engine: Engine,
    make_project: MakeProject,
    python_image: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The docker CLI answers an unknown plug-in's name as a real one does."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "docker").write_text('#!/bin/sh\necho "docker: unknown command: docker $1" >&2\nexit 1\n')
    (programs / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)

    with pytest.raises(NoBuildx, match="the docker CLI has no buildx plugin; install it"):
        build(engine, project_of(make_project, python_image), Options())


def test_an_engine_that_dies_mid_build_is_said_so(
    make_project: MakeProject, python_image: str, tmp_path: Path
) -> None:
    """The connection to the engine is a socket that closes during the build."""
    path = tmp_path / "engine.sock"
    forward = [sys.executable, "-c", FORWARDER, str(path), "/var/run/docker.sock"]
    with subprocess.Popen(forward, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        engine = Engine(find.Candidate(f"unix://{path}", "test"))
        project = project_of(
            make_project, python_image, run_step(f"import time; '{uuid.uuid4().hex[:8]}'; time.sleep(20)")
        )

        def kill(update: Update) -> None:
            if update.kind == "started" and update.step.counts:
                process.kill()

        with pytest.raises(EngineGone, match=r"stopped answering; read its log"):
            build(engine, project, Options(), kill)


FORWARDER = """
import socket, sys, threading
def pump(a, b):
    try:
        while data := a.recv(65536):
            b.sendall(data)
    except OSError:
        pass
    for end in (a, b):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen(64)
print("up", flush=True)
while True:
    near, _ = server.accept()
    far = socket.socket(socket.AF_UNIX)
    far.connect(sys.argv[2])
    for pair in ((near, far), (far, near)):
        threading.Thread(target=pump, args=pair, daemon=True).start()
"""


def cold_mounts(engine: Engine) -> set[str]:
    """Return the namespaces of cold builds whose mounts exist; killed builds may have left some."""
    kept = command.run(["docker", "buildx", "du", "--verbose"], env=engine.environment).stdout
    return set(re.findall("drydock-cold-[0-9a-f]+", kept))


def test_a_cold_build_spares_the_users_cache_mounts(
    engine: Engine, make_project: MakeProject, python_image: str
) -> None:
    mount = f"--mount=type=cache,id=drydock-test-{uuid.uuid4().hex},target=/cache"
    # A mount's id is not part of a step's cache key, so the command must be new, too.
    count = f"'{uuid.uuid4().hex}'; import pathlib; f = pathlib.Path('/cache/n'); f.open('a').write('x')"
    show = "print('mount holds', len(f.read_text()))"
    project = project_of(make_project, python_image, f'RUN {mount} python3 -c "{count}; {show}"')
    before = cold_mounts(engine)
    logs: list[str] = []

    def collect(update: Update) -> None:
        if update.kind == "log":
            logs.append(update.text)

    build(engine, project, Options(), collect)
    build(engine, project, Options(no_cache=True), collect)
    again = project_of(make_project, python_image, f'RUN {mount} python3 -c "{count}; {show}; 1"')
    build(engine, again, Options(), collect)

    assert logs == ["mount holds 1", "mount holds 1", "mount holds 2"]
    assert cold_mounts(engine) <= before


def test_a_build_that_fails_stands_in_the_history_as_failed(
    engine: Engine, make_project: MakeProject, python_image: str
) -> None:
    project = project_of(
        make_project, python_image, run_step("raise SystemExit(3)"), **{"requirements.lock": ""}
    )

    with pytest.raises(BuildFailed):
        open_workspace(engine, project).built("production")

    (found,) = History().builds(project.image, failed=True)
    assert "exit code 3" in found.fault
    assert found.image_id == ""


def test_what_a_killed_cold_build_leaves_is_removed_when_nobody_has_used_it_for_long(
    engine: Engine, make_project: MakeProject, python_image: str
) -> None:
    # A build with a given namespace leaves its mounts behind, as a killed one does.
    namespace = f"{COLD}{uuid.uuid4().hex}"
    mount = "--mount=type=cache,id=left,target=/cache"
    project = project_of(make_project, python_image, f'RUN {mount} python3 -c \'open("/cache/n", "w")\'')
    build(engine, project, Options(no_cache=True, mount_namespace=namespace))

    assert remove_mounts(builder.find(engine), namespace, idle="1h") == set()
    assert namespace in cold_mounts(engine)

    assert remove_mounts(builder.find(engine), namespace) == {namespace}
    assert namespace not in cold_mounts(engine)


def test_interrupting_a_build_leaves_with_130_and_no_tag(
    engine: Engine, make_project: MakeProject, python_image: str, reference: Reference
) -> None:
    name = reference.split(":")[0]
    manifest = {"pyproject.toml": f'[project]\nname = "{name}"\n', "requirements.lock": ""}
    project = project_of(
        make_project,
        python_image,
        run_step(f"import time; '{uuid.uuid4().hex[:8]}'; time.sleep(60)"),
        **manifest,
    )
    environment = {**os.environ, "PYTHON_IMAGE": python_image}
    args = [
        sys.executable,
        "-m",
        "invoke",
        "--search-root",
        str(ROOT),
        "build",
        "--project",
        str(project.root),
    ]
    process = subprocess.Popen(args, stderr=subprocess.PIPE, env=environment, text=True, cwd=ROOT)
    assert process.stderr
    while "time.sleep" not in (line := process.stderr.readline()):
        assert line, "the build ended before it began to sleep"
    process.send_signal(signal.SIGINT)
    rest = process.stderr.read()
    process.wait(30)

    assert process.returncode == Interrupted.exit_code
    assert "error: interrupted during `invoke build`; nothing was left behind" in rest
    assert not engine.sdk.images.list(name=project.image)
