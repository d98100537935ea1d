"""The twin's page by HTTP: every tab, hostile names, many contacts."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tajo_pipelines.twin.brevo import changes
from tajo_pipelines.twin.clock import TwinClock
from tajo_pipelines.twin.half import DEFAULT_BREVO_KEY, TwinOptions
from tajo_pipelines.twin.pages.looking import ROWS, Look, moment, paged
from tajo_pipelines.twin.pages.site import TABS
from tajo_pipelines.twin.server import TwinProcess, running_twin

HOSTILE = '<script>alert("x")</script>'
ESCAPED = "&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt;"
UNICODE = "Łukasz 山田 🐟 عمر"
OUTSIDE = re.compile(r"""(?:src|href|action)=["'](?:https?:)?//""")


class Browser:
    """Calls Brevo's stand-in, and opens the page on one of the ports."""

    def __init__(self, twin: TwinProcess) -> None:
        self.twin = twin

    def call(self, method: str, path: str, body: Any = None) -> requests.Response:
        headers = {"api-key": DEFAULT_BREVO_KEY}
        return requests.request(method, self.twin.brevo_url + path, json=body, headers=headers, timeout=10)

    def open(self, tab: str | None = None, *, port: str = "shopify", **query: str | int) -> str:
        root = self.twin.shopify_url if port == "shopify" else self.twin.brevo_url.removesuffix("/v3")
        asked = {**query} if tab is None else {"tab": tab, **query}
        answer = requests.get(f"{root}/_twin", params=asked, timeout=10)
        assert answer.status_code == 200, answer.text[-500:]
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert HOSTILE not in answer.text, "markup from outside is shown as text"
        assert not OUTSIDE.search(answer.text), "nothing is loaded from elsewhere"
        return answer.text


def filled(twin: TwinProcess) -> Browser:
    """An account with something in every tab."""
    page = Browser(twin)
    posts: list[tuple[str, Any]] = [
        ("/contacts/lists", {"name": HOSTILE, "folderId": 1}),
        (
            "/contacts",
            {
                "email": "ana@example.com",
                "attributes": {"FIRSTNAME": HOSTILE, "LASTNAME": UNICODE},
                "listIds": [1],
                "ext_id": HOSTILE,
            },
        ),
        ("/contacts/import", {"jsonBody": [{"email": HOSTILE}, {"email": "ben@example.com"}], "listIds": [1]}),
        (
            "/events",
            {
                "event_name": "cart_updated",
                "identifiers": {"email_id": "ana@example.com"},
                "event_properties": {"note": HOSTILE},
            },
        ),
        ("/events", {"event_name": "order_placed", "identifiers": {"email_id": "cy@example.com"}}),
        (
            "/orders/status",
            {
                "id": "1001",
                "createdAt": "2026-11-01T10:00:00Z",
                "updatedAt": "2026-11-02T10:00:00Z",
                "status": HOSTILE,
                "amount": 12.5,
                "products": [{"productId": "7", "price": 12.5, "quantity": 1}],
                "identifiers": {"email_id": "ana@example.com"},
                "metaInfo": {"presentment_currency": "CHF", "presentment_amount": "11.70"},
            },
        ),
        ("/orders/status", {"id": "1002", "createdAt": "x"}),
        ("/categories", {"id": "k", "name": HOSTILE}),
        ("/products", {"id": "7", "name": HOSTILE, "price": 12.5, "categories": ["k"], "sku": UNICODE}),
    ]
    for path, body in posts:
        page.call("POST", path, body)
    twin.change("brevo", "unsubscribe", email="ana@example.com", cause="complaint", at="2026-11-03T12:00:00Z")
    while twin.state("brevo")["processes"][0]["status"] != "completed":
        time.sleep(0.01)
    return page


@pytest.fixture(scope="module")
def page() -> Iterator[Browser]:
    with running_twin(options=TwinOptions(customers=20, tier="unlimited"), clock=TwinClock(50.0)) as twin:
        yield filled(twin)


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_opens_on_both_ports_and_shows_markup_as_text(page: Browser, tab: str) -> None:
    for port in ("shopify", "brevo"):
        text = page.open(tab, port=port)
        assert f'aria-current="page">{tab.capitalize()}<' in text
        assert "setInterval(renew" in text


@pytest.mark.parametrize(
    ("tab", "query", "texts"),
    [
        ("overview", {}, ("mailable contacts", "POST /contacts", "429 answered")),
        ("contacts", {"q": "ANA@"}, ("ana@example.com", ESCAPED, UNICODE, "e-mail blocked: complaint", "1 to 1 of 1")),
        ("contacts", {"q": "nobody"}, ("No such contact",)),
        ("contacts", {"on": 1}, ("ben@example.com", "import")),
        ("lists", {}, (ESCAPED, "Your First Folder", "DOUBLE_OPT-IN")),
        ("blocklist", {"cause": "complaint"}, ("ana@example.com", "complaint", "2026-11-03 12:00:00")),
        ("events", {"name": "cart_updated"}, ("ana@example.com", "&lt;script&gt;alert(", "1 to 1 of 1 events")),
        ("events", {"q": "cy@"}, ("order_placed", "1 to 1 of 1 events")),
        ("orders", {}, ("1001", "12.50 EUR", "11.70 CHF", ESCAPED, "1 to 1 of 1 orders")),
        ("products", {"q": "łukasz"}, (ESCAPED, "12.50 EUR", UNICODE)),
        ("categories", {}, (ESCAPED, "1 to 1 of 1 categories")),
        ("imports", {}, ("completed", "invalid_emails: 1", ESCAPED)),
        ("calls", {"status": "4xx"}, ("/v3/orders/status", ">400<")),
        ("limits", {}, ("Nothing is limited", "Shopify, points for queries")),
        ("shop", {}, ("customers", "Nothing since the shop was made")),
        ("faults", {}, ("No faults are in force",)),
    ],
)
def test_what_a_tab_shows(page: Browser, tab: str, query: dict[str, Any], texts: tuple[str, ...]) -> None:
    shown = page.open(tab, **query)
    for text in texts:
        assert text in shown, text


def test_an_unknown_tab_names_the_known_ones(page: Browser) -> None:
    answer = requests.get(f"{page.twin.shopify_url}/_twin", params={"tab": HOSTILE}, timeout=5)
    assert answer.status_code == 404
    assert "contacts" in answer.text
    assert HOSTILE not in answer.text


def test_bodies_of_a_call_are_shown_on_demand(page: Browser) -> None:
    page.call("POST", "/contacts", {"email": "ana@example.com", "attributes": {"NOTE": HOSTILE}})
    number = page.twin.calls()[-1]["number"]
    shown = page.open("calls", call=number)
    assert "Request," in shown
    assert "already associated with another Contact" in shown
    assert "Request," not in page.open("calls")
    assert "kept any more" in page.open("calls", call=999_999)


def test_credentials_in_bodies_are_not_kept(page: Browser) -> None:
    body = {"client_id": "twin-client-id", "client_secret": "twin-client-secret", "grant_type": "client_credentials"}
    token = requests.post(f"{page.twin.shopify_url}/admin/oauth/access_token", json=body, timeout=5)
    assert token.status_code == 200
    number = page.twin.calls()[-1]["number"]
    shown = page.open("calls", call=number)
    assert "hold credentials" in shown
    assert "twin-client-secret" not in shown
    assert token.json()["access_token"] not in shown


def test_long_bodies_are_cut_and_old_ones_forgotten(page: Browser) -> None:
    exchanges = page.twin.twin.parts.calls.exchanges
    page.call("POST", "/events", {"event_name": "x" * 100_000, "identifiers": {}})
    kept = exchanges.of(page.twin.calls()[-1]["number"])
    assert kept is not None
    assert (len(kept.request), kept.request_bytes > 100_000) == (exchanges.most, True)
    first = page.twin.calls()[-1]["number"]
    for _ in range(3):
        page.call("GET", "/account")
    page.twin.call(lambda: setattr(exchanges, "keep", 2))
    page.call("GET", "/account")
    page.twin.call(lambda: setattr(exchanges, "keep", 500))
    assert exchanges.of(first) is None


def test_faults_and_429s_are_marked(page: Browser) -> None:
    page.twin.faults({"target": "brevo", "path": "/account", "status": 429, "times": 1})
    page.call("GET", "/account")
    try:
        assert 'class="bad"' in page.open("calls", status="429")
        shown = page.open("faults")
        assert "status 429" in shown
        assert "/account" in shown
    finally:
        page.twin.faults()


def test_changes_and_deletions_in_the_shop_are_shown() -> None:
    with running_twin(options=TwinOptions(customers=20, tier="unlimited")) as twin:
        page = Browser(twin)
        root = twin.shopify_url
        product = requests.get(f"{root}/_twin/shop/products", timeout=5).json()["products"][0]
        twin.change("shopify", "delete_product", id=product["id"])
        assert f"destroy Product {product['id']}" in page.open("shop")


def test_limits_show_what_is_used_and_left() -> None:
    options = TwinOptions(customers=0, tier="general")
    with running_twin(options=options, clock=TwinClock(1.0), halves=("brevo",)) as twin:
        page = Browser(twin)
        for _ in range(3):
            page.call("GET", "/account")
        shown = re.sub(r"<[^>]+>|\s+", " ", page.open("limits", port="brevo"))
        row = re.search(r"other +an hour +(\d+) +(\d+) +(\d+) ", shown)
        assert row is not None
        assert row.groups() == ("100", "3", "97")
        assert "Shopify, points" not in shown
        assert 'tab=shop"' not in page.open(port="brevo")


def test_ten_thousand_contacts_are_paged() -> None:
    with running_twin(options=TwinOptions(customers=0, tier="unlimited"), halves=("brevo",)) as twin:
        page = Browser(twin)

        account = twin.brevo.state

        def many() -> None:
            for number in range(10_000):
                changes.make(
                    account,
                    "create_contact",
                    {"email": f"p{number}@example.com", "emailBlacklisted": bool(number % 2)},
                )

        twin.call(many)
        began = time.monotonic()
        shown = page.open("contacts", port="brevo")
        assert "1 to 50 of 10000 contacts" in shown
        assert shown.count("<details") == ROWS
        assert "9951 to 10000 of 10000" in page.open("contacts", port="brevo", page=10**9)
        assert "1 to 1 of 1 contacts" in page.open("contacts", port="brevo", q="p9999@")
        assert "of 5000 blocks" in page.open("blocklist", port="brevo")
        assert len(shown) < 200_000
        assert time.monotonic() - began < 5


def test_links_keep_the_tab_and_its_filters() -> None:
    look = Look("events", {"tab": "events", "q": "a&b", "page": "3"})
    assert look.link(page=4) == "/_twin?tab=events&q=a%26b&page=4"
    assert look.link(q=None) == "/_twin?tab=events&page=3"
    assert [paged(list(range(120)), Look("t", {"page": each})).number for each in ("0", "2", "9", "-1", "²")] == [
        1,
        2,
        3,
        1,
        1,
    ]
    assert moment("2026-11-01T10:00:00+01:00") == "2026-11-01 09:00:00"
    assert moment("soon") == "soon"


def test_each_account_has_its_own_page() -> None:
    with running_twin(options=TwinOptions(customers=0, tier="unlimited"), halves=("brevo",)) as twin:
        page = Browser(twin)
        twin.call(lambda: twin.brevo.open_account("other-key", "other & co"))
        twin.change("brevo", "create_contact", email="one@example.com")
        twin.change("brevo", "create_contact", email="two@example.com", organization="other & co")
        assert "one@example.com" in page.open("contacts", port="brevo")
        other = page.open("contacts", port="brevo", account="other & co")
        assert "two@example.com" in other
        assert "one@example.com" not in other
        assert "/_twin?tab=events&amp;account=other%20%26%20co" in other
        assert "one@example.com" in page.open("contacts", port="brevo", account="nobody's")
