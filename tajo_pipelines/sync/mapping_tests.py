"""Runs a project's mapping tests: what is expected of each record, against what the mapping makes of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from tajo_pipelines.mapping.spec import camel_case
from tajo_pipelines.model.window import parse_time
from tajo_pipelines.settings.findings import KeyPath, suggestion
from tajo_pipelines.settings.yaml_source import Scalar, Tree
from tajo_pipelines.sync.mapping_test_files import MappingCase, json_value, read_mapping_tests
from tajo_pipelines.sync.one_look import Look, look_at, look_at_form
from tajo_pipelines.sync.one_record import record_of_raw, source_without_calls
from tajo_pipelines.sync.workspace import Workspace

_EXACT = (Decimal, datetime, date)
_YES, _NO = frozenset({"true", "yes", "on"}), frozenset({"false", "no", "off"})


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One thing that isn't as expected.

    Attributes:
        line: Of the expectation.
        path: ``attributes.FIRSTNAME``.
        expected: What the file says.
        found: What the mapping made; None where it made nothing.
        note: What may have gone wrong.
    """

    line: int
    path: str
    expected: Any
    found: Any
    note: str = ""


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What became of one case; it passed where nothing is amiss."""

    case: MappingCase
    mismatches: tuple[Mismatch, ...]

    @property
    def passed(self) -> bool:
        """Whether all is as expected."""
        return not self.mismatches


def run_mapping_tests(
    workspace: Workspace, connection: str | None = None, stream: str | None = None
) -> list[CaseResult]:
    """Run the tests of a project. Neither platform nor Brevo nor the store is asked, and no secret is needed.

    Args:
        workspace: The project.
        connection: Only those of this connection; it needn't be enabled.
        stream: Only those of this stream.

    Raises:
        ConfigError: The connection isn't there, a test file is wrong, or the mapping can't be compiled.
    """
    if connection is not None:
        workspace.settings.connection(connection)
    cases = read_mapping_tests(workspace.settings, connection)
    return [CaseResult(case, _run(workspace, case)) for case in cases if stream in {None, case.stream}]


def _run(workspace: Workspace, case: MappingCase) -> tuple[Mismatch, ...]:
    connection = workspace.settings.connection(case.connection)
    mapping, now = workspace.mapping(connection), workspace.now()
    record = record_of_raw(connection, case.stream, case.raw or {}, now)
    with source_without_calls(connection) as source:
        if case.form is not None:
            look = look_at_form(connection, mapping, record, case.form)
        else:
            look = look_at(connection, mapping, record, source)
    return tuple(_mismatches(case, look, mapping.types))


def _mismatches(case: MappingCase, look: Look, known: Mapping[str, Any]) -> Iterator[Mismatch]:
    expect, rejected = case.expect, look.rejected.reason if look.rejected is not None else None
    if expect.rejected is not None or look.form is None:
        yield from _compared(case, ("rejected",), expect.rejected, rejected)
        if look.form is None:
            return
    attributes = {found.attribute: "" if found.why == "cleared" else found.value for found in look.explanations}
    attributes |= {found.attribute: found.normal for found in look.identity}
    for name, wanted in expect.attributes.items():
        for found in _compared(case, ("attributes", name), wanted, attributes.get(name)):
            note = "" if name in attributes else f"the mapping has no {name}{suggestion(name, known)}"
            yield Mismatch(found.line, found.path, found.expected, found.found, note)
    form = msgspec.to_builtins(look.form, builtin_types=_EXACT)
    spelled = {camel_case(name): name for name in look.form.__struct_fields__}
    for name, wanted in expect.canonical.items():
        yield from _compared(case, ("canonical", name), wanted, form.get(spelled.get(name, name)))
    said = {str(found.channel): _said(found.state, found.signal) for found in look.consent}
    for name, wanted in expect.consent.items():
        whole = wanted if isinstance(wanted, dict) else {"state": wanted}
        yield from _compared(case, ("consent", name), whole, said.get(name), at=("consent", name))
    if expect.cleared is not None:
        cleared = sorted(found.attribute for found in look.explanations if found.why == "cleared")
        wanted = sorted(str(name) for name in expect.cleared)
        if wanted != cleared:
            yield Mismatch(_line(case, ("cleared",)), "cleared", wanted, cleared)
    if expect.problems is not None:
        yield from _problems(case, look, expect.problems)


def _said(state: str, signal: Any) -> dict[str, Any]:
    words = ("at", "confirmed", "evidence")
    return {"state": state} | {word: getattr(signal, word, None) for word in words}


def _problems(case: MappingCase, look: Look, expected: Sequence[Tree]) -> Iterator[Mismatch]:
    found = {item.problem.field: item.problem.reason for item in look.explanations if item.problem is not None}
    found |= {item.attribute: item.problem.reason for item in look.identity if item.problem is not None}
    wanted: set[str] = set()
    for index, problem in enumerate(expected):
        name = str(problem["field"] if isinstance(problem, dict) else problem)
        wanted.add(name)
        reason = str(problem["reason"]) if isinstance(problem, dict) else found.get(name, "a problem")
        if found.get(name) != reason:
            yield Mismatch(_line(case, ("problems", index)), f"problems.{name}", reason, found.get(name))
    for name in sorted(found.keys() - wanted):
        yield Mismatch(_line(case, ("problems",)), f"problems.{name}", None, found[name])


def _compared(
    case: MappingCase, path: KeyPath, wanted: Tree, found: Any, *, at: KeyPath | None = None
) -> Iterator[Mismatch]:
    """Where what was found isn't what is wanted: mappings need hold no more than the wanted keys, lists are whole."""
    if isinstance(wanted, dict) and isinstance(found, Mapping):
        for name, value in wanted.items():
            yield from _compared(case, (*path, name), value, found.get(name))
    elif isinstance(wanted, list) and isinstance(found, list | tuple) and len(wanted) == len(found):
        for index, (value, part) in enumerate(zip(wanted, found, strict=True)):
            yield from _compared(case, (*path, index), value, part)
    elif not (wanted is None and found is None) and not (isinstance(wanted, Scalar) and _equal(wanted, found)):
        line = _line(case, path if at is None else at)
        yield Mismatch(line, ".".join(str(part) for part in path), json_value(wanted), found)


def _line(case: MappingCase, path: KeyPath) -> int:
    ends = range(len(path), -1, -1)
    return next((case.places[path[:end]] for end in ends if path[:end] in case.places), case.line)


def _equal(wanted: Scalar, found: Any) -> bool:
    """Whether a value is what a file says: quotes make text of a number only where a number was found."""
    text = str(wanted)
    if isinstance(found, str):
        return text == found
    if isinstance(found, bool):
        return wanted.kind == "bool" and text.lower() in (_YES if found else _NO)
    if isinstance(found, Decimal) or (isinstance(found, int | float) and wanted.kind in {"int", "float"}):
        try:
            return Decimal(text) == Decimal(str(found))
        except InvalidOperation:
            return False
    if isinstance(found, datetime):
        try:
            return parse_time(text) == found
        except ValueError:
            return False
    return isinstance(found, date) and text == found.isoformat()
