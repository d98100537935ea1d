"""Takes the README's pictures from a running Dagster UI.

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
from selenium.webdriver.support.ui import WebDriverWait

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
PATIENCE = 60
SETTLE = 4.0
"""Seconds for the graph's animation."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture.

    Attributes:
        name: Of its file, without ending.
        path: Page of the UI.
        texts: What must stand in the page before it is taken.
        size: Of the window, in pixels.
    """

    name: str
    path: str
    texts: tuple[str, ...]
    size: tuple[int, int]


PICTURES = (
    Picture("asset-graph", "/locations/tajo/asset-groups/shopify/lineage", ("customers", "orders"), (1440, 1320)),
    Picture("materialization", "/assets/brevo/shopify/orders?view=events", ("money", "mapped"), (1300, 1280)),
)


@contextmanager
def chromium(size: tuple[int, int]) -> Iterator[Chrome]:
    """A headless browser with a window of that size."""
    options = ChromeOptions()
    options.binary_location = shutil.which("chromium") or "chromium"
    for argument in ("--headless=new", "--no-sandbox", "--hide-scrollbars", f"--window-size={size[0]},{size[1]}"):
        options.add_argument(argument)
    browser = Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        yield browser
    finally:
        browser.quit()


def open_page(browser: Chrome, url: str, texts: tuple[str, ...]) -> str:
    """Open a page and wait until all of the texts stand in it; what it says then."""

    def said(page: Chrome) -> str:
        text = page.find_element(By.TAG_NAME, "body").text
        return text if all(wanted in text for wanted in texts) else ""

    browser.get(url)
    return WebDriverWait(browser, PATIENCE).until(said)


def take(ui: str, picture: Picture, folder: Path) -> Path:
    """Take a picture of the UI at that address."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{picture.name}.png"
    with chromium(picture.size) as browser:
        open_page(browser, f"{ui.rstrip('/')}{picture.path}", picture.texts)
        time.sleep(SETTLE)
        browser.save_screenshot(str(target))
    return target


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ui", help="address of the running UI")
    parser.add_argument("--folder", type=Path, default=IMAGES)
    arguments = parser.parse_args()
    for picture in PICTURES:
        print(take(arguments.ui, picture, arguments.folder))


if __name__ == "__main__":
    main()
