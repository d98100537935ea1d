"""What the documents promise exists: links, keys, variables, commands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from tajo_pipelines.cli.app import app
from tajo_pipelines.mapping.spec import AttributeType
from tajo_pipelines.mapping.transforms import TRANSFORMS
from tajo_pipelines.settings.schema import AccountSection, ConnectionSection, FieldRuleSection, Section, key_names
from tajo_pipelines_tests.e2e.project import REPOSITORY

PAGES = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")])
CONFIGURATION = (REPOSITORY / "docs" / "configuration.md").read_text("utf-8")
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
FENCE = re.compile(r"^[ ]*```sh\n(.*?)^[ ]*```", re.MULTILINE | re.DOTALL)


def dotted(section: type[Section], prefix: str = "") -> Iterator[str]:
    """Every key of a section, those of sections inside of it by their path."""
    for name, info in zip(key_names(section), section.model_fields.values(), strict=True):
        kinds = [info.annotation, *getattr(info.annotation, "__args__", ())]
        inner = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Section)), None)
        if inner is None:
            yield f"{prefix}{name}"
        else:
            yield from dotted(inner, f"{prefix}{name}.")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(REPOSITORY).as_posix())
def test_no_link_leads_nowhere(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text("utf-8")) if "://" not in link]
    assert not [link for link in links if not (page.parent / link).exists()]


def test_every_key_of_the_configuration_has_its_line() -> None:
    wanted = {*dotted(AccountSection), *dotted(ConnectionSection), *dotted(FieldRuleSection), "sync", "field_mapping"}
    # A connection has no list of all contacts: that is the account's.
    wanted -= {"lists.all_contacts"} if "`lists.all_contacts`" not in CONFIGURATION else set()
    assert not sorted(key for key in wanted if f"`{key}`" not in CONFIGURATION)


def test_every_transform_and_type_is_named() -> None:
    for name in (*TRANSFORMS, *AttributeType):
        assert re.search(rf"`{re.escape(name)}[`:]", CONFIGURATION), name


def test_every_variable_that_is_read_has_its_line() -> None:
    read = set()
    for module in (REPOSITORY / "tajo_pipelines").rglob("*.py"):
        if "twin" not in module.parts:
            read |= set(re.findall(r'"(TAJO_[A-Z_]+)"', module.read_text("utf-8")))
    ours_at_brevo = {"TAJO_BLOCKED", "TAJO_SOURCES"}
    of_the_demo = {"TAJO_TWIN_BREVO_URL", "TAJO_TWIN_SHOPIFY_URL"}
    settings = {name for name in read - ours_at_brevo - of_the_demo if not name.endswith("_")}
    assert not sorted(name for name in settings if f"`{name}`" not in CONFIGURATION)


def documented_commands() -> list[str]:
    found = []
    for page in (REPOSITORY / "README.md", REPOSITORY / "docs" / "operations.md"):
        text = page.read_text("utf-8")
        lines = [line.strip() for block in FENCE.findall(text) for line in block.splitlines()]
        lines += re.findall(r"`(tajo [^`]+)`", text)
        found += [line for line in lines if line.startswith("tajo ")]
    return sorted(set(found))


@pytest.mark.parametrize("line", documented_commands())
def test_documented_commands_exist(line: str) -> None:
    command: Any = typer.main.get_command(app)
    words = line.split()[1:]
    while subcommands := getattr(command, "commands", {}):
        assert words, "a command is missing"
        assert words[0] in subcommands, f"there is no {words[0]!r}"
        command = subcommands[words.pop(0)]
    options = {name for parameter in command.params for name in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options


def test_documented_targets_of_make_exist() -> None:
    makefile = (REPOSITORY / "Makefile").read_text("utf-8")
    named = set(re.findall(r"\bmake ([a-z]+)\b", (REPOSITORY / "README.md").read_text("utf-8")))
    assert named
    assert not {target for target in named if not re.search(rf"^{target}:", makefile, re.MULTILINE)}
