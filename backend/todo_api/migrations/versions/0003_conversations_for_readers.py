"""Conversations for readers: titles, tool calls, an index for their list, and one for expiring keys."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns that may be empty and change indexes; the previous version keeps working."""
    op.add_column("conversations", sa.Column("title", sa.String(200)))
    op.add_column("messages", sa.Column("tool_calls", sa.Text))
    op.create_index(
        "ix_conversations_user_id_updated_at_id", "conversations", ["user_id", "updated_at", "id"]
    )
    op.drop_index("ix_conversations_user_id", "conversations")
    op.create_index("ix_idempotency_keys_expires_at", "idempotency_keys", ["expires_at"])


def downgrade() -> None:
    op.drop_index("ix_idempotency_keys_expires_at", "idempotency_keys")
    op.create_index("ix_conversations_user_id", "conversations", ["user_id"])
    op.drop_index("ix_conversations_user_id_updated_at_id", "conversations")
    op.drop_column("messages", "tool_calls")
    op.drop_column("conversations", "title")
