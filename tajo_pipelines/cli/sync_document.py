"""The document of a sync, out of what the run left in the store, and the exit code that follows from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tajo_pipelines.brevo.client import Usage
from tajo_pipelines.brevo.limits import BUCKETS, TIERS
from tajo_pipelines.cli.documents import Document
from tajo_pipelines.model.errors import AuthError, ConfigError, Notice
from tajo_pipelines.model.order import Order
from tajo_pipelines.model.report import StreamReport
from tajo_pipelines.model.window import format_time
from tajo_pipelines.settings import Connection
from tajo_pipelines.store.letters import LetterState
from tajo_pipelines.store.reports import RunReport
from tajo_pipelines.sync.outcome import money_document, time_document
from tajo_pipelines.sync.reports import ALREADY_RUNNING, DONE, INTERRUPTED
from tajo_pipelines.sync.thresholds import over_letters, too_malformed
from tajo_pipelines.sync.workspace import Workspace

PARTLY = 5
FAILED = "failed"
SKIPPED = "skipped"

_COUNTS = ("sent", "unchanged", "superseded", "in_doubt", "failed", "deleted")
_NOT_DELIVERED = "not_delivered"


@dataclass(slots=True)
class SyncFacts:
    """What is known of a sync.

    Attributes:
        streams: Those that ran.
        began: When the command did.
        usage: What the look before the run cost at Brevo; None where there was none.
        run_id: The run; None where nothing had to run.
        success: Whether Dagster calls the run one.
        warnings: What the run found that a person should know.
    """

    workspace: Workspace
    connection: Connection
    mode: str
    streams: tuple[str, ...]
    began: datetime
    usage: Usage | None = None
    run_id: str | None = None
    success: bool = True
    warnings: list[Notice] = field(default_factory=list)

    def reports(self) -> dict[str, RunReport]:
        """The run's reports by stream."""
        if self.run_id is None:
            return {}
        kept = self.workspace.store.reports.of_run(self.run_id, self.connection.name)
        return {report.stream: report for report in kept}

    @property
    def interrupted(self) -> bool:
        """Whether a signal ended the run: Dagster notes it and comes back."""
        errors = [report.details.get("error") or {} for report in self.reports().values()]
        return any(error.get("code") == INTERRUPTED for error in errors)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a command ends: exit code, and the envelope's error where it isn't 0."""

    exit_code: int = 0
    error: Document | None = None


def sync_body(facts: SyncFacts) -> tuple[Document, Verdict]:
    """The document's own keys that follow from the run, and the verdict."""
    reports = facts.reports()
    streams = {name: _stream(facts, name, reports.get(name)) for name in _names(facts.connection)}
    for report in reports.values():
        facts.warnings += [Notice(**notice) for notice in report.details.get("warnings", ())]
    status, verdict = _judge(facts, streams)
    store = facts.workspace.store
    letters, name = store.letters, facts.connection.name
    body = {
        "status": status,
        "finished_at": format_time(facts.workspace.now()),
        "run_ids": [facts.run_id] if facts.run_id is not None else [],
        "streams": streams,
        "brevo": _brevo(facts, reports),
        "letters": {
            "new": letters.count(connection=name, states=tuple(LetterState), since=facts.began),
            "open": letters.count(connection=name),
        },
    }
    return body, verdict


def _names(connection: Connection) -> tuple[str, ...]:
    return (*connection.streams, *connection.absent_streams)


def _stream(facts: SyncFacts, name: str, report: RunReport | None) -> Document:
    """One stream: what happened to it, in numbers that balance."""
    numbers = report.report if report is not None else StreamReport()
    details = report.details if report is not None else {}
    window = details.get("window") or {}
    watermark = facts.workspace.store.batches.watermark(facts.connection.name, name)
    document: Document = {
        "status": _status(facts, name, report),
        "why": _why(facts, name),
        "window": {"start": window.get("start"), "end": window.get("end")},
        "landed": int((details.get("landed") or {}).get("rows", 0)),
        "read": numbers.read,
        "mapped": numbers.mapped,
        "skipped": dict(sorted(numbers.skipped.items())),
        "rejected": dict(sorted(numbers.rejected.items())),
        **{count: getattr(numbers, count) for count in _COUNTS},
        "watermark": time_document(watermark),
        "missed_by_webhooks": details.get("missed_by_webhooks"),
        "error": _error(facts, name, report),
    }
    if _holds_orders(facts, name):
        document["money"] = money_document(numbers.money)
        document["skipped_money"] = money_document(numbers.skipped_money)
    return document


def _holds_orders(facts: SyncFacts, name: str) -> bool:
    connector = facts.workspace.connector(facts.connection)
    return any(stream.name == name and stream.record is Order for stream in connector.streams)


def _status(facts: SyncFacts, name: str, report: RunReport | None) -> str:
    if name not in facts.streams or (report is not None and report.status == ALREADY_RUNNING):
        return SKIPPED
    return DONE if report is not None and report.status == DONE else FAILED


def _why(facts: SyncFacts, name: str) -> str | None:
    """Why a stream didn't run."""
    connection = facts.connection
    if name in facts.streams:
        kept = facts.reports().get(name)
        return ALREADY_RUNNING if kept is not None and kept.status == ALREADY_RUNNING else None
    if name in connection.absent_streams:
        return "absent"
    return "not_asked" if connection.streams[name].enabled else "turned_off"


def _error(facts: SyncFacts, name: str, report: RunReport | None) -> Document | None:
    if _status(facts, name, report) != FAILED:
        return None
    place = f"{facts.connection.name}/{name}"
    if report is None:
        return _problem("run_failed", "the run ended before this stream began", place)
    kept = report.details.get("error")
    if kept:
        return _problem(
            str(kept["code"]), str(kept["message"]), kept["where"] or place, kept["hint"], int(kept["exit_code"])
        )
    landed = report.details.get("landed") or {}
    rows, malformed = int(landed.get("rows", 0)), int(landed.get("malformed", 0))
    if too_malformed(rows, malformed):
        message = f"{malformed} of {rows} records lack their documented shape, so none of them is delivered"
        return _problem("too_malformed", message, place)
    if report.status == "landed":
        message = "it was read and kept, but not delivered; the next sync delivers it"
        return _problem(_NOT_DELIVERED, message, place)
    return _problem("run_failed", "the run ended early", place)


def _problem(code: str, message: str, where: str, hint: str | None = None, exit_code: int = 1) -> Document:
    return {
        "code": code,
        "message": message,
        "where": where,
        "hint": hint or None,
        "details": [],
        "exit_code": exit_code,
    }


def _judge(facts: SyncFacts, streams: Mapping[str, Document]) -> tuple[str, Verdict]:
    ran = {name: streams[name] for name in facts.streams}
    failed = [stream["error"] for stream in ran.values() if stream["status"] == FAILED]
    if failed:
        return _judge_failures(failed, len(ran))
    if ran and all(stream["why"] == ALREADY_RUNNING for stream in ran.values()):
        return ALREADY_RUNNING, Verdict()
    threshold = float(facts.workspace.account(facts.connection).letters_threshold)
    for name, stream in ran.items():
        rejected = sum(stream["rejected"].values())
        if over_letters(stream["read"], rejected, threshold):
            error = _problem(
                "letters_over_threshold",
                f"{rejected} of {stream['read']} records became letters, more than {threshold:.0%}",
                f"{facts.connection.name}/{name}",
                f"tajo letters list --connection {facts.connection.name} --stream {name}",
            )
            return "partly", Verdict(PARTLY, _envelope_error(error))
    if not facts.success:
        error = _problem("run_failed", "Dagster calls the run failed", f"run {facts.run_id}", "its page in the UI says")
        return "partly", Verdict(PARTLY, _envelope_error(error))
    return DONE, Verdict()


def _judge_failures(failed: list[Document], ran: int) -> tuple[str, Verdict]:
    """Credentials and configuration have codes of their own where they are all that is wrong."""
    causes = [error for error in failed if error["code"] != _NOT_DELIVERED] or failed
    codes = {error["exit_code"] for error in causes}
    whole = len(failed) == ran
    exit_code = 1 if whole else PARTLY
    if codes in ({AuthError.exit_code}, {ConfigError.exit_code}):
        exit_code = codes.pop()
    return FAILED if whole else "partly", Verdict(exit_code, _envelope_error(causes[0]))


def _envelope_error(error: Document) -> Document:
    return {key: value for key, value in error.items() if key != "exit_code"}


def _spent(reports: Mapping[str, RunReport]) -> Iterator[Mapping[str, Any]]:
    for report in reports.values():
        yield report.details.get("brevo") or {}


def _brevo(facts: SyncFacts, reports: Mapping[str, RunReport]) -> Document:
    """What it cost at Brevo, the look before the run included, and what it brought there."""
    requests: Counter[str] = Counter(facts.usage.requests if facts.usage else {})
    used: Counter[str] = Counter(facts.usage.used if facts.usage else {})
    too_many: Counter[str] = Counter(facts.usage.too_many if facts.usage else {})
    totals: Counter[str] = Counter()
    events: Counter[str] = Counter()
    imports: list[str] = []
    for spent in _spent(reports):
        requests.update(spent.get("requests", {}))
        used.update(spent.get("used", {}))
        too_many.update(spent.get("too_many", {}))
        totals.update({name: int(spent.get(name, 0)) for name in ("contacts", "orders", "products")})
        events.update(spent.get("events", {}))
        imports += spent.get("imports", [])
    return {
        "requests": dict(sorted(requests.items())),
        "contacts": totals["contacts"],
        "orders": totals["orders"],
        "products": totals["products"],
        "events": dict(sorted(events.items())),
        "imports": imports,
        "buckets": {
            name: {"used": used[name], "share": _share(facts, name, used[name]), "too_many": too_many[name]}
            for name in BUCKETS
        },
    }


def _share(facts: SyncFacts, bucket: str, used: int) -> float:
    """How much of an hour's allowance that is."""
    limit = TIERS[facts.workspace.account(facts.connection).tier][bucket]
    allowed = limit.per_hour or 3600 * (limit.per_second or 0)
    return round(used / allowed, 4) if allowed else 0.0
