"""What the mapping makes of records, for a person."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from tajo_pipelines.cli.documents import Document, encoded
from tajo_pipelines.sync.mapping_tests import CaseResult
from tajo_pipelines.sync.parquet import encode_canonical

_WHY = {
    "default": "the default, for the source says nothing",
    "left_out": "left as it is: the source says nothing",
    "cleared": "cleared: the source says it is empty",
}


def show_trial(screen: Console, body: Document) -> None:
    """One record, from the platform's form to Brevo's."""
    origin = body["origin"]
    screen.print(f"{body['connection']} {body['stream']} {body['key'] or ''} ({origin['kind']}: {origin['place']})")
    _section(screen, "As the platform sends it", encoded(body["raw"]))
    if body["canonical"] is not None:
        stated = {name: value for name, value in body["canonical"].items() if value not in (None, [])}
        _section(screen, "Canonical", encoded(stated))
    if body["identity"]:
        screen.print("\nAttributes", style="bold")
        screen.print(_attributes(body))
        screen.print("\nConsent", style="bold")
        for said in body["consent"]:
            screen.print(f"  {said['channel']}: {_consent(said)}")
    for document in body["documents"]:
        _section(screen, f"To Brevo: {document['method']} {document['path']}", encoded(document["body"]))
    if body["skipped"] is not None:
        reason = body["problem"]["message"] if body["problem"] is not None else "nothing of it is sent"
        screen.print(f"\nSkipped, {body['skipped']}: {reason}")
    if body["undecided"]:
        screen.print("\nOnly a run can tell", style="bold")
        for text in body["undecided"]:
            screen.print(f"  - {text}")


def _section(screen: Console, title: str, text: str) -> None:
    screen.print(f"\n{title}", style="bold")
    screen.print(text)


def _attributes(body: Document) -> Table:
    table = Table(box=None)
    for name in ("attribute", "type", "value", "why"):
        table.add_column(name, no_wrap=name in {"attribute", "type"})
    for found in body["identity"]:
        table.add_row(found["attribute"], "", _shown(found["value"]), _why_identity(found))
    for found in body["attributes"]:
        table.add_row(found["attribute"], found["type"], _shown(found["value"]), _why(found))
    return table


def _why_identity(found: Document) -> str:
    if found["given"] is None:
        return f"{_source(found)} says nothing"
    end = found["problem"]["message"] if found["problem"] is not None else "in its normal form"
    return f"{_source(found)} {_shown(found['given'])} > {end}"


def _why(found: Document) -> str:
    steps = [f"{step['transform']} {_shown(step['result'])}" for step in found["steps"]]
    said = [] if found["given"] is None else [f"{_source(found)} {_shown(found['given'])}"]
    if found["problem"] is not None:
        end = [found["problem"]["message"]]
    elif found["why"] in _WHY:
        quiet = [_source(found)] if found["given"] is None and found["source"] is not None else []
        end = [*quiet, _WHY[found["why"]]]
    else:
        end = []
    return " > ".join([*said, *steps, *end])


def _source(found: Document) -> str:
    path = found["platform_path"]
    return f"{found['source']}" + (f" ({path})" if path else "")


def _consent(said: Document) -> str:
    if said["said"] is None:
        text = "the record says nothing"
    else:
        when = f" at {said['at']}" if said["at"] else ", no time of its own"
        how = ", confirmed" if said["confirmed"] else ""
        text = f"{said['state']}, for the record says {said['evidence'] or said['said']}{when}{how}"
    return f"{text}; blocked in the same call" if said["blocked"] else text


def _shown(value: Any) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def show_cases(screen: Console, results: Sequence[CaseResult]) -> None:
    """What failed, each with its place, and how many did."""
    for result in results:
        for found in result.mismatches:
            note = f" ({found.note})" if found.note else ""
            place = f"{result.case.file}:{found.line}"
            screen.print(f"{place}: {result.case.name}: {found.path}{note}", soft_wrap=True)
            screen.print(f"    expected: {encode_canonical(found.expected)}", soft_wrap=True)
            screen.print(f"    found:    {encode_canonical(found.found)}", soft_wrap=True)
    failed = sum(not result.passed for result in results)
    screen.print(f"{len(results)} mapping tests" + (f", {failed} failed" if failed else ", all as expected"))
