"""Checks between reading and delivery, and after it."""

import dagster as dg

from tajo_pipelines.orchestration.failures import clear_failures
from tajo_pipelines.orchestration.names import brevo_key, landing_key
from tajo_pipelines.orchestration.resources import WorkspaceResource
from tajo_pipelines.settings.objects import Connection
from tajo_pipelines.store.reports import RunReport
from tajo_pipelines.sync.storage import is_whole
from tajo_pipelines.sync.thresholds import MALFORMED_SHARE, over_letters, too_malformed


def landed_check(connection: Connection, stream: str) -> dg.AssetChecksDefinition:
    """Whether what was landed can be read again, whole, and makes sense: blocks the delivery otherwise."""

    @dg.asset_check(
        asset=landing_key(connection.name, stream),
        name="landed_readable",
        blocking=True,
        description=(
            "Every file of this run holds the rows that the store counts, and no more than "
            f"{MALFORMED_SHARE:.0%} of the records lack their documented shape."
        ),
    )
    def landed_readable(context: dg.AssetCheckExecutionContext, workspace: WorkspaceResource) -> dg.AssetCheckResult:
        with clear_failures():
            opened = workspace.get()
            batches = opened.store.batches.of_run(context.run.run_id, connection.name, stream)
            broken = [batch.path for batch in batches if not is_whole(opened, batch)]
            report = opened.store.reports.get(context.run.run_id, connection.name, stream)
        landed = report.details.get("landed", {}) if report is not None else {}
        rows, malformed = landed.get("rows", 0), landed.get("malformed", 0)
        return dg.AssetCheckResult(
            passed=not broken and not too_malformed(rows, malformed),
            severity=dg.AssetCheckSeverity.ERROR,
            metadata={"rows": rows, "malformed": malformed} | ({"broken files": ", ".join(broken)} if broken else {}),
        )

    return landed_readable


def balance_check(connection: Connection, stream: str) -> dg.AssetChecksDefinition:
    """Whether every record that was read is accounted for."""

    @dg.asset_check(
        asset=brevo_key(connection.name, stream),
        name="balance",
        description=(
            "read = mapped + skipped + rejected, and mapped = sent + unchanged + superseded + in doubt + failed."
        ),
    )
    def balance(context: dg.AssetCheckExecutionContext, workspace: WorkspaceResource) -> dg.AssetCheckResult:
        found = _report(context, workspace, connection, stream)
        if found is None:
            return dg.AssetCheckResult(passed=False, metadata={"why": "this run left no report"})
        report = found.report
        entered = report.mapped + report.skipped.total() + report.rejected.total()
        left = report.sent + report.unchanged + report.superseded + report.in_doubt + report.failed
        return dg.AssetCheckResult(
            passed=report.read == entered and report.mapped == left,
            severity=dg.AssetCheckSeverity.ERROR,
            metadata={"read": report.read, "mapped": report.mapped, "entered": entered, "left": left},
        )

    return balance


def letters_check(connection: Connection, stream: str, threshold: float) -> dg.AssetChecksDefinition:
    """Whether rejected records stay under the account's threshold."""

    @dg.asset_check(
        asset=brevo_key(connection.name, stream),
        name="letters",
        description=f"No more than {threshold:.0%} of what was read became letters (20 are always allowed).",
    )
    def letters(context: dg.AssetCheckExecutionContext, workspace: WorkspaceResource) -> dg.AssetCheckResult:
        found = _report(context, workspace, connection, stream)
        read, rejected = (found.report.read, found.report.rejected.total()) if found is not None else (0, 0)
        return dg.AssetCheckResult(
            passed=not over_letters(read, rejected, threshold),
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"read": read, "rejected": rejected, "threshold": threshold},
        )

    return letters


def _report(
    context: dg.AssetCheckExecutionContext, workspace: WorkspaceResource, connection: Connection, stream: str
) -> RunReport | None:
    with clear_failures():
        return workspace.get().store.reports.get(context.run.run_id, connection.name, stream)
