"""Whether webhooks told of what a batch had to bring."""

import dagster as dg

from tajo_pipelines.orchestration.failures import clear_failures
from tajo_pipelines.orchestration.names import brevo_key
from tajo_pipelines.orchestration.resources import WorkspaceResource
from tajo_pipelines.settings.objects import Connection


def completeness_check(connection: Connection, stream: str) -> dg.AssetChecksDefinition:
    """Whether a batch brought nothing that a webhook should have told before."""

    @dg.asset_check(
        asset=brevo_key(connection.name, stream),
        name="webhook_completeness",
        description=(
            "No batch had to bring a change of which a webhook should have told: it names the records that one had "
            "to. They are at Brevo by now; look whether the platform still has its subscriptions."
        ),
    )
    def webhook_completeness(
        context: dg.AssetCheckExecutionContext, workspace: WorkspaceResource
    ) -> dg.AssetCheckResult:
        with clear_failures():
            report = workspace.get().store.reports.get(context.run.run_id, connection.name, stream)
        missed = report.details.get("missed_by_webhooks") if report is not None else None
        if missed is None:
            return dg.AssetCheckResult(
                passed=True, severity=dg.AssetCheckSeverity.WARN, metadata={"why": "webhooks needn't tell of this run"}
            )
        named = {"records": ", ".join(missed["keys"])} if missed["keys"] else {}
        return dg.AssetCheckResult(
            passed=not missed["count"],
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"missed by webhooks": missed["count"]} | named,
        )

    return webhook_completeness
