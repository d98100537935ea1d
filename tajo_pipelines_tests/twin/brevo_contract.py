"""Brevo's contract as a judge: what a call may say, and what it may be answered.

``contract/brevo.json`` is an excerpt of the vendor's OpenAPI description, written by
``tools/excerpt_contract.py``. It is read more strictly than it is written: a key that the
description doesn't name is refused wherever it lists an object's keys.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pydantic
from brevo.ecommerce.types import CreateUpdateCategoryResponse, CreateUpdateProductResponse
from brevo.types import GetContactDetails, GetProductDetails
from jsonschema import Draft202012Validator, FormatChecker

FILE = Path(__file__).parent / "contract" / "brevo.json"
Schema = dict[str, Any]
CONTRACT: Schema = json.loads(FILE.read_text(encoding="utf-8"))
ROUTES: Mapping[str, Schema] = CONTRACT["routes"]

FORMATS = FormatChecker(())


@FORMATS.checks("date-time", raises=ValueError)
def _date_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@dataclass(frozen=True, slots=True)
class Amendment:
    """Where the description is behind what the vendor publishes elsewhere.

    Attributes:
        shapes: Shapes it holds for, all where empty.
        marks: Keys by which the object is known.
        keys: Schemas of keys that it has besides, or that are of another type.
        model: The official client's model that has them so.
    """

    shapes: tuple[str, ...]
    marks: frozenset[str]
    keys: Mapping[str, Schema]
    model: type[pydantic.BaseModel]


AMENDMENTS = (
    Amendment(
        (),
        frozenset({"emailBlacklisted", "modifiedAt"}),
        {"whatsappBlacklisted": {"type": "boolean"}},
        GetContactDetails,
    ),
    Amendment(
        (),
        frozenset({"s3ThumbAnalytics"}),
        {"alternativePrice": {"type": "number"}, "brand": {"type": "string"}, "description": {"type": "string"}},
        GetProductDetails,
    ),
    Amendment(("POST /products 201",), frozenset({"id"}), {"id": {"type": "string"}}, CreateUpdateProductResponse),
    Amendment(("POST /categories 201",), frozenset({"id"}), {"id": {"type": "string"}}, CreateUpdateCategoryResponse),
)

INACTIVE = (
    "e-commerce must be activated (developers.brevo.com/docs/add-the-ecommerce-app); refused as displayCurrency is"
)
ANSWERS_BEYOND: Mapping[tuple[str, int], str] = {
    **dict.fromkeys(
        ((name, 403) for name in ROUTES if name.split(" ")[1].split("/")[1] in ("orders", "products", "categories")),
        INACTIVE,
    ),
    ("POST /contacts/batch", 404): "retired on 2026-10-30 (developers.brevo.com/changelog, 2026-05-12)",
    ("POST /events/batch", 400): "a body that isn't a batch has no events to tell of: errorModel, as everywhere",
}
"""Statuses, or their errorModel, that the description lacks for an operation, with the reason."""

UNDESCRIBED = {"GET /orders": "the description shows an example and no schema; its keys are those of the example"}


def amended(schema: Any, shape: str) -> Any:
    """The schema with what the description lacks."""
    if isinstance(schema, list):
        return [amended(each, shape) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: amended(value, shape) for name, value in schema.items()}
    if isinstance(made.get("properties"), dict):
        for each in AMENDMENTS:
            if each.marks <= set(made["properties"]) and (not each.shapes or shape in each.shapes):
                made["properties"] = {**made["properties"], **each.keys}
    return made


def closed(schema: Any, *, inside_all: bool = False) -> Any:
    """The schema with every object that lists its keys closed to others."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {
        name: (
            {key: closed(each) for key, each in value.items()}
            if name == "properties"
            else [closed(each, inside_all=True) for each in value]
            if name in ("allOf", "anyOf", "oneOf")
            else closed(value)
        )
        for name, value in schema.items()
    }
    if "oneOf" in made:  # an empty array fits the lists of numbers and the lists of addresses
        made.setdefault("anyOf", made.pop("oneOf"))
    # An object that lists no key, as a contact's attributes, takes every one.
    lists_keys = bool(made.get("properties")) or any(each.get("properties") for each in made.get("allOf", ()))
    if lists_keys and not inside_all and "additionalProperties" not in made:
        made["unevaluatedProperties"] = False
    return made


@cache
def judge(shape: str) -> Draft202012Validator:
    """What decides about bodies of that shape."""
    return Draft202012Validator(closed(amended(CONTRACT["shapes"][shape], shape)), format_checker=FORMATS)


def template_of(method: str, path: str) -> str | None:
    """The operation that a call is, by its path below ``/v3``; fixed parts win over parameters."""
    segments = path.strip("/").split("/")
    found = []
    for name in ROUTES:
        of, template = name.split(" ")
        parts = template.strip("/").split("/")
        if of == method and len(parts) == len(segments):
            pairs = list(zip(parts, segments, strict=True))
            if all(part.startswith("{") or part == given for part, given in pairs):
                found.append((sum(part.startswith("{") for part in parts), name))
    return min(found)[1] if found else None


def complaints(shape: str | None, body: Any) -> list[str]:
    """What is wrong with a body, each with its place."""
    if shape is None:
        return [] if body is None else ["a body where the description has none"]
    if body is None:
        return ["no body"]
    return [
        f"{'/'.join(str(step) for step in error.absolute_path) or '(whole)'}: {error.message[:300]}"
        for error in _leaves(judge(shape).iter_errors(body))
    ]


def _leaves(errors: Iterator[Any]) -> Iterator[Any]:
    for error in errors:
        yield error
        yield from error.context or ()


def wrong_answer(method: str, path: str, status: int, body: Any) -> list[str]:
    """What is wrong with an answer to a call; an operation that the description lacks is judged by nobody."""
    name = template_of(method, path)
    if name is None:
        return []
    answers = ROUTES[name]["answers"]
    beyond = (name, status) in ANSWERS_BEYOND
    if str(status) not in answers and not beyond:
        return [f"{name} isn't answered with {status}"]
    if name in UNDESCRIBED and status < 300:
        return []
    found = complaints(answers.get(str(status), "errorModel"), body)
    if found and beyond:
        found = complaints("errorModel", body)
    return [f"{name} {status}: {each}" for each in found]


def wrong_request(method: str, path: str, query: Mapping[str, Any], body: Any) -> list[str]:
    """What is wrong with a call."""
    name = template_of(method, path)
    if name is None:
        return [f"{method} {path} isn't in the description"]
    known = ROUTES[name]["query"]
    unknown = [each for each in query if each not in known]
    problems = [f"{name}: parameter {each} isn't in the description" for each in unknown]
    shape = ROUTES[name].get("request")
    return problems + [f"{name}: {each}" for each in (complaints(shape, body) if shape or body else [])]
