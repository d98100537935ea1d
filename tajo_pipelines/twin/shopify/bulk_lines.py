"""What a bulk operation writes: one JSON object a node, children apart from their parents.

The documents of the shop are projected straight onto the lines, without an executor's bookkeeping, so that
hundreds of thousands of lines take seconds.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any, NamedTuple

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLSchema,
    InlineFragmentNode,
    SelectionSetNode,
    default_field_resolver,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
)
from graphql.execution.values import get_argument_values
from graphql.pyutils import Path

from tajo_pipelines.twin.shopify.bulk_query import BulkQuery
from tajo_pipelines.twin.shopify.listing import EVERYTHING
from tajo_pipelines.twin.shopify.views import always

Complete = Callable[[Any, "list[Child]"], Any]


class Child(NamedTuple):
    """A node of a nested connection that is still to be written, and how it is read."""

    read: Complete
    row: Any


class Row(NamedTuple):
    """One node of the root connection: its line, and its children's lines."""

    line: bytes
    children: list[bytes]


_ELSEWHERE = object()


def rows(schema: GraphQLSchema, query: BulkQuery, asked: Any) -> Iterator[Row]:
    """The rows of the root connection, one by one.

    Args:
        schema: With its resolvers.
        query: What to read.
        asked: The context that resolvers look at.

    Raises:
        GraphQLError: A field may not be read.
    """
    complete, nodes = _Writer(schema, query, asked).root()
    for node in nodes:
        children: list[Child] = []
        read = complete(node, children)
        yield Row(_line(read), [_line(each) for each in _below(read.get("id"), children)])


def _below(parent: Any, children: list[Child]) -> Iterator[dict[str, Any]]:
    for child in children:
        deeper: list[Child] = []
        read = child.read(child.row, deeper)
        yield {**read, "__parentId": parent}
        yield from _below(read.get("id"), deeper)


def _line(read: Mapping[str, Any]) -> bytes:
    return json.dumps(read, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


class _Writer:
    """Turns selections into functions that read them, once an operation."""

    def __init__(self, schema: GraphQLSchema, query: BulkQuery, asked: Any) -> None:
        self._schema = schema
        self._query = query
        self._asked = asked

    def root(self) -> tuple[Complete, Any]:
        """How the root connection's nodes are read, and the nodes."""
        root = self._query.root
        resolve, named = self._resolver(root, self._schema.query_type)
        return self._nodes(root, named), resolve(None).nodes

    def _resolver(self, node: FieldNode, owner: Any) -> tuple[Callable[[Any], Any], Any]:
        """How a field is read from its source, and the name of its type."""
        name = node.name.value
        definition = owner.fields[name]
        arguments = get_argument_values(definition, node, {})
        named = get_named_type(definition.type)
        if named.name.endswith("Connection"):
            for paging in ("last", "after", "before"):
                arguments.pop(paging, None)
            arguments["first"] = EVERYTHING
        info: Any = SimpleNamespace(context=self._asked, field_name=name, path=Path(None, name, None))
        resolve = definition.resolve or default_field_resolver
        return lambda source: resolve(source, info, **arguments), named

    def _concrete(self, selections: SelectionSetNode, kind: Any) -> Complete:
        """Reads objects of one type."""
        fields: list[tuple[str, Callable[[Any], Any], Complete]] = []
        for key, node in self._merged(selections, kind).items():
            if node.name.value == "__typename":
                fields.append((key, always(kind.name), _as_it_is))
                continue
            resolve, named = self._resolver(node, kind)
            fields.append((key, resolve, self._complete(node, kind.fields[node.name.value].type, named)))

        def complete(row: Any, children: list[Child]) -> dict[str, Any]:
            read: dict[str, Any] = {}
            for key, resolve, inner in fields:
                value = resolve(row)
                completed = None if value is None else inner(value, children)
                if completed is not _ELSEWHERE:
                    read[key] = completed
            return read

        return complete

    def _merged(self, selections: SelectionSetNode, kind: Any) -> dict[str, FieldNode]:
        """The fields by the key of their value; what is selected of one key in several places stands together."""
        merged: dict[str, FieldNode] = {}
        for node, _ in self._fields(selections, kind):
            key = node.alias.value if node.alias else node.name.value
            if key in merged and node.selection_set is not None:
                both = (*_selected(merged[key]).selections, *node.selection_set.selections)
                together = copy.copy(node)
                together.selection_set = SelectionSetNode(selections=both)
                merged[key] = together
            else:
                merged[key] = node
        return merged

    def _fields(self, selections: SelectionSetNode, kind: Any) -> Iterator[tuple[FieldNode, Any]]:
        """Fields that a concrete type has of a selection."""
        for node in selections.selections:
            if isinstance(node, FieldNode):
                yield node, kind
                continue
            if isinstance(node, FragmentSpreadNode):
                fragment: Any = self._query.fragments[node.name.value]
            elif isinstance(node, InlineFragmentNode):
                fragment = node
            else:
                continue
            if fragment.type_condition is None or self._fits(kind, fragment.type_condition.name.value):
                yield from self._fields(fragment.selection_set, kind)

    def _fits(self, kind: Any, name: str) -> bool:
        on: Any = self._schema.get_type(name)
        return kind is on or (is_abstract_type(on) and self._schema.is_sub_type(on, kind))

    def _complete(self, node: FieldNode, kind: Any, named: Any) -> Complete:
        kind = get_nullable_type(kind)
        if is_list_type(kind):
            one = self._complete(node, kind.of_type, named)
            return lambda values, children: [None if each is None else one(each, children) for each in values]
        if is_leaf_type(named):
            serialize = named.serialize
            return lambda value, _children: serialize(value)
        if node.selection_set is None:
            return _as_it_is
        if named.name.endswith("Connection"):
            return self._elsewhere(self._nodes(node, named))
        return self._object(node.selection_set, named)

    def _elsewhere(self, read: Complete) -> Complete:
        def complete(page: Any, children: list[Child]) -> Any:
            children.extend(Child(read, each) for each in page.nodes)
            return _ELSEWHERE

        return complete

    def _object(self, selections: SelectionSetNode, named: Any) -> Complete:
        if not is_abstract_type(named):
            return self._concrete(selections, named)
        by_type = {kind.name: self._concrete(selections, kind) for kind in self._schema.get_possible_types(named)}
        return lambda value, children: by_type[named.resolve_type(value, None, named)](value, children)

    def _nodes(self, connection: FieldNode, named: Any) -> Complete:
        """Reads a connection's nodes, by ``edges { node { ... } }``."""
        edge = get_named_type(named.fields["edges"].type)
        selected = [
            selection
            for edges, _ in self._fields(_selected(connection), named)
            if edges.name.value == "edges"
            for node, _ in self._fields(_selected(edges), edge)
            if node.name.value == "node"
            for selection in _selected(node).selections
        ]
        return self._object(SelectionSetNode(selections=tuple(selected)), get_named_type(edge.fields["node"].type))


def _selected(node: FieldNode) -> SelectionSetNode:
    return node.selection_set or SelectionSetNode(selections=())


def _as_it_is(value: Any, _children: list[Child]) -> Any:
    return value
