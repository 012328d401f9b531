"""The task list as MCP tools, for the chat agent and for any MCP client."""
