"""Letters know the call that refused them; calls are looked up by account and time."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, empty in the letters that stand, and the indexes."""
    op.add_column("letters", sa.Column("call_id", sa.BigInteger().with_variant(sa.Integer, "sqlite")))
    op.create_index("ix_letters_call", "letters", ["call_id"])
    op.create_index("ix_calls_account", "calls", ["account", "at"])
