"""A cluster's reports about pods become one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from drydock.deploy import diagnosis, rollout
from drydock.deploy.errors import RolloutFailed
from drydock.deploy.kubectl import Kubectl
from drydock.deploy.manifests import Manifest, parse, placeholders, repository, with_image


def pod(state: dict[str, Any], last: dict[str, Any] | None = None, restarts: int = 0) -> dict[str, Any]:
    container = {
        "name": "api",
        "image": "todo:1",
        "state": state,
        "lastState": last or {},
        "restartCount": restarts,
    }
    return {"metadata": {"name": "todo-1"}, "status": {"containerStatuses": [container]}}


def event(reason: str, message: str) -> dict[str, Any]:
    return {"type": "Warning", "reason": reason, "message": message, "involvedObject": {"name": "todo-1"}}


ENDED = {"terminated": {"exitCode": 3, "reason": "Error"}}
MISCONFIGURED = {"terminated": {"exitCode": 78, "reason": "Error"}}
UNSTARTED = {
    "terminated": {"exitCode": 128, "reason": "StartError", "message": 'exec: "/none": no such file\n'}
}
KILLED = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}


@pytest.mark.parametrize(
    ("described", "cause", "hopeless"),
    [
        (
            pod({"waiting": {"reason": "CreateContainerConfigError", "message": 'secret "x" not found'}}),
            'CreateContainerConfigError: secret "x" not found',
            True,
        ),
        (pod({"waiting": {"reason": "ErrImagePull"}}), "ErrImagePull: todo:1", False),
        (pod({"waiting": {"reason": "ImagePullBackOff"}}), "ImagePullBackOff: todo:1", True),
        (pod(ENDED, restarts=1), "container api exited with 3", False),
        # the first pod of a Job, whose restarts are further pods
        (pod(MISCONFIGURED), "container api exited with 78", True),
        (pod({"waiting": {"reason": "CrashLoopBackOff"}}, ENDED, 1), "container api exited with 3", True),
        (pod({"running": {}}, ENDED, restarts=2), "container api exited with 3", True),
        (
            pod({"waiting": {"reason": "CrashLoopBackOff"}}, UNSTARTED, 1),
            'container api exited with 128: exec: "/none": no such file',
            True,
        ),
        (pod({"running": {}}, KILLED, restarts=2), "container api used more memory than its limit", True),
    ],
)
def test_a_container_that_does_not_run_is_explained(described: Any, cause: str, hopeless: bool) -> None:
    found = diagnosis.troubles([described], [])
    assert [(one.cause, one.hopeless) for one in found] == [(cause, hopeless)]


def test_a_pod_that_no_node_takes_is_explained() -> None:
    condition = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes: Insufficient memory"}
    described = {"metadata": {"name": "todo-1"}, "status": {"conditions": [condition]}}
    assert (
        diagnosis.troubles([described], [])[0].cause == "no node accepts it: 0/1 nodes: Insufficient memory"
    )


def test_a_mount_that_fails_is_explained_by_its_event() -> None:
    found = diagnosis.troubles(
        [pod({"waiting": {"reason": "ContainerCreating"}})], [event("FailedMount", 'secret "x" not found')]
    )
    assert [one.cause for one in found] == ['secret "x" not found']


def test_a_healthy_pod_has_no_trouble() -> None:
    assert diagnosis.troubles([pod({"running": {}})], []) == []


def test_pods_that_the_api_server_refuses_are_explained() -> None:
    condition = {
        "type": "ReplicaFailure",
        "status": "True",
        "message": 'violates PodSecurity "restricted:latest"',
    }
    assert diagnosis.refused({"status": {"conditions": [condition]}}) == condition["message"]
    assert diagnosis.refused({"status": {}}) == ""


@pytest.mark.parametrize(
    ("log", "line"),
    [
        ("start\nerror: PORT: 'x' is no number\nbye\n", "error: PORT: 'x' is no number"),
        ("one\ntwo\n\n", "two"),
        ("", ""),
    ],
)
def test_the_line_of_a_log_that_says_most_is_chosen(log: str, line: str) -> None:
    assert diagnosis.from_log(log) == line


def deployment(generation: int = 2, **status: int) -> dict[str, Any]:
    return {
        "kind": "Deployment",
        "metadata": {"generation": generation},
        "spec": {"replicas": 2},
        "status": {"observedGeneration": 2, **status},
    }


@pytest.mark.parametrize(
    ("described", "done", "text"),
    [
        (deployment(updatedReplicas=2, replicas=2, availableReplicas=2), True, "2 of 2 updated, 2 ready"),
        (deployment(3, updatedReplicas=2, replicas=2, availableReplicas=2), False, "2 of 2 updated, 2 ready"),
        (
            deployment(updatedReplicas=1, replicas=3, availableReplicas=2),
            False,
            "1 of 2 updated, 2 ready, 2 old",
        ),
        (
            deployment(updatedReplicas=2, replicas=3, availableReplicas=3),
            False,
            "2 of 2 updated, 3 ready, 1 old",
        ),
        (deployment(updatedReplicas=2, replicas=2, availableReplicas=1), False, "2 of 2 updated, 1 ready"),
    ],
)
def test_a_deployment_is_done_when_only_new_pods_run_and_all_are_ready(
    described: Any, done: bool, text: str
) -> None:
    assert rollout.state(described) == rollout.State(done, text)


def replica_set(revision: int) -> dict[str, Any]:
    return {
        "kind": "ReplicaSet",
        "metadata": {
            "labels": {"pod-template-hash": f"hash{revision}"},
            "annotations": {"deployment.kubernetes.io/revision": str(revision)},
            "ownerReferences": [{"uid": "owner"}],
        },
    }


def test_only_pods_of_the_newest_revision_that_stay_are_looked_at() -> None:
    def one(name: str, revision: int, **metadata: str) -> dict[str, Any]:
        labels = {"app": "todo", "pod-template-hash": f"hash{revision}"}
        return {"kind": "Pod", "metadata": {"name": name, "labels": labels, **metadata}}

    described = deployment()
    described["metadata"]["uid"] = "owner"
    described["spec"]["selector"] = {"matchLabels": {"app": "todo"}}
    going = one("going", 10, deletionTimestamp="now")
    objects = [replica_set(9), replica_set(10), one("old", 9), one("new", 10), going]
    assert [found["metadata"]["name"] for found in rollout.pods(described, objects)] == ["new"]


def test_a_job_is_done_when_it_is_complete_and_failed_when_it_has_failed() -> None:
    job = {"kind": "Job", "metadata": {"generation": 1}, "spec": {}, "status": {"active": 1}}
    assert rollout.state(job) == rollout.State(False, "1 running, 0 failed")
    complete = {"conditions": [{"type": "Complete", "status": "True"}]}
    assert rollout.state(job | {"status": complete}).done
    failed = {"failed": 4, "conditions": [{"type": "Failed", "status": "True", "message": "too many"}]}
    assert rollout.state(job | {"status": failed}) == rollout.State(False, "0 running, 4 failed", "too many")


@pytest.mark.parametrize(
    "reference", ["todo", "todo:1", "r.example.com:5000/a/todo:1", "r/todo@sha256:" + "1" * 64]
)
def test_the_repository_of_a_reference_has_neither_registry_nor_tag(reference: str) -> None:
    assert repository(reference) == "todo"


POD = {
    "template": {
        "spec": {"containers": [{"name": "a", "image": "r/todo:1"}, {"name": "b", "image": "redis:7"}]}
    }
}


def test_only_the_applications_image_is_replaced() -> None:
    made = with_image([Manifest({"kind": "Deployment", "spec": POD})], "todo", "r/todo@sha256:1")
    assert [one["image"] for one in made[0].containers] == ["r/todo@sha256:1", "redis:7"]


def test_placeholders_are_listed_with_their_object() -> None:
    text = "kind: Secret\nmetadata: {name: s}\nstringData: {a: SET-ME, b: real, c: https://x.example.com}\n"
    assert placeholders(parse(text)) == ["secret/s: SET-ME", "secret/s: https://x.example.com"]


KUBECTL = """\
#!/bin/sh
cd "$(dirname "$0")"
if [ "$1" = get ]; then
    cat objects.json
elif [ -e asked ]; then
    echo "error: PORT: 'x' is no number"
else
    case "$*" in *previous=false*) touch asked;; esac
    echo "unable to retrieve container logs for containerd://1"
fi
"""


def test_a_log_that_the_kubelet_removed_is_asked_for_again(tmp_path: Path) -> None:
    described = deployment()
    described["metadata"] |= {"name": "todo", "namespace": "shop", "uid": "owner"}
    described["spec"]["selector"] = {"matchLabels": {"app": "todo"}}
    crashed = {"kind": "Pod", **pod({"running": {}}, MISCONFIGURED, restarts=2)}
    crashed["metadata"]["labels"] = {"app": "todo", "pod-template-hash": "hash2"}
    (tmp_path / "objects.json").write_text(json.dumps({"items": [described, replica_set(2), crashed]}))
    program = tmp_path / "kubectl"
    program.write_text(KUBECTL)
    program.chmod(0o755)

    with pytest.raises(RolloutFailed, match="container api exited with 78: error: PORT: 'x' is no number"):
        rollout.wait(Kubectl(program), Manifest(described), 60, lambda _: None)
