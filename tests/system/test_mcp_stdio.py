"""MCP on stdin and stdout, in a container started from the entry for Docker's MCP toolkit."""

from __future__ import annotations

import pytest
import yaml

from drydock.engine import LABEL
from tests.conftest import ROOT
from tests.support.mcp_clients import Call, Refused, over_stdio
from tests.support.systems import Account, Systems

ENTRY = yaml.safe_load((ROOT / "deploy/assistants/gordon/todo-chatbot-api-stdio.yaml").read_text())
TOOLS = {"add_task", "list_tasks", "complete_task", "delete_task", "update_task"}


def start(neighbourhood: Systems) -> list[str]:
    """Return a tool host's command for the entry."""
    hosts = [f"--add-host={name}:{address}" for name, address in neighbourhood.hosts().items()]
    names = [one["env"] for one in ENTRY["secrets"]] + [one["name"] for one in ENTRY["env"]]
    restricted = ["--security-opt=no-new-privileges", "--memory=2g", f"--label={LABEL}=tests"]
    where = [f"--network={neighbourhood.network}", *hosts]
    passed = [f"--env={name}" for name in (*names, "BETTER_AUTH_JWKS_URL")]
    return [
        *("docker", "run", "--rm", "--interactive", "--init", "--pull=never", *restricted, *where, *passed),
        *(neighbourhood.image, *ENTRY["command"]),
    ]


@pytest.fixture(scope="module")
def settings(neighbourhood: Systems) -> dict[str, str]:
    """The settings that the entry's user must supply, with a migrated database."""
    environment = neighbourhood.environment(neighbourhood.postgres.create_database("stdio"))
    code, output = neighbourhood.run_to_end(environment, "migrate")
    assert code == 0, output
    return {
        "DATABASE_URL": environment["DATABASE_URL"],
        "BETTER_AUTH_URL": environment["BETTER_AUTH_ISSUER"],
        "BETTER_AUTH_JWKS_URL": environment["BETTER_AUTH_JWKS_URL"],
        **neighbourhood.engine.environment,
    }


def test_the_official_client_works_with_all_five_tools(
    neighbourhood: Systems, settings: dict[str, str], ada: Account, grace: Account
) -> None:
    def visit(who: Account, *calls: Call) -> list[object]:
        seen = over_stdio(start(neighbourhood), settings | {"TODO_API_TOKEN": who.token}, calls)
        assert set(seen.tools) == TOOLS
        return [result.content for result in seen.results]

    added, listed = visit(ada, Call("add_task", {"title": "Splice the mainbrace"}), Call("list_tasks", {}))
    assert isinstance(added, dict)
    number = added["task_id"]
    assert listed == [{"id": number, "title": "Splice the mainbrace", "completed": False}]

    changes = [
        Call("complete_task", {"task_id": number}),
        Call("update_task", {"task_id": number, "title": "Splice it again"}),
        Call("delete_task", {"task_id": number}),
    ]
    assert [answer["status"] for answer in visit(ada, *changes) if isinstance(answer, dict)] == [
        "completed",
        "updated",
        "deleted",
    ]
    assert visit(grace, Call("list_tasks", {})) == [[]]


def test_a_container_without_a_good_token_serves_nobody(
    neighbourhood: Systems, settings: dict[str, str]
) -> None:
    with pytest.raises(Refused):
        over_stdio(start(neighbourhood), settings | {"TODO_API_TOKEN": "letmein"}, [])
