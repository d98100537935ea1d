"""Every command explains itself, and a wrong line is answered with exit 2, as a document too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import typer.main
from jsonschema import Draft202012Validator

from tajo_pipelines import __version__
from tajo_pipelines.cli.app import app
from tajo_pipelines.cli.documents import KINDS
from tajo_pipelines_tests.cli.conftest import SCHEMAS, Tajo, validate


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield path, command
        return
    for name, below in inner.items():
        yield from commands(below, (*path, name))


ALL = list(commands(typer.main.get_command(app)))


def test_the_frozen_names_are_there() -> None:
    assert [" ".join(path) for path, _ in ALL] == [
        "doctor",
        "erase",
        "demo",
        "connectors list",
        "connectors connect",
        "connectors install",
        "connectors test",
        "connectors sync",
        "connectors status",
        "connectors disconnect",
        "letters list",
        "letters show",
        "mapping try",
        "mapping diff",
        "mapping test",
        "calls list",
        "calls show",
        "webhooks serve",
        "webhooks register",
        "webhooks subscriptions",
        "webhooks list",
        "webhooks show",
        "webhooks replay",
        "twin serve",
    ]


@pytest.mark.parametrize("path", [path for path, _ in ALL], ids=" ".join)
def test_every_command_and_option_has_help(path: tuple[str, ...], tajo: Tajo) -> None:
    ended = tajo(*path, "--help")
    assert ended.code == 0
    assert "--json" in ended.out
    assert "--project" in ended.out
    command = dict(ALL)[path]
    assert command.help
    assert all(parameter.help for parameter in command.params)


def test_every_document_has_a_schema_and_every_schema_is_one() -> None:
    assert {kind.name for kind in KINDS} == SCHEMAS.keys() - {"envelope"}
    for schema in SCHEMAS.values():
        Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_schema_asks_for_every_key_and_for_no_other(kind: Any) -> None:
    assert set(SCHEMAS[kind.name]["required"]) == set(kind.keys)
    document = {
        "schema": kind.schema,
        "ok": False,
        "exit_code": 1,
        "error": {"code": "x", "message": "x", "where": None, "hint": None, "details": []},
        "warnings": [],
        **kind.empty(),
    }
    validate(document)
    with pytest.raises(AssertionError):
        validate(document | {"surprise": 1})
    with pytest.raises(AssertionError):
        validate(document | {"ok": True})


@pytest.mark.parametrize(
    ("arguments", "schema"),
    [
        (["connectors", "sync", "--json"], "tajo.sync/1"),
        (["--json", "connectors", "sync", "shopify", "--fall"], "tajo.sync/1"),
        (["connectors", "synk", "--json"], "tajo.error/1"),
        (["letters", "list", "--state", "lost", "--json"], "tajo.letters/1"),
        (["nothing", "--json"], "tajo.error/1"),
    ],
)
def test_a_wrong_line_is_exit_2_and_a_document(arguments: list[str], schema: str, tajo: Tajo) -> None:
    document = tajo(*arguments).document
    assert document["schema"] == schema
    assert document["exit_code"] == 2
    assert document["error"]["message"]


def test_a_wrong_line_is_one_sentence_for_a_person(tajo: Tajo) -> None:
    ended = tajo("connectors", "synk")
    assert ended.code == 2
    assert ended.out == ""
    assert "Did you mean 'sync'" in ended.err


def test_a_project_that_is_no_folder_is_exit_2(tajo: Tajo) -> None:
    document = tajo("letters", "list", "--project", "/nowhere/at/all", "--json").document
    assert document["error"]["where"] == "--project"


def test_the_version_is_told(tajo: Tajo) -> None:
    assert tajo("--version").out.strip() == f"tajo {__version__}"
