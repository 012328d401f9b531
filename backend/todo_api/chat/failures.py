"""Failures of the model, its endpoint or the SDK, as problems for the client."""

from __future__ import annotations

import logging
import traceback

import openai
from agents.exceptions import MaxTurnsExceeded, ModelBehaviorError, ModelRefusalError, ModelTimeoutError
from httpx2 import HTTPError, TimeoutException

from todo_api.problems import Problem, unavailable

logger = logging.getLogger(__name__)

MAX_RETRY_AFTER_SECONDS = 300
TRACED_FRAMES = 8


def as_problem(error: Exception) -> Problem:
    """Return the problem for a run's error, without the model's words."""
    root = _root(error)
    if isinstance(root, Problem):
        return root
    # Not the error's text: the endpoint wrote it, with the words of user and model.
    status = {"status": root.status_code} if isinstance(root, openai.APIStatusError) else {}
    logger.warning("chat turn failed", extra={"error": type(root).__name__, **status})
    match root:
        case openai.APITimeoutError() | ModelTimeoutError() | TimeoutException() | TimeoutError():
            return Problem(504, "model-timeout", "The model did not answer in time; try again.")
        case openai.RateLimitError():
            return unavailable(
                "model-rate-limited",
                "The model's endpoint accepts no more requests for now; try again later.",
                retry_after=_retry_after(root),
            )
        case openai.AuthenticationError() | openai.PermissionDeniedError():
            return Problem(
                502,
                "model-refused",
                "The model's endpoint refuses this service's key; tell the service's operator.",
            )
        case openai.APIStatusError():
            return Problem(
                502, "model-failed", f"The model's endpoint answered with status {root.status_code}."
            )
        case openai.APIConnectionError() | HTTPError() | OSError():
            return Problem(
                502, "model-unreachable", "The connection to the model's endpoint failed; try again."
            )
        case MaxTurnsExceeded():
            return Problem(
                502,
                "model-turn-limit",
                "The model kept calling tools until the turn's limit; ask in smaller steps.",
            )
        case ModelBehaviorError() | ModelRefusalError() | openai.OpenAIError():
            return Problem(502, "model-failed", "The model's answer cannot be understood; try again.")
    # Any other error inside the SDK comes from the endpoint's answer, not from the request.
    logger.error("unexpected failure of a chat turn", extra={"error": type(root).__name__, "at": _at(root)})
    return Problem(502, "model-failed", "The agent could not finish the turn; try again.")


def _root(error: BaseException) -> BaseException:
    """Return the first leaf of nested exception groups, or the problem that led to it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, Problem):
        cause = cause.__cause__
    return cause or error


def _at(error: BaseException) -> list[str]:
    """Return the places where an error was raised, innermost last."""
    frames = traceback.extract_tb(error.__traceback__)[-TRACED_FRAMES:]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]


def _retry_after(error: openai.APIStatusError) -> float:
    given = error.response.headers.get("retry-after", "")
    return min(float(given), MAX_RETRY_AFTER_SECONDS) if given.isdecimal() else 10
