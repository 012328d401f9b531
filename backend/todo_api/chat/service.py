"""A chat turn from the message to the stored reply, whether or not the client stays for it."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any
from weakref import WeakValueDictionary

from todo_api import metrics
from todo_api.auth.tokens import Principal
from todo_api.chat.events import Emit, Reply, Token, ToolCalled
from todo_api.chat.stack import AgentStack
from todo_api.db import conversations, idempotency
from todo_api.db.engine import Database, Unavailable
from todo_api.problems import Problem, in_progress, unavailable
from todo_api.settings import Settings

logger = logging.getLogger(__name__)

# Slack between the end of a turn's time and the moment another replica may take the conversation.
LEASE_MARGIN = timedelta(seconds=30)
POLL_SECONDS = 0.2
STORE_ATTEMPTS = 5
STORE_RETRY_SECONDS = 1.0

type Response = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """A message that is to be answered."""

    principal: Principal
    conversation_id: int | None
    message: str
    key: idempotency.Key | None = None


@dataclass(slots=True)
class RunningTurn:
    """A turn at work in the background: its events, and its response at the end."""

    conversation_id: int
    response: asyncio.Task[Response]
    events: asyncio.Queue[Token | ToolCalled | None] = field(default_factory=asyncio.Queue)


class ChatService:
    """Runs turns: one at a time in each conversation, each to its end.

    Args:
        database: Where conversations are.
        agents: Who answers.
        settings: Limits.
    """

    def __init__(self, database: Database, agents: AgentStack, settings: Settings) -> None:
        self._database = database
        self._agents = agents
        self._history = settings.chat_history
        self._turn_timeout = settings.chat_turn_timeout
        self._queue_timeout = settings.chat_queue_timeout
        self._shutdown_grace = settings.chat_shutdown_grace
        self._lease = timedelta(seconds=settings.chat_turn_timeout) + LEASE_MARGIN
        # Queue of this process for each conversation: first come, first served, without asking the database.
        self._queues: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._running: set[asyncio.Task[Response]] = set()

    async def begin(self, request: Request, *, streaming: bool) -> RunningTurn | Response:
        """Begin a turn.

        Returns:
            The turn at work, or the stored response of an earlier request with the same key.

        Raises:
            Problem: When there is no model, no such conversation, or no end of the turn before it.
            idempotency.KeyReused, idempotency.StillRunning: As the key says.
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
                task.exception()  # seen here, so that nobody has to be waiting for it

        task.add_done_callback(ended)
        return RunningTurn(begun.conversation_id, task, events)

    async def close(self) -> None:
        """Give running turns a little time, then cancel them; what they have said by then is stored."""
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

    async def _claim(self, request: Request, deadline: float) -> conversations.Turn | Response:
        """Take the conversation, waiting for a turn that another process runs."""
        while True:
            try:
                async with self._database.writing() as connection:
                    if request.key is not None:
                        stored = await idempotency.claim(connection, request.key, lifetime=self._lease)
                        if stored is not None:
                            return stored
                    return await conversations.begin_turn(
                        connection,
                        request.principal.user_id,
                        request.conversation_id,
                        request.message,
                        history=self._history,
                        lease=self._lease,
                    )
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
        reply: Reply | None = None
        try:
            reply = await self._ask(request, turn, _emitter(events, said) if events is not None else None)
            outcome = "answered"
        except asyncio.CancelledError:
            outcome = "cancelled"
            raise
        finally:
            metrics.CHAT_TURNS.labels(outcome).inc()
            metrics.CHAT_DURATION.observe(time.perf_counter() - started)
            if reply is None:
                # What the user has read already stays part of the conversation.
                await asyncio.shield(self._store(request, turn, "".join(said), None))
        response = {
            "conversation_id": turn.conversation_id,
            "response": reply.text,
            "tool_calls": [asdict(call) for call in reply.tool_calls],
        }
        if not await asyncio.shield(self._store(request, turn, reply.text, response)):
            raise unavailable("database-unavailable", "The reply cannot be stored now; ask again.")
        return response

    async def _ask(self, request: Request, turn: conversations.Turn, emit: Emit | None) -> Reply:
        try:
            async with asyncio.timeout(self._turn_timeout):
                agent = await self._agents.get()
                return await agent.reply(turn.history, request.message, request.principal, emit)
        except TimeoutError:
            raise Problem(
                504,
                "model-timeout",
                f"The turn took longer than {self._turn_timeout:g} seconds; ask in smaller steps.",
            ) from None

    async def _store(
        self, request: Request, turn: conversations.Turn, text: str, response: Response | None
    ) -> bool:
        """End the turn in the database, through a short outage too; tell whether that succeeded."""
        # PostgreSQL's text holds no NUL, and nobody promised that a model writes none.
        text = text.replace("\0", "")
        for attempt in range(STORE_ATTEMPTS):
            if attempt:
                await asyncio.sleep(STORE_RETRY_SECONDS)
            try:
                async with self._database.writing() as connection:
                    await conversations.end_turn(connection, request.principal.user_id, turn, text)
                    if request.key is not None and response is not None:
                        await idempotency.complete(connection, request.key, response)
                    elif request.key is not None:
                        await idempotency.release(connection, request.key)
                return True
            except Unavailable:
                continue
        logger.error("a reply could not be stored", extra={"conversation_id": turn.conversation_id})
        return False


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
