"""`invoke deploy` refuses or explains a deployment that cannot run, in one line."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from drydock import deploy as kubernetes
from drydock.deploy.errors import (
    ApplyFailed,
    NoCluster,
    NothingToUndo,
    Placeholders,
    RolloutFailed,
    SecretMissing,
)
from drydock.deploy.kubectl import Kubectl
from drydock.deploy.render import FOLDER
from drydock.engine import Engine
from drydock.project import Project
from tests.system.cluster.deployment import NAME, change, overlay

SECONDS = 60.0
# No server listens there: these deployments are refused before a database is needed.
SECRET = """
apiVersion: v1
kind: Secret
metadata: {name: todo-chatbot-api}
stringData: {database-url: "postgresql://todo:todo@127.0.0.1/todo", openai-api-key: none}
"""
WITHOUT_SECRET = """
$patch: delete
apiVersion: v1
kind: Secret
metadata: {name: todo-chatbot-api}
"""
WITHOUT_JOB = """
$patch: delete
apiVersion: batch/v1
kind: Job
metadata: {name: todo-chatbot-api-migration}
"""
FILLED = {"target": {"kind": "Secret"}, "patch": SECRET}
NO_JOB = {"target": {"kind": "Job"}, "patch": WITHOUT_JOB}

Attempt = Callable[..., kubernetes.Deployed]


@pytest.fixture
def namespace(discard: Callable[[str], None]) -> Iterator[str]:
    """A test's own namespace, which may not exist yet."""
    name = f"todo-chatbot-refused-{uuid.uuid4().hex[:8]}"
    yield name
    discard(name)


@pytest.fixture
def attempt(project: Project, kubectl: Kubectl, image: str, namespace: str, tmp_path: Path) -> Attempt:
    """Return a function that deploys the base with patches into the test's namespace."""

    def run(
        patches: Sequence[Mapping[str, Any]],
        settings: Mapping[str, str] | None = None,
        reference: str = image,
        seconds: float = SECONDS,
    ) -> kubernetes.Deployed:
        folder = overlay(
            tmp_path,
            project.root / FOLDER / "base",
            namespace=namespace,
            settings={"BETTER_AUTH_URL": "https://auth.todo.example"} | dict(settings or {}),
            patches=[NO_JOB, *patches],
        )
        return kubernetes.deploy(project, str(folder), kubectl.context, reference, lambda _: None, seconds)

    return run


def test_placeholders_are_refused_before_anything_is_applied(
    attempt: Attempt, kubectl: Kubectl, namespace: str
) -> None:
    with pytest.raises(Placeholders) as caught:
        attempt([])
    assert "secret/todo-chatbot-api: SET-ME" in caught.value.evidence
    assert kubectl.json(f"namespace/{namespace}") is None


def test_a_missing_secret_is_refused_before_anything_is_applied(
    attempt: Attempt, kubectl: Kubectl, namespace: str
) -> None:
    with pytest.raises(SecretMissing, match=r"Secret todo-chatbot-api is not in namespace"):
        attempt([{"target": {"kind": "Secret"}, "patch": WITHOUT_SECRET}])
    assert kubectl.json(f"namespace/{namespace}") is None


def test_a_root_image_is_explained(
    attempt: Attempt, engine: Engine, image: str, load_image: Callable[[str], None], tmp_path: Path
) -> None:
    reference = f"{NAME}:root"
    folder = tmp_path / "root"
    folder.mkdir()
    (folder / "Dockerfile").write_text(f"FROM {image}\nUSER 0\n")
    engine.sdk.images.build(path=str(folder), tag=reference, rm=True, forcerm=True)
    try:
        load_image(reference)
        # Without a number in the manifest, the image's user counts.
        numbers = [f"/spec/template/spec/securityContext/{name}" for name in ("runAsUser", "runAsGroup")]
        with pytest.raises(RolloutFailed) as caught:
            attempt(
                [FILLED, change(*({"op": "remove", "path": path} for path in numbers))], reference=reference
            )
    finally:
        engine.sdk.images.remove(reference)
    assert "container has runAsNonRoot and image will run as root" in caught.value.args[0]


def test_a_missing_tmp_is_explained(attempt: Attempt) -> None:
    remove = [
        {"op": "remove", "path": "/spec/template/spec/containers/0/volumeMounts/0"},
        {"op": "remove", "path": "/spec/template/spec/volumes/0"},
    ]
    with pytest.raises(RolloutFailed) as caught:
        attempt([FILLED, change(*remove)], {"WEB_CONCURRENCY": "2"})
    assert "error: DATA_DIR: '/tmp/todo-chatbot-api' cannot be written" in caught.value.args[0]


def test_a_refused_setting_is_explained_by_the_applications_own_line(attempt: Attempt) -> None:
    with pytest.raises(RolloutFailed) as caught:
        attempt([FILLED], {"LOG_LEVEL": "LOUD"})
    assert "exited with 78: error: LOG_LEVEL: 'LOUD' is refused" in caught.value.args[0]


def test_a_missing_image_is_explained(attempt: Attempt) -> None:
    with pytest.raises(RolloutFailed, match=r"ImagePull|ErrImage"):
        attempt([FILLED], reference=f"{NAME}:never-built")


def test_too_little_memory_is_explained(attempt: Attempt) -> None:
    memory = "/spec/template/spec/containers/0/resources"
    little = {name: {"memory": "24Mi", "cpu": "500m"} for name in ("requests", "limits")}
    with pytest.raises(RolloutFailed, match="container api used more memory than its limit"):
        attempt([FILLED, change({"op": "replace", "path": memory, "value": little})])


def test_a_pod_that_no_node_takes_is_explained(attempt: Attempt) -> None:
    request = "/spec/template/spec/containers/0/resources/requests/cpu"
    limit = request.replace("requests", "limits")
    huge = [{"op": "replace", "path": path, "value": "1000"} for path in (request, limit)]
    with pytest.raises(RolloutFailed, match=r"no node accepts it: .*Insufficient cpu"):
        attempt([FILLED, change(*huge)], seconds=15.0)


def test_what_the_api_server_refuses_is_told_in_its_words(attempt: Attempt) -> None:
    negative = {"op": "replace", "path": "/spec/progressDeadlineSeconds", "value": -1}
    with pytest.raises(ApplyFailed, match=r"is invalid: spec\.progressDeadlineSeconds: Invalid value: -1"):
        attempt([FILLED, change(negative)])


def test_a_first_deployment_cannot_be_undone(project: Project, kubectl: Kubectl, tmp_path: Path) -> None:
    never = overlay(tmp_path, project.root / FOLDER / "base", namespace="todo-chatbot-never")
    with pytest.raises(NothingToUndo, match="deployment/todo-chatbot-api cannot go back"):
        kubernetes.undo(project, str(never), kubectl.context, lambda _: None)


def test_an_unknown_context_is_named(project: Project) -> None:
    with pytest.raises(NoCluster, match="'nowhere'"):
        kubernetes.deploy(project, "local", "nowhere", say=lambda _: None)
