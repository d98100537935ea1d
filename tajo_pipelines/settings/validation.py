"""Runs a section of the file through its model and turns what is wrong into findings."""

from __future__ import annotations

from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tajo_pipelines.settings.findings import Findings, KeyPath, shown, suggestion
from tajo_pipelines.settings.schema import Section, key_names, section_at
from tajo_pipelines.settings.yaml_source import Tree

S = TypeVar("S", bound=Section)

_SENTENCES = {
    "bool_parsing": "isn't true or false",
    "bool_type": "isn't true or false",
    "int_parsing": "isn't a whole number",
    "int_type": "isn't a whole number",
    "int_from_float": "isn't a whole number",
    "decimal_parsing": "isn't a number",
    "decimal_type": "isn't a number",
    "finite_number": "isn't a number",
    "string_type": "isn't text",
    "list_type": "isn't a list",
    "dict_type": "isn't a mapping (lines of key: value)",
    "model_type": "isn't a mapping (lines of key: value)",
}
_BOUNDS = {
    "greater_than": ("gt", "must be greater than"),
    "greater_than_equal": ("ge", "must be at least"),
    "less_than_equal": ("le", "must be at most"),
}


def validate(model: type[S], tree: Tree, path: KeyPath, findings: Findings) -> S | None:
    """Checks a section.

    Args:
        model: Its shape.
        tree: Its content.
        path: Where it stands.
        findings: Takes what is wrong.

    Returns:
        The section without the keys that are wrong, so that what depends on the others is checked as well; None if it
        can't be read at all.
    """
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        details = error.errors(include_url=False)
    for detail in details:
        _report(model, detail, path, findings)
    wrong = {detail["loc"][0] for detail in details if detail["loc"]}
    if not isinstance(tree, dict) or not wrong:
        return None
    try:
        return model.model_validate({key: value for key, value in tree.items() if key not in wrong})
    except ValidationError:
        return None  # a key without default is wrong: reported above


def require_mapping(tree: Tree, path: KeyPath, findings: Findings) -> dict[str, Tree] | None:
    """A mapping as it is, nothing as an empty one; anything else is an error."""
    if tree is None:
        return {}
    if isinstance(tree, dict):
        return tree
    findings.error("invalid_value", path, f"isn't a mapping (lines of key: value); found {shown(tree)}")
    return None


def report_unknown(key: str, path: KeyPath, known: list[str], findings: Findings, hint: str = "") -> None:
    """Records a key that nothing reads."""
    findings.error("unknown_key", path, f"unknown key {key!r}{hint or suggestion(key, known)}")


def _report(model: type[Section], detail: ErrorDetails, path: KeyPath, findings: Findings) -> None:
    loc = tuple(part for part in detail["loc"] if part != "[key]")
    full = (*path, *loc)
    kind = detail["type"]
    if kind == "extra_forbidden":
        around = section_at(model, loc[:-1])
        report_unknown(str(loc[-1]), full, key_names(around) if around else [], findings)
        return
    if kind == "missing":
        findings.error("missing_key", full, f"{loc[-1]!r} is missing")
        return
    context = detail.get("ctx", {})
    if kind == "tajo":
        sentence = str(context["message"])
    elif kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        sentence = f"{words} {context[key]}"
    else:
        sentence = _SENTENCES.get(kind, detail["msg"])
    findings.error("invalid_value", full, f"{sentence}; found {shown(detail['input'])}")
