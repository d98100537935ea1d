"""The mapping's tests as a check of what Brevo is given."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from tajo_pipelines.model.errors import ConfigError
from tajo_pipelines.orchestration.failures import clear_failures
from tajo_pipelines.orchestration.names import brevo_key
from tajo_pipelines.orchestration.resources import WorkspaceResource
from tajo_pipelines.settings import Settings
from tajo_pipelines.settings.objects import Connection
from tajo_pipelines.sync.mapping_test_files import streams_with_tests
from tajo_pipelines.sync.mapping_tests import CaseResult, run_mapping_tests
from tajo_pipelines.sync.parquet import encode_canonical

NAME = "mapping_tests"

_COLUMNS = ("case", "place", "path", "expected", "found")


def mapping_checks(settings: Settings, connection: Connection) -> list[dg.AssetChecksDefinition]:
    """A check for every enabled stream of a connection of which ``config/tests`` speaks."""
    tested = streams_with_tests(settings)
    return [
        _check(connection.name, stream) for stream in connection.enabled_streams if (connection.name, stream) in tested
    ]


def _check(connection: str, stream: str) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=brevo_key(connection, stream),
        name=NAME,
        description=(
            f"What the mapping makes of the records in config/tests is what is expected there; the same as "
            f"'tajo mapping test {connection}'. Neither platform nor Brevo is asked."
        ),
    )
    def mapping_tests(workspace: WorkspaceResource) -> dg.AssetCheckResult:
        with clear_failures():
            try:
                results = run_mapping_tests(workspace.get(), connection, stream)
            except ConfigError as error:
                return _unreadable(error)
        failed = [result for result in results if not result.passed]
        return dg.AssetCheckResult(
            passed=not failed,
            severity=dg.AssetCheckSeverity.ERROR,
            metadata={"cases": len(results), "failed": len(failed)} | _table(_rows(failed)),
        )

    return mapping_tests


def _rows(failed: Sequence[CaseResult]) -> list[tuple[str, ...]]:
    return [
        (
            result.case.name,
            f"{result.case.file}:{found.line}",
            found.path,
            encode_canonical(found.expected),
            f"{encode_canonical(found.found)} ({found.note})" if found.note else encode_canonical(found.found),
        )
        for result in failed
        for found in result.mismatches
    ]


def _unreadable(error: ConfigError) -> dg.AssetCheckResult:
    """The check where the tests, or the mapping, can't be read: every finding with its place."""
    found = [(notice.where, notice.message) for notice in error.details] or [(error.where, error.message)]
    rows = [("", where, "", "", message) for where, message in found]
    return dg.AssetCheckResult(
        passed=False,
        severity=dg.AssetCheckSeverity.ERROR,
        description=error.message if len(found) == 1 else f"{len(found)} things are wrong",
        metadata=_table(rows),
    )


def _table(rows: Sequence[tuple[str, ...]]) -> dict[str, Any]:
    if not rows:
        return {}
    schema = dg.TableSchema(columns=[dg.TableColumn(name, type="string") for name in _COLUMNS])
    records = [dg.TableRecord(dict(zip(_COLUMNS, row, strict=True))) for row in rows]
    return {"mismatches": dg.MetadataValue.table(records=records, schema=schema)}
