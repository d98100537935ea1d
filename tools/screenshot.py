"""Takes a picture of a page of the running Dagster UI for the README.

    .venv/bin/python tools/screenshot.py http://127.0.0.1:3000/asset-groups docs/asset-graph.png --text shopify

Needs Debian's ``chromium`` and ``chromium-driver``; nothing is downloaded.
"""

from __future__ import annotations

import argparse
import shutil
import time
from pathlib import Path

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait


def take(url: str, target: Path, text: str, size: tuple[int, int], settle: float) -> None:
    """Opens the page, waits until the text stands in it and has settled, and writes a PNG."""
    options = ChromeOptions()
    options.binary_location = shutil.which("chromium") or "chromium"
    for argument in ("--headless=new", "--no-sandbox", "--hide-scrollbars", f"--window-size={size[0]},{size[1]}"):
        options.add_argument(argument)
    browser = Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        browser.get(url)
        WebDriverWait(browser, 60).until(lambda page: text in page.find_element(By.TAG_NAME, "body").text)
        time.sleep(settle)
        target.parent.mkdir(parents=True, exist_ok=True)
        browser.save_screenshot(str(target))
    finally:
        browser.quit()


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("target", type=Path)
    parser.add_argument("--text", required=True, help="what must stand in the page before the picture is taken")
    parser.add_argument("--size", default="1600x900")
    parser.add_argument("--settle", type=float, default=3.0, help="seconds for the graph's animation")
    arguments = parser.parse_args()
    width, height = (int(side) for side in arguments.size.split("x"))
    take(arguments.url, arguments.target, arguments.text, (width, height), arguments.settle)


if __name__ == "__main__":
    main()
