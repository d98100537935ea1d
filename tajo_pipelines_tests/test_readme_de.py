"""The German README says the same as the English one: the same commands, pictures, links and parts."""

from __future__ import annotations

import re
from itertools import zip_longest

import pytest

from tajo_pipelines_tests.e2e.project import REPOSITORY

ENGLISH = (REPOSITORY / "README.md").read_text("utf-8")
GERMAN = (REPOSITORY / "README.de.md").read_text("utf-8")

BLOCK = re.compile(r"^[ ]*```.*?^[ ]*```", re.MULTILINE | re.DOTALL)
WITHOUT_BLOCKS = {text: BLOCK.sub("", text) for text in (ENGLISH, GERMAN)}
FAMILIAR = re.compile(r"\b(du|dich|dir|dein\w*|euch|euer\w*)\b", re.IGNORECASE)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def parts(text: str) -> dict[str, list[str]]:
    """What both must have in common, in the order in which it stands."""
    prose = WITHOUT_BLOCKS[text]
    return {
        "headings": re.findall(r"^(#+) ", prose, re.MULTILINE),
        "code blocks": BLOCK.findall(text),
        "steps": re.findall(r"^(\d+)\. ", prose, re.MULTILINE),
        "points": re.findall(r"^(-) ", prose, re.MULTILINE),
        "rows": [link for row in re.findall(r"^\|.*\|$", prose, re.MULTILINE) for link in LINK.findall(row)],
        "pictures": re.findall(r"!\[[^\]]*\]\(([^)]+)\)", prose),
    }


@pytest.mark.parametrize("part", list(parts(ENGLISH)))
def test_both_have_the_same_parts(part: str) -> None:
    ours, theirs = parts(GERMAN)[part], parts(ENGLISH)[part]
    assert theirs
    assert not [(one, other) for one, other in zip_longest(ours, theirs) if one != other]


def test_both_name_the_same_commands_files_and_links() -> None:
    found = [
        (
            sorted(set(re.findall(r"`([^`\n]+)`", prose))),
            # Links within the page follow its own headings, and each page names the other.
            sorted({link for link in LINK.findall(prose) if not link.startswith(("#", "README"))}),
        )
        for prose in WITHOUT_BLOCKS.values()
    ]
    assert found[0] == found[1]


def test_links_within_the_german_page_have_their_heading() -> None:
    anchors = {
        re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-")
        for title in re.findall(r"^#+ (.+)$", GERMAN, re.MULTILINE)
    }
    inner = {link[1:] for link in LINK.findall(GERMAN) if link.startswith("#")}
    assert inner
    assert inner <= anchors


def test_the_reader_is_addressed_formally() -> None:
    assert not FAMILIAR.findall(WITHOUT_BLOCKS[GERMAN])
    assert len(re.findall(r"\bSie\b", GERMAN)) > 5
