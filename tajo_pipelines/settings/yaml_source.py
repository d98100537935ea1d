"""Reads one YAML file with the line of every key, and leaves all typing to those who know what a key means.

Scalars stay text as it was written, so that ``NO`` as a region isn't false and ``007`` as a key isn't 7.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import yaml

Tree: TypeAlias = Any
"""Nested ``dict[str, Tree]``, ``list[Tree]``, `Scalar` or None."""

_TAG = "tag:yaml.org,2002:"
_SCALAR_TAGS = frozenset(_TAG + kind for kind in ("str", "int", "float", "bool", "timestamp", "value", "merge"))


class Scalar(str):
    """A value's text with its line.

    Attributes:
        line: Line in the file, from 1.
        raw: The text as it stands in the file; differs from the content once a variable was put in.
        kind: What YAML takes it for: ``str``, ``int``, ``float``, ``bool`` ...
    """

    __slots__ = ("kind", "line", "raw")

    line: int
    raw: str
    kind: str

    @classmethod
    def of(cls, text: str, *, line: int, raw: str | None = None, kind: str = "str") -> Scalar:
        """Makes one."""
        scalar = cls(text)
        scalar.line, scalar.raw, scalar.kind = line, text if raw is None else raw, kind
        return scalar

    @property
    def from_environment(self) -> bool:
        """Whether a variable was put in."""
        return self.raw != str(self)

    @property
    def plain(self) -> str | int | float | bool:
        """The value as YAML 1.2 types it: truth, a number that prints the same, else the text."""
        text = str(self)
        if self.kind == "bool" and text.lower() in ("true", "false"):
            return text.lower() == "true"
        if self.kind in ("int", "float"):
            kind = int if self.kind == "int" else float
            try:
                number = kind(text)
            except ValueError:
                return text
            return number if str(number) == text else text
        return text


@dataclass(frozen=True, slots=True)
class SourceProblem:
    """Something that keeps a file, or a part of it, from being read."""

    code: str
    path: tuple[str | int, ...]
    line: int
    message: str


@dataclass(slots=True)
class Source:
    """What one file says.

    Attributes:
        tree: The content; None for an empty file.
        lines: Line of each key path.
        problems: Syntax errors, keys that stand twice, tags that aren't data.
    """

    tree: Tree
    lines: dict[tuple[str | int, ...], int]
    problems: list[SourceProblem]


def read_yaml(text: str) -> Source:
    """Reads YAML without losing where things stand.

    Args:
        text: The file's content.

    Returns:
        The content; a syntax error leaves ``tree`` None and one problem.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        parts = [part for part in (error.context, error.problem) if part]
        message = f"isn't YAML: {', '.join(parts)}"
        return Source(None, {}, [SourceProblem("yaml_syntax", (), line, message)])
    except yaml.reader.ReaderError as error:
        position = error.position if isinstance(error.position, int) else 0
        line = text.count("\n", 0, position) + 1
        return Source(None, {}, [SourceProblem("yaml_syntax", (), line, f"isn't YAML: {error.reason}")])
    walker = _Walker()
    tree = walker.walk(node, ()) if node is not None else None
    return Source(tree, walker.lines, walker.problems)


class _Walker:
    """Turns nodes into a tree, noting lines and problems."""

    def __init__(self) -> None:
        self.lines: dict[tuple[str | int, ...], int] = {}
        self.problems: list[SourceProblem] = []
        self._open: set[int] = set()

    def walk(self, node: yaml.Node, path: tuple[str | int, ...]) -> Tree:
        self.lines.setdefault(path, node.start_mark.line + 1)
        if id(node) in self._open:
            self._problem("yaml_recursion", path, node, "an anchor can't contain itself")
            return None
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.ScalarNode):
                return self._scalar(node, path)
            if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
                return [self.walk(item, (*path, index)) for index, item in enumerate(node.value)]
            if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
                return self._mapping(node, path)
        finally:
            self._open.discard(id(node))
        self._problem("yaml_tag", path, node, f"the tag {node.tag!r} isn't known here; leave it out")
        return None

    def _scalar(self, node: yaml.ScalarNode, path: tuple[str | int, ...]) -> Scalar | None:
        if node.tag == _TAG + "null":
            return None
        if node.tag not in _SCALAR_TAGS:
            self._problem("yaml_tag", path, node, f"the tag {node.tag!r} isn't known here; leave it out")
            return None
        kind = node.tag.removeprefix(_TAG)
        return Scalar.of(node.value, line=node.start_mark.line + 1, kind=kind)

    def _mapping(self, node: yaml.MappingNode, path: tuple[str | int, ...]) -> dict[str, Tree]:
        tree: dict[str, Tree] = {}
        merged: list[yaml.MappingNode] = []
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._problem("yaml_key", path, key_node, "a key must be plain text")
                continue
            if key_node.tag == _TAG + "merge":
                merged += self._merge_sources(value_node, path)
                continue
            key = str(key_node.value)
            line = key_node.start_mark.line + 1
            if key in tree:
                first = self.lines[(*path, key)]
                message = f"{key!r} stands twice, first on line {first}; the two can't both hold"
                self.problems.append(SourceProblem("duplicate_key", (*path, key), line, message))
                continue
            self.lines.setdefault((*path, key), line)
            tree[key] = self.walk(value_node, (*path, key))
        for source in merged:
            for key, value in (self.walk(source, path) or {}).items():
                tree.setdefault(key, value)
        return tree

    def _merge_sources(self, node: yaml.Node, path: tuple[str | int, ...]) -> Iterator[yaml.MappingNode]:
        candidates = node.value if isinstance(node, yaml.SequenceNode) else [node]
        for candidate in candidates:
            if isinstance(candidate, yaml.MappingNode):
                yield candidate
            else:
                self._problem("yaml_merge", path, candidate, "'<<' takes a mapping or a list of mappings")

    def _problem(self, code: str, path: tuple[str | int, ...], node: yaml.Node, message: str) -> None:
        self.problems.append(SourceProblem(code, path, node.start_mark.line + 1, message))
