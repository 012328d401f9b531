"""The same application, started as most services are: what it will ever need is imported at the start."""

import importlib

from todo_api.main import create_app

# What stands at the top of some module wherever nobody has put it off.
for module in (
    "mcp.server.mcpserver",
    "openai",
    "agents.mcp",
    "todo_api.mcp_server.tools",
    "todo_api.chat.agent",
):
    importlib.import_module(module)

app = create_app()
