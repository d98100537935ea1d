"""Takes the pictures of docs/images from a running Dagster UI over the demo.

    make demo RESET=1; make dev
    .venv/bin/python tools/screenshot.py http://127.0.0.1:3000

Needs Debian's ``chromium`` and ``chromium-driver``; nothing is downloaded.
"""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
PATIENCE = 60
SETTLE = 4.0
"""Seconds for the graph's animation."""

WIDTH = 1440


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture.

    Attributes:
        name: Of its file, without ending.
        path: Page of the UI.
        texts: What must stand in the page when it is taken.
        height: Of the window, in pixels.
        click: Text of a button that is pressed before; empty for none.
        type_into: Placeholder of a field that is typed into before, and what; None for none.
        scroll_to: Text of a cell that is brought to the top before; empty for none.
        images: Words that the alternative text of an image in the page must hold.
    """

    name: str
    path: str
    texts: tuple[str, ...]
    height: int
    click: str = ""
    type_into: tuple[str, str] | None = None
    scroll_to: str = ""
    images: tuple[str, ...] = ()


PICTURES = (
    Picture("asset-graph", "/locations/tajo/asset-groups/shopify/lineage", ("customers", "orders"), 1320),
    Picture(
        "materialization",
        "/assets/brevo/shopify/orders?view=events",
        ("what became of them", "net EUR", "skipped, why", "rejected, why", "money"),
        1340,
        images=("read", "mapped", "sent"),
    ),
    Picture(
        "ui-sent",
        "/assets/brevo/shopify/customers?view=events",
        ("what became of them", "sent", "unchanged"),
        760,
        images=("read", "mapped", "sent"),
    ),
    Picture(
        "ui-refused",
        "/assets/brevo/shopify/customers?view=events",
        ("rejected, why", "invalid_email", "rejected, which (letters)", "the e-mail address isn't valid"),
        1100,
        scroll_to="skipped, why",
    ),
    Picture(
        "ui-next",
        "/assets/brevo/shopify/customers?view=events",
        ("what comes next", "Next run:", "Nothing that was read waits for Brevo.", "open letters", "data until"),
        800,
        scroll_to="what comes next",
    ),
    Picture(
        "ui-age",
        "/assets/brevo/shopify/orders",
        ("Freshness policy", "Passing", "Last materialized", "Warns if more than 2 hours", "How often:"),
        1120,
    ),
    Picture(
        "ui-lineage",
        "/assets/brevo/shopify/customers",
        ("last_order_date", "from last_order_date (Shopify's lastOrder.createdAt)"),
        900,
        type_into=("Filter columns", "last_order_date"),
    ),
    Picture(
        "ui-checks",
        "/assets/shopify/orders?view=checks&checkDetail=window_closed",
        ("landed_readable", "window_closed", "Passed", "Today is provisional", "data until", "isn't over"),
        760,
    ),
)

REALTIME = (
    Picture("ui-realtime", "/locations/tajo/sensors/shopify_inbox", ("1 run requested", "Running"), 1140),
    Picture(
        "ui-realtime-run",
        "/assets/brevo/shopify/customers?view=events",
        ("what became of them", "deliveries", "lag p50 (s)"),
        860,
        scroll_to="calls, which",
    ),
)
"""Taken where a webhook's run is the last one (`--only ui-realtime`), such as after `make demo LIVE=1`."""


@contextmanager
def chromium() -> Iterator[Chrome]:
    """A headless browser."""
    options = ChromeOptions()
    options.binary_location = shutil.which("chromium") or "chromium"
    for argument in ("--headless=new", "--no-sandbox", "--hide-scrollbars"):
        options.add_argument(argument)
    browser = Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        yield browser
    finally:
        browser.quit()


def open_page(browser: Chrome, url: str, texts: tuple[str, ...]) -> str:
    """Open a page and wait until all of the texts stand in it; what it says then.

    Raises:
        TimeoutError: Naming those that don't.
    """
    browser.get(url)
    end = time.monotonic() + PATIENCE
    said, missing = "", list(texts)
    while time.monotonic() < end:
        said = _said(browser)
        missing = [wanted for wanted in texts if wanted not in said]
        if not missing:
            return said
        time.sleep(0.5)
    message = f"{url} doesn't say {missing}; it says:\n{said}"
    raise TimeoutError(message)


def _said(browser: Chrome) -> str:
    return str(browser.find_element(By.TAG_NAME, "body").text)


def prepare(browser: Chrome, picture: Picture) -> None:
    """Press, type and scroll as the picture asks for."""
    if picture.click:
        browser.find_element(By.XPATH, f"//button[.//text()={picture.click!r}]").click()
    if picture.type_into is not None:
        placeholder, text = picture.type_into
        browser.find_element(By.CSS_SELECTOR, f"input[placeholder={placeholder!r}]").send_keys(text)
    if picture.scroll_to:
        cell = browser.find_element(By.XPATH, f"//td[.//text()={picture.scroll_to!r}]")
        browser.execute_script("arguments[0].scrollIntoView({block: 'start'})", cell)
    time.sleep(SETTLE)


def see(browser: Chrome, ui: str, picture: Picture) -> str:
    """Bring the window to what the picture shows; what the page says then."""
    browser.set_window_size(WIDTH, picture.height)
    open_page(browser, f"{ui.rstrip('/')}{picture.path}", picture.texts)
    prepare(browser, picture)
    wanted = "".join(f"[alt*={word!r}]" for word in picture.images)
    if wanted:
        browser.find_element(By.CSS_SELECTOR, f"img{wanted}")
    return _said(browser)


def take(browser: Chrome, ui: str, picture: Picture, folder: Path) -> Path:
    """Take a picture of the UI at that address."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{picture.name}.png"
    see(browser, ui, picture)
    browser.save_screenshot(str(target))
    return target


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ui", help="address of the running UI")
    parser.add_argument("--folder", type=Path, default=IMAGES)
    parser.add_argument("--only", action="append", metavar="NAME", help="of these pictures; repeatable")
    arguments = parser.parse_args()
    with chromium() as browser:
        for picture in (*PICTURES, *REALTIME) if arguments.only else PICTURES:
            if not arguments.only or picture.name in arguments.only:
                print(take(browser, arguments.ui, picture, arguments.folder))


if __name__ == "__main__":
    main()
