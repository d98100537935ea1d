"""Writes docs/canonical-model.md from the models, the mapping's types and transforms, and canonical_examples.json."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from tajo_pipelines.mapping.spec import (
    CANONICAL_SOURCES,
    FULL_NAME,
    RESERVED_TARGETS,
    SOURCE_TYPES,
    AttributeType,
    camel_case,
)
from tajo_pipelines.mapping.transforms import TRANSFORMS, Transform
from tajo_pipelines.model.cart import Cart, CartLine
from tajo_pipelines.model.consent import Channel, Signal, State
from tajo_pipelines.model.customer import Customer
from tajo_pipelines.model.order import Address, Order, OrderLine
from tajo_pipelines.model.product import Category, Product, Variant

PAGE = Path(__file__).parents[1] / "docs" / "canonical-model.md"
EXAMPLES = Path(__file__).with_name("canonical_examples.json")

_PLAIN = {
    str: "text",
    int: "integer",
    bool: "yes or no",
    Decimal: "exact decimal",
    date: "date",
    datetime: "time in UTC",
}
_ALWAYS = {"email": "contact's address", "phone": "contact's number (`SMS`)"}


def render() -> str:
    """The whole page."""
    return "\n".join([*_opening(), *_customer(), *_order(), *_product(), *_cart(), *_transforms()]) + "\n"


def _opening() -> list[str]:
    return [
        "# Canonical model",
        "",
        "<!-- Written by tools/write_canonical_model.py from the models; change them and run it again. -->",
        "",
        "Every connector turns its platform's objects into the records below. What a platform doesn't say is null",
        "and changes nothing at Brevo; an empty text or list is something it says: the attribute is cleared.",
        "",
    ]


def _customer() -> list[str]:
    meanings, hints = _meanings(Customer), get_type_hints(Customer)
    rows = []
    for name in CANONICAL_SOURCES:
        kind = "text" if name == FULL_NAME else _kind(hints[name])
        meaning = "First and last name, joined." if name == FULL_NAME else meanings.get(name, "")
        camel = camel_case(name)
        spelling = f"`{name}`" if camel == name else f"`{name}`, `{camel}`"
        as_attribute = f"`{SOURCE_TYPES[name]}`" + (f"; also the {_ALWAYS[name]}" if name in _ALWAYS else "")
        rows.append((spelling, kind, as_attribute, meaning))
    return [
        "## Customer",
        "",
        *_summary(Customer),
        "",
        "The names are what `field_mapping` takes as a source, in either spelling; the third column is the type of",
        "the attribute that it fills unless the rule says another one.",
        "",
        *_table(("source", "holds", "at Brevo", "meaning"), rows),
        "",
        "Any other field of the platform's own object is reached by `raw.<JMESPath>`: its numbers are exact, and the",
        "attribute is text unless the rule or its last transform says otherwise.",
        "",
        "Beside these a customer carries `consent`, a signal per channel, which no mapping can touch:",
        "",
        *_fields(Signal),
        "",
        f"Channels: {_names(Channel)}. States: {_names(State)}.",
        "",
        "Types of attributes: " + _names(AttributeType) + ". Targets that no rule can write:",
        "",
        *(f"- `{name}`: {reason}" for name, reason in RESERVED_TARGETS.items()),
        "",
        *_written("customer"),
    ]


def _order() -> list[str]:
    lines = ["## Order", "", *_summary(Order), "", *_fields(Order), ""]
    lines += [f"`net` is computed. {_sentence(inspect.getdoc(Order.net) or '')}", ""]
    for title, part in (("Line of an order", OrderLine), ("Address of an order", Address)):
        lines += [f"### {title}", "", *_summary(part), "", *_fields(part), ""]
    return lines + _written("order")


def _product() -> list[str]:
    return [
        "## Product",
        "",
        *_summary(Product),
        "",
        *_fields(Product),
        "",
        "### Variant",
        "",
        *_fields(Variant),
        "",
        "### Category",
        "",
        *_fields(Category),
        "",
        *_written("product"),
    ]


def _cart() -> list[str]:
    lines = ["## Cart", "", *_summary(Cart), "", *_fields(Cart), "", "### Line of a cart", "", *_fields(CartLine), ""]
    return lines + _written("cart")


def _written(name: str) -> list[str]:
    """An example, as `--json` prints it: amounts as text, times RFC 3339."""
    example = json.loads(EXAMPLES.read_text(encoding="utf-8"))[name]
    text = json.dumps(example, indent=2, ensure_ascii=False)
    return [f"### Example of {'an' if name == 'order' else 'a'} {name}", "", "```json", *text.splitlines(), "```", ""]


def _transforms() -> list[str]:
    rows = []
    for transform in TRANSFORMS.values():
        text = inspect.getdoc(transform.build) or ""
        rows.append((_spelling(transform), _sentence(text.partition("\n\n")[0]), _example(text)))
    return [
        "## Transforms",
        "",
        '`transform: [strip, "truncate:200"]` in a rule\'s long form. They run in the order written, on values that',
        "are neither null nor empty; those over a single value work on every element of a list. A value that a",
        "transform can't read is kept as a letter of that field, and the rest of the record goes.",
        "",
        *_table(("name", "does", "example"), rows),
    ]


def _spelling(transform: Transform) -> str:
    if not transform.parameter:
        return f"`{transform.name}`"
    taken = f"`{transform.name}:{transform.parameter}`"
    return taken if transform.required else f"`{transform.name}`, {taken}"


def _example(text: str) -> str:
    found = re.search(r">>> \w+\((.*?)\)\((.*)\)\n(.*)", text)
    return f"`{found[2]}` becomes `{found[3]}`" if found else ""


def _names(members: Any) -> str:
    return ", ".join(f"`{member.value}`" for member in members)


def _summary(model: type) -> list[str]:
    """The docstring down to its attributes."""
    return _worded((inspect.getdoc(model) or "").partition("\n\nAttributes:")[0]).splitlines()


def _sentence(text: str) -> str:
    return " ".join(_worded(text).split())


def _worded(text: str) -> str:
    """A docstring's words as a reader of the page knows them."""
    return re.sub(r"\bNone\b", "null", text.replace("``", "`"))


def _meanings(model: type) -> dict[str, str]:
    section = (inspect.getdoc(model) or "").partition("Attributes:\n")[2]
    entries = re.findall(r"^ {4}(\w+): (.*(?:\n {8,}.*)*)", section, flags=re.MULTILINE)
    return {name: _sentence(text) for name, text in entries}


def _fields(model: type) -> list[str]:
    meanings, hints = _meanings(model), get_type_hints(model)
    return _table(
        ("field", "holds", "meaning"),
        [(f"`{name}`", _kind(hint), meanings.get(name, "")) for name, hint in hints.items()],
    )


def _kind(hint: Any) -> str:
    if get_origin(hint) is UnionType:
        stated = [part for part in get_args(hint) if part is not type(None)]
        return f"{_kind(stated[0])}, or null"
    if get_origin(hint) is tuple:
        return f"list of {_kind(get_args(hint)[0])}"
    return _PLAIN.get(hint) or re.sub(r"(?<=[a-z])(?=[A-Z])", " ", hint.__name__).lower()


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    lines = [header, tuple("---" for _ in header), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
