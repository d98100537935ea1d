"""Changes one connection in a configuration; comments, order and everything else in the file stay as they are."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import yaml as pyyaml
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError
from ruamel.yaml.scalarstring import DoubleQuotedScalarString
from ruamel.yaml.util import load_yaml_guess_indent

from tajo_pipelines.model.errors import ConfigError
from tajo_pipelines.settings.files import replace_file
from tajo_pipelines.settings.yaml_source import Tree, read_yaml

Value: TypeAlias = str | int | float | bool

CONNECTORS = "connectors"

_INDENT = 2
_MARK = "\ufeff"
_NO_WRAP = 1_000_000
_COMMENT = re.compile(r"(?:^|\s)#.*$")
_WORD = re.compile(r"(?!true$|false$|null$)[a-z][a-z0-9_-]{3,}")
"""Names, which read better without quotes; the words that YAML 1.1 takes for truth are shorter."""
_FIRST = ("connector", "enabled", "account")
"""Keys that begin a block."""


def typed(text: str) -> Value:
    """A text from a command line as YAML would type it: truth, a number that prints the same, else the text."""
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        if str(number) == text and text not in ("nan", "inf", "-inf"):
            return number
    return text


def connection_tree(text: str, name: str) -> dict[str, Tree] | None:
    """What stands under a connection, as it is written; None where there is no such connection.

    A file that isn't YAML has none: whoever reads the settings says what is wrong with it.
    """
    tree = read_yaml(text).tree
    sections = tree.get(CONNECTORS) if isinstance(tree, dict) else None
    if not isinstance(sections, dict) or name not in sections:
        return None
    section = sections[name]
    return section if isinstance(section, dict) else {}


def with_connection(text: str, name: str, values: Mapping[str, Value]) -> str:
    """The configuration with these keys of a connection set; the connection is added where there is none.

    Args:
        text: The file's content, YAML.
        name: The connection.
        values: By key; those that the file says already are left as they are written.

    Raises:
        ConfigError: The file can't be changed without losing something of it (code ``not_rewritable``).
    """
    document = _Document.parse(text)
    is_new = connection_tree(text, name) is None
    changed = document.added(name, values) if is_new else document.updated(name, values)
    _require_the_rest(text, changed, name, values)
    return changed


def write_config(path: Path, text: str) -> bool:
    """Write a configuration with the line ends and the byte order mark that it has; whether anything had to be done.

    Raises:
        ConfigError: It can't be written.
    """
    old = path.read_bytes().decode("utf-8")
    new = text.replace("\n", "\r\n") if "\r\n" in old else text
    new = _MARK + new if old.startswith(_MARK) else new
    if new == old:
        return False
    replace_file(path, new)
    return True


@dataclass(slots=True)
class _Document:
    """A configuration as ruamel.yaml keeps it, comments and quotes included."""

    text: str
    yaml: YAML
    root: CommentedMap

    @classmethod
    def parse(cls, text: str) -> _Document:
        editor = YAML()
        editor.preserve_quotes = True
        editor.width = _NO_WRAP
        editor.explicit_start = re.search(r"^---(\s|$)", text, re.MULTILINE) is not None
        try:
            _, indent, offset = load_yaml_guess_indent(text)
            editor.indent(mapping=_step(text), sequence=indent, offset=offset)
            root = editor.load(text)
        except YAMLError as error:
            raise _not_rewritable() from error
        if root is None:
            root = CommentedMap()
        sections = root.get(CONNECTORS) if isinstance(root, CommentedMap) else ()
        if sections is not None and not isinstance(sections, CommentedMap):
            raise _not_rewritable()
        return cls(text, editor, root)

    def updated(self, name: str, values: Mapping[str, Value]) -> str:
        sections = self.root[CONNECTORS]
        block = sections[name]
        if not isinstance(block, CommentedMap):
            block = sections[name] = CommentedMap()
        changed = False
        for key, value in values.items():
            if key in block and block[key] == value and isinstance(block[key], bool) == isinstance(value, bool):
                continue
            changed = True
            if key in block:
                block[key] = _written(value)
            else:
                block.insert(_place(block, key), key, _written(value))
        return self._dumped() if changed else self.text

    def added(self, name: str, values: Mapping[str, Value]) -> str:
        block = CommentedMap((key, _written(value)) for key, value in values.items())
        sections = self.root.get(CONNECTORS)
        if isinstance(sections, CommentedMap) and (not sections or sections.fa.flow_style()):
            self.root[CONNECTORS] = CommentedMap({**sections, name: block})
            return self._dumped()
        # As text: ruamel.yaml would put it below whatever comments follow the last connection.
        indent = sections.lc.col if isinstance(sections, CommentedMap) and sections else _step(self.text)
        return _inserted(self.text, self._lines(name, block, indent), isinstance(sections, CommentedMap))

    def _lines(self, name: str, block: CommentedMap, indent: int) -> list[str]:
        buffer = io.StringIO()
        plain = YAML()
        plain.width = _NO_WRAP
        plain.indent(mapping=_step(self.text))
        plain.dump(CommentedMap({name: block}), buffer)
        return [" " * indent + line for line in buffer.getvalue().splitlines()]

    def _dumped(self) -> str:
        buffer = io.StringIO()
        self.yaml.dump(self.root, buffer)
        return buffer.getvalue()


def _written(value: Value) -> Value:
    return DoubleQuotedScalarString(value) if isinstance(value, str) and not _WORD.fullmatch(value) else value


def _place(block: CommentedMap, key: str) -> int:
    """Where a new key goes: to the start, or below the last plain value that no block of comments follows."""
    if key in _FIRST:
        return 0
    place = 0
    for index, (known, value) in enumerate(block.items()):
        comment = (block.ca.items.get(known) or [None] * 4)[2]
        alone = comment is None or comment.value.count("\n") <= 1
        if not isinstance(value, dict | list) and alone:
            place = index + 1
    return place


def _step(text: str) -> int:
    """By how many blanks the file indents."""
    depths = [
        len(line) - len(line.lstrip(" ")) for line in text.splitlines() if line.strip() and line.lstrip()[0] != "#"
    ]
    return min((depth for depth in depths if depth), default=_INDENT)


def _inserted(text: str, lines: list[str], has_section: bool) -> str:
    """The text with a connection's lines below the last one, before the comments that follow it at its own depth."""
    kept = text.splitlines(keepends=True)
    if kept and not kept[-1].endswith(("\n", "\r")):
        kept[-1] += "\n"
    at = _end_of_section(text)
    if at is None:
        gap = ["\n"] if kept else []
        return "".join([*kept, *gap, f"{CONNECTORS}:\n", *(f"{line}\n" for line in lines)])
    depth = len(lines[0]) - len(lines[0].lstrip(" "))
    while at < len(kept) and _belongs(kept[at], depth):
        at += 1
    gap = ["\n"] if has_section else []
    return "".join([*kept[:at], *gap, *(f"{line}\n" for line in lines), *kept[at:]])


def _belongs(line: str, depth: int) -> bool:
    """Whether a line is a comment inside of a connection's block."""
    bare = line.lstrip(" ")
    return bare.startswith("#") and len(line) - len(bare) > depth


def _end_of_section(text: str) -> int | None:
    """Number of the line below the last one of ``connectors``; None where there is no such key."""
    root = pyyaml.compose(text, Loader=pyyaml.SafeLoader)
    pairs = root.value if isinstance(root, pyyaml.MappingNode) else []
    for key, value in pairs:
        if key.value == CONNECTORS:
            mark = _last(value).end_mark
            return int(mark.line) if mark.column == 0 else int(mark.line) + 1
    return None


def _last(node: pyyaml.Node) -> pyyaml.Node:
    """The node that ends last within a node of block style, whose own end lies behind the comments after it."""
    while isinstance(node, pyyaml.CollectionNode) and not node.flow_style and node.value:
        end = node.value[-1]
        node = end[1] if isinstance(end, tuple) else end
    return node


def _require_the_rest(old: str, new: str, name: str, values: Mapping[str, Value]) -> None:
    """See to it that a changed text says what it is to say, and all that it said before.

    Raises:
        ConfigError: It doesn't.
    """
    before, after = read_yaml(old), read_yaml(new)
    expected = before.tree if isinstance(before.tree, dict) else {}
    sections = expected.get(CONNECTORS) or {}
    block = (sections.get(name) or {}) | {key: _as_text(value) for key, value in values.items()}
    wanted = expected | {CONNECTORS: sections | {name: block}}
    remarks = [found[0].strip() for line in old.splitlines() if (found := _COMMENT.search(line))]
    if after.problems or after.tree != wanted or any(remark not in new for remark in remarks):
        raise _not_rewritable()


def _as_text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _not_rewritable() -> ConfigError:
    return ConfigError(
        "the configuration can't be changed without losing something of what stands there",
        code="not_rewritable",
        hint="enter the connection by hand",
    )
