"""Log lines of runs under Dagster go through the same mask as those of the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import structlog

from tajo_pipelines.model.errors import RejectedRecord, TajoError
from tajo_pipelines.orchestration.failures import clear_failures
from tajo_pipelines.orchestration.resources import OpenWorkspace
from tajo_pipelines.sync import log_masking
from tajo_pipelines_tests.e2e.project import Project
from tajo_pipelines_tests.orchestration.conftest import HEAD, connection
from tajo_pipelines_tests.orchestration.runs import launch

SECRET = "a planted secret, nothing like a key"


@pytest.fixture
def opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenWorkspace]:
    """A project's workspace as a run opens it, in a process that has no logging of its own yet."""
    monkeypatch.setattr(log_masking, "_secrets", set())
    shop = connection("shopify").replace("api_secret: secret", f'api_secret: "{SECRET}"')
    (folder / "config" / "connectors.yaml").write_text(HEAD + shop, encoding="utf-8")
    structlog.reset_defaults()
    workspace = OpenWorkspace()
    workspace.of(str(folder))
    yield workspace
    workspace.close()
    structlog.reset_defaults()


def refuse(address: str) -> None:
    message = f"{address} has no form"
    raise RejectedRecord("malformed", message)


@pytest.mark.usefixtures("opened")
def test_a_line_holds_nobody_and_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    log = structlog.get_logger("tajo_pipelines.anything")
    log.warning("anna@example.com said %s", "no", key=SECRET, who={"email": "bert@example.com"}, run_id="12345678-abcd")
    try:
        refuse("cleo@example.com")
    except RejectedRecord:
        log.exception("that went wrong", call="GET /contacts/+491701234567 with xkeysib-0123456789")
    out, err = capsys.readouterr()
    assert not out
    for text in ("anna", "bert", "cleo@", SECRET, "491701234567", "0123456789"):
        assert text not in err, text
    for text in ("said no", "that went wrong", "RejectedRecord", "12345678-abcd"):
        assert text in err, text


@pytest.mark.usefixtures("opened")
def test_what_is_only_for_developers_is_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    structlog.get_logger("tajo_pipelines.anything").debug("a detail")
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("opened")
def test_a_failure_in_the_event_log_holds_nobody_and_no_secret() -> None:
    with pytest.raises(dg.Failure) as caught, clear_failures():
        raise TajoError(f"the shop refused anna@example.com and {SECRET}")
    text = caught.value.description or ""
    assert "the shop refused a***@example.com" in text
    assert SECRET not in text


def test_a_command_keeps_the_logging_that_it_configured() -> None:
    try:
        structlog.configure(processors=[structlog.processors.JSONRenderer()])
        before = structlog.get_config()["processors"]
        log_masking.log_to_stderr()
        assert structlog.get_config()["processors"] is before
    finally:
        structlog.reset_defaults()


def test_neither_compute_logs_nor_events_hold_what_a_run_says_of_people(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def talkative(*_: Any) -> None:
        structlog.get_logger("tajo_pipelines.planted").warning("the marker", who="anna@example.com", key=SECRET)
        raise TajoError(f"Brevo refused anna@example.com and {SECRET}")

    monkeypatch.setattr("tajo_pipelines.orchestration.io_managers.deliver", talkative)
    project.configure(secret=SECRET)
    monkeypatch.setattr("tajo_pipelines.twin.shopify.access.DEFAULT_CLIENT_SECRET", SECRET)
    structlog.reset_defaults()
    run = launch(project)
    assert not run.success
    kept = "".join(
        file.read_bytes().decode("utf-8", "replace") for file in (project.home / "dagster").rglob("*") if file.is_file()
    )
    assert "the marker" in kept, "compute logs are kept there"
    assert "Brevo refused a***@example.com" in kept, "events are kept there"
    assert "anna@" not in kept
    assert SECRET not in kept
