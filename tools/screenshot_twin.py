"""Takes the picture of the twins' page in docs/images from running twins.

    make demo RESET=1; TAJO_HOME=.tajo/demo .venv/bin/tajo twin serve
    .venv/bin/python tools/screenshot_twin.py http://127.0.0.1:8802/_twin

Needs Debian's ``chromium`` and ``chromium-driver``; nothing is downloaded.
"""

from __future__ import annotations

import argparse
import runpy
from pathlib import Path

TOOLS = Path(__file__).resolve().parent
TARGET = TOOLS.parent / "docs" / "images" / "twin.png"
SIZE = (1440, 900)
LOOK = "?tab=contacts&q=koch"


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", help="address of the page")
    arguments = parser.parse_args()
    browsers = runpy.run_path(str(TOOLS / "screenshot.py"))
    with browsers["chromium"]() as browser:
        browser.set_window_size(*SIZE)
        browsers["open_page"](browser, arguments.page + LOOK, ("Attributes", "blocked", "contacts"))
        browser.save_screenshot(str(TARGET))
    print(TARGET)


if __name__ == "__main__":
    main()
