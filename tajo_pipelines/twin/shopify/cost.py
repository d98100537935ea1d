"""What a query costs, and the leaky bucket it is paid from.

An object costs 1, a scalar 0, a mutation 10; of objects asked for by their ids each costs for itself. A connection
costs 2 plus what one of its nodes costs times ``floor(2 ln n)`` of the page's size n, and page info and postal
addresses are free. The documentation gives the
plain part (shopify.dev/docs/api/usage/limits); that connections grow with the logarithm was said by Shopify and
the factor measured on live shops (community.shopify.dev/t/24364 and /t/23101, where
``product{variants(first:250){nodes{inventoryItem{id}}}}`` costs 25). The vendor may weigh single fields otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableNode,
    get_named_type,
)

from tajo_pipelines.twin.clock import TwinClock

MAX_QUERY_COST = 1000
MUTATION_COST = 10
_FREE = frozenset({"PageInfo", "MailingAddress"})
_SAMPLE = 10


@dataclass(slots=True)
class Price:
    """Prices one operation of a document."""

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, Any] = field(default_factory=dict)

    def requested(self, operation: OperationDefinitionNode) -> int:
        """The cost before it is executed, by the page sizes asked for."""
        root = self.schema.query_type
        if operation.operation is OperationType.MUTATION:
            return MUTATION_COST * len(operation.selection_set.selections)
        return 0 if root is None else self._children(operation.selection_set, root)

    def actual(self, operation: OperationDefinitionNode, data: Mapping[str, Any] | None) -> int:
        """The cost by what came back; of long pages the first nodes speak for all."""
        root = self.schema.query_type
        if operation.operation is OperationType.MUTATION:
            return self.requested(operation)
        return 0 if root is None or data is None else self._children(operation.selection_set, root, data)

    def _children(self, selections: SelectionSetNode, parent: Any, data: Any = None) -> int:
        return sum(self._field(node, owner, data) for node, owner in self._fields(selections, parent))

    def _fields(self, selections: SelectionSetNode, parent: Any) -> Iterator[tuple[FieldNode, Any]]:
        for node in selections.selections:
            if isinstance(node, FieldNode):
                yield node, parent
                continue
            if isinstance(node, FragmentSpreadNode):
                fragment: FragmentDefinitionNode | InlineFragmentNode = self.fragments[node.name.value]
            elif isinstance(node, InlineFragmentNode):
                fragment = node
            else:
                continue
            on = getattr(fragment.type_condition, "name", None)
            owner = parent if on is None else self.schema.get_type(on.value)
            yield from self._fields(fragment.selection_set, owner)

    def _field(self, node: FieldNode, owner: Any, data: Any) -> int:
        definition = getattr(owner, "fields", {}).get(node.name.value)
        if definition is None or node.selection_set is None:
            return 0
        named = get_named_type(definition.type)
        if not isinstance(named, GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType):
            return 0
        known = data is not None
        value = data.get(node.alias.value if node.alias else node.name.value) if isinstance(data, Mapping) else None
        if named.name in _FREE:
            return 0
        if named.name.endswith("Connection"):
            return self._connection(node, named, value, known=known)
        if known and value in (None, []):
            return 1
        values = value[:_SAMPLE] if isinstance(value, Sequence) else [value]
        one = 1 + max(self._children(node.selection_set, named, each) for each in values)
        if owner is self.schema.query_type and node.name.value == "nodes":
            return one * (self._ids(node) if not known else len(value or ()))
        return one

    def _ids(self, node: FieldNode) -> int:
        """How many objects are asked for by their ids."""
        for argument in node.arguments:
            value: Any = getattr(argument.value, "values", None)
            if isinstance(argument.value, VariableNode):
                value = self.variables.get(argument.value.name.value)
            if argument.name.value == "ids" and isinstance(value, Sequence):
                return len(value)
        return 1

    def _connection(self, node: FieldNode, named: Any, value: Any, *, known: bool) -> int:
        if node.selection_set is None or (known and not isinstance(value, Mapping)):
            return 1
        size, cost = self._size(node), 0
        for child, owner in self._fields(node.selection_set, named):
            if child.name.value not in ("nodes", "edges") or child.selection_set is None:
                continue
            inner = get_named_type(owner.fields[child.name.value].type)
            rows = value.get(child.alias.value if child.alias else child.name.value) if known else [None]
            rows = rows or []
            if known:
                size = len(rows)
            own = 1 if child.name.value == "nodes" else 0
            cost += max((own + self._children(child.selection_set, inner, row) for row in rows[:_SAMPLE]), default=0)
        return 2 + cost * growth(size)

    def _size(self, node: FieldNode) -> int:
        for argument in node.arguments:
            if argument.name.value not in ("first", "last"):
                continue
            value: Any = None
            if isinstance(argument.value, VariableNode):
                value = self.variables.get(argument.value.name.value)
            elif isinstance(argument.value, IntValueNode):
                value = int(argument.value.value)
            if isinstance(value, int):
                return value
        return 1


def growth(size: int) -> int:
    """By what the cost of one node is multiplied on a page of that size."""
    return 0 if size <= 0 else math.floor(2 * math.log(max(2, min(size, 250))))


class Bucket:
    """The points that are left; they come back ``restore_rate`` a second of the twin's clock."""

    def __init__(self, clock: TwinClock, maximum: float = 2000.0, restore_rate: float = 100.0) -> None:
        """Start full."""
        self._clock = clock
        self.maximum = maximum
        self.restore_rate = restore_rate
        self._left = maximum
        self._at = clock.seconds()

    def left(self) -> float:
        """Points available now."""
        now = self._clock.seconds()
        restored = max(0.0, now - self._at) / self._clock.scaled(1.0) * self.restore_rate
        self._left, self._at = min(self.maximum, self._left + restored), now
        return self._left

    def take(self, points: float) -> bool:
        """Pay in advance, or not at all."""
        if self.left() < points:
            return False
        self._left -= points
        return True

    def give_back(self, points: float) -> None:
        """Return what was paid too much."""
        self._left = min(self.maximum, self.left() + points)

    def drain(self) -> None:
        """Take everything, as another app's burst would."""
        self.left()
        self._left = 0.0

    def status(self) -> dict[str, float]:
        """``throttleStatus``; the rate is that of real seconds, so that waiting by it is right."""
        return {
            "maximumAvailable": self.maximum,
            "currentlyAvailable": int(self.left()),
            "restoreRate": self.restore_rate / self._clock.scaled(1.0),
        }
