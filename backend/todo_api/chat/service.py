"""A chat turn from the message to the stored reply, whether or not the client stays."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from weakref import WeakValueDictionary

from sqlalchemy.ext.asyncio import AsyncConnection

from todo_api import metrics
from todo_api.auth.tokens import Principal
from todo_api.chat.events import Emit, Reply, Token, ToolCalled
from todo_api.chat.outcome import (
    Replay,
    Response,
    after_changes,
    answered,
    interrupted,
    replayed,
    to_store,
)
from todo_api.chat.stack import AgentStack
from todo_api.db import conversations, idempotency
from todo_api.db.engine import Database, Unavailable
from todo_api.mcp_server.effects import Note
from todo_api.problems import Problem, in_progress, unavailable
from todo_api.settings import Settings

logger = logging.getLogger(__name__)

# A conversation is free again this long after its turn was lost with its process.
LEASE = timedelta(seconds=10)
RENEWAL_SECONDS = 3.0
POLL_SECONDS = 0.2
STORE_ATTEMPTS = 5
STORE_RETRY_SECONDS = 1.0
# No attempt begins after this time; one attempt takes up to DATABASE_TIMEOUT.
STORE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Request:
    """A message to be answered."""

    principal: Principal
    conversation_id: int | None
    message: str
    key: idempotency.Key | None = None


@dataclass(slots=True)
class RunningTurn:
    """A turn running in the background: its events, and its response at the end."""

    conversation_id: int
    response: asyncio.Task[Response]
    events: asyncio.Queue[Token | ToolCalled | None] = field(default_factory=asyncio.Queue)


class ChatService:
    """Runs turns: one at a time in each conversation, each to its end."""

    def __init__(self, database: Database, agents: AgentStack, settings: Settings) -> None:
        self._database = database
        self._agents = agents
        self._history = settings.chat_history
        self._turn_timeout = settings.chat_turn_timeout
        self._queue_timeout = settings.chat_queue_timeout
        self._shutdown_grace = settings.chat_shutdown_grace
        # This process's queue for each conversation: first come, first served, without asking the database.
        self._queues: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._running: set[asyncio.Task[Response]] = set()

    async def begin(self, request: Request, *, streaming: bool) -> RunningTurn | Replay:
        """Begin a turn, or return the stored outcome of an earlier request with the same key.

        A Problem means that there is no model, no such conversation, or that the turn before it does not end.
        KeyReused and StillRunning come from the key.
        """
        self._agents.require_key()
        queue = self._queue_of(request.conversation_id)
        deadline = time.monotonic() + self._queue_timeout
        await _acquire(queue, self._queue_timeout)
        try:
            begun = await self._claim(request, deadline)
        except BaseException:
            queue.release()
            raise
        if not isinstance(begun, conversations.Turn):
            queue.release()
            return begun
        events: asyncio.Queue[Token | ToolCalled | None] = asyncio.Queue()
        task = asyncio.create_task(self._run(request, begun, events if streaming else None))
        self._running.add(task)

        def ended(task: asyncio.Task[Response]) -> None:
            queue.release()
            self._running.discard(task)
            events.put_nowait(None)
            if not task.cancelled():
                task.exception()  # retrieved here: no caller may be waiting for it

        task.add_done_callback(ended)
        return RunningTurn(begun.conversation_id, task, events)

    async def close(self) -> None:
        """Give running turns a short time, then cancel them; their text until then is stored."""
        if not self._running:
            return
        logger.info("waiting for chat turns", extra={"turns": len(self._running)})
        _, late = await asyncio.wait(self._running, timeout=self._shutdown_grace)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def _queue_of(self, conversation_id: int | None) -> asyncio.Lock:
        if conversation_id is None:
            return asyncio.Lock()
        return self._queues.setdefault(conversation_id, asyncio.Lock())

    async def _claim(self, request: Request, deadline: float) -> conversations.Turn | Replay:
        """Take the conversation, waiting for another process's turn."""
        token = uuid.uuid4().hex
        while True:
            try:
                async with self._database.transaction() as connection:
                    if request.key is not None:
                        found = await _claim_key(connection, request.key, token)
                        if found is not None:
                            return replayed(found)
                    turn = await conversations.begin_turn(
                        connection,
                        request.principal.user_id,
                        request.conversation_id,
                        request.message,
                        token=token,
                        history=self._history,
                        lease=LEASE,
                    )
                    if turn.lost is not None:
                        outcome = _outcome_of_lost(turn.lost)
                        await idempotency.end(connection, request.principal.user_id, turn.lost.token, outcome)
                    return turn
            except conversations.NoConversation:
                raise Problem(
                    404, "not-found", f"There is no conversation {request.conversation_id}."
                ) from None
            except conversations.Busy:
                if time.monotonic() >= deadline:
                    raise _busy() from None
            await asyncio.sleep(POLL_SECONDS)

    async def _run(
        self,
        request: Request,
        turn: conversations.Turn,
        events: asyncio.Queue[Token | ToolCalled | None] | None,
    ) -> Response:
        said: list[str] = []
        started = time.perf_counter()
        outcome = "failed"
        try:
            reply = await self._ask(request, turn, _emitter(events, said) if events is not None else None)
            outcome = "answered"
        except asyncio.CancelledError:
            outcome = "cancelled"
            # Text that the user has read remains in the conversation.
            await asyncio.shield(self._store(request, turn, "".join(said), interrupted()))
            raise
        except Exception as error:
            problem = error if isinstance(error, Problem) else _unexpected(error)
            failure = await asyncio.shield(self._store(request, turn, "".join(said), problem))
            raise (failure or problem) from None
        finally:
            metrics.CHAT_TURNS.labels(outcome).inc()
            metrics.CHAT_DURATION.observe(time.perf_counter() - started)
        response = answered(turn.conversation_id, reply)
        failure = await asyncio.shield(self._store(request, turn, reply.text, response))
        if failure is not None:
            raise failure
        return response

    async def _ask(self, request: Request, turn: conversations.Turn, emit: Emit | None) -> Reply:
        try:
            async with asyncio.timeout(self._turn_timeout), asyncio.timeout(None) as lease:
                keeper = asyncio.create_task(self._keep(turn, lease))
                try:
                    agent = await self._agents.get()
                    return await agent.reply(
                        turn.history, request.message, request.principal, emit, _note(turn)
                    )
                finally:
                    keeper.cancel()
        except TimeoutError:
            if lease.expired():
                raise interrupted() from None
            raise Problem(
                504,
                "model-timeout",
                f"The turn took longer than {self._turn_timeout:g} seconds; ask in smaller steps.",
            ) from None

    async def _keep(self, turn: conversations.Turn, lease: asyncio.Timeout) -> None:
        """Renew a turn's lease until cancelled; end the turn when another one has its conversation."""
        while True:
            await asyncio.sleep(RENEWAL_SECONDS)
            try:
                async with self._database.transaction() as connection:
                    await conversations.renew(connection, turn, LEASE)
            except Unavailable:
                continue  # nor can another process take the conversation now
            except conversations.TurnLost:
                logger.warning("a turn lost its lease", extra={"conversation_id": turn.conversation_id})
                lease.reschedule(asyncio.get_running_loop().time())
                return

    async def _store(
        self, request: Request, turn: conversations.Turn, text: str, outcome: Response | Problem
    ) -> Problem | None:
        """End the turn in the database, despite a short outage, and return the problem for the client.

        It is the outcome's own, with the changes made, or that of storing.
        """
        user = request.principal.user_id
        deadline = time.monotonic() + STORE_SECONDS
        for attempt in range(STORE_ATTEMPTS):
            if attempt:
                if time.monotonic() > deadline:
                    break
                await asyncio.sleep(STORE_RETRY_SECONDS)
            try:
                async with self._database.transaction() as connection:
                    calls = outcome["tool_calls"] if isinstance(outcome, dict) else None
                    effects = await conversations.end_turn(connection, user, turn, text, calls)
                    if isinstance(outcome, Problem) and effects:
                        outcome = after_changes(outcome, turn.conversation_id, effects)
                    if request.key is not None:
                        kept = (
                            outcome if isinstance(outcome, dict) else to_store(outcome) if effects else None
                        )
                        await idempotency.end(connection, user, turn.token, kept)
                return outcome if isinstance(outcome, Problem) else None
            except Unavailable:
                continue
            except conversations.TurnLost:
                return await self._after_loss(turn, outcome)
            except Exception as error:
                # The turn ends even if its reply cannot be stored: the next attempt stores its failure.
                text, outcome = "", _unexpected(error)
        logger.error("a reply could not be stored", extra={"conversation_id": turn.conversation_id})
        if isinstance(outcome, Problem):
            return outcome
        return unavailable("database-unavailable", "The reply cannot be stored now; ask again.")

    async def _after_loss(self, turn: conversations.Turn, outcome: Response | Problem) -> Problem | None:
        """Distinguish a stored turn, whose acknowledgement was lost, from one that lost its lease."""
        if isinstance(outcome, Problem):
            return outcome
        return None if await conversations.has_reply(self._database, turn) else interrupted()


async def _claim_key(connection: AsyncConnection, key: idempotency.Key, token: str) -> Response | None:
    """Claim a key for a turn, even after a turn that was lost with its process; None means to run.

    Otherwise return the stored outcome. KeyReused and StillRunning come from the key.
    """
    try:
        return await idempotency.claim(connection, key, turn=token)
    except idempotency.StillRunning as running:
        if running.turn is None:
            raise
        lost = await conversations.give_up(connection, key.user_id, running.turn)
        if lost is None:
            raise
        if lost.conversation_id is None:
            return await idempotency.stored(connection, key)  # it has ended meanwhile
        outcome = _outcome_of_lost(lost)
        if outcome is None:
            await idempotency.take_over(connection, key, lost=lost.token, turn=token)
        else:
            await idempotency.end(connection, key.user_id, lost.token, outcome)
        return outcome


def _outcome_of_lost(lost: conversations.Lost) -> Response | None:
    """Return the outcome of a turn whose process ended; None if the request may be repeated."""
    if not lost.effects:
        return None
    return to_store(after_changes(interrupted(), lost.conversation_id, lost.effects))


def _unexpected(error: Exception) -> Problem:
    logger.error("unexpected failure of a chat turn", exc_info=error)
    return Problem(500, "internal-error", "The turn failed; report the request id.")


def _note(turn: conversations.Turn) -> Note:
    async def note(connection: AsyncConnection, name: str, arguments: Mapping[str, Any], result: Any) -> None:
        await conversations.note_effect(connection, turn, name, arguments, result)

    return note


async def _acquire(queue: asyncio.Lock, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await queue.acquire()
    except TimeoutError:
        raise _busy() from None


def _busy() -> Problem:
    return in_progress("conversation-busy", "The message before this one is still being answered; try again.")


def _emitter(events: asyncio.Queue[Token | ToolCalled | None], said: list[str]) -> Emit:
    def emit(event: Token | ToolCalled) -> None:
        if isinstance(event, Token):
            said.append(event.text)
        events.put_nowait(event)

    return emit
