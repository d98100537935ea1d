"""No secret and no person's address in any log, run, tag, event or file that isn't the store's data or the landing."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tajo_pipelines.twin.clock import TwinClock
from tajo_pipelines.twin.half import TwinOptions
from tajo_pipelines.twin.server import running_twin
from tajo_pipelines.twin.shopify import access
from tajo_pipelines_tests.e2e.project import FACTOR, REPOSITORY, Project

KEY = "xkeysib-planted-0123456789abcdef"
OTHER_KEY = "xkeysib-planted-fedcba9876543210"
SECRET = "shpss_planted-aabbccddeeff0011"

NO_DATA = {"calls", "letters", "run_reports", "batches", "reads", "watermarks", "leases", "budget", "meta"}
"""Tables of the store that hold nobody's address; the others are the data itself."""


@dataclass(slots=True)
class Seen:
    """A project after a few runs, and what they printed."""

    project: Project
    printed: dict[str, str]


def command(project: Project, *arguments: str) -> tuple[int, str, str]:
    """Run ``tajo`` as a person would."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TAJO_", "DAGSTER_"))}
    done = subprocess.run(
        [sys.executable, "-m", "tajo_pipelines.cli", *arguments],
        cwd=project.folder,
        env=environment | {"PYTHONPATH": str(REPOSITORY), "DAGSTER_DISABLE_TELEMETRY": "yes"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """Two runs by command, one of them refused: letters, repeated calls and errors included."""
    options = TwinOptions(customers=120, tier="unlimited", brevo_keys={KEY: "org-planted"})
    with pytest.MonkeyPatch.context() as patch, running_twin(options=options, clock=TwinClock(FACTOR)) as twin:
        patch.setattr(access, "DEFAULT_CLIENT_SECRET", SECRET)
        project = Project.make(tmp_path_factory.mktemp("planted"), twin, secret=SECRET, brevo_key=KEY)
        twin.faults(
            {"target": "brevo", "path": "/contacts$", "method": "POST", "status": 500, "times": 2},
            {"target": "shopify", "path": "graphql", "action": "torn", "times": 1, "after": 1},
        )
        code, out, err = command(project, "connectors", "sync", "shopify", "--full", "--json", "--verbose")
        assert code == 0, (out, err)
        printed = {"sync, stdout": out, "sync, stderr": err}
        project.configure(secret=SECRET, brevo_key=OTHER_KEY)
        code, out, err = command(project, "connectors", "sync", "shopify", "--full", "--verbose")
        assert code == 4, (out, err)
        yield Seen(project, printed | {"refused, stdout": out, "refused, stderr": err})


def rows_of(file: Path) -> Iterator[tuple[str, str]]:
    """All values of a database as text, by table."""
    with closing(sqlite3.connect(file)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in connection.execute(f'SELECT * FROM "{table}"'):  # noqa: S608  names come from the database
                yield table, " ".join(str(value) for value in row)


def texts(seen: Seen, *, data: bool) -> Iterator[tuple[str, str]]:
    """Everything that the runs left, by place; with ``data`` the store's tables of people and the landing too."""
    yield from seen.printed.items()
    folder = seen.project.folder
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        place = str(file.relative_to(folder))
        if place.startswith("config") or (file.suffix == ".parquet" and not data):
            continue
        if file.suffix == ".db":
            for table, text in rows_of(file):
                if data or file.name != "tajo.db" or table in NO_DATA:
                    yield f"{place}: {table}", text
        elif not file.name.endswith(("-wal", "-shm")):
            yield place, file.read_bytes().decode("utf-8", "replace")


def found(texts: Iterable[tuple[str, str]], words: Iterable[str]) -> list[tuple[str, str]]:
    wanted = sorted({form for word in words for form in (word.lower(), word.lower().replace("@", "%40"))})
    return [(place, word) for place, text in texts for word in wanted if word in text.lower()]


def test_no_secret_anywhere_and_nobody_in_logs_runs_and_events(seen: Seen) -> None:
    assert_the_run_is_shown(seen)
    secrets = [KEY, OTHER_KEY, SECRET, *tokens(seen.project)]
    assert len(secrets) > 3
    assert found(texts(seen, data=True), secrets) == []
    people = seen.project.people()
    emails = {customer["email"] for customer in people if customer["emailValid"]}
    orders: list[dict[str, Any]] = seen.project.twin.call(lambda: list(seen.project.twin.shopify.shop.orders.values()))
    emails |= {order["email"] for order in orders if order["email"]}
    phones = {customer["phone"] for customer in people if customer["phone"] and len(customer["phone"]) > 9}
    assert len(emails) > 90
    assert found(texts(seen, data=False), emails) == []
    assert found(texts(seen, data=False), {phone.removeprefix("+") for phone in phones}) == []
    # The search would find them where they belong.
    assert found(texts(seen, data=True), list(emails)[:1])


def tokens(project: Project) -> list[str]:
    """Access tokens that the shop gave out."""
    return project.twin.call(lambda: list(project.twin.shopify.access._documents["app"]["issued"]))


def assert_the_run_is_shown(seen: Seen) -> None:
    """The printed document balances, and Dagster has the run that it names."""
    document = json.loads(seen.printed["sync, stdout"])
    assert document["status"] == "done"
    customers = document["streams"]["customers"]
    assert (
        customers["read"]
        == 120
        == customers["mapped"] + sum(count for part in ("skipped", "rejected") for count in customers[part].values())
    )
    [run_id] = document["run_ids"]
    events = [text for place, text in texts(seen, data=False) if "dagster" in place and run_id in text]
    assert any("ASSET_MATERIALIZATION" in text for text in events)
