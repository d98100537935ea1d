"""Puts variables into the values of a configuration: ``${NAME}``, in values alone."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tajo_pipelines.settings.environment import Variables
from tajo_pipelines.settings.findings import Findings, KeyPath
from tajo_pipelines.settings.yaml_source import Scalar, Tree

_REFERENCE = re.compile(r"\$\{(?P<name>[^}]*)\}?")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Missing:
    """A variable that a value names and that isn't set."""

    path: KeyPath
    name: str


@dataclass(slots=True)
class Filled:
    """A part of the configuration with its variables put in.

    Attributes:
        tree: Without the values whose variables are missing.
        missing: Those variables.
    """

    tree: Tree
    missing: list[Missing] = field(default_factory=list)


def fill(tree: Tree, path: KeyPath, variables: Variables, findings: Findings) -> Filled:
    """Replaces every ``${NAME}`` in the values of a part of the configuration.

    Args:
        tree: The part.
        path: Where it stands.
        variables: What is set.
        findings: Takes references that can't be read.
    """
    filled = Filled(None)
    filled.tree = _fill(tree, path, variables, findings, filled.missing)
    return filled


def _fill(tree: Tree, path: KeyPath, variables: Variables, findings: Findings, missing: list[Missing]) -> Tree:
    if isinstance(tree, dict):
        pairs = ((key, value, _fill(value, (*path, key), variables, findings, missing)) for key, value in tree.items())
        return {key: new for key, old, new in pairs if old is None or new is not None}
    if isinstance(tree, list):
        items = [(item, _fill(item, (*path, at), variables, findings, missing)) for at, item in enumerate(tree)]
        return [new for old, new in items if old is None or new is not None]
    if isinstance(tree, Scalar) and "${" in tree:
        return _fill_scalar(tree, path, variables, findings, missing)
    return tree


def _fill_scalar(
    scalar: Scalar, path: KeyPath, variables: Variables, findings: Findings, missing: list[Missing]
) -> Scalar | None:
    text, end, complete = "", 0, True
    for match in _REFERENCE.finditer(scalar):
        name = match["name"]
        if not match[0].endswith("}") or not _NAME.fullmatch(name):
            findings.error("bad_reference", path, "a variable must stand as ${NAME}: letters, digits, _")
            return None
        value = variables.get(name)
        if value is None:
            missing.append(Missing(path, name))
            complete = False
        text += scalar[end : match.start()] + (value or "")
        end = match.end()
    return Scalar.of(text + scalar[end:], line=scalar.line, raw=scalar.raw) if complete else None


def only_variable(text: str) -> str | None:
    """The variable that a value consists of: ``NAME`` of ``${NAME}``; None for any other value."""
    match = _REFERENCE.fullmatch(text)
    if match is None or not match[0].endswith("}") or not _NAME.fullmatch(match["name"]):
        return None
    return match["name"]
