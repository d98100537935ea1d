from __future__ import annotations

from functools import partial
from typing import Any

from graphql import GraphQLObjectType, GraphQLSchema, is_required_argument, parse, validate, validate_schema

from tajo_pipelines.twin.shopify.graph import load_schema
from tajo_pipelines_tests.twin.shopify.conftest import Api


def _selection(schema: GraphQLSchema, named: Any, depth: int) -> str:
    """Every field of a type without required arguments, some levels deep."""
    parts = []
    for name, field in named.fields.items():
        if any(is_required_argument(argument) for argument in field.args.values()):
            continue
        inner = field.type
        while hasattr(inner, "of_type"):
            inner = inner.of_type
        paging = "(first: 3)" if "first" in field.args and "after" in field.args else ""
        if not isinstance(inner, GraphQLObjectType):
            if not hasattr(inner, "fields") and not hasattr(inner, "types"):
                parts.append(name)
            continue
        if depth > 0:
            body = _selection(schema, schema.type_map[inner.name], depth - 1)
            if body.strip():
                parts.append(f"{name}{paging} {{ {body} }}")
    return " ".join(parts)


def test_the_schema_is_valid() -> None:
    assert validate_schema(load_schema()) == []


def test_every_field_of_every_row_can_be_read(own_shop: Api) -> None:
    """A field without a resolver, a null where the vendor promises a value, a word outside its enum: all fail here."""
    own_shop.change("set_rate", maximum=1e9, restore_rate=1e9)
    schema = load_schema()
    half = own_shop.twin.shopify
    product = own_shop.dump("products")[0]
    own_shop.change("delete_product", id=product["id"])
    roots = {
        "customers": ("Customer", "", 60),
        "orders": ("Order", "", 180),
        "products": ("Product", 'query: "status:active,archived,draft,unlisted"', 19),
        "productVariants": ("ProductVariant", "", len(own_shop.twin.shopify.shop.variants)),
        "collections": ("Collection", "", 8),
        "abandonedCheckouts": ("AbandonedCheckout", "", 9),
        "events": ("BasicEvent", "", 1),
    }
    for root, (kind, arguments, count) in roots.items():
        named = schema.type_map[kind]
        assert isinstance(named, GraphQLObjectType)
        fields = _selection(schema, named, 2)
        query = f"{{ {root}(first: 250 {arguments}) {{ nodes {{ ... on {kind} {{ {fields} }} }} }} }}"
        assert validate(schema, parse(query)) == []
        result = own_shop.twin.call(partial(half.run, query))
        assert result.errors is None, root
        assert len(result.data[root]["nodes"]) == count, root
    shop = own_shop.twin.call(lambda: half.run(f"{{ shop {{ {_selection(schema, schema.type_map['Shop'], 2)} }} }}"))
    assert shop.errors is None
