"""The twin's page as a person sees it, in Chromium: every tab, what it says, and that it renews itself."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tajo_pipelines.twin.clock import TwinClock
from tajo_pipelines.twin.half import TwinOptions
from tajo_pipelines.twin.pages.site import TABS
from tajo_pipelines.twin.server import running_twin
from tajo_pipelines_tests.twin.test_page import HOSTILE, UNICODE, Browser, filled

SCREENSHOT = Path(__file__).parents[2] / "tools" / "screenshot.py"
PATIENCE = 15

pytestmark = pytest.mark.browser

TEXTS = {
    "overview": ("mailable contacts", "429 answered"),
    "contacts": ("ana@example.com", HOSTILE, UNICODE, "e-mail blocked: complaint"),
    "lists": (HOSTILE, "Your First Folder"),
    "blocklist": ("ana@example.com", "by complaint"),
    "events": ("cart_updated", "1 properties"),
    "orders": ("1001", "12.50 EUR", HOSTILE),
    "products": (HOSTILE, "12.50 EUR"),
    "categories": (HOSTILE,),
    "imports": ("completed", "invalid_emails: 1"),
    "calls": ("/v3/contacts", "400"),
    "limits": ("Nothing is limited",),
    "shop": ("Nothing since the shop was made",),
    "faults": ("No faults are in force",),
}


@pytest.fixture(scope="module")
def page() -> Iterator[Browser]:
    with running_twin(options=TwinOptions(customers=20, tier="unlimited"), clock=TwinClock(50.0)) as twin:
        yield filled(twin)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chrome]:
    with runpy.run_path(str(SCREENSHOT))["chromium"]() as browser:
        browser.set_window_size(1440, 900)
        yield browser


def said(chromium: Chrome) -> str:
    return chromium.find_element(By.TAG_NAME, "body").text


def complaints(chromium: Chrome) -> list[Any]:
    return [entry for entry in chromium.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]  # type: ignore[no-untyped-call]  # selenium's own


def test_every_tab_says_what_is_there_and_runs_no_markup(chromium: Chrome, page: Browser) -> None:
    chromium.get(f"{page.twin.shopify_url}/_twin")
    assert set(TEXTS) == set(TABS)
    for tab, texts in TEXTS.items():
        chromium.find_element(By.LINK_TEXT, tab.capitalize()).click()
        shown = said(chromium)
        for text in texts:
            assert text in shown, f"{tab}: {text}"
        assert chromium.execute_script("return document.documentElement.scrollWidth <= innerWidth"), f"{tab} is wide"
    assert complaints(chromium) == []
    assert not [call for call in page.twin.calls() if "favicon" in call["path"]]


def test_the_page_renews_itself_and_keeps_its_tab_its_filter_and_what_is_open(chromium: Chrome, page: Browser) -> None:
    chromium.get(f"{page.twin.shopify_url}/_twin?tab=events")
    box = chromium.find_element(By.NAME, "q")
    box.send_keys("ana@")
    box.submit()
    WebDriverWait(chromium, PATIENCE).until(lambda _: "1 to 1 of 1 events" in said(chromium))
    chromium.find_element(By.TAG_NAME, "summary").click()
    assert HOSTILE.replace('"', '\\"') in said(chromium)
    chromium.find_element(By.NAME, "q").send_keys("exam")
    event = {"event_name": "order_placed", "identifiers": {"email_id": "ana@example.com"}}
    assert page.call("POST", "/events", event).status_code == 204
    WebDriverWait(chromium, PATIENCE).until(lambda _: "1 to 2 of 2 events" in said(chromium))
    assert HOSTILE.replace('"', '\\"') in said(chromium), "what was open stays open"
    assert chromium.find_element(By.NAME, "q").get_attribute("value") == "ana@exam", "what is typed isn't lost"
    assert chromium.find_element(By.CSS_SELECTOR, "nav a[aria-current]").text == "Events"
    assert complaints(chromium) == []
