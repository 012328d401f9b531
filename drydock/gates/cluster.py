"""Proofs on a real cluster: put the images there, and let the project's cluster tests speak with it."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from drydock import command, errors
from drydock.deploy import kubectl as clusters
from drydock.engine import Engine
from drydock.gates import container_tests
from drydock.progress import Say
from drydock.project import Project
from drydock.verdict import Outcome, Verdict

GATE = "cluster"
TESTS = Path("tests", "cluster")
# Names a command that puts images of the engine onto the cluster, for clusters that drydock does not know;
# the images' references are appended to it.
LOAD = "DRYDOCK_CLUSTER_LOAD"
# What the tests find the image and the context under.
IMAGE, CONTEXT = "DRYDOCK_CLUSTER_IMAGE", "DRYDOCK_CLUSTER_CONTEXT"


def loader(context: str, environment: Mapping[str, str] = os.environ) -> list[str] | None:
    """Return the command that puts images onto a cluster; None where the cluster shares the engine's.

    Args:
        context: The context's name, by which kind and minikube are known.
        environment: Where the user may have named a command of their own.
    """
    if named := environment.get(LOAD):
        return shlex.split(named)
    if context.startswith("kind-"):
        return ["kind", "load", "docker-image", f"--name={context.removeprefix('kind-')}"]
    if context == "minikube" or context.startswith("minikube-"):
        return ["minikube", "image", "load", f"--profile={context}"]
    return None


def load(engine: Engine, context: str, images: Sequence[str], say: Say) -> None:
    """Put images of the engine onto a cluster.

    Raises:
        command.CommandFailed: The command for it failed.
    """
    chosen = loader(context)
    if chosen is None:
        return
    say(f"loading {', '.join(images)}")
    command.run([*chosen, *images], env=engine.environment)


def run(
    engine: Engine, project: Project, image: str, show: Callable[[str], None], args: Sequence[str] = ()
) -> Verdict:
    """Run the project's cluster tests against the current context.

    Args:
        engine: Where the image is.
        project: Its ``tests/system/cluster`` are run.
        image: A reference with a tag.
        show: Takes the output as it comes.
        args: Further arguments for pytest.
    """
    began = time.monotonic()
    try:
        kubectl = clusters.connect(say=lambda line: show(f"{line}\n"))
        context = kubectl.run("config", "current-context").stdout.strip()
        load(engine, context, [image], lambda line: show(f"{line}\n"))
    except (errors.NoCluster, errors.ToolNotInstalled, command.CommandFailed) as error:
        return Verdict(
            GATE,
            Outcome.COULD_NOT_CHECK,
            str(error).removeprefix("error: "),
            seconds=time.monotonic() - began,
        )
    done = command.stream(
        [sys.executable, "-m", "pytest", str(project.root / TESTS), *args],
        show,
        cwd=project.root,
        env={IMAGE: image, CONTEXT: context},
    )
    return judge(context, done.code, done.stdout, time.monotonic() - began)


def judge(context: str, code: int, output: str, seconds: float) -> Verdict:
    """Decide from pytest's exit code and output."""
    verdict = container_tests.judge("production", code, output, seconds)
    return Verdict(
        GATE,
        verdict.outcome,
        verdict.summary.replace("in the production image", f"on cluster {context}"),
        evidence=verdict.evidence,
        measurements=verdict.measurements,
        seconds=seconds,
    )
