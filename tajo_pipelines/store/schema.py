"""The tables. `migrations` makes the same ones step by step; a test compares both."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)

from tajo_pipelines.store.column_types import FreeText, Serial, UtcTime

HEAD = "0004"
"""The newest migration, as `migrations` knows it; kept here so that an up-to-date store opens without Alembic."""

OPEN_LETTERS = "state IN ('open', 'retrying')"
"""Letters of which there is one a cause."""

OPEN_DELIVERIES = "state IN ('pending', 'leased')"
"""Deliveries that are still to be worked off."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

reads = Table(
    "reads",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("connection", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("window_start", UtcTime),
    Column("window_end", UtcTime, nullable=False),
    Column("cursor", Text),
    Column("started_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Column("state", Text, nullable=False),
    Index("ix_reads_open", "connection", "stream", "state"),
)

batches = Table(
    "batches",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("connection", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("path", Text, nullable=False, unique=True),
    Column("rows", Integer, nullable=False),
    Column("window_start", UtcTime),
    Column("window_end", UtcTime, nullable=False),
    Column("day", Date, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("full", Boolean, nullable=False),
    Column("read_id", Serial, ForeignKey("reads.id")),
    Column("state", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("delivered_at", UtcTime),
    Index("ix_batches_state", "connection", "stream", "state"),
    Index("ix_batches_day", "connection", "stream", "day"),
    Index("ix_batches_read", "read_id"),
)

watermarks = Table(
    "watermarks",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("token", Text, nullable=False),
    Column("machine", Text, nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("pid_started", Text, nullable=False),
    Column("until", UtcTime, nullable=False),
    Column("heartbeat", UtcTime, nullable=False),
)

ledger_contacts = Table(
    "ledger_contacts",
    metadata,
    Column("account", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("phone", Text),
    Column("doc", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Index("ix_ledger_contacts_phone", "account", "phone"),
)

ledger_sources = Table(
    "ledger_sources",
    metadata,
    Column("account", Text, primary_key=True),
    Column("connection", Text, primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("contact_key", Text),
    Column("source_time", UtcTime, nullable=False),
    Column("hash", Text, nullable=False),
    Index("ix_ledger_sources_contact", "account", "contact_key"),
)

source_states = Table(
    "source_states",
    metadata,
    Column("account", Text, primary_key=True),
    Column("connection", Text, primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("state", Text, nullable=False),
)

picture = Table(
    "picture",
    metadata,
    Column("account", Text, primary_key=True),
    Column("contact_id", BigInteger, primary_key=True, autoincrement=False),
    Column("email", Text),
    Column("phone", Text),
    Column("email_blocked", Boolean, nullable=False),
    Column("sms_blocked", Boolean, nullable=False),
    Column("lists", Text, nullable=False),
    Column("left_lists", Text, nullable=False),
    Column("double_opted_in", Boolean, nullable=False),
    Column("mark", FreeText, nullable=False),
    Column("sources", FreeText, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("modified_at", UtcTime, nullable=False),
    Column("read_at", UtcTime, nullable=False),
    Index("ix_picture_email", "account", "email"),
    Index("ix_picture_phone", "account", "phone"),
    Index("ix_picture_read_at", "account", "read_at"),
)

picture_sources = Table(
    "picture_sources",
    metadata,
    Column("account", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("contact_id", BigInteger, primary_key=True, autoincrement=False),
    ForeignKeyConstraint(
        ["account", "contact_id"],
        ["picture.account", "picture.contact_id"],
        ondelete="CASCADE",
        name="fk_picture_sources_contact",
    ),
    Index("ix_picture_sources_contact", "account", "contact_id"),
)

picture_readings = Table(
    "picture_readings",
    metadata,
    Column("account", Text, primary_key=True),
    Column("whole_began", UtcTime),
    Column("last_began", UtcTime, nullable=False),
)

consent_facts = Table(
    "consent_facts",
    metadata,
    Column("account", Text, primary_key=True),
    Column("address", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("state", Text, primary_key=True),
    Column("cause", Text, primary_key=True),
    Column("confirmed", Boolean, primary_key=True),
    Column("at", UtcTime),
    Column("recorded_at", UtcTime, nullable=False),
    Column("evidence", FreeText, nullable=False),
    Column("carried_by_brevo", Boolean, nullable=False),
)

freed = Table(
    "freed",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("account", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
    Index("ix_freed_source", "account", "source", "at"),
)

imports = Table(
    "imports",
    metadata,
    Column("account", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("body_hash", Text, nullable=False),
    Column("last_process", BigInteger, nullable=False),
    Column("process_id", BigInteger),
    Column("rows", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("status", Text),
    Column("created_at", UtcTime, nullable=False),
    Index("ix_imports_state", "account", "state"),
)

intents = Table(
    "intents",
    metadata,
    Column("account", Text, primary_key=True),
    Column("tajo_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Index("ix_intents_state", "account", "state"),
)

letters = Table(
    "letters",
    metadata,
    Column("id", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("connection", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("field", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("message", FreeText, nullable=False),
    Column("vendor_status", Integer),
    Column("vendor_code", FreeText),
    Column("vendor_message", FreeText),
    Column("attempts", Integer, nullable=False),
    Column("first_seen", UtcTime, nullable=False),
    Column("last_seen", UtcTime, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("call_id", Serial),
    Index(
        "uq_letters_open",
        "connection",
        "stream",
        "key",
        "kind",
        "field",
        "reason",
        unique=True,
        sqlite_where=text(OPEN_LETTERS),
        postgresql_where=text(OPEN_LETTERS),
    ),
    Index("ix_letters_state", "state", "connection", "stream"),
    Index("ix_letters_call", "call_id"),
)

calls = Table(
    "calls",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("account", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("path", FreeText, nullable=False),
    Column("template", Text, nullable=False),
    Column("bucket", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("milliseconds", Integer, nullable=False),
    Column("request", FreeText, nullable=False),
    Column("response", FreeText, nullable=False),
    Column("bytes_sent", Integer, nullable=False),
    Index("ix_calls_at", "at"),
    Index("ix_calls_account", "account", "at"),
    Index("ix_calls_run", "run_id"),
)

budget = Table(
    "budget",
    metadata,
    Column("account", Text, primary_key=True),
    Column("bucket", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
)

account_cache = Table(
    "account_cache",
    metadata,
    Column("account", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("doc", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
)

run_reports = Table(
    "run_reports",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("connection", Text, primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("report", Text, nullable=False),
    Column("details", Text, nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("finished_at", UtcTime),
    Column("status", Text, nullable=False),
    Index("ix_run_reports_stream", "connection", "stream", "started_at"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("connection", Text, nullable=False),
    Column("delivery_id", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("stream", Text),
    Column("key", FreeText),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("source_at", UtcTime),
    Column("received_at", UtcTime, nullable=False),
    Column("not_before", UtcTime),
    Column("lease", Text),
    Column("lease_until", UtcTime),
    Column("delivered_at", UtcTime),
    Column("duplicates", Integer, nullable=False),
    Column("error", FreeText),
    Column("body", LargeBinary, nullable=False),
    Index("uq_deliveries_id", "connection", "delivery_id", unique=True),
    Index(
        "ix_deliveries_open",
        "connection",
        "stream",
        "id",
        sqlite_where=text(OPEN_DELIVERIES),
        postgresql_where=text(OPEN_DELIVERIES),
    ),
    Index("ix_deliveries_received", "received_at"),
    Index("ix_deliveries_key", "connection", "stream", "key"),
)

refusals = Table(
    "refusals",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("reason", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("last_at", UtcTime, nullable=False),
)

tombstones = Table(
    "tombstones",
    metadata,
    Column("account", Text, primary_key=True),
    Column("hash", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("objection", Text),
    Column("erased_at", UtcTime, nullable=False),
)

receipts = Table(
    "receipts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("connection", Text, nullable=False),
    Column("request", FreeText),
    Column("at", UtcTime, nullable=False),
    Column("doc", Text, nullable=False),
    Index("ix_receipts_at", "at"),
)

meta = Table(
    "meta",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
