"""Puts all definitions together out of settings and registry."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import dagster as dg

from tajo_pipelines.orchestration.assets import stream_assets
from tajo_pipelines.orchestration.checks import balance_check, landed_check, letters_check
from tajo_pipelines.orchestration.completeness import completeness_check
from tajo_pipelines.orchestration.io_managers import BrevoIOManager, LandingIOManager
from tajo_pipelines.orchestration.mapping_checks import mapping_checks
from tajo_pipelines.orchestration.resources import WorkspaceResource
from tajo_pipelines.orchestration.schedules import Job, connection_job, connection_schedule
from tajo_pipelines.orchestration.sensors import inbox_sensor
from tajo_pipelines.orchestration.subscriptions import subscription_watch
from tajo_pipelines.orchestration.window_check import window_check
from tajo_pipelines.sdk import registry
from tajo_pipelines.settings import Settings
from tajo_pipelines.settings.objects import Connection
from tajo_pipelines.sync.modes import may_be_told
from tajo_pipelines.sync.workspace import Workspace


def build_definitions(settings: Settings) -> dg.Definitions:
    """Definitions of every enabled connection. No store is opened and no platform asked for it."""
    project = str(settings.project_dir)
    shared = dg.Definitions(
        resources={
            "workspace": WorkspaceResource(project=project),
            "landing_io_manager": LandingIOManager(project=project),
            "brevo_io_manager": BrevoIOManager(project=project),
        },
        # Also for what is launched from an asset's page: a process a step costs seconds, and gains nothing here.
        executor=dg.in_process_executor,
    )
    loaded = Workspace(settings)
    jobs = {
        found.name: connection_job(found, found.enabled_streams)
        for found in settings.enabled_connections
        if found.enabled_streams
    }
    running = [settings.connections[name] for name in jobs]
    return dg.Definitions.merge(
        shared,
        *(_connection(loaded, found, jobs[found.name]) for found in running),
        *(subscription_watch(found) for found in running if _tells(found)),
        dg.Definitions(sensors=_sensors(running, jobs)),
    )


def _sensors(running: Sequence[Connection], jobs: Mapping[str, Job]) -> list[dg.SensorDefinition]:
    """One a connector that tells by webhooks, over all of its connections."""
    told: dict[str, list[Connection]] = {}
    for connection in running:
        if _tells(connection):
            told.setdefault(connection.connector, []).append(connection)
    return [inbox_sensor(name, found, [jobs[each.name] for each in found]) for name, found in told.items()]


def _tells(connection: Connection) -> bool:
    return registry.manifest(connection.connector).capabilities.webhooks == "yes"


def _connection(loaded: Workspace, connection: Connection, job: Job) -> dg.Definitions:
    streams = connection.enabled_streams
    threshold = float(loaded.account(connection).letters_threshold)
    with warnings.catch_warnings():
        # The parameter is marked beta in Dagster 1.13; a range of days as one run hangs on it.
        warnings.filterwarnings("ignore", message="Parameter `backfill_policy`", category=dg.BetaWarning)
        assets = [stream_assets(loaded, connection, stream, streams) for stream in streams]
    checks = [
        check
        for stream in streams
        for check in (
            landed_check(connection, stream),
            window_check(connection, stream),
            balance_check(connection, stream),
            letters_check(connection, stream, threshold),
        )
    ]
    checks += [completeness_check(connection, name) for name in streams if may_be_told(connection, name)]
    checks += mapping_checks(loaded.settings, connection)
    return dg.Definitions(
        assets=[part for pair in assets for part in (pair.landing, pair.brevo)],
        asset_checks=checks,
        jobs=[job],
        schedules=[connection_schedule(connection, streams, job)],
    )
