"""Which documents may run as bulk operations (shopify.dev/docs/api/usage/bulk-operations/queries).

The vendor counts levels of connections; where its count leaves room, the stricter reading holds here: a
connection at the root and one inside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    NamedTypeNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
    parse,
    validate,
)

MOST_CONNECTIONS = 5
MOST_LEVELS = 2


class RefusedError(ValueError):
    """A document that can't run in bulk; ``messages`` says all that is wrong with it."""

    def __init__(self, *messages: str) -> None:
        """Keep the messages."""
        super().__init__(" ".join(messages))
        self.messages = messages


@dataclass(slots=True)
class BulkQuery:
    """A document that can run in bulk: one connection at its root."""

    root: FieldNode
    fragments: dict[str, FragmentDefinitionNode]


@dataclass(slots=True)
class _Found:
    """What was met in a document."""

    connections: int = 0
    levels: int = 0
    by_nodes: list[str] = field(default_factory=list)
    without_id: list[str] = field(default_factory=list)
    in_list: bool = False


def read(schema: GraphQLSchema, text: str) -> BulkQuery:
    """Parse, validate and check a document.

    Raises:
        RefusedError: It can't run in bulk.
    """
    try:
        document = parse(text)
    except GraphQLError as error:
        raise RefusedError(f"Invalid bulk query: {error.message}") from error
    errors = validate(schema, document)
    if errors:
        raise RefusedError(*(f"Invalid bulk query: {error.message}" for error in errors))
    operation = _operation(document)
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    query = _Query(schema, fragments)
    roots = [node for node, _ in query.fields(operation.selection_set, schema.query_type)]
    query.walk(operation.selection_set, schema.query_type, level=0, has_id=True, in_list=False)
    messages = list(_messages(query.found, [root.name.value for root in roots]))
    if messages:
        raise RefusedError(*messages)
    return BulkQuery(roots[0], fragments)


def _operation(document: DocumentNode) -> OperationDefinitionNode:
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    if len(operations) != 1 or operations[0].operation is not OperationType.QUERY:
        raise RefusedError("Invalid operation type. Only `query` operations are supported.")
    if operations[0].variable_definitions:
        raise RefusedError("Invalid bulk query: variables are not supported.")
    return operations[0]


def _messages(found: _Found, roots: list[str]) -> Iterator[str]:
    if found.by_nodes:
        named = ", ".join(f"'{name}'" for name in found.by_nodes)
        yield (
            "All connection fields in a bulk query must select their contents using 'edges' > 'node', e.g: "
            "'products { edges { node {'. Selecting via 'nodes' is not supported. Invalid connection fields: "
            f"{named}."
        )
    for name in ("node", "nodes"):
        if name in roots:
            yield f"Bulk queries cannot contain a top level `{name}` field."
    if not found.connections:
        yield "Bulk queries must contain at least one connection."
    elif len(roots) != 1:
        yield "Bulk queries must have exactly one top level field, a connection."
    if found.levels > MOST_LEVELS:
        yield f"Bulk queries cannot contain connections with a nesting depth greater than {MOST_LEVELS}."
    if found.connections > MOST_CONNECTIONS:
        yield f"Bulk queries cannot contain more than {MOST_CONNECTIONS} connections."
    if found.without_id:
        yield (
            "The parent 'node' field for a nested connection must select the 'id' field without an alias and must be "
            f"of 'ID' return type. Connection fields without 'id': {', '.join(found.without_id)}."
        )
    if found.in_list:
        yield "Queries that contain a connection field within a list field are not currently supported."


class _Query:
    """Walks a document's selections by their types."""

    def __init__(self, schema: GraphQLSchema, fragments: dict[str, FragmentDefinitionNode]) -> None:
        self._schema = schema
        self._fragments = fragments
        self.found = _Found()

    def fields(self, selections: SelectionSetNode, parent: object) -> Iterator[tuple[FieldNode, object]]:
        """Fields of a selection with the type that they are selected on."""
        for node in selections.selections:
            if isinstance(node, FieldNode):
                yield node, parent
            elif isinstance(node, FragmentSpreadNode):
                fragment = self._fragments[node.name.value]
                yield from self.fields(
                    fragment.selection_set, self._schema.get_type(fragment.type_condition.name.value)
                )
            elif isinstance(node, InlineFragmentNode):
                on: NamedTypeNode | None = node.type_condition
                yield from self.fields(
                    node.selection_set, parent if on is None else self._schema.get_type(on.name.value)
                )

    def walk(self, selections: SelectionSetNode, parent: object, *, level: int, has_id: bool, in_list: bool) -> None:
        """Note every connection below.

        Args:
            selections: What is selected.
            parent: On which type.
            level: How many connections stand above.
            has_id: Whether the node above selects its id.
            in_list: Whether a list stands between here and the node above.
        """
        for node, owner in self.fields(selections, parent):
            definition = getattr(owner, "fields", {}).get(node.name.value)
            if definition is None or node.selection_set is None:
                continue
            named = get_named_type(definition.type)
            if not named.name.endswith("Connection"):
                listed = in_list or is_list_type(get_nullable_type(definition.type))
                self.walk(node.selection_set, named, level=level, has_id=has_id, in_list=listed)
                continue
            self.found.connections += 1
            self.found.levels = max(self.found.levels, level + 1)
            self.found.in_list = self.found.in_list or in_list
            if not has_id:
                self.found.without_id.append(node.name.value)
            self._connection(node, named, level)

    def _connection(self, connection: FieldNode, named: object, level: int) -> None:
        selections = connection.selection_set
        if selections is None:
            return
        for node, owner in self.fields(selections, named):
            if node.name.value == "nodes":
                self.found.by_nodes.append(connection.name.value)
            if node.name.value not in ("nodes", "edges") or node.selection_set is None:
                continue
            row = get_named_type(getattr(owner, "fields", {})[node.name.value].type)
            inner = [(node.selection_set, row)]
            if node.name.value == "edges":
                inner = [
                    (each.selection_set, get_named_type(getattr(row, "fields", {})["node"].type))
                    for each, _ in self.fields(node.selection_set, row)
                    if each.name.value == "node" and each.selection_set is not None
                ]
            for body, kind in inner:
                names = [each.name.value for each, _ in self.fields(body, kind) if each.alias is None]
                self.walk(body, kind, level=level + 1, has_id="id" in names, in_list=False)
