"""``tajo demo --live``: what it shows, with everything beside it played and, once, with everything real."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tajo_pipelines.cli import demo as demo_command
from tajo_pipelines.cli import demo_live
from tajo_pipelines.cli.comparison import Row, compare, left_at_brevo
from tajo_pipelines.cli.demo_changes import Changes, Happening
from tajo_pipelines.cli.demo_live import LiveDemo, shown
from tajo_pipelines.cli.demo_processes import Beside
from tajo_pipelines.store import Store, open_store
from tajo_pipelines.store.inbox import NewDelivery
from tajo_pipelines.twin.server import running_twin
from tajo_pipelines_tests.cli.conftest import Project, Tajo

BESIDE = Beside("http://127.0.0.1:8787", "http://127.0.0.1:3000")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path}/tajo.db")
    yield opened
    opened.close()


class Told(Changes):
    """Changes of which a webhook tells at once, and which a run delivers at once, but for those named."""

    def __init__(self, store: Store, *, lost: int | None = None) -> None:
        self._store, self._lost, self._count = store, lost, 0

    def next(self) -> Happening:
        self._count += 1
        at, key = datetime.now(UTC), str(self._count)
        if self._count != self._lost:
            told = NewDelivery("shopify", f"delivery {key}", "customers/update", "customers", key, at, at, b"{}")
            self._store.inbox.append([told])
            with self._store.inbox.lease("shopify", "customers", limit=5) as held:
                held.done([each.delivery.id for each in held.deliveries], at + timedelta(seconds=4))
        return Happening(f"change {key}", "customers", key, at)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("PACE", 0.05), ("LOOK", 0.02), ("LAST", 0.2)):
        monkeypatch.setattr(demo_live, name, seconds)


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("terminal", [True, False])
def test_a_person_sees_each_change_with_its_lag(store: Store, terminal: bool) -> None:
    live, out = LiveDemo("shopify", Told(store), store.inbox), io.StringIO()
    screen = Console(file=out, force_terminal=terminal, width=140, markup=False)
    with shown(screen, BESIDE, "http://127.0.0.1:8802", quiet=False) as show:
        live.run(0.4, show)
    assert live.under_way == []
    assert "change 1" in out.getvalue()
    assert "4.0" in out.getvalue()
    if terminal:
        assert "http://127.0.0.1:3000/runs" in out.getvalue()
        assert "http://127.0.0.1:8802/_twin" in out.getvalue()
    document = live.document(BESIDE)
    assert document["arrived"] == len(document["changes"]) > 2
    assert document["p50_s"] == document["p95_s"] == 4.0


@pytest.mark.usefixtures("hurried")
def test_a_change_that_never_arrives_is_not_waited_for_without_end(store: Store) -> None:
    live = LiveDemo("shopify", Told(store, lost=2), store.inbox)
    live.run(0.3, lambda _: None)
    assert [each.what for each in live.under_way] == ["change 2"]
    assert live.document(None)["changes"][1] | {"happened_at": ""} == {
        "what": "change 2",
        "stream": "customers",
        "key": "2",
        "happened_at": "",
        "received_at": None,
        "delivered_at": None,
        "seconds": None,
    }


@pytest.mark.usefixtures("hurried")
def test_ctrl_c_ends_it_in_order(store: Store) -> None:
    live = LiveDemo("shopify", Told(store), store.inbox)
    looks = 0

    def show(_: LiveDemo) -> None:
        nonlocal looks
        looks += 1
        if looks == 5:
            raise KeyboardInterrupt

    live.run(None, show)
    assert live.under_way == []


def test_the_shop_makes_every_change_of_the_story() -> None:
    with running_twin() as twin:
        changes = Changes(twin.shopify_url)
        made = [changes.next() for _ in range(12)]
    assert {each.stream for each in made} == {"customers", "orders", "products", "carts"}
    assert all(each.key.isdigit() for each in made)


def test_a_cart_that_was_told_and_bought_since_is_no_difference() -> None:
    lines = [{"title": "Lamp", "cents": 2490}]
    with running_twin() as twin:
        buyer = twin.change("shopify", "create_customer", fields={"email": "ana@example.com"})["customer"]["id"]
        open_, bought, *_ = (
            twin.change("shopify", "begin_checkout", customer=buyer, lines=lines)["checkout"]["id"] for _ in range(3)
        )
        twin.change("shopify", "complete_checkout", checkout=bought)
        before = carts(twin.state(), told=())
        after = carts(twin.state(), told=(open_, bought))
    assert int(before.shop) == int(before.brevo) + 2
    assert (after.shop, int(after.brevo)) == (before.shop, int(before.brevo) + 1), "the open one counts alone"


def carts(state: dict[str, Any], told: Sequence[int]) -> Row:
    """The comparison's row of carts, with Brevo told of these checkouts too."""
    now = datetime.now(UTC).isoformat()
    for number in told:
        event = {"event_name": "cart_updated", "event_date": now, "event_properties": {"id": f"cart:{number}"}}
        state["brevo"]["events"].append({"event": event})
    [row] = [row for row in compare(state, left_at_brevo(state)) if row.what.startswith("cart_updated")]
    return row


def test_for_needs_live(project: Project, tajo: Tajo) -> None:
    ended = tajo("demo", "--for", "5", "--json")
    assert (ended.code, ended.document["error"]["where"]) == (2, "--for")


@pytest.mark.usefixtures("hurried")
def test_what_is_lost_is_exit_1_and_named(project: Project, tajo: Tajo, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def nothing(*_: object) -> Iterator[Beside]:
        yield BESIDE

    monkeypatch.setattr(demo_command, "BREVO_PORT", 0)
    monkeypatch.setattr(demo_command, "SHOPIFY_PORT", 0)
    monkeypatch.setattr(demo_command, "beside", nothing)
    ended = tajo("demo", "--live", "--for", "1", "--customers", "15", "--json")
    document = ended.document
    assert (ended.code, document["error"]["code"]) == (1, "not_arrived")
    assert "registers" in document["error"]["message"]
    assert document["live"]["arrived"] == 0
    assert document["comparison"], "both sides are compared all the same"


@pytest.mark.soak
def test_live_with_a_real_receiver_and_dagster(project: Project, tajo: Tajo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    for name in ("RECEIVER_PORT", "UI_PORT"):
        monkeypatch.setattr(f"tajo_pipelines.cli.demo_processes.{name}", 0)
    monkeypatch.setattr(demo_command, "BREVO_PORT", 0)
    monkeypatch.setattr(demo_command, "SHOPIFY_PORT", 0)
    document = tajo("demo", "--live", "--for", "20", "--customers", "15", "--json").document
    assert document["error"] is None, document["error"]
    assert document["equal"], [row for row in document["comparison"] if not row["equal"]]
    live = document["live"]
    assert live["arrived"] == len(live["changes"]) >= 6
    assert live["p95_s"] < 60
