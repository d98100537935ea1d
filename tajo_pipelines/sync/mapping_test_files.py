"""Reads ``config/tests/*.yaml``: records, and what a connection's mapping is to make of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
from pydantic import Field

from tajo_pipelines.mapping.spec import camel_case
from tajo_pipelines.model.consent import Channel, State
from tajo_pipelines.model.customer import Customer
from tajo_pipelines.model.record import Canonical
from tajo_pipelines.sdk import registry
from tajo_pipelines.settings.findings import Findings, KeyPath, shown, suggestion
from tajo_pipelines.settings.objects import Connection, Settings
from tajo_pipelines.settings.schema import Section
from tajo_pipelines.settings.validation import report_unknown, require_mapping, validate
from tajo_pipelines.settings.yaml_source import Scalar, Tree, read_yaml
from tajo_pipelines.sync.parquet import decode_raw

FOLDER = "tests"
"""Beside the configuration file."""

STREAM = "customers"
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_SAID = ("state", "at", "confirmed", "evidence")


class ExpectSection(Section):
    """``expect``: all that is left out isn't looked at."""

    attributes: dict[str, Any] = Field(default_factory=dict)
    canonical: dict[str, Any] = Field(default_factory=dict)
    consent: dict[str, Any] = Field(default_factory=dict)
    problems: list[Any] | None = None
    cleared: list[str] | None = None
    rejected: Any = None


class CaseSection(Section):
    """One of ``cases``: a record as the platform sends it, or a canonical one, and what is expected of it."""

    name: str
    given: dict[str, Any] | None = None
    canonical: dict[str, Any] | None = None
    expect: ExpectSection


class FileSection(Section):
    """A whole file."""

    connection: str
    stream: str = STREAM
    cases: list[Any]


@dataclass(frozen=True, slots=True)
class MappingCase:
    """One case.

    Attributes:
        file: As a person knows it, from the project's folder.
        line: Where it begins.
        connection: Name of the connection.
        raw: The platform's object; None where ``form`` is given.
        form: The canonical object; None where ``raw`` is given.
        expect: What is expected.
        places: Line of every key path below ``expect``.
    """

    file: str
    line: int
    name: str
    connection: str
    stream: str
    raw: Mapping[str, Any] | None
    form: Canonical | None
    expect: ExpectSection
    places: Mapping[KeyPath, int]


def folder_of_tests(settings: Settings) -> Path:
    """Where the tests of a project are."""
    return settings.config_file.parent / FOLDER


def streams_with_tests(settings: Settings) -> frozenset[tuple[str, str]]:
    """Pairs of connection and stream that tests speak of. A file that can't be read speaks of all customers."""
    found: set[tuple[str, str]] = set()
    for file in _files(settings):
        try:
            tree = read_yaml(file.read_text(encoding="utf-8-sig")).tree
        except (OSError, UnicodeDecodeError):
            tree = None
        connection = tree.get("connection") if isinstance(tree, dict) else None
        if isinstance(connection, Scalar) and connection in settings.known_connections:
            found.add((str(connection), str(tree.get("stream") or STREAM)))
        else:
            found |= {(name, STREAM) for name in settings.connections}
    return frozenset(found)


def read_mapping_tests(settings: Settings, connection: str | None = None) -> list[MappingCase]:
    """All cases, in the order of files and lines.

    Args:
        settings: The project's.
        connection: Only those of this connection.

    Raises:
        ConfigError: Everything that is wrong in any of the files, each with its file and line.
    """
    everything = Findings(str(_known_as(folder_of_tests(settings), settings)))
    cases: list[MappingCase] = []
    for file in _files(settings):
        name = str(_known_as(file, settings))
        try:
            text = file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError):
            everything.error_at("config_unreadable", name, "can't be read as UTF-8 text")
            continue
        source = read_yaml(text)
        findings = Findings(name, source.lines)
        for problem in source.problems:
            findings.problem(problem)
        if source.tree is not None or not source.problems:
            cases += _File(file, findings, settings).cases(source.tree)
        everything.adopt(findings)
    everything.raise_if_any()
    return [case for case in cases if connection in {None, case.connection}]


def _files(settings: Settings) -> list[Path]:
    return sorted(file for ending in ("*.yaml", "*.yml") for file in folder_of_tests(settings).glob(ending))


def _known_as(path: Path, settings: Settings) -> Path:
    return path.relative_to(settings.project_dir) if path.is_relative_to(settings.project_dir) else path


@dataclass(frozen=True, slots=True)
class _File:
    """One file on its way."""

    path: Path
    findings: Findings
    settings: Settings

    def cases(self, tree: Tree) -> list[MappingCase]:
        section = validate(FileSection, require_mapping(tree, (), self.findings) or {}, (), self.findings)
        if section is None:
            return []
        connection = self._connection(str(section.connection))
        if connection is None:
            return []
        streams = [spec.name for spec in registry.manifest(connection.connector).streams]
        if section.stream not in streams:
            message = f"{connection.connector} has no stream {shown(section.stream)}"
            self.findings.error("unknown_stream", ("stream",), f"{message}{suggestion(section.stream, streams)}")
            return []
        kind = registry.load(connection.connector).stream(section.stream).record
        found = [self._case(case, ("cases", index), section, kind) for index, case in enumerate(section.cases)]
        return [case for case in found if case is not None]

    def _connection(self, name: str) -> Connection | None:
        """The connection; None where TAJO_CONNECTIONS leaves it out, or where there is none."""
        known = self.settings.known_connections
        if name not in known:
            message = f"there is no connection {shown(name)}{suggestion(name, known)}"
            self.findings.error("unknown_connection", ("connection",), message)
        return self.settings.connections.get(name)

    def _case(self, tree: Tree, path: KeyPath, file: FileSection, kind: type[Canonical]) -> MappingCase | None:
        section = validate(CaseSection, tree, path, self.findings)
        if section is None:
            return None
        if (section.given is None) == (section.canonical is None):
            message = "needs one of 'given' (a record as the platform sends it) and 'canonical'"
            self.findings.error("invalid_value", path, message)
            return None
        self._check_expected(section.expect, (*path, "expect"), kind)
        raw = None if section.given is None else self._raw(section.given, (*path, "given"))
        form = None if section.canonical is None else self._form(section.canonical, (*path, "canonical"), kind)
        places = self.findings.lines
        start = (*path, "expect")
        return MappingCase(
            file=self.findings.file,
            line=self.findings.line(path),
            name=str(section.name),
            connection=str(file.connection),
            stream=str(file.stream),
            raw=raw,
            form=form,
            expect=section.expect,
            places={at[len(start) :]: line for at, line in places.items() if at[: len(start)] == start},
        )

    def _raw(self, tree: dict[str, Tree], path: KeyPath) -> Mapping[str, Any]:
        named = tree.get("file") if set(tree) == {"file"} else None
        if not isinstance(named, Scalar):
            return {name: json_value(value) for name, value in tree.items()}
        try:
            return decode_raw((self.path.parent / named).read_text(encoding="utf-8"))
        except OSError as error:
            message = f"the file {shown(named)} can't be read: {error.strerror or type(error).__name__}"
        except (msgspec.MsgspecError, UnicodeDecodeError):
            message = f"the file {shown(named)} doesn't hold one JSON object"
        self.findings.error("invalid_value", (*path, "file"), message)
        return {}

    def _form(self, tree: dict[str, Tree], path: KeyPath, kind: type[Canonical]) -> Canonical | None:
        spelled = {camel_case(name): name for name in kind.__struct_fields__}
        named = {spelled.get(name, name): value for name, value in tree.items()}
        before = len(tree) - sum(self._check_keys(value, (*path, name), kind, name) for name, value in tree.items())
        if before:
            return None
        values = {name: _text(value) for name, value in named.items()}
        consent = values.get("consent")
        if isinstance(consent, dict):
            values["consent"] = [
                {"channel": channel, **(said if isinstance(said, dict) else {"state": said})}
                for channel, said in consent.items()
            ]
        given = {"id": "1", **values} if kind is Customer else values
        try:
            return msgspec.convert(given, kind, strict=False)
        except msgspec.ValidationError as error:
            self.findings.error("invalid_value", path, f"isn't a canonical object: {error}")
            return None

    def _check_keys(self, tree: Tree, path: KeyPath, kind: type[Any], name: str) -> bool:
        """Whether a key is a field of a canonical object, and so are those below it."""
        fields = {spelling: field for field in kind.__struct_fields__ for spelling in (field, camel_case(field))}
        if name not in fields:
            report_unknown(name, path, list(kind.__struct_fields__), self.findings)
            return False
        inner = _struct_in(get_type_hints(kind)[fields[name]])
        if inner is None or fields[name] == "consent":
            return True
        parts = (
            [(path, tree)] if isinstance(tree, dict) else [((*path, at), part) for at, part in enumerate(tree or ())]
        )
        return all(
            self._check_keys(value, (*at, key), inner, key)
            for at, part in parts
            if isinstance(part, dict)
            for key, value in part.items()
        )

    def _check_expected(self, expect: ExpectSection, path: KeyPath, kind: type[Canonical]) -> None:
        if not expect.model_fields_set:
            self.findings.error("invalid_value", path, "expects nothing")
        for name, value in expect.canonical.items():
            self._check_keys(value, (*path, "canonical", name), kind, name)
        for channel, said in expect.consent.items():
            at = (*path, "consent", channel)
            if channel not in list(Channel):
                report_unknown(channel, at, [str(known) for known in Channel], self.findings)
                continue
            for name in said if isinstance(said, dict) else ():
                if name not in _SAID:
                    report_unknown(name, (*at, name), list(_SAID), self.findings)
            state = said.get("state") if isinstance(said, dict) else said
            if state is not None and state not in list(State):
                message = f"isn't one of {', '.join(State)}; found {shown(state)}"
                self.findings.error("invalid_value", at, message)
        for index, problem in enumerate(expect.problems or ()):
            if isinstance(problem, Scalar) or (isinstance(problem, dict) and set(problem) == {"field", "reason"}):
                continue
            message = "isn't an attribute's name, or a mapping of field and reason"
            self.findings.error("invalid_value", (*path, "problems", index), f"{message}; found {shown(problem)}")


def _struct_in(hint: Any) -> type[Any] | None:
    """The canonical type inside of an optional one or of a list."""
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return hint
    if get_origin(hint) in (tuple, UnionType):
        return next((found for part in get_args(hint) if (found := _struct_in(part)) is not None), None)
    return None


def _text(tree: Tree) -> Any:
    """A tree with its scalars as they are written; their types follow from the field."""
    if isinstance(tree, dict):
        return {name: _text(value) for name, value in tree.items()}
    if isinstance(tree, list):
        return [_text(value) for value in tree]
    return tree if tree is None else str(tree)


def json_value(tree: Tree) -> Any:
    """A tree as JSON would hold it: numbers exact, truth only ``true`` and ``false``, all else text."""
    if isinstance(tree, dict):
        return {name: json_value(value) for name, value in tree.items()}
    if isinstance(tree, Sequence) and not isinstance(tree, str):
        return [json_value(value) for value in tree]
    if not isinstance(tree, Scalar):
        return tree
    if tree.kind == "float" and _NUMBER.fullmatch(tree):
        return Decimal(str(tree))
    return tree.plain if tree.kind in {"int", "bool"} else str(tree)
