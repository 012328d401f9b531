"""The same application, started as most services are: with all imports at the start."""

import importlib

from todo_api.main import create_app

# Most services import these at the top of a module.
for module in (
    "mcp.server.mcpserver",
    "openai",
    "agents.mcp",
    "todo_api.mcp_server.tools",
    "todo_api.chat.agent",
):
    importlib.import_module(module)

app = create_app()
