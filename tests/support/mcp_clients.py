"""The official MCP clients behind one interface: connect, list the tools, make calls, return the answers."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthToken,
)
from pydantic import AnyUrl

from drydock import command
from tests.support import packages

SECONDS = 30.0


@dataclass(frozen=True)
class Call:
    """One tool call."""

    name: str
    arguments: Mapping[str, object]


@dataclass(frozen=True)
class Result:
    """A tool's answer: structured content, or the text of its error."""

    content: Any
    text: str
    failed: bool


@dataclass(frozen=True)
class Visit:
    """A client's view of a server.

    Args:
        tools: Input schema by tool name.
        results: One for each call.
    """

    tools: Mapping[str, Mapping[str, Any]]
    results: Sequence[Result]


@dataclass(frozen=True)
class Authorized:
    """A client authorized by OAuth.

    Args:
        authorization: The URL that it opened in the browser.
    """

    visit: Visit
    authorization: str
    token: str


class Refused(Exception):
    """The client could not connect or was rejected."""


McpClient = Callable[[str, str, Sequence[Call]], Visit]
# Takes the URL to open and returns the browser's final URL.
Browser = Callable[[str], str]
OAuthClient = Callable[[str, Browser, Sequence[Call]], Authorized]
# No server listens there: the tests' browser only reads the address.
REDIRECT = "http://127.0.0.1:9/callback"


def python(mode: str) -> McpClient:
    """Return the Python client.

    Args:
        mode: ``legacy`` for the initialize handshake, ``auto`` for the newest protocol available.
    """

    async def visit(url: str, token: str, calls: Sequence[Call]) -> Visit:
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=SECONDS, trust_env=False) as http,
            Client(streamable_http_client(url, http_client=http), mode=mode) as client,
        ):
            return await _visit(client, calls)

    return lambda url, token, calls: _finished(visit(url, token, calls))


class _Memory:
    """The Python client's registration and tokens."""

    def __init__(self) -> None:
        self._tokens: OAuthToken | None = None
        self._client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self._tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self._tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self._client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self._client = client_info


def python_oauth(url: str, browser: Browser, calls: Sequence[Call]) -> Authorized:
    memory = _Memory()
    seen: list[str] = []

    async def redirect(address: str) -> None:
        seen.append(address)

    async def callback() -> AuthorizationCodeResult:
        query = parse_qs(urlsplit(await asyncio.to_thread(browser, seen[-1])).query)
        return AuthorizationCodeResult.model_validate({name: values[0] for name, values in query.items()})

    metadata = OAuthClientMetadata(
        client_name="drydock-tests", redirect_uris=[AnyUrl(REDIRECT)], token_endpoint_auth_method="none"
    )
    provider = OAuthClientProvider(url, metadata, memory, redirect, callback)

    async def visit() -> Visit:
        async with (
            httpx2.AsyncClient(auth=provider, timeout=SECONDS, trust_env=False) as http,
            Client(streamable_http_client(url, http_client=http)) as client,
        ):
            return await _visit(client, calls)

    made = _finished(visit())
    tokens = asyncio.run(memory.get_tokens())
    assert tokens is not None, "the server asked for no authorization"
    return Authorized(made, seen[0], tokens.access_token)


def over_stdio(command: Sequence[str], environment: Mapping[str, str], calls: Sequence[Call]) -> Visit:
    """Start a server with the Python client, as tool hosts do, and use it on stdin and stdout.

    Args:
        command: Starts the server; `docker run -i` for one in a container.
        environment: Variables of that command.

    Raises:
        Refused: The server ended too early, or rejected the client.
    """
    server = StdioServerParameters(
        command=command[0], args=list(command[1:]), env={**os.environ, **environment}
    )

    async def visit() -> Visit:
        async with Client(stdio_client(server)) as client:
            return await _visit(client, calls)

    return _finished(visit())


async def _visit(client: Client, calls: Sequence[Call]) -> Visit:
    tools = (await client.list_tools()).tools
    answers = [await client.call_tool(call.name, dict(call.arguments)) for call in calls]
    return Visit(
        {tool.name: tool.input_schema for tool in tools},
        [
            _result(answer.structured_content, answer.model_dump()["content"], answer.is_error)
            for answer in answers
        ],
    )


def _finished(visit: Coroutine[Any, Any, Visit]) -> Visit:
    try:
        return asyncio.run(asyncio.wait_for(visit, SECONDS))
    except Exception as error:
        raise Refused(repr(error)) from error


def typescript(package: str) -> McpClient:
    """Return the TypeScript client of an npm package, run by Node."""

    def run(url: str, token: str, calls: Sequence[Call]) -> Visit:
        order = {
            "package": package,
            "url": url,
            "token": token,
            "calls": [{"name": call.name, "arguments": call.arguments} for call in calls],
        }
        done = command.run([*packages.script("mcp_client.mjs"), json.dumps(order)], timeout=SECONDS)
        return _seen(json.loads(done.stdout))

    return run


def typescript_oauth(package: str) -> OAuthClient:

    def run(url: str, browser: Browser, calls: Sequence[Call]) -> Authorized:
        listed = [{"name": call.name, "arguments": call.arguments} for call in calls]
        order = {"package": package, "url": url, "redirect": REDIRECT, "calls": listed}
        with subprocess.Popen(
            [*packages.script("mcp_client.mjs"), json.dumps(order)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as client:
            assert client.stdout is not None
            asked = client.stdout.readline().strip()
            if not asked.startswith("http"):
                raise Refused(asked)
            output, _ = client.communicate(browser(asked) + "\n", timeout=SECONDS)
        document = json.loads(output)
        return Authorized(_seen(document), asked, document["token"])

    return run


def _seen(document: Mapping[str, Any]) -> Visit:
    """Convert a TypeScript client's JSON output."""
    if "error" in document:
        raise Refused(document["error"]["message"])
    return Visit(
        {tool["name"]: tool["inputSchema"] for tool in document["tools"]},
        [
            _result(answer.get("structuredContent"), answer["content"], answer.get("isError", False))
            for answer in document["results"]
        ],
    )


@contextmanager
def connected(package: str, url: str, token: str) -> Iterator[None]:
    """Keep a TypeScript client connected while the block runs, including the streams that it opens.

    Raises:
        Refused: It could not connect.
    """
    order = {"package": package, "url": url, "token": token, "hold": True}
    client = subprocess.Popen(
        [*packages.script("mcp_client.mjs"), json.dumps(order)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert client.stdout is not None
        if (said := client.stdout.readline()) != "connected\n":
            raise Refused(said)
        yield
    finally:
        client.kill()
        client.communicate()


TYPESCRIPT = ("@modelcontextprotocol/sdk", "@modelcontextprotocol/client")
CLIENTS: Mapping[str, McpClient] = {
    "Python": python("auto"),
    "Python with the older handshake": python("legacy"),
    **{f"TypeScript {package.rpartition('/')[2]}": typescript(package) for package in TYPESCRIPT},
}

OAUTH_CLIENTS: Mapping[str, OAuthClient] = {
    "Python": python_oauth,
    **{f"TypeScript {package.rpartition('/')[2]}": typescript_oauth(package) for package in TYPESCRIPT},
}


def _result(structured: Any, blocks: Sequence[Mapping[str, Any]], failed: bool | None) -> Result:
    # Structured content must be an object, so a tool's list arrives wrapped in one.
    content = (
        structured["result"] if isinstance(structured, dict) and set(structured) == {"result"} else structured
    )
    return Result(content, " ".join(str(block.get("text", "")) for block in blocks), bool(failed))
