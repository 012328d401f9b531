"""Effects of chat turns: their tools' changes, and the turn of each message and key."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; all may be empty, so the previous version keeps working."""
    op.add_column("conversations", sa.Column("effects", sa.Text))
    op.add_column("messages", sa.Column("turn", sa.String(32)))
    op.add_column("idempotency_keys", sa.Column("turn", sa.String(32)))


def downgrade() -> None:
    op.drop_column("idempotency_keys", "turn")
    op.drop_column("messages", "turn")
    op.drop_column("conversations", "effects")
