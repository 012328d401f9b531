"""A turn's outcome, successful or failed, in the form stored under a key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from todo_api.chat.events import Reply, ToolCalled
from todo_api.db.conversations import Effect
from todo_api.problems import Problem

type Response = dict[str, Any]

_FAILURE = "problem"


@dataclass(frozen=True, slots=True)
class Replay:
    """The stored outcome of an earlier request with the same key: a response or a problem."""

    response: Response | None
    problem: Problem | None


def answered(conversation_id: int, reply: Reply) -> Response:
    """Return the response of an answered turn."""
    return {
        "conversation_id": conversation_id,
        "response": reply.text,
        "tool_calls": [_listed(call) for call in reply.tool_calls],
    }


def _listed(call: ToolCalled) -> dict[str, Any]:
    return {"name": call.name, "arguments": call.arguments, "result": call.result}


def interrupted() -> Problem:
    """Return the problem of a turn that its process could not finish."""
    return Problem(500, "turn-interrupted", "The turn was interrupted before it was answered.")


def after_changes(problem: Problem, conversation_id: int | None, effects: Sequence[Effect]) -> Problem:
    """Return a failed turn's problem with its tools' changes."""
    return Problem(
        problem.status,
        problem.kind,
        f"{problem.detail} Before that it made the changes in tool_calls: do not send the message again for "
        "them.",
        headers=problem.headers,
        members={"conversation_id": conversation_id, "tool_calls": list(effects)},
    )


def to_store(problem: Problem) -> Response:
    """Return a problem in the stored form of a response."""
    fields = {name: getattr(problem, name) for name in ("status", "kind", "detail", "headers", "members")}
    return {_FAILURE: fields}


def replayed(stored: Response) -> Replay:
    """Return the outcome stored under a key."""
    if _FAILURE not in stored:
        return Replay(stored, None)
    return Replay(None, Problem(**stored[_FAILURE]))
