"""Records and what the mapping makes of them, as JSON."""

from __future__ import annotations

import json
from typing import Any

from tajo_pipelines.cli.documents import Document
from tajo_pipelines.mapping.explain import Explanation
from tajo_pipelines.model.errors import RejectedRecord
from tajo_pipelines.model.window import format_time
from tajo_pipelines.sdk import registry
from tajo_pipelines.sync.mapping_tests import CaseResult
from tajo_pipelines.sync.mapping_try import Trial
from tajo_pipelines.sync.one_look import Identified, Said
from tajo_pipelines.sync.parquet import encode_canonical, encode_raw


def trial_document(trial: Trial) -> Document:
    """One record that was tried."""
    look = trial.look
    record = look.record
    paths = registry.mapping_file(look.connection.connector).canonical.get(record.stream, {})
    return {
        "key": record.key or None,
        "read_at": format_time(record.read_at),
        "raw": _as_sent(record.raw),
        "canonical": None if look.form is None else _plain(look.form),
        "identity": [_identified(found, paths) for found in look.identity],
        "attributes": [_attribute(found, paths) for found in look.explanations],
        "consent": [_said(said, trial) for said in look.consent],
        "lists": trial.lists,
        "documents": [
            {"kind": found.kind, "method": "POST", "path": found.path, "body": _as_sent(found.body)}
            for found in trial.documents
        ],
        "skipped": trial.skipped,
        "problem": _problem(look.rejected),
        "undecided": trial.undecided,
    }


def case_document(result: CaseResult) -> Document:
    """One mapping test."""
    case = result.case
    return {
        "connection": case.connection,
        "stream": case.stream,
        "name": case.name,
        "file": case.file,
        "line": case.line,
        "passed": result.passed,
        "mismatches": [
            {
                "line": found.line,
                "path": found.path,
                "expected": _plain(found.expected),
                "found": _plain(found.found),
                "note": found.note or None,
            }
            for found in result.mismatches
        ],
    }


def _as_sent(value: object) -> Any:
    """Numbers stay numbers."""
    return json.loads(encode_raw(value))


def _plain(value: object) -> Any:
    """Decimals are texts, times RFC 3339."""
    return json.loads(encode_canonical(value))


def _identified(found: Identified, paths: Any) -> Document:
    return {
        "attribute": found.attribute,
        "source": found.source,
        "platform_path": paths.get(found.source),
        "given": _plain(found.given),
        "value": found.normal,
        "problem": _problem(found.problem),
    }


def _attribute(found: Explanation, paths: Any) -> Document:
    return {
        "attribute": found.attribute,
        "type": str(found.type),
        "source": found.source,
        "platform_path": paths.get(found.source),
        "given": _plain(found.given),
        "steps": [{"transform": step.transform, "result": _plain(step.result)} for step in found.steps],
        "why": str(found.why),
        "value": _as_sent(found.value),
        "problem": None
        if found.problem is None
        else {"reason": found.problem.reason, "message": found.problem.message},
    }


def _said(said: Said, trial: Trial) -> Document:
    signal = said.signal
    return {
        "channel": str(said.channel),
        "state": str(said.state),
        "said": None if signal is None else str(signal.state),
        "at": None if signal is None or signal.at is None else format_time(signal.at),
        "confirmed": None if signal is None else signal.confirmed,
        "evidence": None if signal is None else signal.evidence,
        "blocked": str(said.channel) in trial.blocked,
    }


def _problem(problem: RejectedRecord | None) -> Document | None:
    return None if problem is None else {"reason": problem.reason, "message": problem.message}
