"""Whether what a run claims to have read was read to its end."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import dagster as dg

from tajo_pipelines.model.window import Window, format_time, parse_time
from tajo_pipelines.orchestration.failures import clear_failures
from tajo_pipelines.orchestration.names import PARTITION_TAG, RANGE_END_TAG, RANGE_START_TAG, landing_key
from tajo_pipelines.orchestration.resources import WorkspaceResource
from tajo_pipelines.settings.objects import Connection
from tajo_pipelines.store.reads import ReadState
from tajo_pipelines.store.reports import RunReport
from tajo_pipelines.sync.reports import ALREADY_RUNNING
from tajo_pipelines.sync.workspace import Workspace

_EARLIER = 50
"""Reports among which the last one that says where the watermark was is looked for."""

_LONGEST_READ = timedelta(days=365)
"""How old the read of a range may be and still be the one that this run came to the end of."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a run says that it read, and what the store knows of it.

    Attributes:
        window: What was asked of the platform.
        goes_on: Whether the run moves the watermark, so that the next one goes on from there.
        watermark: Where it stands now.
        before: Where it stood before this run; None before the first one.
        read_done: Of a range, whether its read came to its end.
        days: First and last day that the run marks as read; None for those of a full read.
        began: When the run did.
    """

    window: Window
    goes_on: bool
    watermark: datetime | None
    before: datetime | None
    read_done: bool
    days: tuple[date, date] | None
    began: datetime

    def gaps(self) -> Iterator[str]:
        """Each piece of time that the run claims and didn't read."""
        start, end = self.window.start, self.window.end
        if self.goes_on:
            if self.watermark is None or self.watermark < end:
                reached = format_time(self.watermark) if self.watermark is not None else "nowhere"
                yield f"reading ended before its window did: it reached {reached}, and {format_time(end)} was claimed"
            if start is not None and self.before is not None and start > self.before:
                yield f"nothing was read between {format_time(self.before)} and {format_time(start)}"
            return
        if not self.read_done:
            yield f"the read of {_text(self.window)} was interrupted and hasn't come to its end"
        if self.days is not None:
            first, last = (datetime.combine(day, time.min, UTC) for day in self.days)
            wanted = min(last + timedelta(days=1), self.began)
            if start is not None and start > first:
                yield f"{self.days[0]} was read from {format_time(start)} on only"
            if end < wanted:
                yield f"{self.days[1]} was read until {format_time(end)} only"


def window_check(connection: Connection, stream: str) -> dg.AssetChecksDefinition:
    """Whether the window that a run claims was read to its end, without a gap before it."""

    @dg.asset_check(
        asset=landing_key(connection.name, stream),
        name="window_closed",
        description=(
            "The time that this run claims was read to its end, and nothing lies unread between it and the run before. "
            "Today is provisional: it grows until midnight UTC, and later runs read on."
        ),
    )
    def window_closed(context: dg.AssetCheckExecutionContext, workspace: WorkspaceResource) -> dg.AssetCheckResult:
        with clear_failures():
            opened = workspace.get()
            report = opened.store.reports.get(context.run.run_id, connection.name, stream)
            if report is not None and report.status == ALREADY_RUNNING:
                return dg.AssetCheckResult(passed=True, metadata={"why": "nothing was claimed: another run reads on"})
            claim = _claim(opened, report, context.run.tags, _began(context)) if report is not None else None
        if claim is None:
            return dg.AssetCheckResult(passed=False, metadata={"gap": "this run left no report of its window"})
        gaps = list(claim.gaps())
        return dg.AssetCheckResult(
            passed=not gaps,
            # Somebody asked for a part of a day, and got it: that is worth knowing, and no error.
            severity=dg.AssetCheckSeverity.WARN if claim.read_done else dg.AssetCheckSeverity.ERROR,
            metadata=_shown(claim) | ({"gap": "; ".join(gaps)} if gaps else {}),
        )

    return window_closed


def _began(context: dg.AssetCheckExecutionContext) -> datetime:
    """When the run began, which is before it looked at the clock for its window."""
    record = context.instance.get_run_record_by_id(context.run.run_id)
    if record is None:
        return datetime.min.replace(tzinfo=UTC)
    return datetime.fromtimestamp(record.start_time or record.create_timestamp.timestamp(), UTC)


def _claim(workspace: Workspace, report: RunReport, tags: Mapping[str, str], began: datetime) -> Claim | None:
    told = report.details.get("window") or {}
    if told.get("end") is None:
        return None
    store, names = workspace.store, (report.connection, report.stream)
    window = Window(_time(told["start"]), parse_time(told["end"]))
    # Reads of a range are the only ones that begin with a window; the others go on from the watermark.
    read = None if told["full"] else store.reads.last_window_read(*names, window, workspace.now(), _LONGEST_READ)
    return Claim(
        window=window,
        goes_on=read is None,
        watermark=store.batches.watermark(*names),
        before=_watermark_before(store.reports.latest(*names, limit=_EARLIER), report),
        read_done=read is not None and read.state is ReadState.DONE,
        days=_days(tags),
        began=began,
    )


def _watermark_before(reports: Sequence[RunReport], own: RunReport) -> datetime | None:
    """Where the last run before this one left the watermark."""
    earlier = (item for item in reports if item.run_id != own.run_id and item.started_at <= own.started_at)
    return next((found for item in earlier if (found := _time(item.details.get("watermark"))) is not None), None)


def _days(tags: Mapping[str, str]) -> tuple[date, date] | None:
    first, last = (tags.get(tag) or tags.get(PARTITION_TAG) for tag in (RANGE_START_TAG, RANGE_END_TAG))
    return (date.fromisoformat(first), date.fromisoformat(last)) if first and last else None


def _time(text: str | None) -> datetime | None:
    return parse_time(text) if text is not None else None


def _text(window: Window) -> str:
    start = format_time(window.start) if window.start is not None else "the beginning"
    return f"{start} to {format_time(window.end)}"


def _shown(claim: Claim) -> dict[str, Any]:
    found: dict[str, Any] = {"read": _text(claim.window)}
    if claim.watermark is not None:
        found["data until"] = dg.MetadataValue.timestamp(claim.watermark)
    if claim.days is not None:
        found["days"] = f"{claim.days[0]} to {claim.days[1]}"
        if claim.days[1] >= claim.began.date():
            found["provisional"] = f"{claim.days[1]} isn't over: later runs add to it until midnight UTC"
    return found
