"""The page of the figures: what was measured on what, each section written anew by its own benchmark."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

_SECTION = re.compile(r"^(?=## )", re.MULTILINE)


def machine() -> str:
    """What it ran on."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text("ascii", "replace").splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return f"{os.cpu_count()} cores ({model}), {memory:.0f} GB, Python {platform.python_version()}"


def commit() -> str:
    """What was measured."""
    ended = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],  # noqa: S607 - the developer's own git
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.stdout.strip() or "outside of a repository"


def merged(page: str, text: str) -> str:
    """A page with the sections of a text, each in the place of its namesake, new ones at the end.

    What stands above the first section is the text's, where it has something there.
    """
    head, *sections = _SECTION.split(page)
    new_head, *new = _SECTION.split(text)
    found = {_name(section): section for section in sections} | {_name(section): section for section in new}
    return "\n\n".join(part.strip("\n") for part in (new_head or head, *found.values()) if part.strip()) + "\n"


def write(path: Path, text: str) -> None:
    """Merge a text into the page of that path."""
    path.write_text(merged(path.read_text("utf-8") if path.exists() else "", text), "utf-8")


def _name(section: str) -> str:
    return section.partition("\n")[0]
