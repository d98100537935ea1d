"""Each benchmark writes its own sections and leaves the others' alone."""

from __future__ import annotations

from tajo_pipelines_tests.bench.page import merged

PAGE = "# Speed\n\nHead.\n\n## One\n\n1\n\n## Two\n\n2\n"


def test_a_section_takes_its_namesakes_place() -> None:
    assert merged(PAGE, "## One\n\nnew\n") == PAGE.replace("1", "new")
    assert merged(PAGE, "## Two\n\nnew\n") == PAGE.replace("2", "new")


def test_a_new_section_stands_at_the_end() -> None:
    assert merged(PAGE, "## Three\n\n3\n") == PAGE + "\n## Three\n\n3\n"


def test_the_head_is_of_whoever_writes_one() -> None:
    assert merged(PAGE, "# Speed\n\nOther.\n\n## One\n\nnew\n") == PAGE.replace("Head", "Other").replace("1", "new")
    assert merged("", PAGE) == PAGE
    assert merged(PAGE, PAGE) == PAGE
