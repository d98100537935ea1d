"""Runs that go wrong: what isn't sent then, what a person reads, and what nobody may."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from tajo_pipelines.model.errors import ConfigError
from tajo_pipelines.orchestration.build import build_definitions
from tajo_pipelines.orchestration.launch import project_instance
from tajo_pipelines.orchestration.partitions import range_tags
from tajo_pipelines.orchestration.schedules import stream_keys
from tajo_pipelines.settings import load_settings
from tajo_pipelines.store.processes import ProcessMark
from tajo_pipelines.sync.landing import land
from tajo_pipelines.sync.workspace import Workspace
from tajo_pipelines_tests.e2e.project import STREAMS, Project
from tajo_pipelines_tests.orchestration.runs import (
    another_reader,
    command,
    failures,
    full,
    launch,
    materialized,
)


@pytest.mark.parametrize(("since", "problem"), [("yesterday", "isn't a time"), ("2999-01-01", "is still to come")])
def test_a_since_that_makes_no_sense_is_one_sentence(synced: Project, since: str, problem: str) -> None:
    run = launch(synced, config={"shopify__customers": {"config": {"mode": "range", "since": since}}})
    [sentence] = failures(synced, run.run_id)
    assert problem in sentence
    assert since in sentence


def test_a_run_without_days_says_how_to_launch_it(synced: Project) -> None:
    with project_instance(synced.folder) as instance:
        job = build_definitions(load_settings(synced.folder, {})).resolve_job_def("shopify")
        run = job.execute_in_process(
            instance=instance, asset_selection=stream_keys("shopify", ["customers"]), raise_on_error=False
        )
    [sentence] = failures(synced, run.run_id)
    assert "names no day" in sentence
    assert "mode: full" in sentence


def test_a_broken_landing_is_not_delivered(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def torn(workspace: Workspace, *rest: Any) -> None:
        land(workspace, *rest)
        for file in Path(workspace.settings.storage).rglob("*.parquet"):
            file.write_bytes(file.read_bytes()[:-20])

    monkeypatch.setattr("tajo_pipelines.orchestration.io_managers.land", torn)
    run = launch(project, days=2, streams=STREAMS, config=full("customers", "orders"))
    assert not run.success
    events = materialized(project, run.run_id)
    assert set(events) == {"shopify/customers", "shopify/orders"}
    checks = {check.check_name: check.passed for check in run.get_asset_check_evaluations()}
    assert checks["landed_readable"] is False
    assert not [call for call in project.writes_since(0) if call.startswith("POST /v3/contacts")]


def test_days_that_nobody_read_do_not_look_as_if_they_had_been(synced: Project) -> None:
    with another_reader(synced):
        run = launch(synced, days=3)
    assert not run.success
    assert not materialized(synced, run.run_id)
    [sentence] = failures(synced, run.run_id)
    assert "run other is at it" in sentence
    assert "nothing was read" in sentence


def test_no_secret_and_no_person_reaches_dagsters_storage(project: Project) -> None:
    command(project, mode="full")
    project.configure(brevo_key="wrong-brevo-key-4711")
    command(project)
    project.configure(secret="wrong-shop-secret-0815")
    failed = command(project)
    assert not failed.success
    mails = [person["email"] for person in project.people() if person.get("email")]
    assert mails
    searched = [*mails, "twin-brevo-key", "twin-client-secret", "wrong-brevo-key-4711", "wrong-shop-secret-0815"]
    storage = project.home / "dagster"
    files = [file for file in storage.rglob("*") if file.is_file()]
    assert any(file.suffix == ".db" for file in files)
    for file in files:
        content = file.read_bytes()
        assert not [text for text in searched if text.encode() in content], file


def test_credentials_that_are_refused_are_one_sentence(project: Project) -> None:
    project.configure(secret="wrong")
    run = launch(project, streams=STREAMS)
    sentences = failures(project, run.run_id)
    assert len(sentences) == 2
    for sentence in sentences:
        assert "\n" not in sentence
        assert "unforeseen" not in sentence
    assert not materialized(project, run.run_id)


def test_a_connection_taken_out_while_dagster_runs_is_one_sentence(project: Project) -> None:
    job = build_definitions(load_settings(project.folder, {})).resolve_job_def("shopify")
    file = project.folder / "config" / "connectors.yaml"
    file.write_text(file.read_text("utf-8").replace("  shopify: &shop", "  other:\n    connector: shopify"), "utf-8")
    today = datetime.now(UTC).date()
    with project_instance(project.folder) as instance:
        run = job.execute_in_process(
            instance=instance,
            tags=range_tags(today, today, None),
            asset_selection=stream_keys("shopify", ["customers"]),
            raise_on_error=False,
        )
    [sentence] = failures(project, run.run_id)
    assert "there is no connection 'shopify'" in sentence


def test_streams_that_nobody_reads_are_refused(synced: Project) -> None:
    with pytest.raises(ConfigError, match="doesn't read 'products'") as caught:
        command(synced, streams=("products",))
    assert "customers, orders" in caught.value.hint


def test_an_instance_that_cannot_be_opened_is_a_configuration_error(
    synced: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "/nowhere/at/all")
    with pytest.raises(ConfigError, match="instance") as caught:
        command(synced)
    assert caught.value.exit_code == 3


def test_a_killed_commands_run_is_ended_by_the_next_one(synced: Project) -> None:
    mark = json.dumps({"machine": ProcessMark.own().machine, "pid": 999_999_999, "started": "1"})
    with project_instance(synced.folder) as instance:
        job = build_definitions(load_settings(synced.folder, {})).resolve_job_def("shopify")
        left = instance.create_run_for_job(
            job, status=dg.DagsterRunStatus.STARTED, tags={"tajo/trigger": "cli", "tajo/process": mark}
        )
    command(synced, streams=("customers",))
    with project_instance(synced.folder) as instance:
        found = instance.get_run_by_id(left.run_id)
    assert found is not None
    assert found.status is dg.DagsterRunStatus.FAILURE
