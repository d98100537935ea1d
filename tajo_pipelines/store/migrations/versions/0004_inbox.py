"""The inbox of deliveries, and what erasure leaves behind."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_OPEN = sa.text("state IN ('pending', 'leased')")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "deliveries",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("delivery_id", sa.Text, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("stream", sa.Text),
        sa.Column("key", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("bytes", sa.Integer, nullable=False),
        sa.Column("source_at", TIME),
        sa.Column("received_at", TIME, nullable=False),
        sa.Column("not_before", TIME),
        sa.Column("lease", sa.Text),
        sa.Column("lease_until", TIME),
        sa.Column("delivered_at", TIME),
        sa.Column("duplicates", sa.Integer, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
    )
    op.create_index("uq_deliveries_id", "deliveries", ["connection", "delivery_id"], unique=True)
    op.create_index(
        "ix_deliveries_open",
        "deliveries",
        ["connection", "stream", "id"],
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )
    op.create_index("ix_deliveries_received", "deliveries", ["received_at"])
    op.create_index("ix_deliveries_key", "deliveries", ["connection", "stream", "key"])
    op.create_table(
        "refusals",
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("last_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("connection", "reason", "day", name="pk_refusals"),
    )
    op.create_table(
        "tombstones",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("objection", sa.Text),
        sa.Column("erased_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("account", "hash", name="pk_tombstones"),
    )
    op.create_table(
        "receipts",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("request", sa.Text),
        sa.Column("at", TIME, nullable=False),
        sa.Column("doc", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_receipts"),
    )
    op.create_index("ix_receipts_at", "receipts", ["at"])
