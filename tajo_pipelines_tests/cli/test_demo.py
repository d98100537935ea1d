"""The demo: two commands, nothing sent twice, no real account touched."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tajo_pipelines.cli.comparison import compare, left_at_brevo
from tajo_pipelines.twin.clock import TwinClock
from tajo_pipelines.twin.half import TwinOptions
from tajo_pipelines.twin.server import running_twin
from tajo_pipelines_tests.cli.conftest import Project, Tajo

DEMO = ("demo", "--customers", "15", "--json")


@pytest.fixture(autouse=True)
def any_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tajo_pipelines.cli.demo.BREVO_PORT", 0)
    monkeypatch.setattr("tajo_pipelines.cli.demo.SHOPIFY_PORT", 0)


def shopify_customer(state: dict[str, Any]) -> str:
    """The key of a customer that Brevo has, by what Tajo noted there."""
    for contact in state["brevo"]["contacts"]:
        source = str(contact["attributes"].get("TAJO_SOURCES", ""))
        if source.startswith("shopify:"):
            return source.removeprefix("shopify:").split(",")[0]
    pytest.fail("no contact has a source")


def test_the_demo_twice_and_one_change(project: Project, tajo: Tajo, monkeypatch: pytest.MonkeyPatch) -> None:
    (project.folder / ".env").write_text(
        "BREVO_API_KEY=real-key\nBREVO_BASE_URL=http://127.0.0.1:9/v3\nTAJO_DATABASE_URL=sqlite:///real.db\n", "utf-8"
    )
    monkeypatch.setenv("SHOPIFY_API_KEY", "real-client-id")
    monkeypatch.setenv("SHOPIFY_WEBHOOK_SECRET", "real-secret")
    monkeypatch.setenv("TAJO_STORAGE", str(project.folder / "real-landing"))
    before = dict(os.environ)
    home = project.folder / ".tajo" / "demo"

    first = tajo(*DEMO).document
    assert first["exit_code"] == 0, first
    assert first["equal"]
    assert first["sent"] > 0
    assert first["sync"]["streams"]["orders"]["read"] > 0
    assert dict(os.environ) == before
    assert not (project.folder / "real.db").exists()
    assert not (project.folder / "real-landing").exists()
    assert (home / "tajo.db").exists()

    again = tajo(*DEMO).document
    assert again["sent"] == 0
    assert again["equal"]
    assert again["brevo_url"] == first["brevo_url"]
    assert again["sync"]["streams"]["customers"]["read"] == first["sync"]["streams"]["customers"]["read"]

    ports = json.loads((home / "ports.json").read_text("utf-8"))
    with running_twin(home, options=TwinOptions(customers=15), clock=TwinClock(60.0), ports=ports) as twin:
        key = shopify_customer(twin.state())
        twin.change("shopify", "update_customer", id=int(key), fields={"firstName": "Changed"})
        refused = tajo("demo", "--reset", "--json")
        assert refused.code == 2
        assert refused.document["error"]["where"] == "--reset"
        changed = tajo(*DEMO).document
        assert changed["shopify_url"] == twin.shopify_url
        assert changed["sync"]["brevo"]["contacts"] == 1
        assert changed["sent"] == 1


def test_a_person_reads_both_sides_and_a_difference_is_exit_1(project: Project, tajo: Tajo) -> None:
    home = project.folder / ".tajo" / "demo"
    first = tajo("demo", "--customers", "15")
    assert first.code == 0, first.err
    for words in ("The shop beside Brevo", "✓", "make dev"):
        assert words in first.out
    assert "✗" not in first.out
    ports = json.loads((home / "ports.json").read_text("utf-8"))
    with running_twin(home, options=TwinOptions(customers=15), clock=TwinClock(60.0), ports=ports) as twin:
        twin.call(lambda: twin.brevo.state.orders.pop(next(iter(twin.brevo.state.orders))))
    ended = tajo(*DEMO)
    assert ended.code == 1
    assert ended.document["error"]["code"] == "differs"
    assert "orders" in ended.document["error"]["message"]


@pytest.mark.parametrize("running", [False, True])
def test_a_shop_of_an_earlier_version_is_told_with_the_way_out(project: Project, tajo: Tajo, running: bool) -> None:
    home = project.folder / ".tajo" / "demo"
    with running_twin(home, options=TwinOptions(customers=15)) as twin:
        meta = twin.twin.file.documents("shopify.meta")
        earlier = {key: value for key, value in meta["seed"].items() if key != "version"}
        twin.call(lambda: meta.update(seed=earlier))
    with ExitStack() as stack:
        if running:
            twin = stack.enter_context(running_twin(home, options=TwinOptions(customers=15)))
            ports = {"brevo": urlsplit(twin.brevo_url).port, "shopify": urlsplit(twin.shopify_url).port}
            (home / "ports.json").write_text(json.dumps(ports), "utf-8")
        ended = tajo(*DEMO)
    error = ended.document["error"]
    assert (ended.code, error["code"]) == (3, "old_demo")
    assert "RESET=1" in error["hint"]
    assert ("make dev" in error["hint"]) == running
    assert ended.document["sync"] is None


def test_the_four_streams_are_compared_and_a_missing_event_is_seen(project: Project, tajo: Tajo) -> None:
    home = project.folder / ".tajo" / "demo"
    document = tajo("demo", "--customers", "60", "--json").document
    assert document["equal"], [row for row in document["comparison"] if not row["equal"]]
    rows = {row["what"]: row for row in document["comparison"]}
    sync = document["sync"]
    carts, products = rows["cart_updated, last 24 h"], rows["products"]
    assert sync["brevo"]["events"]["cart_updated"] == int(carts["brevo"]) == sync["streams"]["carts"]["sent"] > 0
    assert sync["brevo"]["products"] == int(products["brevo"]) == sync["streams"]["products"]["sent"] > 0
    with running_twin(home, clock=TwinClock(60.0)) as twin:
        state = twin.state()
    assert all(row.equal for row in compare(state, left_at_brevo(state)))
    events, kept = state["brevo"]["events"], state["brevo"]["products"]
    events.remove(next(stored for stored in events if stored["event"]["event_name"] == "cart_updated"))
    next(product for product in kept if not product.get("parentId"))["metaInfo"]["status"] = "lost"
    kept.remove(next(product for product in kept if product.get("parentId")))
    different = [row.what for row in compare(state, left_at_brevo(state)) if not row.equal]
    assert different == ["products", "variants", "cart_updated, last 24 h"]


def test_without_its_configuration_the_demo_says_so(project: Project, tajo: Tajo) -> None:
    Path("config/demo.yaml").unlink()
    assert tajo("demo", "--json").document["error"]["code"] == "no_demo"
