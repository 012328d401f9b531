"""Commands: check, migrate, openapi, dev-token, serve-mcp-stdio."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence

from todo_api import startup

EX_USAGE = 64
EX_UNAVAILABLE = 69
EX_CONFIG = 78


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="todo_api", description="Todo Chatbot API: commands beside the server."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("check", help="list every wrong or missing setting; exit code 78 when there is one")
    commands.add_parser("migrate", help="bring the database's schema up to date")
    commands.add_parser("openapi", help="print the OpenAPI document")
    commands.add_parser(
        "serve-mcp-stdio", help="serve MCP on stdin and stdout for the user of TODO_API_TOKEN"
    )
    token = commands.add_parser("dev-token", help="print a development token; refused in production")
    token.add_argument(
        "--user", default="developer", metavar="ID", help="the token's user (default: developer)"
    )
    options = parser.parse_args(arguments)

    faults = startup.check()
    if options.command == "check" or faults:
        for line in faults:
            print(f"error: {line}", file=sys.stderr)
        return EX_CONFIG if faults else 0
    run: dict[str, Callable[[argparse.Namespace], int]] = {
        "migrate": migrate,
        "openapi": openapi,
        "dev-token": dev_token,
        "serve-mcp-stdio": serve_mcp_stdio,
    }
    return run[options.command](options)


def migrate(_options: argparse.Namespace) -> int:
    """Migrate, or report why the database is unreachable."""
    from sqlalchemy.exc import OperationalError

    try:
        startup.migrate()
    except OperationalError as error:
        print(
            f"error: the database cannot be used ({_first_line(error)}); check DATABASE_URL", file=sys.stderr
        )
        return EX_UNAVAILABLE
    return 0


def openapi(_options: argparse.Namespace) -> int:
    """Print the OpenAPI document."""
    from todo_api.api.openapi import document
    from todo_api.main import create_app

    print(json.dumps(document(create_app()), indent=2))
    return 0


def dev_token(options: argparse.Namespace) -> int:
    """Print a token that a server with the same DATA_DIR accepts."""
    from todo_api.auth.development import DevelopmentTokensOff, make_token
    from todo_api.settings import get_settings

    try:
        print(make_token(get_settings(), options.user))
    except DevelopmentTokensOff as error:
        print(f"error: no development tokens here: {error}", file=sys.stderr)
        return EX_CONFIG
    return 0


def serve_mcp_stdio(_options: argparse.Namespace) -> int:
    """Serve MCP over stdio until the input ends."""
    import asyncio

    from todo_api.auth.source import KeysUnavailable
    from todo_api.auth.tokens import InvalidToken
    from todo_api.logs import configure_logging
    from todo_api.mcp_server.stdio import TOKEN_VARIABLE, serve
    from todo_api.settings import get_settings

    settings = get_settings()
    configure_logging(settings)
    if settings.is_sqlite:
        startup.migrate()
    try:
        asyncio.run(serve(settings))
    except InvalidToken as error:
        print(f"error: {error}; put a valid token into {TOKEN_VARIABLE}", file=sys.stderr)
        return EX_USAGE
    except KeysUnavailable:
        print(
            "error: the sign-in service's keys cannot be fetched; check BETTER_AUTH_JWKS_URL", file=sys.stderr
        )
        return EX_UNAVAILABLE
    return 0


def _first_line(error: Exception) -> str:
    from todo_api.logs import Redactor
    from todo_api.settings import get_settings

    text = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
    return Redactor(get_settings().secrets)(text)


if __name__ == "__main__":
    sys.exit(main())
