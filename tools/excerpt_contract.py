"""Writes the excerpts of the vendors' contracts that the twins are judged by.

    .venv/bin/python tools/excerpt_contract.py brevo openapi.json --as-of 2026-02-22
    .venv/bin/python tools/excerpt_contract.py shopify introspection.json

Brevo's document is the OpenAPI description behind developers.brevo.com/reference, with what came since from
the dated entries of developers.brevo.com/changelog; Shopify's is the answer to the introspection query of
the version that the twin serves. Only what the twins' routes and types need is kept: names, types, what is
required. Texts and examples are left out.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    build_client_schema,
    get_named_type,
    is_required_argument,
    is_required_input_field,
    is_specified_scalar_type,
    print_type,
)

from tajo_pipelines.twin.brevo.app import Brevo
from tajo_pipelines.twin.shopify.graph import load_schema

FOLDER = Path(__file__).resolve().parent.parent / "tajo_pipelines_tests" / "twin" / "contract"
_KEPT = (
    "type",
    "enum",
    "format",
    "pattern",
    "required",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
)

Schema = dict[str, Any]


class Excerpt:
    """The part of an OpenAPI document that some operations need."""

    def __init__(self, document: Schema) -> None:
        """Take from this document."""
        self._document = document
        self.shapes: dict[str, Schema] = {}
        self._components = {name: self._bare(each) for name, each in document["components"]["schemas"].items()}

    def operation(self, method: str, path: str) -> Schema:
        """What a call may say, and what it may be answered."""
        found = self._document["paths"][path][method.lower()]
        parameters = [self._resolved(each) for each in found.get("parameters", ())]
        entry: Schema = {
            "query": sorted(each["name"] for each in parameters if each["in"] == "query"),
            "answers": {
                status: self._named(
                    self._resolved(answer),
                    f"{method} {path} {status}",
                    refusal=status >= "4",
                )
                for status, answer in sorted(found["responses"].items())
            },
        }
        if "requestBody" in found:
            entry["request"] = self._named(self._resolved(found["requestBody"]), f"{method} {path}")
        return entry

    def _named(self, carrier: Schema, name: str, *, refusal: bool = False) -> str | None:
        """Name of the shape of a body, None where there is no body."""
        schema = carrier.get("content", {}).get("application/json", {}).get("schema")
        if schema is None:
            return None
        bare = self._bare(schema)
        refusals = {known: shape for known, shape in self.shapes.items() if refusal and known.startswith("refusal")}
        for known, shape in {**self._components, **refusals}.items():
            if shape == bare:
                name = known
                break
        else:
            if refusal:
                name = f"refusal {len(refusals) + 1}"
        self.shapes[name] = bare
        return name

    def _resolved(self, schema: Schema) -> Schema:
        while "$ref" in schema:
            found: Any = self._document
            for step in schema["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            schema = found
        return schema

    def _bare(self, schema: Schema) -> Schema:
        """A schema without texts, as JSON Schema 2020-12, references followed."""
        schema = self._resolved(schema)
        bare: Schema = {name: schema[name] for name in _KEPT if name in schema}
        if schema.get("exclusiveMinimum") is True:
            bare["exclusiveMinimum"] = bare.pop("minimum")
        if schema.get("nullable") and "type" in bare:
            bare["type"] = [bare["type"], "null"]
            if "enum" in bare:
                bare["enum"] = [*bare["enum"], None]
        if "properties" in schema:
            bare["properties"] = {name: self._bare(each) for name, each in sorted(schema["properties"].items())}
        if isinstance(schema.get("additionalProperties"), dict):
            bare["additionalProperties"] = self._bare(schema["additionalProperties"])
        elif "additionalProperties" in schema:
            bare["additionalProperties"] = schema["additionalProperties"]
        if "items" in schema:
            bare["items"] = self._bare(schema["items"])
        for name in ("allOf", "anyOf", "oneOf"):
            if name in schema:
                bare[name] = [self._bare(each) for each in schema[name]]
        return bare


def excerpt_brevo(document: Schema, as_of: str) -> Schema:
    """The operations that the twin serves."""
    excerpt = Excerpt(document)
    routes = {f"{method} {path}": excerpt.operation(method, path) for method, path in sorted(Brevo.routes())}
    return {
        "source": "OpenAPI description of the Brevo API, developers.brevo.com/reference",
        "version": document["info"]["version"],
        "as_of": as_of,
        "since": "developers.brevo.com/changelog and the models of brevo-python 5.1.0",
        "routes": routes,
        "shapes": dict(sorted(excerpt.shapes.items())),
    }


def excerpt_shopify(real: GraphQLSchema, ours: GraphQLSchema) -> str:
    """Shopify's own definition of every type, field, argument and word that the twin offers.

    Arguments and fields of inputs that are required stay even where the twin lacks them.
    """
    kept = [
        _narrowed(real.type_map[name], mine)
        for name, mine in sorted(ours.type_map.items())
        if name in real.type_map and not name.startswith("__") and not is_specified_scalar_type(mine)
    ]
    named = {each.name for each in kept}
    missing = sorted(_reached(kept) - named - {"String", "Int", "Float", "Boolean", "ID"})
    parts = [print_type(each) for each in kept]
    parts += [_outline(real.type_map[name]) for name in missing]
    roots = f"schema {{\n  query: {_name(real.query_type)}\n  mutation: {_name(real.mutation_type)}\n}}"
    return "\n\n".join([roots, *parts]) + "\n"


def _name(root: GraphQLObjectType | None) -> str:
    return "" if root is None else root.name


def _narrowed(real: GraphQLNamedType, mine: GraphQLNamedType) -> GraphQLNamedType:
    real.description = None
    if isinstance(real, (GraphQLObjectType, GraphQLInterfaceType)):
        fields = getattr(mine, "fields", {})
        real.fields = {name: _field(each, fields[name]) for name, each in real.fields.items() if name in fields}
        kept = {each.name for each in getattr(mine, "interfaces", ())}
        real.interfaces = tuple(each for each in real.interfaces if each.name in kept)
    elif isinstance(real, GraphQLUnionType):
        kept = {each.name for each in getattr(mine, "types", ())}
        real.types = tuple(each for each in real.types if each.name in kept)
    elif isinstance(real, GraphQLInputObjectType):
        inputs = getattr(mine, "fields", {})
        real.fields = {n: each for n, each in real.fields.items() if n in inputs or is_required_input_field(each)}
        for each in real.fields.values():
            each.description = None
    elif isinstance(real, GraphQLEnumType):
        for value in real.values.values():
            value.description = value.deprecation_reason = None
    elif isinstance(real, GraphQLScalarType):
        real.specified_by_url = None
    return real


def _field(real: GraphQLField, mine: GraphQLField) -> GraphQLField:
    real.description = None
    real.args = {name: each for name, each in real.args.items() if name in mine.args or is_required_argument(each)}
    for each in real.args.values():
        each.description = None
    return real


def _reached(types: Iterable[GraphQLNamedType]) -> set[str]:
    """Names of the types that fields, arguments and interfaces of these name."""
    reached: set[str] = set()
    for each in types:
        for field in getattr(each, "fields", {}).values():
            reached.add(get_named_type(field.type).name)
            reached.update(get_named_type(argument.type).name for argument in getattr(field, "args", {}).values())
    return reached


def _outline(real: GraphQLNamedType) -> str:
    """A type that is named and not used: its kind alone."""
    if isinstance(real, GraphQLEnumType):
        return print_type(_narrowed(real, real))
    if isinstance(real, GraphQLScalarType):
        return f"scalar {real.name}"
    kind = {GraphQLInterfaceType: "interface", GraphQLInputObjectType: "input"}.get(type(real), "type")
    return f"{kind} {real.name} {{\n  notInThisExcerpt: Boolean\n}}"


def _lines(document: Schema) -> str:
    """JSON with one line an operation and one a shape."""
    parts = []
    for name, value in document.items():
        text = json.dumps(value, ensure_ascii=False)
        if isinstance(value, dict):
            lines = [f"{json.dumps(key)}: {json.dumps(each, ensure_ascii=False)}" for key, each in value.items()]
            text = "{\n" + ",\n".join(lines) + "\n}"
        parts.append(f"{json.dumps(name)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _read(path: Path) -> Mapping[str, Any]:
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    document: Mapping[str, Any] = json.loads(text)
    return document


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("vendor", choices=("brevo", "shopify"))
    parser.add_argument("document", type=Path, help="the vendor's description")
    parser.add_argument("--as-of", default="", help="the day of Brevo's document")
    arguments = parser.parse_args()
    document = _read(arguments.document)
    if arguments.vendor == "brevo":
        target = FOLDER / "brevo.json"
        text = _lines(excerpt_brevo(dict(document), arguments.as_of))
    else:
        ours = load_schema()
        target = FOLDER / "shopify_2026-10.graphql"
        real = build_client_schema(document.get("data", document), assume_valid=True)
        head = (
            "# The part of Shopify's Admin GraphQL schema, version 2026-10, that the twin plays: names and types as\n"
            "# shopify.dev/docs/api/admin-graphql/2026-10 has them. Written by tools/excerpt_contract.py.\n\n"
        )
        text = head + excerpt_shopify(real, ours)
    target.write_text(text, encoding="utf-8")
    print(target)


if __name__ == "__main__":
    main()
