"""kagent's own runtime, as its controller starts it for our Agent, uses the tools of the container."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

from drydock import command
from tests.conftest import ROOT
from tests.support.systems import Account, App

# Later releases of a2a-sdk lack what it imports.
RUNTIME = ("kagent-adk==0.10.4", "a2a-sdk<1")
USE = """
import asyncio, json, sys
from unittest.mock import MagicMock
from kagent.adk.types import AgentConfig, KAgentMcpToolset
asked = json.load(sys.stdin)
agent = AgentConfig.model_validate(asked["config"]).to_agent("todo_tasks")
async def use():
    [toolset] = [one for one in agent.tools if isinstance(one, KAgentMcpToolset)]
    tools = {one.name: one for one in await toolset.get_tools()}
    answer = await tools["add_task"].run_async(args=asked["task"], tool_context=MagicMock())
    listed = await tools["list_tasks"].run_async(args={}, tool_context=MagicMock())
    await toolset.close()
    return {"tools": sorted(tools), "added": answer, "listed": listed}
print(json.dumps(asyncio.run(use())))
"""


def test_its_runtime_takes_our_agent_and_uses_its_tools(app: App, ada: Account) -> None:
    documents = list(yaml.safe_load_all((ROOT / "deploy/assistants/kagent/todo.yaml").read_text()))
    specs: dict[str, Any] = {f"{one['kind']}/{one['metadata']['name']}": one["spec"] for one in documents}
    agent, model = specs["Agent/todo-tasks"], specs["ModelConfig/todo"]
    [tool] = agent["declarative"]["tools"]
    server = specs[f"RemoteMCPServer/{tool['mcpServer']['name']}"]
    [header] = server["headersFrom"]
    params = {
        "url": f"{app.url}/mcp",
        "headers": {header["name"]: f"Bearer {ada.token}"},
        "timeout": float(server["timeout"].removesuffix("s")),
        "terminate_on_close": server["terminateOnClose"],
    }
    config = {
        "model": {
            "type": model["provider"].lower(),
            "model": model["model"],
            "base_url": model["openAI"]["baseUrl"],
        },
        "description": agent["description"],
        "instruction": agent["declarative"]["systemMessage"],
        "http_tools": [{"params": params, "tools": tool["mcpServer"]["toolNames"]}],
    }
    uv = [str(Path(sys.executable).with_name("uv")), "run", "--quiet", "--isolated", "--no-project"]
    done = command.run(
        [*uv, *(f"--with={one}" for one in RUNTIME), "python", "-c", USE],
        stdin=json.dumps({"config": config, "task": {"title": "Weigh anchor"}}),
        env={"UV_SYSTEM_CERTS": "1", "OPENAI_API_KEY": "unused"},
    )

    said = json.loads(done.stdout.splitlines()[-1])
    assert said["tools"] == sorted(tool["mcpServer"]["toolNames"])
    assert "Weigh anchor" in json.dumps(said["added"])
    assert "Weigh anchor" in json.dumps(said["listed"])
