"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")
OPEN_LETTERS = sa.text("state IN ('open', 'retrying')")


def upgrade() -> None:
    """Make all tables."""
    _reading()
    _ledger()
    _picture()
    _consent()
    _diary()
    _account()


def _reading() -> None:
    op.create_table(
        "reads",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("window_start", TIME),
        sa.Column("window_end", TIME, nullable=False),
        sa.Column("cursor", sa.Text),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_reads"),
    )
    op.create_index("ix_reads_open", "reads", ["connection", "stream", "state"])
    op.create_table(
        "batches",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("window_start", TIME),
        sa.Column("window_end", TIME, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("full", sa.Boolean, nullable=False),
        sa.Column("read_id", SERIAL),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("delivered_at", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_batches"),
        sa.UniqueConstraint("path", name="uq_batches_path"),
        sa.ForeignKeyConstraint(["read_id"], ["reads.id"], name="fk_batches_read_id_reads"),
    )
    op.create_index("ix_batches_day", "batches", ["connection", "stream", "day"])
    op.create_index("ix_batches_read", "batches", ["read_id"])
    op.create_index("ix_batches_state", "batches", ["connection", "stream", "state"])
    op.create_table(
        "watermarks",
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("connection", "stream", name="pk_watermarks"),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("token", sa.Text, nullable=False),
        sa.Column("machine", sa.Text, nullable=False),
        sa.Column("pid", sa.BigInteger, nullable=False),
        sa.Column("pid_started", sa.Text, nullable=False),
        sa.Column("until", TIME, nullable=False),
        sa.Column("heartbeat", TIME, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )


def _ledger() -> None:
    op.create_table(
        "ledger_contacts",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("phone", sa.Text),
        sa.Column("doc", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("account", "key", name="pk_ledger_contacts"),
    )
    op.create_index("ix_ledger_contacts_phone", "ledger_contacts", ["account", "phone"])
    op.create_table(
        "ledger_sources",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("contact_key", sa.Text),
        sa.Column("source_time", TIME, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("account", "connection", "stream", "key", name="pk_ledger_sources"),
    )
    op.create_index("ix_ledger_sources_contact", "ledger_sources", ["account", "contact_key"])
    op.create_table(
        "imports",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("body_hash", sa.Text, nullable=False),
        sa.Column("last_process", sa.BigInteger, nullable=False),
        sa.Column("process_id", sa.BigInteger),
        sa.Column("rows", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("status", sa.Text),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("account", "id", name="pk_imports"),
    )
    op.create_index("ix_imports_state", "imports", ["account", "state"])
    op.create_table(
        "intents",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("tajo_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("account", "tajo_id", name="pk_intents"),
    )
    op.create_index("ix_intents_state", "intents", ["account", "state"])


def _picture() -> None:
    op.create_table(
        "picture",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("contact_id", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("email", sa.Text),
        sa.Column("phone", sa.Text),
        sa.Column("email_blocked", sa.Boolean, nullable=False),
        sa.Column("sms_blocked", sa.Boolean, nullable=False),
        sa.Column("lists", sa.Text, nullable=False),
        sa.Column("left_lists", sa.Text, nullable=False),
        sa.Column("double_opted_in", sa.Boolean, nullable=False),
        sa.Column("mark", sa.Text, nullable=False),
        sa.Column("sources", sa.Text, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("modified_at", TIME, nullable=False),
        sa.Column("read_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("account", "contact_id", name="pk_picture"),
    )
    op.create_index("ix_picture_email", "picture", ["account", "email"])
    op.create_index("ix_picture_phone", "picture", ["account", "phone"])
    op.create_index("ix_picture_read_at", "picture", ["account", "read_at"])
    op.create_table(
        "picture_sources",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("contact_id", sa.BigInteger, nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("account", "source", "contact_id", name="pk_picture_sources"),
        sa.ForeignKeyConstraint(
            ["account", "contact_id"],
            ["picture.account", "picture.contact_id"],
            name="fk_picture_sources_contact",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_picture_sources_contact", "picture_sources", ["account", "contact_id"])
    op.create_table(
        "picture_readings",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("whole_began", TIME),
        sa.Column("last_began", TIME, nullable=False),
        sa.PrimaryKeyConstraint("account", name="pk_picture_readings"),
    )


def _consent() -> None:
    op.create_table(
        "consent_facts",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("confirmed", sa.Boolean, nullable=False),
        sa.Column("at", TIME),
        sa.Column("recorded_at", TIME, nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.Column("carried_by_brevo", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint(
            "account", "address", "channel", "source", "state", "cause", "confirmed", name="pk_consent_facts"
        ),
    )
    op.create_table(
        "freed",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_freed"),
    )
    op.create_index("ix_freed_source", "freed", ["account", "source", "at"])


def _diary() -> None:
    op.create_table(
        "letters",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("field", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("vendor_status", sa.Integer),
        sa.Column("vendor_code", sa.Text),
        sa.Column("vendor_message", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("first_seen", TIME, nullable=False),
        sa.Column("last_seen", TIME, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_letters"),
    )
    op.create_index("ix_letters_state", "letters", ["state", "connection", "stream"])
    op.create_index(
        "uq_letters_open",
        "letters",
        ["connection", "stream", "key", "kind", "field", "reason"],
        unique=True,
        sqlite_where=OPEN_LETTERS,
        postgresql_where=OPEN_LETTERS,
    )
    op.create_table(
        "calls",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("template", sa.Text, nullable=False),
        sa.Column("bucket", sa.Text, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("milliseconds", sa.Integer, nullable=False),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("response", sa.Text, nullable=False),
        sa.Column("bytes_sent", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_calls"),
    )
    op.create_index("ix_calls_at", "calls", ["at"])
    op.create_index("ix_calls_run", "calls", ["run_id"])
    op.create_table(
        "run_reports",
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("report", sa.Text, nullable=False),
        sa.Column("details", sa.Text, nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("finished_at", TIME),
        sa.Column("status", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "connection", "stream", name="pk_run_reports"),
    )
    op.create_index("ix_run_reports_stream", "run_reports", ["connection", "stream", "started_at"])


def _account() -> None:
    op.create_table(
        "budget",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("bucket", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("account", "bucket", name="pk_budget"),
    )
    op.create_table(
        "account_cache",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("doc", sa.Text, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("account", "name", name="pk_account_cache"),
    )
    op.create_table(
        "meta",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_meta"),
    )
