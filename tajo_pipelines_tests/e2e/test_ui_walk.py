"""A marketer's questions, answered by the pages of a real UI alone; docs/ui.md shows the same pages."""

from __future__ import annotations

import re
import runpy
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tajo_pipelines.twin.clock import TwinClock
from tajo_pipelines.twin.half import TwinOptions
from tajo_pipelines.twin.server import running_twin
from tajo_pipelines_tests.e2e.dagster_dev import DagsterDev, running_dagster
from tajo_pipelines_tests.e2e.project import FACTOR, REPOSITORY, Project
from tajo_pipelines_tests.e2e.test_dagster_dev import sync

pytestmark = pytest.mark.browser

WRONG_TEST = """connection: shopify
cases:
  - name: the last order's day
    canonical: {last_order_date: 2026-03-01T10:00:00Z}
    expect: {attributes: {LAST_ORDER_DATE: "1999-12-31"}}
"""

MOST_BYTES = 200_000


@contextmanager
def walked(at: Path) -> Iterator[tuple[Project, DagsterDev, dict[str, Any]]]:
    """A UI over a shop that was synchronised once, with a mapping test that expects what isn't so."""
    tool = runpy.run_path(str(REPOSITORY / "tools" / "screenshot.py"))
    with running_twin(options=TwinOptions(customers=100, tier="unlimited"), clock=TwinClock(FACTOR)) as twin:
        project = Project.make(at, twin)
        whole_shop(project)
        tests = project.folder / "config" / "tests"
        tests.mkdir()
        (tests / "shopify.yaml").write_text(WRONG_TEST, encoding="utf-8")
        sync(project.folder)
        with running_dagster(project.folder) as dev:
            yield project, dev, tool


def whole_shop(project: Project) -> None:
    """Every stream, mapped as the connector proposes."""
    file = project.folder / "config" / "connectors.yaml"
    lines = file.read_text("utf-8").splitlines()
    kept = [line for line in lines if not line.strip().startswith(("sync:", "field_mapping:"))]
    file.write_text("\n".join(kept) + "\n", encoding="utf-8")


def test_a_marketer_finds_the_answers_in_the_ui(tmp_path: Path) -> None:
    with walked(tmp_path / "project") as (project, dev, tool), tool["chromium"]() as browser:
        pages = {picture.name: picture for picture in tool["PICTURES"]}
        said = {name: tool["see"](browser, dev.url, picture) for name, picture in pages.items()}
        what_was_sent(said["ui-sent"], said["materialization"], project)
        what_was_refused(said["ui-refused"], project)
        what_comes_next(said["ui-next"])
        how_old_it_is(said["ui-age"])
        which_field_feeds(said["ui-lineage"])
        the_window_is_closed(said["ui-checks"])
        the_graph_is_green(said["asset-graph"])
        a_wrong_mapping_test_is_red(browser, dev, tool)
        numbers_are_plotted(browser, dev, tool)


def test_the_pictures_of_the_docs_can_be_taken_anew(tmp_path: Path) -> None:
    with walked(tmp_path / "project") as (_, dev, _):
        tool = REPOSITORY / "tools" / "screenshot.py"
        command = [sys.executable, str(tool), dev.url, "--folder", str(tmp_path / "new")]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        assert ended.returncode == 0, ended.stdout + ended.stderr
    taken = {file.name: file for file in (tmp_path / "new").iterdir()}
    kept = REPOSITORY / "docs" / "images"
    assert {name for name in taken if not (kept / name).exists()} == set()
    assert {file.name for file in kept.glob("ui-*.png") if not file.name.startswith("ui-realtime")} <= set(taken)
    for file in (*taken.values(), *(kept / name for name in taken)):
        assert size(file)[0] == 1440, file
        assert 20_000 < file.stat().st_size < MOST_BYTES, file


def size(png: Path) -> tuple[int, int]:
    """Width and height."""
    width, height = struct.unpack(">II", png.read_bytes()[16:24])
    return width, height


def rows(said: str) -> dict[str, str]:
    """What stands after each line of a page."""
    lines = said.splitlines()
    return dict(pairwise(lines))


def what_was_sent(customers: str, orders: str, project: Project) -> None:
    found = {name: int(rows(customers)[name]) for name in ("read", "sent", "unchanged", "skipped", "rejected")}
    assert found["read"] == len(project.people()) == sum(found.values()) - found["read"]
    assert found["sent"] > found["rejected"] > 0
    assert int(rows(orders)["sent"]) == len(project.orders())
    assert "EUR" in orders


def what_was_refused(said: str, project: Project) -> None:
    assert rows(said)["rejected"].isdigit()
    assert "invalid_email" in said
    assert "refused field reason" in " ".join(said.split())
    assert not [person["email"] for person in project.people() if person["email"] and person["email"] in said]


def what_comes_next(said: str) -> None:
    assert "UTC, if the schedule is on" in said
    assert rows(said)["waiting records"] == "0"
    assert rows(said)["schedule"].endswith("* * * * (cron, UTC)")


def how_old_it_is(said: str) -> None:
    assert "Fails if more than 3 hours since last materialization" in said
    assert "Passing" in said


def which_field_feeds(said: str) -> None:
    assert "from last_order_date (Shopify's lastOrder.createdAt)" in said
    assert "lastOrder.createdAt last_order_date LAST_ORDER_DATE date" in said, (
        "the table, in the attribute's own spelling"
    )
    assert "from first_name" not in said, "the list is filtered"


def the_window_is_closed(said: str) -> None:
    assert "isn't over: later runs add to it until midnight UTC" in said
    # Of the whole shop, or of the last hour where the schedule has ticked meanwhile.
    assert re.search(r"(the beginning|\d{4}-\d\d-\d\dT\S+Z) to \d{4}-", said)


def the_graph_is_green(said: str) -> None:
    lines = said.splitlines()
    for name in ("customers", "orders", "products", "carts"):
        assert lines.count(name) == 2, name
    passed = re.findall(r"(\d) / (\d) Passed", said)
    assert sum(some == all_of_them for some, all_of_them in passed) == 7, (
        f"all but the one with the wrong test: {passed}"
    )


def a_wrong_mapping_test_is_red(browser: Any, dev: DagsterDev, tool: dict[str, Any]) -> None:
    path = "/assets/brevo/shopify/customers?view=checks&checkDetail=mapping_tests"
    picture = tool["Picture"]("mapping-test", path, ("Failed", "the last order's day", "1999-12-31", "2026-03-01"), 900)
    said = tool["see"](browser, dev.url, picture)
    assert "shopify.yaml:5" in said


def numbers_are_plotted(browser: Any, dev: DagsterDev, tool: dict[str, Any]) -> None:
    picture = tool["Picture"]("plots", "/assets/brevo/shopify/orders", ("Plots", "net EUR"), 3000, click="Plots")
    lines = tool["see"](browser, dev.url, picture).splitlines()
    for name in ("read", "mapped", "sent", "rejected", "net EUR", "calls", "budget share (%)", "lag p50 (s)"):
        assert name in lines, name
