"""SQLAlchemy's tables; the migrations make them, and a test compares the two."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


class UtcDateTime(TypeDecorator[datetime]):
    """Aware datetimes in UTC, even on SQLite, which stores naive ones."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive values and convert the others to UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the value in UTC."""
        if value is None or value.tzinfo is UTC:
            return value
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


# SQLite numbers rows automatically only in a column of exactly the type INTEGER.
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UserId = sa.String(255)

tasks = sa.Table(
    "tasks",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("user_id", UserId, nullable=False),
    sa.Column("title", sa.String(200), nullable=False),
    sa.Column("description", sa.String(1000)),
    sa.Column("completed", sa.Boolean, nullable=False, default=False),
    sa.Column("created_at", UtcDateTime, nullable=False, default=now),
    sa.Column("updated_at", UtcDateTime, nullable=False, default=now),
    sa.Index("ix_tasks_user_id_created_at_id", "user_id", "created_at", "id"),
    sqlite_autoincrement=True,
)

conversations = sa.Table(
    "conversations",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("user_id", UserId, nullable=False),
    # The running turn, and the time of its loss: one at a time over all replicas.
    sa.Column("turn", sa.String(32)),
    sa.Column("turn_expires_at", UtcDateTime),
    # Changes by the turn's tools: one JSON object a line. Kept until the next turn begins.
    sa.Column("effects", sa.Text),
    sa.Column("title", sa.String(200)),
    sa.Column("created_at", UtcDateTime, nullable=False, default=now),
    sa.Column("updated_at", UtcDateTime, nullable=False, default=now),
    sa.Index("ix_conversations_user_id_updated_at_id", "user_id", "updated_at", "id"),
    sqlite_autoincrement=True,
)

messages = sa.Table(
    "messages",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("user_id", UserId, nullable=False),
    sa.Column("conversation_id", sa.ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
    sa.Column("role", sa.String(9), nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    # The tool calls of a reply: a JSON array.
    sa.Column("tool_calls", sa.Text),
    # The message's turn; tells whether a reply has been stored.
    sa.Column("turn", sa.String(32)),
    sa.Column("created_at", UtcDateTime, nullable=False, default=now),
    sa.CheckConstraint("role IN ('user', 'assistant')", name="role"),
    sa.Index("ix_messages_conversation_id_id", "conversation_id", "id"),
    sqlite_autoincrement=True,
)

idempotency_keys = sa.Table(
    "idempotency_keys",
    metadata,
    sa.Column("user_id", UserId, primary_key=True),
    sa.Column("key", sa.String(255), primary_key=True),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    # Empty while the first request is running.
    sa.Column("response", sa.Text),
    # The chat turn that works on the request.
    sa.Column("turn", sa.String(32)),
    sa.Column("expires_at", UtcDateTime, nullable=False),
    sa.Index("ix_idempotency_keys_expires_at", "expires_at"),
)
