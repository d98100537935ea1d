"""A real ``dagster dev`` over a project, and its GraphQL."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
import requests

from tajo_pipelines_tests.e2e.project import REPOSITORY

T = TypeVar("T")

_FOREIGN = ("TAJO_", "BREVO_", "SHOPIFY_", "DAGSTER_")
_QUICK_BACKFILLS = Path(__file__).with_name("quick_backfills")

RUNS = """
query Runs($filter: RunsFilter) {
  runsOrError(filter: $filter, limit: 20) {
    ... on Runs {
      results {
        runId
        status
        jobName
        tags { key value }
        assetMaterializations {
          assetKey { path }
          partition
          metadataEntries { label ... on IntMetadataEntry { intValue } ... on TableMetadataEntry { table { records } } }
        }
      }
    }
  }
}
"""

ASSETS = "{ assetNodes { assetKey { path } groupName kinds isPartitioned } }"

LAUNCH = """
mutation Launch($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } }
  }
}
"""

BACKFILL = """
mutation LaunchPartitionBackfill($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""

BACKFILL_AGAIN = """
mutation ReexecuteBackfill($params: ReexecutionParams!) {
  reexecutePartitionBackfill(reexecutionParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""

RUN_AGAIN = """
mutation LaunchPipelineReexecution($params: ReexecutionParams!) {
  launchPipelineReexecution(reexecutionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}
"""

BACKFILL_STATUS = """
query Backfill($id: String!) {
  partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } }
}
"""

ENGINE = """
query Engine($id: ID!) {
  logsForRun(runId: $id) {
    ... on EventConnection {
      events {
        ... on EngineEvent { metadataEntries { label ... on TextMetadataEntry { text } } }
      }
    }
  }
}
"""


@dataclass(frozen=True, slots=True)
class Run:
    """One run as the UI sees it."""

    document: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.document["runId"])

    @property
    def status(self) -> str:
        return str(self.document["status"])

    @property
    def tags(self) -> dict[str, str]:
        return {tag["key"]: tag["value"] for tag in self.document["tags"]}

    def materialized(self) -> set[str]:
        """Keys of what it materialized, joined by slashes."""
        return {"/".join(found["assetKey"]["path"]) for found in self.document["assetMaterializations"]}

    def partitions(self, key: str) -> list[str]:
        """The days of an asset that it materialized."""
        found = self.document["assetMaterializations"]
        return sorted(entry["partition"] for entry in found if "/".join(entry["assetKey"]["path"]) == key)

    def metadata(self, key: str) -> dict[str, Any]:
        """Metadata of an asset's materialization by label: a number, rows of a table, or None for other kinds."""
        [found, *_] = [
            entry for entry in self.document["assetMaterializations"] if "/".join(entry["assetKey"]["path"]) == key
        ]
        return {
            entry["label"]: entry.get("intValue", entry.get("table", {}).get("records"))
            for entry in found["metadataEntries"]
        }


@dataclass(frozen=True, slots=True)
class DagsterDev:
    """A running UI.

    Attributes:
        url: Without slash at its end.
        log: What all of its processes printed.
    """

    url: str
    log: Path

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data of an answer without errors."""
        answer = requests.post(f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=60)
        answer.raise_for_status()
        document: dict[str, Any] = answer.json()
        assert "errors" not in document, document["errors"]
        data: dict[str, Any] = document["data"]
        return data

    def runs(self, **chosen: Any) -> list[Run]:
        """Runs, newest first; ``chosen`` is GraphQL's RunsFilter."""
        return [Run(document) for document in self.ask(RUNS, filter=chosen)["runsOrError"]["results"]]

    def launch(self, keys: Sequence[str], first: str, last: str) -> str:
        """Materialize assets for a range of days in one run, as the UI's button does; the run's id."""
        tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
        selector = {
            "repositoryLocationName": "tajo",
            "repositoryName": "__repository__",
            "pipelineName": "__ASSET_JOB",
            "assetSelection": [{"path": key.split("/")} for key in keys],
        }
        params = {
            "selector": selector,
            "mode": "default",
            "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in tags.items()]},
        }
        answer = self.ask(LAUNCH, params=params)["launchRun"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return str(answer["run"]["runId"])

    def backfill(self, keys: Sequence[str], days: Sequence[str]) -> str:
        """Materialize assets for days as the UI's dialogue does, which leaves it to the daemon; the backfill's id."""
        params = {
            "tags": [],
            "assetSelection": [{"path": key.split("/")} for key in keys],
            "partitionNames": list(days),
            "fromFailure": False,
        }
        return self._backfill_id(self.ask(BACKFILL, params=params)["launchPartitionBackfill"])

    def backfill_again(self, backfill: str, strategy: str) -> str:
        """Re-execute a backfill as its page does (ALL_STEPS or FROM_FAILURE); the new one's id."""
        params = {"parentRunId": backfill, "strategy": strategy}
        return self._backfill_id(self.ask(BACKFILL_AGAIN, params=params)["reexecutePartitionBackfill"])

    def run_again(self, run: str, strategy: str) -> str:
        """Re-execute a run as its page does (ALL_STEPS or FROM_FAILURE); the new one's id."""
        params = {"parentRunId": run, "strategy": strategy}
        answer = self.ask(RUN_AGAIN, params=params)["launchPipelineReexecution"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return str(answer["run"]["runId"])

    def backfill_ended(self, backfill: str, seconds: float) -> str:
        """A backfill's status, once the daemon is through with it."""

        def look() -> str | None:
            status = str(self.ask(BACKFILL_STATUS, id=backfill)["partitionBackfillOrError"]["status"])
            return status if status.startswith("COMPLETED") or status in {"FAILED", "CANCELED"} else None

        return until(look, seconds, lambda: f"the backfill doesn't end\n{self.said()}")

    def worker(self, run: str) -> int | None:
        """The process that executes a run's steps; None before it does."""
        for event in self.ask(ENGINE, id=run)["logsForRun"]["events"]:
            for entry in event.get("metadataEntries", ()):
                if entry["label"] == "pid":
                    return int(entry["text"])
        return None

    def said(self) -> str:
        """The end of what its processes printed."""
        return self.log.read_text("utf-8")[-4000:]

    @staticmethod
    def _backfill_id(answer: dict[str, Any]) -> str:
        assert answer["__typename"] == "LaunchBackfillSuccess", answer
        return str(answer["backfillId"])

    def finished(self, seconds: float, **chosen: Any) -> Run:
        """The newest of such runs, once there is one and it has ended."""

        def look() -> Run | None:
            return next((run for run in self.runs(**chosen) if run.status in {"SUCCESS", "FAILURE", "CANCELED"}), None)

        return until(look, seconds, lambda: f"no such run ended: {chosen}\n{self.said()}")


def until(look: Callable[[], T | None], seconds: float, why: Callable[[], str]) -> T:
    """What a look finds, repeated until it finds something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = look()
        if found is not None:
            return found
        time.sleep(0.3)
    pytest.fail(why())


def environment(project: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a process of the project starts with: nothing of the developer's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    paths = [str(REPOSITORY), kept.get("PYTHONPATH", "")]
    return kept | {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "DAGSTER_DISABLE_TELEMETRY": "yes",
        "TMPDIR": str(project),
        **(more or {}),
    }


@contextmanager
def running_dagster(
    project: Path, more: Mapping[str, str] | None = None, *, quick_backfills: bool = False
) -> Iterator[DagsterDev]:
    """A UI over a project on a free port, with daemon and code server, for the length of a ``with`` block.

    Args:
        project: Its folder.
        more: Environment.
        quick_backfills: Let the daemon look for backfills every second instead of every 30.
    """
    variables = environment(project, more)
    if quick_backfills:
        variables["PYTHONPATH"] = os.pathsep.join([str(_QUICK_BACKFILLS), variables["PYTHONPATH"]])
    port, log = _free_port(), project / "dagster.log"
    command = [sys.executable, "-m", "dagster", "dev", "-h", "127.0.0.1", "-p", str(port)]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=project, env=variables, stdout=out, stderr=out, start_new_session=True)
        try:
            dev = DagsterDev(f"http://127.0.0.1:{port}", log)
            until(lambda: _answers(dev, process), 60, lambda: log.read_text("utf-8")[-4000:])
            yield dev
        finally:
            _stop(process)


def _answers(dev: DagsterDev, process: subprocess.Popen[bytes]) -> bool | None:
    if process.poll() is not None:
        pytest.fail(f"dagster dev ended with {process.returncode}: {dev.log.read_text('utf-8')[-4000:]}")
    try:
        return bool(dev.ask(ASSETS)["assetNodes"]) or None
    except requests.RequestException:
        return None


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the whole group to end, as Ctrl-C does, and see that nothing of it is left."""
    group = process.pid
    for number, patience in ((signal.SIGINT, 15.0), (signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
        try:
            os.killpg(group, number)
        except ProcessLookupError:
            break
        end = time.monotonic() + patience
        while time.monotonic() < end and _alive(group, process):
            time.sleep(0.1)
    process.wait(5)


def _alive(group: int, process: subprocess.Popen[bytes]) -> bool:
    process.poll()
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
