"""Puts all definitions together out of settings and registry."""

from __future__ import annotations

import warnings

import dagster as dg

from tajo_pipelines.orchestration.assets import stream_assets
from tajo_pipelines.orchestration.checks import balance_check, landed_check, letters_check
from tajo_pipelines.orchestration.io_managers import BrevoIOManager, LandingIOManager
from tajo_pipelines.orchestration.resources import WorkspaceResource
from tajo_pipelines.orchestration.schedules import connection_job, connection_schedule
from tajo_pipelines.sdk import registry
from tajo_pipelines.settings import Settings
from tajo_pipelines.settings.objects import Connection


def build_definitions(settings: Settings) -> dg.Definitions:
    """Definitions of every enabled connection; none of a connector's code runs for it."""
    workspace = WorkspaceResource()
    parts = [_connection(settings, connection) for connection in settings.enabled_connections]
    shared = dg.Definitions(
        resources={
            "workspace": workspace,
            "landing_io_manager": LandingIOManager(workspace=workspace),
            "brevo_io_manager": BrevoIOManager(workspace=workspace),
        }
    )
    return dg.Definitions.merge(shared, *parts)


def _connection(settings: Settings, connection: Connection) -> dg.Definitions:
    manifest = registry.manifest(connection.connector)
    streams = connection.enabled_streams
    if not streams:
        return dg.Definitions()
    threshold = float(settings.account_of(connection).letters_threshold)
    with warnings.catch_warnings():
        # The parameter is marked beta in Dagster 1.13; a range of days as one run hangs on it.
        warnings.filterwarnings("ignore", message="Parameter `backfill_policy`", category=dg.BetaWarning)
        assets = [stream_assets(connection, manifest, stream, streams) for stream in streams]
    job = connection_job(connection, streams)
    return dg.Definitions(
        assets=[part for pair in assets for part in (pair.landing, pair.brevo)],
        asset_checks=[
            check
            for stream in streams
            for check in (
                landed_check(connection, stream),
                balance_check(connection, stream),
                letters_check(connection, stream, threshold),
            )
        ],
        jobs=[job],
        schedules=[connection_schedule(connection, job)],
    )
