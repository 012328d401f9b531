"""Facts about a running deployment."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from drydock import deploy
from drydock.deploy.errors import RolloutFailed
from drydock.project import Project
from tests.support.better_auth import BetterAuth, User
from tests.support.mcp_clients import CLIENTS, Call
from tests.system.cluster.deployment import Deployment, change, load, overlay, until

MEBIBYTE = 1024 * 1024
# In a shared process namespace the application is not process 1.
FIND = """
import os
from pathlib import Path
own = str(os.getpid())
app = next(p for p in Path('/proc').glob('[0-9]*')
           if p.name != own and b'/opt/image/start.py' in (p / 'cmdline').read_bytes())
"""
INSIDE = (
    FIND
    + """
import json
def writes(path):
    try:
        Path(path).write_text('x')
    except OSError as error:
        return os.strerror(error.errno)
    return 'written'
status = dict(line.split(':', 1) for line in (app / 'status').read_text().splitlines())
wanted = ('Uid', 'Gid', 'CapEff', 'CapPrm', 'CapBnd', 'NoNewPrivs', 'Seccomp')
print(json.dumps({name: status[name].split()[0] for name in wanted}
                 | {'root': writes('/x'), 'app': writes('/app/x'), 'tmp': writes('/tmp/x'),
                    'url': Path(os.environ['DATABASE_URL_FILE']).read_text(),
                    'environment': os.environ['ENVIRONMENT'],
                    'links': [name for name in os.environ if name.endswith('_PORT_5432_TCP')]}))
"""
)
# Peak memory by the kernel: control groups of version 2, or else of version 1.
PEAK = """
from pathlib import Path
files = ('/sys/fs/cgroup/memory.peak', '/sys/fs/cgroup/memory/memory.max_usage_in_bytes')
print(next(Path(name).read_text() for name in files if Path(name).exists()))
"""


@pytest.fixture(scope="module")
def ada(auth: BetterAuth) -> User:
    """A user who signed up."""
    return auth.sign_up()


def test_the_rollout_ends_with_two_ready_pods_and_tells_its_progress(deployed: Deployment) -> None:
    assert deployed.result.revisions == {"deployment/todo-chatbot-api": 1}
    assert deployed.result.changed
    assert [pod["status"]["phase"] for pod in deployed.pods()] == ["Running", "Running"]
    assert any("job/todo-chatbot-api-migration" in line for line in deployed.said)
    assert any("2 of 2 updated, 2 ready" in line for line in deployed.said)


def test_the_process_is_restricted_and_reads_its_secret_as_a_file(deployed: Deployment) -> None:
    for pod in deployed.pods():
        seen = json.loads(deployed.python(pod["metadata"]["name"], INSIDE))
        assert seen == {
            "Uid": "10001",
            "Gid": "10001",
            "CapEff": "0000000000000000",
            "CapPrm": "0000000000000000",
            "CapBnd": "0000000000000000",
            "NoNewPrivs": "1",
            "Seccomp": "2",
            "root": "Read-only file system",
            "app": "Read-only file system",
            "tmp": "written",
            "url": "postgresql://todo:todo@postgres/todo",
            "environment": "production",
            "links": [],
        }


def test_a_better_auth_token_is_accepted_through_the_service(
    deployed: Deployment, auth: BetterAuth, ada: User
) -> None:
    with deployed.client(auth.token(ada)) as client:
        added = client.post(f"/api/{ada.id}/tasks", json={"title": "Weigh anchor"})
        assert added.status_code == 201
        assert client.get(f"/api/{ada.id}/tasks/{added.json()['id']}").json()["title"] == "Weigh anchor"
    with deployed.client() as stranger:
        assert stranger.get(f"/api/{ada.id}/tasks").status_code == 401
    with deployed.client(auth.token(auth.sign_up())) as other:
        assert other.get(f"/api/{ada.id}/tasks").status_code == 403


@pytest.mark.parametrize("name", CLIENTS)
def test_an_mcp_client_works_through_the_service_with_two_replicas(
    deployed: Deployment, auth: BetterAuth, ada: User, name: str
) -> None:
    # Clients are not tied to a pod, so each session's requests reach both.
    for number in range(5):
        title = f"Voyage {number} by {name}"
        session = CLIENTS[name](
            f"{deployed.url}/mcp",
            auth.token(ada),
            [Call("add_task", {"title": title}), Call("list_tasks", {})],
        )
        added, listed = (result.content for result in session.results)
        assert added["status"] == "created"
        assert title in {task["title"] for task in listed}


def test_readiness_leaves_the_endpoints_with_the_database_and_returns_with_it(deployed: Deployment) -> None:
    until(lambda: deployed.endpoints() == 2, 30)
    restarts = _restarts(deployed)
    deployed.sql("ALTER DATABASE todo WITH ALLOW_CONNECTIONS false")
    try:
        deployed.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'todo'")
        until(lambda: deployed.endpoints() == 0, 30)
    finally:
        deployed.sql("ALTER DATABASE todo WITH ALLOW_CONNECTIONS true")
    until(lambda: deployed.endpoints() == 2, 30)
    until(deployed.answers, 30)
    assert _restarts(deployed) == restarts


def test_a_rolling_update_fails_no_request(
    deployed: Deployment, project: Project, image: str, auth: BetterAuth, ada: User
) -> None:
    before = {pod["metadata"]["name"] for pod in deployed.pods()}
    settings = deployed.overlay / "kustomization.yaml"
    settings.write_text(
        settings.read_text().replace("- ENVIRONMENT=", "- LOG_LEVEL=INFO\n  - ENVIRONMENT=", 1)
    )
    said: list[str] = []
    with load(deployed.url, f"/api/{ada.id}/tasks", auth.token(ada)) as result:
        second = deploy.deploy(project, str(deployed.overlay), deployed.kubectl.context, image, said.append)
        until(lambda: deployed.endpoints() == 2, 60)
    assert second.changed
    assert "    LOG_LEVEL: DEBUG → INFO" in "\n".join(said).splitlines()
    assert before.isdisjoint(pod["metadata"]["name"] for pod in deployed.pods())
    assert result.failures == [], deployed.events()
    assert result.answered > 100


def test_a_deleted_pod_fails_no_request(deployed: Deployment, auth: BetterAuth, ada: User) -> None:
    victim = deployed.pods()[0]["metadata"]["name"]
    with load(deployed.url, f"/api/{ada.id}/tasks", auth.token(ada)) as result:
        deployed.kubectl.run("delete", "pod", victim, f"--namespace={deployed.namespace}", "--wait")
        until(lambda: deployed.endpoints() == 2, 60)
    assert result.failures == [], deployed.events()
    assert result.answered > 20


def test_memory_stays_inside_the_limit_under_load(deployed: Deployment, auth: BetterAuth, ada: User) -> None:
    token = auth.token(ada)
    with load(deployed.url, f"/api/{ada.id}/tasks", token) as result:
        # Tool calls load the MCP server and its dependencies, which brings a pod near its peak.
        for visit in range(6):
            calls = [Call("add_task", {"title": f"Ballast {visit}"}), Call("list_tasks", {})]
            CLIENTS["Python"](f"{deployed.url}/mcp", token, calls)
        until(lambda: result.answered > 300, 90)
    assert result.failures == [], deployed.events()
    for pod in deployed.pods():
        limit = pod["spec"]["containers"][0]["resources"]["limits"]["memory"]
        peak = int(deployed.python(pod["metadata"]["name"], PEAK))
        assert 0 < peak < 0.8 * int(limit.removesuffix("Mi")) * MEBIBYTE
        ended = pod["status"]["containerStatuses"][0]["lastState"].get("terminated", {})
        assert ended.get("reason") != "OOMKilled"


def test_a_second_deployment_changes_nothing(deployed: Deployment, project: Project, image: str) -> None:
    before = {pod["metadata"]["name"] for pod in deployed.pods()}
    said: list[str] = []
    again = deploy.deploy(project, str(deployed.overlay), deployed.kubectl.context, image, said.append)
    assert not again.changed
    assert "the cluster already runs this" in said
    assert before == {pod["metadata"]["name"] for pod in deployed.pods()}


def test_a_failed_update_leaves_the_old_pods_serving_and_can_be_undone(
    deployed: Deployment, project: Project, image: str, tmp_path: Path
) -> None:
    broken = overlay(
        tmp_path,
        deployed.overlay,
        settings={"LOG_LEVEL": "WARNING"},
        replicas=2,
        patches=[
            change({"op": "add", "path": "/spec/template/spec/containers/0/command", "value": ["/none"]})
        ],
    )
    context = deployed.kubectl.context
    with pytest.raises(RolloutFailed, match=r"deployment/todo-chatbot-api does not run: .*/none"):
        deploy.deploy(project, str(broken), context, image, lambda _: None, 60.0)
    with deployed.client() as client:
        assert client.get("/readyz").status_code == 200
    said: list[str] = []
    deploy.undo(project, str(deployed.overlay), context, said.append)
    assert "2 of 2 updated, 2 ready" in said[-1]


def test_a_hanging_process_is_restarted_by_liveness(deployed: Deployment) -> None:
    pod = deployed.pods()[0]["metadata"]["name"]
    before = _restarts(deployed)
    deployed.python(pod, FIND + "import signal; os.kill(int(app.name), signal.SIGSTOP)")
    until(lambda: _restarts(deployed) == before + 1, 150)
    until(lambda: deployed.endpoints() == 2, 60)


def _restarts(deployed: Deployment) -> int:
    return sum(pod["status"]["containerStatuses"][0]["restartCount"] for pod in deployed.pods())
